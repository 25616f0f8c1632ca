"""`modelbook list`: the models, or the versions of one, and which of them serve."""

from collections.abc import Mapping

import click

from modelbook.commands._console import print_table
from modelbook.commands._finding import tell_findings
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import json_option, open_workspace, registry_option, rev_option
from modelbook.core.documents import noted
from modelbook.core.findings import Finding
from modelbook.core.layout import model_folder
from modelbook.core.names import check_name, person_in
from modelbook.core.pointer import StagePointer, holds
from modelbook.core.registry import Registry
from modelbook.core.revocation import is_revoked

SHOWN = 3  # metrics in the list


@click.command(short_help="List models and what is in production.")
@click.argument("model", required=False)
@rev_option
@registry_option
@json_option
def command(model: str | None, rev: str, registry_folder: str | None, as_json: bool) -> int:
    """List the registered models with what is in each stage; with MODEL, its versions. Datasets: `modelbook data list`.

    Exit status 1 if a file cannot be read: it is named, and the rest is told.

    \b
    Examples:
      modelbook list
      modelbook list fraud --json
    """
    if model:
        check_name(model, "registered model")
    workspace = open_workspace(registry_folder, rev=rev, scope=[model_folder(model)] if model else [])
    refuse("the registry", workspace.findings)
    registry = workspace.registry
    findings: list[Finding] = []
    if model:
        registry.check_model(model)
        rows = _versions(registry, model, findings)
        empty = f"{model} has no version yet: `modelbook register {model} --run ID`."
    else:
        rows = _models(registry, findings)
        empty = "No model yet: `modelbook train SCRIPT`, then `modelbook register NAME --run ID`."
    print_table(_told(rows, as_json=as_json), as_json=as_json, empty=empty)
    return tell_findings(findings)


def _told(rows: list[dict[str, object]], *, as_json: bool) -> list[dict[str, object]]:
    """A person is told of revocations and holds where there are any."""
    if as_json:
        return rows
    said = [row | {"revoked": _revoked(row["revoked"]), "held": _held(row["held"])} for row in rows]
    silent = {name for name in ("revoked", "held") if not any(row[name] for row in said)}
    return [{name: value for name, value in row.items() if name not in silent} for row in said]


def _revoked(found: object) -> str | None:
    if isinstance(found, list):
        return f"REVOKED, and in {', '.join(found)}" if found else None
    return "REVOKED" if found else None


def _held(found: object) -> str | None:
    holds = found.items() if isinstance(found, dict) else ()
    return "; ".join(f"{stage}: {' '.join(one['reason'].split())}" for stage, one in holds) or None


def _models(registry: Registry, findings: list[Finding]) -> list[dict[str, object]]:
    rows = []
    for model in registry.models():
        held = _stages(registry, model, findings)
        versions = registry.versions(model)
        row: dict[str, object] = {
            "model": model,
            "versions": len(versions),
            "latest": versions[-1] if versions else None,
            "revoked": [name for name, pointer in held.items() if is_revoked(registry, model, pointer.version)],
        }
        serving = {stage: pointer.version for stage, pointer in held.items()}
        row |= {stage.name: serving.get(stage.name) for stage in registry.policy.stages}
        rows.append(row | {"held": holds(held)})
    return rows


def _stages(registry: Registry, model: str, findings: list[Finding]) -> dict[str, StagePointer]:
    found: dict[str, StagePointer] = {}
    for stage in registry.policy.stages:
        with noted(findings):
            if pointer := registry.pointer(model, stage.name):
                found[stage.name] = pointer
    return found


def _versions(registry: Registry, model: str, findings: list[Finding]) -> list[dict[str, object]]:
    stages = _stages(registry, model, findings)
    rows: list[dict[str, object]] = []
    for version in registry.versions(model):
        held = {name: pointer for name, pointer in stages.items() if pointer.version == version}
        row: dict[str, object] = {
            "version": f"{model}@{version}",
            "stages": ", ".join(held) or None,
            "revoked": is_revoked(registry, model, version),
            "held": holds(held),
        }
        rows.append(row | {"created": None, "by": None, "commit": None, "metrics": None})
        with noted(findings):
            card = registry.card(model, version)
            commit = (card.lineage.code.commit or "")[:12] or None
            rows[-1] |= {"created": card.created, "by": person_in(card.run.user), "commit": commit}
        rows[-1]["metrics"] = _few(_metrics(registry, model, version, findings))
    return rows


def _metrics(registry: Registry, model: str, version: int, findings: list[Finding]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for path in registry.evaluation_paths(model, version).values():
        with noted(findings):
            found |= {name: metric.value for name, metric in registry.evaluation(path).metrics.items()}
    return found


def _few(metrics: Mapping[str, float | None]) -> str | None:
    """The first metrics of a version, for a column; `show` has all of them."""
    known = [f"{name} {value:.4g}" for name, value in metrics.items() if value is not None]
    return (", ".join(known[:SHOWN]) + (" …" if len(known) > SHOWN else "")) or None
