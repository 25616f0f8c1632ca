"""`modelbook show`: all that is known of one version, dataset version or run."""

from typing import Any

import click

from modelbook.commands._console import print_json, print_nested
from modelbook.commands._dataset_files import dataset_facts, resolve_dataset
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import Workspace, json_option, open_workspace, registry_option, rev_option
from modelbook.core.layout import model_folder
from modelbook.core.names import parse_reference
from modelbook.core.pointer import holds
from modelbook.core.records import Frozen
from modelbook.core.registry import Registry
from modelbook.core.reproduction import judge_reproduction
from modelbook.core.revocation import revocation_of
from modelbook.core.verifying.verification import verify_version
from modelbook.errors import BadInput


@click.command(short_help="Show one version, dataset version or run.")
@click.argument("reference", metavar="REF")
@rev_option
@registry_option
@json_option
def command(reference: str, rev: str, registry_folder: str | None, as_json: bool) -> None:
    """Show REF: fraud@5, fraud@production, transactions@3 (a dataset), or run:<id>.

    \b
    Examples:
      modelbook show fraud@production
      modelbook show run:20261123t120000-1a2b3c4d --json
    """
    if reference.startswith("run:"):
        data = _run(open_workspace(registry_folder, rev=rev), reference.removeprefix("run:"))
    else:
        wanted = parse_reference(reference, "registered model or dataset")
        workspace = open_workspace(registry_folder, rev=rev, scope=[model_folder(wanted.name)])
        refuse("the registry", workspace.findings)
        registry = workspace.registry
        if registry.versions(wanted.name) or not registry.dataset_versions(wanted.name):
            data = _version(workspace, wanted.name, registry.resolve(wanted))
        else:
            everything = open_workspace(registry_folder, rev=rev)
            data = dataset_facts(everything.registry, *resolve_dataset(everything.registry, reference))
    if as_json:
        print_json(data)
        return
    print_nested(_shortened(data))


def _record(record: Frozen) -> dict[str, Any]:
    return record.model_dump(mode="json", exclude_none=True)


def _version(workspace: Workspace, model: str, version: int) -> dict[str, Any]:
    registry = workspace.registry
    held = {name: pointer for name, pointer in registry.stages_of(model).items() if pointer.version == version}
    evaluations = {
        suite: _record(registry.evaluation(path)) for suite, path in registry.evaluation_paths(model, version).items()
    }
    path = registry.card_path(model, version)
    return {
        "stages": list(held),
        **({"held": found} if (found := holds(held)) else {}),
        **({"revoked": _record(revoked)} if (revoked := revocation_of(registry, model, version)) else {}),
        "digest": registry.digest(path),
        "card": _record(registry.card(model, version)),
        "evaluations": evaluations,
        "reproductions": _reproductions(registry, model, version),
    }


def _reproductions(registry: Registry, model: str, version: int) -> dict[str, Any]:
    """Of each reproduction that verifies, what it comes to by the present policy."""
    verdict = verify_version(registry, model, version)
    if verdict.card is None:
        return {}
    rule, found = registry.policy.reproduce, {}
    for number, one in verdict.reproductions.items():
        judged = judge_reproduction(verdict.card, verdict.evaluations, one, rule)
        found[number] = {"by": one.user, "ended": one.ended, "level": judged.level, "why": judged.why}
    return found


def _run(workspace: Workspace, run_id: str) -> dict[str, Any]:
    from modelbook.core.runs.run_state import replay
    from modelbook.core.storage import run_key
    from modelbook.training.run_reader import read_events

    run_key(run_id)  # refuses an id that is no id
    events = read_events(workspace.store, run_id)
    if not events:
        raise BadInput(f"there is no run {run_id} in the store", where=workspace.store.uri)
    return _record(replay(events))


def _shortened(data: Any) -> Any:
    """What a person reads: a metric on one line, and how many packages there are, not each of them."""
    if isinstance(data, list):
        return [_shortened(one) for one in data]
    if not isinstance(data, dict):
        return data
    if "value" in data and data.keys() <= {"value", "n", "stderr"}:
        beside = [f"{name} {data[name]:.4g}" for name in ("n", "stderr") if name in data]
        return f"{data['value']:.6g}" + (f" ({', '.join(beside)})" if beside else "")
    short = {key: _shortened(value) for key, value in data.items()}
    if isinstance(data.get("packages"), dict) and data["packages"]:
        short["packages"] = f"{len(data['packages'])} (see --json, or modelbook env diff)"
    return short
