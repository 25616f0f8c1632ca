"""What was deployed of the stages: what a deployment says of itself, and what the registry wants beside what serves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from modelbook.core.layout import pointer_path
from modelbook.core.names import Name, Version
from modelbook.core.pointer import StagePointer
from modelbook.core.records import Digest, Frozen
from modelbook.core.registry import Registry
from modelbook.core.revocation import is_revoked
from modelbook.errors import BadInput

IN_STEP, BEHIND, AHEAD = "in step", "behind", "ahead"
FAILED, NEVER, REVOKED = "failed", "never deployed", "revoked and still serving"


class Payload(Frozen):
    """What one deployment brings: a version in a stage, by one stage pointer. The same pointer is the same deployment.

    `pointer` is the digest of the pointer's file, `serial` the one that stands in it.
    """

    format: Literal["modelbook/deployment/v1"] = "modelbook/deployment/v1"
    model: Name
    stage: Name
    version: Version
    card: Digest
    serial: Annotated[int, Field(ge=1, le=2**53 - 1)]
    pointer: Digest

    @property
    def name(self) -> str:
        """The version, as in `fraud@5`."""
        return f"{self.model}@{self.version}"


@dataclass(frozen=True)
class Deployment:
    """One deployment, and what became of it.

    `state` is pending, in_progress, success, failure or error; `said` is why; `since` (UTC, with Z) when that was told.
    """

    id: str
    payload: Payload
    state: str = "pending"
    said: str = ""
    since: str | None = None
    url: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it serves, or served until a later one did."""
        return self.state == "success"


@dataclass(frozen=True)
class Trail:
    """Of one model in one stage: what serves (the newest deployment that succeeded), and the newest of all."""

    serves: Deployment | None = None
    last: Deployment | None = None


Trails = Mapping[str, Trail]
NOTHING = Trail()


def trail_of(deployments: Iterable[Deployment]) -> Trail:
    """The trail of deployments of one model in one stage, the newest first. Reads no further than it must."""
    last = None
    for one in deployments:
        last = last or one
        if one.succeeded:
            return Trail(one, last)
    return Trail(None, last)


@dataclass(frozen=True)
class Standing:
    """One model in one stage: what git wants there (None: nothing), what serves, and how the two compare."""

    model: str
    stage: str
    state: str
    pointer: StagePointer | None
    trail: Trail = field(default=NOTHING)

    @property
    def waits(self) -> bool:
        """Whether a deployment is what is missing. An old commit never undoes what a newer one brought."""
        serves = self.trail.serves
        if self.pointer is None or self.state in {IN_STEP, AHEAD}:
            return False
        return serves is None or not _same(serves.payload, self.pointer)


def payload_of(registry: Registry, model: str, stage: str) -> Payload:
    """What a deployment of what stands in a stage would bring. Raises BadInput where the stage is empty."""
    pointer = registry.pointer(model, stage)
    if pointer is None:
        raise BadInput(f"no version of {model} is in {stage}", remedy=f"See `modelbook list {model}`.")
    return Payload(
        model=model,
        stage=stage,
        version=pointer.version,
        card=pointer.card,
        serial=pointer.serial,
        pointer=registry.digest(pointer_path(model, stage)),
    )


def standings(registry: Registry, models: Iterable[str], trails: Mapping[str, Trails]) -> list[Standing]:
    """Desired against actual, for each of `models` in each stage that it has or had something in.

    `trails` are by stage, then by model.
    """
    found = []
    for model in models:
        for stage in registry.policy.stages:
            trail = trails.get(stage.name, {}).get(model, NOTHING)
            pointer = registry.pointer(model, stage.name)
            if pointer or trail.serves:
                found.append(Standing(model, stage.name, _state(registry, model, pointer, trail), pointer, trail))
    return found


def _state(registry: Registry, model: str, pointer: StagePointer | None, trail: Trail) -> str:
    serves, last = trail.serves, trail.last
    if serves and is_revoked(registry, model, serves.payload.version):
        return REVOKED
    if pointer is None:
        return AHEAD  # this commit does not know yet of what serves
    if serves and _same(serves.payload, pointer):
        return IN_STEP
    if last and _same(last.payload, pointer) and last.state in {"failure", "error"}:
        return FAILED
    if serves is None:
        return NEVER
    return AHEAD if serves.payload.serial > pointer.serial else BEHIND


def _same(payload: Payload, pointer: StagePointer) -> bool:
    # Not the serial: a hold moves the pointer, and brings nothing new.
    return (payload.version, payload.card) == (pointer.version, pointer.card)


def overtaken(payload: Payload, trail: Trail) -> bool:
    """Whether a later promotion serves already: a run that is repeated late must not bring an older one back."""
    return trail.serves is not None and trail.serves.payload.serial > payload.serial


def event_payload(deployment: Deployment, repository: str, commit: str) -> dict[str, str | int]:
    """What a serving repository is told. `deployment` stays the same however often it is told: by it, act once."""
    said = deployment.payload
    return {
        "deployment": deployment.id,
        "repository": repository,
        "commit": commit,
        "serial": said.serial,
        "model": said.model,
        "version": said.version,
        "stage": said.stage,
        "card": said.card,
    }


def chat_message(payload: Payload, *, failure: str | None = None, url: str | None = None) -> str:
    """One line for a chat in Slack's form, in which `&`, `<` and `>` have a meaning of their own."""
    text = f"{payload.name} is deployed to {payload.stage}"
    if failure is not None:
        text = f"{payload.name} was NOT deployed to {payload.stage}: {' '.join(failure.split())}"
    text += f" {url}" if url else ""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")[:2000]
