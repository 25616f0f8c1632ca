"""Whether a team's callers of Modelbook's workflows keep up with what these ask for at the commit that is pinned.

`init --github` moves the pins of a file that a person changed and nothing else of it, so such a file may fall behind.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelbook.core.doctor.health import Check, Verdict
from modelbook.core.doctor.workflow_files import FOLDER, Workflow, called_in

AREA, NAME = "workflows", "callers"
VERIFY = "verify.yml"
INIT = "modelbook init --github OWNER/modelbook@COMMIT"
_LEVELS = {"none": 0, "read": 1, "write": 2}


def check_callers(workflows: Sequence[Workflow], templates: Mapping[str, Workflow], *, pinned: bool) -> list[Check]:
    """A check for each caller that lags behind its template, or one that says that none does.

    `templates` are callers as `init` writes them, by file name, of the commit that is pinned; without `pinned` they
    are those of the modelbook at hand, and what differs need not be wrong.
    """
    found, looked = [], 0
    for workflow in workflows:
        for job in workflow.jobs.values():
            name = called_in(job)
            template = templates.get(name or "")
            wanted = next((one for one in template.jobs.values() if called_in(one) == name), None) if template else None
            if name is None or template is None or wanted is None:
                continue
            looked += 1
            found += list(_lags(workflow, job, template, wanted, name, pinned=pinned))
    if looked and not found:
        found = [Check(AREA, NAME, "ok", f"{looked} caller(s) give Modelbook's workflows what they ask for")]
    return found


def _lags(
    caller: Workflow, job: Mapping[str, Any], template: Workflow, wanted: Mapping[str, Any], name: str, *, pinned: bool
) -> Iterator[Check]:
    grave = [f"its job lacks `{scope}`" for scope in _missing_rights(caller, job, wanted)]
    light = [f"nothing starts it by `{event}:`" for event in sorted(template.triggers - caller.triggers)]
    lost = sorted(_inputs(template) - _inputs(caller)) if "workflow_dispatch" in caller.triggers else []
    unsaid = sorted(_keys(wanted, "with") - _keys(job, "with"))
    told = [f"`workflow_dispatch:` has no input {', '.join(lost)}"] if lost else []
    told += [f"`with:` does not hand on {', '.join(unsaid)}"] if unsaid else []
    if name == VERIFY:  # it is started by Modelbook itself, which gives all of them, and finds the run by its name
        grave += told
        same = (caller.document or {}).get("run-name") == (template.document or {}).get("run-name")
        grave += [] if same else ["its `run-name:` is another, so a run is not found again and started twice"]
    else:
        light += told
    if not grave and not light:
        return
    verdict: Verdict = "problem" if grave and pinned else "warning"
    against = "the pinned commit" if pinned else "this modelbook (the pinned commit could not be read)"
    message = f"{caller.path} lags behind what {against} asks for: {'; '.join(grave + light)}"
    remedy = (
        f"Add it; or put {FOLDER}/{name} aside, and `modelbook init --github OWNER/modelbook@COMMIT` writes it anew."
    )
    yield Check(AREA, NAME, verdict, message, remedy)


def _inputs(workflow: Workflow) -> frozenset[str]:
    """The inputs of a run by hand."""
    events = (workflow.document or {}).get("on")
    by_hand = events.get("workflow_dispatch") if isinstance(events, dict) else None
    return _keys(by_hand, "inputs") if isinstance(by_hand, dict) else frozenset()


def _keys(above: Mapping[str, Any], name: str) -> frozenset[str]:
    found = above.get(name)
    return frozenset(found) if isinstance(found, dict) else frozenset()


def _missing_rights(caller: Workflow, job: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What the called jobs may have at most is what the calling job has: GitHub starts nothing that asks for more."""
    given = job.get("permissions", (caller.document or {}).get("permissions"))
    if given is None:
        return []  # the repository's setting, which is looked at elsewhere
    everything = {"write-all": 2, "read-all": 1}.get(str(given), 0)
    held = given if isinstance(given, dict) else {}
    needed = wanted.get("permissions")
    return [
        f"{scope}: {level}"
        for scope, level in (needed.items() if isinstance(needed, dict) else ())
        if _LEVELS.get(str(held.get(scope)), everything) < _LEVELS.get(str(level), 0)
    ]
