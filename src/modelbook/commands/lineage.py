"""`modelbook lineage`: what a version was made from, and with --downstream what was made from it."""

from functools import partial
from typing import Any

import click

from modelbook.adapters.index_tables import Index
from modelbook.adapters.version_index import VersionIndex
from modelbook.commands._console import counted, print_json, say
from modelbook.commands._finding import tell_findings
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import Workspace, json_option, open_workspace, registry_option, rev_option
from modelbook.core.findings import Finding
from modelbook.core.layout import model_folder
from modelbook.core.names import Reference, parse_reference
from modelbook.core.pages.mermaid import flowchart
from modelbook.core.queries.ancestry import absent, dataset, upstream
from modelbook.core.queries.lineage import FACTS, Kind, Thing, downstream, in_stages, revoked_in, tree_lines
from modelbook.core.registry import Registry
from modelbook.errors import BadInput

DRAWN = 500  # Mermaid's own `maxEdges`, which GitHub has
FORMATS = ("tree", "mermaid", "json")


@click.command(short_help="Tell what a version was made from, or what was made from it.")
@click.argument("reference", metavar="REF")
@click.option("--downstream", "down", is_flag=True, help="What was trained on it or made from it, and where it serves.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="tree", show_default=True)
@click.option("--dataset", "of_data", is_flag=True, help="REF is a dataset version, whatever model has that name too.")
@rev_option
@registry_option
@json_option
def command(
    reference: str, down: bool, form: str, of_data: bool, rev: str, registry_folder: str | None, as_json: bool
) -> int:
    """Tell the lineage of a model version or a dataset version, as its cards record it.

    Without --downstream: run, code, data, environment and parents. With it: "this dataset was poisoned: what was
    trained on it, and what of that is in production?" Exit status 1 if a card could not be read, since it may belong
    to the answer.

    \b
    Examples:
      modelbook lineage fraud@5
      modelbook lineage transactions@3 --downstream
      modelbook lineage fraud@production --format mermaid
    """
    form = "json" if as_json else form
    wanted = parse_reference(reference)
    workspace = open_workspace(registry_folder, rev=rev, scope=[model_folder(wanted.name)])
    refuse(reference, workspace.findings)
    name, kind, version = _place(workspace.registry, wanted, of_data=of_data)
    findings: list[Finding] = []
    if down:
        with counted("reading cards", 0) as progress:
            index = VersionIndex(workspace.repository, workspace.folder, workspace.commit, progress=progress)
            tree, findings = index.ask(partial(_downstream, f"{name}@{version}", kind))
    elif kind == "dataset":
        tree = dataset(workspace.registry, name, version)
    else:
        tree = upstream(_with_ancestors(workspace, reference, name, version), name, version)
    if form == "json":
        print_json(tree.as_json() | ({"in_stages": in_stages(tree)} if down else {"revoked_below": revoked_in(tree)}))
    elif form == "mermaid":
        edges = _edges(tree, down=down)
        say("\n".join(flowchart(edges)))
        if len(edges) > DRAWN:
            say(f"note: of {len(edges):,} arrows; Mermaid draws {DRAWN} unless it is told otherwise", as_json=True)
    else:
        _print(tree, down=down)
    return tell_findings(findings)


def _place(registry: Registry, wanted: Reference, *, of_data: bool) -> tuple[str, Kind, int]:
    """Name, kind and version of what is meant: a model if there is one of that name, else a dataset."""
    versions = registry.dataset_versions(wanted.name)
    if of_data and not versions:
        raise BadInput(f"no dataset {wanted.name!r} has a version here", remedy="See `modelbook data list`.")
    if not of_data and (registry.versions(wanted.name) or not versions):
        return wanted.name, "model", registry.resolve(wanted)
    if wanted.stage or wanted.digest:
        raise BadInput(f"{wanted.name} is a dataset, which has versions alone", remedy=f"Write {wanted.name}@1.")
    if wanted.version and wanted.version not in versions:
        raise BadInput(
            f"{wanted.name} has no version {wanted.version}", remedy=f"Its latest is {wanted.name}@{versions[-1]}."
        )
    return wanted.name, "dataset", wanted.version or versions[-1]


def _with_ancestors(workspace: Workspace, reference: str, model: str, version: int) -> Registry:
    """The registry with the models that ancestors are of, and no others: it may have very many."""
    scope = {model}
    while more := absent(workspace.registry, model, version) - scope:
        scope |= more
        workspace = workspace.at(workspace.commit, [model_folder(one) for one in sorted(scope)])
        refuse(reference, workspace.findings)
    return workspace.registry


def _downstream(name: str, kind: Kind, index: Index) -> tuple[Thing, list[Finding]]:
    def uses(of: str, field: str) -> list[dict[str, Any]]:
        return index.facts(index.with_text(of, field), FACTS)

    return downstream(name, kind, uses), index.findings()


def _print(tree: Thing, *, down: bool) -> None:
    for line in tree_lines(tree):
        say(line)
    if not down:
        if revoked := revoked_in(tree):
            say(f"\nIt was made from what was revoked: {', '.join(revoked)}")
        return
    if not tree.below:
        say("Nothing here was made from it.")
        return
    say("")
    for stage, names in in_stages(tree).items():
        say(f"in {stage}: {', '.join(names)}")
    if not in_stages(tree):
        say("None of it is in a stage.")


def _edges(tree: Thing, *, down: bool) -> list[tuple[str, str, str]]:
    """From, to and role of each step, towards what was made."""
    pairs = ((_label(one), _label(below), below.role) for one in tree.all() for below in one.below)
    return [(one, other, role) if down else (other, one, role) for one, other, role in pairs]


def _label(one: Thing) -> str:
    """Its name, with what it is where that is no model: a dataset may have the name of one."""
    return one.name if one.kind in {"model", "environment"} else f"{one.kind} {one.name}"
