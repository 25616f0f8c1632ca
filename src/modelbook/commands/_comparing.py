"""What commands that compare versions gather: each version, if it verifies, and what suites found for each example."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import click

from modelbook.adapters.example_results import read_results
from modelbook.adapters.store import Store
from modelbook.commands._console import counted, say
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import Workspace, open_workspace
from modelbook.core.card import ModelCard
from modelbook.core.evaluation import Metric
from modelbook.core.layout import model_folder
from modelbook.core.names import parse_reference
from modelbook.core.records import Digest
from modelbook.core.verifying.verification import VersionVerdict, verify_version


@dataclass(frozen=True)
class Verified:
    """A version that verifies, with its card, and the workspace that it was found in."""

    workspace: Workspace
    verdict: VersionVerdict
    card: ModelCard


def verified(text: str, rev: str, folder: str | None) -> Verified:
    """The version that a reference names. Raises Refused where it does not verify: what it says would mean nothing."""
    wanted = parse_reference(text)
    workspace = open_workspace(folder, rev=rev, scope=[model_folder(wanted.name)])
    version = workspace.registry.resolve(wanted)
    verdict = verify_version(workspace.registry, wanted.name, version)
    refuse(text, (*workspace.findings, *verdict.findings))
    return Verified(workspace, verdict, workspace.registry.card(wanted.name, version))


def metric_json(metric: Metric | None) -> dict[str, Any] | None:
    """A metric as a JSON object, absent fields left out."""
    return metric.model_dump(mode="json", exclude_none=True) if metric else None


def store_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--no-store`, handed in as `with_store`."""
    text = "Ask no store: all differences are tested as those of two samples."
    return click.option("--no-store", "with_store", is_flag=True, flag_value=False, default=True, help=text)(function)


def results_of(versions: Sequence[Verified]) -> dict[Digest, bytes | str]:
    """What suites found for each example of these versions, where those of two or more gave it."""
    found: dict[Digest, bytes | str] = {}
    wanted = [[one.examples for one in version.verdict.evaluations.values() if one.examples] for version in versions]
    if sum(map(bool, wanted)) < 2:
        return found
    with counted("reading results of each example", len(versions)) as progress:
        for version, examples in zip(versions, wanted, strict=True):
            found |= read_results(partial(_store, version), examples)
            progress(1)
    return found


def _store(version: Verified) -> Store:
    return version.workspace.store


def tell_untold(whys: Iterable[str | None]) -> None:
    """Say once why differences were not tested as a gate would test them."""
    for why in dict.fromkeys(why for why in whys if why):
        say(f"note: not as a gate would test it: {why}", as_json=True)
