"""Deployments on GitHub: the environment is the stage, the payload names the pointer, statuses say what became of it.

What others deploy into an environment of the same name is left alone, and does not change what is said of ours.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

from pydantic import ValidationError

from modelbook.adapters.github_api import GitHubApi, Json, pick
from modelbook.adapters.workflow import page_of_run
from modelbook.core.stages.deployment import Deployment, Payload, Trails, trail_of

LONGEST = 140  # characters of what a status says
PAGE = 100  # as many as GitHub lists, and takes ids, at a time
_LATEST = (
    "query($ids: [ID!]!) {nodes(ids: $ids) {... on Deployment "
    "{id latestStatus {state description createdAt environmentUrl}}}}"
)


class GitHubDeployments:
    """Finds and makes deployments of one repository. Every method may raise ForgeError."""

    def __init__(self, api: GitHubApi) -> None:
        self._api = api

    def trails(self, stage: str, models: Collection[str]) -> Trails:
        """See Deployments. Reads as far back as the oldest that serves, and what became of a hundred in one call."""
        seen: dict[str, list[Deployment]] = {}
        settled: set[str] = set()
        query = {"task": _task(*models)} if len(models) == 1 else {}
        listed = iter(self._list(stage, **query) if models else ())
        while (page := list(islice(listed, PAGE))) and len(settled) < len(set(models)):
            named = [(one, payload) for one in page if (payload := _payload(one, stage)) and payload.model in models]
            waiting = [(one, payload) for one, payload in named if payload.model not in settled]
            for deployment in self._told(waiting):
                model = deployment.payload.model
                if model not in settled:
                    seen.setdefault(model, []).append(deployment)
                    settled |= {model} if deployment.succeeded else set()
        return {model: trail_of(deployments) for model, deployments in seen.items()}

    def _told(self, waiting: Sequence[tuple[Json, Payload]]) -> Iterator[Deployment]:
        """Deployments with what was said last of each: of all at once, and alone where that says nothing of ours.

        GitHub calls a deployment inactive once anybody deploys anything else there.
        """
        if not waiting:
            return
        numbers = [str(pick(found, "node_id")) for found, _ in waiting]
        latest = pick(self._api.ask("read what became of deployments", _LATEST, ids=numbers), "nodes")
        by_number = {str(pick(node, "id")): node.get("latestStatus") for node in latest if isinstance(node, dict)}
        for (found, payload), number in zip(waiting, numbers, strict=True):
            told = by_number.get(number)
            if number in by_number and (told is None or told.get("state") != "INACTIVE"):
                yield _as_told(found, payload, told)
            else:
                yield self._deployment(found, payload)

    def find(self, payload: Payload) -> Deployment | None:
        """See Deployments. Of two that were made at the same moment, the first counts."""
        found = self._standing(payload)
        return self._deployment(found, payload) if found else None

    def begin(self, payload: Payload, commit: str) -> Deployment:
        """See Deployments."""
        found = self._standing(payload)
        if found is not None:
            return self._deployment(found, payload)
        body: Json = {
            "ref": commit,
            "task": _task(payload.model),
            "environment": payload.stage,
            "description": f"{payload.name} in {payload.stage}"[:LONGEST],
            "payload": payload.model_dump(mode="json"),
            "auto_merge": False,
            # Modelbook verified what it deploys; a status of the commit speaks of the repository's other matters.
            "required_contexts": [],
        }
        made = self._api.post("make a deployment", "/deployments", body, find=lambda: self._standing(payload))
        return Deployment(str(pick(made, "id")), payload)

    def tell(self, deployment: Deployment, state: str, said: str, url: str | None) -> None:
        """See Deployments."""
        path = f"/deployments/{deployment.id}/statuses"
        text = said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"
        # Several models are in one environment: the success of one ends no other.
        body: Json = {"state": state, "description": text, "auto_inactive": False}
        body |= {"environment_url": url} if url else {}
        body |= {"log_url": page} if (page := page_of_run()) else {}

        def standing() -> Json | None:
            latest = next(self._api.pages("list deployment statuses", path), {})
            return latest if (latest.get("state"), latest.get("description")) == (state, text) else None

        if standing() is None:
            self._api.post("tell of a deployment", path, body, find=standing)

    def _list(self, stage: str, **query: str) -> Any:
        return self._api.pages("list deployments", "/deployments", environment=stage, **query)

    def _standing(self, payload: Payload) -> Json | None:
        found = self._list(payload.stage, task=_task(payload.model))
        same = [one for one in found if _payload(one, payload.stage) == payload]
        return same[-1] if same else None  # they come newest first

    def _deployment(self, found: Json, payload: Payload) -> Deployment:
        number = str(pick(found, "id"))
        statuses = self._api.pages("list deployment statuses", f"/deployments/{number}/statuses")
        # GitHub calls a deployment inactive once anybody deploys anything else there: that says nothing of ours.
        told = next((one for one in islice(statuses, 100) if one.get("state") != "inactive"), None)
        return _as_told(found, payload, told)


def _as_told(found: Json, payload: Payload, told: Json | None) -> Deployment:
    """A deployment with its last status, as REST or GraphQL says it; None where there is none."""
    number = str(pick(found, "id"))
    if told is None:
        return Deployment(number, payload)
    said, at = str(told.get("description") or ""), told.get("created_at") or pick(told, "createdAt")
    url = told.get("environment_url") or told.get("environmentUrl") or None
    return Deployment(number, payload, str(pick(told, "state")).lower(), said, str(at), url)


def _task(model: str) -> str:
    return f"modelbook:{model}"


def _payload(found: Json, stage: str) -> Payload | None:
    """What a deployment brings, None where it is not one of ours."""
    try:
        payload = Payload.model_validate(found.get("payload"))
    except ValidationError:
        return None
    ours = found.get("task") == _task(payload.model) and payload.stage == stage == found.get("environment")
    return payload if ours else None
