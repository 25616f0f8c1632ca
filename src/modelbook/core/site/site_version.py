"""What the page of one version says: the card, who signed what, what was measured, where it comes from and went."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelbook.core.card import ModelCard
from modelbook.core.evaluation import Evaluation, Metric
from modelbook.core.findings import Finding
from modelbook.core.layout import version_folder
from modelbook.core.measuring.hardware import hardware_class
from modelbook.core.pages.github_page import GitHubPage
from modelbook.core.queries.differences import made_of
from modelbook.core.queries.drift import machine_of
from modelbook.core.queries.version_facts import dataset_name
from modelbook.core.registry import Registry
from modelbook.core.reproduction import judge_reproduction
from modelbook.core.revocation import Revocation, is_revoked, revocation_of
from modelbook.core.runs.curves import Curve, curves_of
from modelbook.core.runs.run_log import CheckpointStored, Event
from modelbook.core.runs.run_state import RunState, replay
from modelbook.core.site.site_rows import VersionRow, interval_of, row_of
from modelbook.core.verifying.verification import VersionVerdict, verify_version
from modelbook.errors import BadInput


@dataclass(frozen=True)
class Stay:
    """A time in a stage, `since` and `until` as in Tenure; `words` say how it came and what happened."""

    stage: str
    version: int
    since: str | None
    until: str | None
    words: str = "promoted"
    held: bool = False


@dataclass(frozen=True)
class Around:
    """What a version's page says of others: its neighbours, its stays, the sweep of its run.

    `came` is a digest of what came of it.
    """

    previous: int | None = None
    next: int | None = None
    came: str = ""
    stays: tuple[Stay, ...] = ()
    sweep: str | None = None

    @property
    def stages(self) -> list[str]:
        """Where it is now."""
        return [stay.stage for stay in self.stays if stay.until is None]


@dataclass(frozen=True)
class SignatureLine:
    """One signature beside a version: `by` is the name in trust.yaml; None where it is not good, and `wrong` says why.

    Of a signature that an earlier fault left unlooked at nothing is wrong, and nobody's name is known.
    """

    what: str
    file: str
    by: str | None
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True)
class MetricLine:
    """A measured metric of one suite; `interval` is where the true value lies, 19 times of 20."""

    name: str
    metric: Metric
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class SuiteTable:
    """What one suite measured, on what, where, and whether its signature is good."""

    evaluation: Evaluation
    by: str
    hardware: str | None
    lines: tuple[MetricLine, ...]


@dataclass(frozen=True)
class RunTold:
    """What a run's log tells: its state and curves; `missing` says why there is none."""

    state: RunState | None = None
    curves: tuple[Curve, ...] = ()
    missing: str | None = None

    @property
    def checkpoints(self) -> Sequence[CheckpointStored]:
        """Those that are kept, the latest last."""
        return self.state.checkpoints if self.state else ()


@dataclass(frozen=True)
class VersionPage:
    """All that the page shows. Of a version whose card cannot be read, `card` is None and `verdict` says why."""

    row: VersionRow
    verdict: VersionVerdict
    digest: str | None
    around: Around
    revocation: Revocation | None
    signatures: tuple[SignatureLine, ...]
    suites: tuple[SuiteTable, ...]
    reproductions: tuple[tuple[str, str, str | None], ...]
    made_of: Mapping[str, Mapping[str, str]]
    machine: Mapping[str, str]
    run: RunTold
    commit_url: str | None
    run_url: str | None

    @property
    def card(self) -> ModelCard | None:
        """The card."""
        return self.verdict.card

    @property
    def problems(self) -> list[Finding]:
        """All that does not verify."""
        return [finding for finding in self.verdict.findings if finding.level == "error"]


def told_of_run(events: Sequence[Event]) -> RunTold:
    """What the log of a run tells; a log that cannot be read says so."""
    try:
        return RunTold(replay(events), curves_of(events))
    except BadInput as error:
        return RunTold(missing=error.message)


def version_page(
    registry: Registry, model: str, version: int, around: Around, run: RunTold, github: GitHubPage | None
) -> VersionPage:
    """Verify a version, and gather what its page says."""
    verdict = verify_version(registry, model, version)
    revoked = is_revoked(registry, model, version)
    card, made = verdict.card, made_of(verdict.card) if verdict.card else {}
    code = card.lineage.code if card else None
    return VersionPage(
        row_of(verdict, revoked=revoked),
        verdict,
        registry.digest(registry.card_path(model, version)),
        around,
        _revocation(registry, model, version) if revoked else None,
        tuple(_signatures(registry, verdict)) if card else (),
        tuple(_suite(verdict, suite) for suite in sorted(verdict.evaluations)),
        tuple(_reproductions(registry, verdict)),
        {kind: {name: text for name, text in found.items() if text is not None} for kind, found in made.items()},
        {part: text for part, text in machine_of(card.lineage.environment).items() if text} if card else {},
        run,
        github.commit(code) if github and code else None,
        github.run(card.run.job) if github and card else None,
    )


def _revocation(registry: Registry, model: str, version: int) -> Revocation | None:
    try:
        return revocation_of(registry, model, version)
    except BadInput:  # the verdict says what is wrong with it; it revokes all the same
        return None


def _suite(verdict: VersionVerdict, suite: str) -> SuiteTable:
    evaluation = verdict.evaluations[suite]
    lines = tuple(
        MetricLine(name, metric, interval_of(name, metric)) for name, metric in sorted(evaluation.metrics.items())
    )
    return SuiteTable(evaluation, verdict.graded_by[suite], hardware_class(evaluation.environment), lines)


def _reproductions(registry: Registry, verdict: VersionVerdict) -> Iterator[tuple[str, str, str | None]]:
    for number, one in sorted(verdict.reproductions.items()):
        if verdict.card:
            found = judge_reproduction(verdict.card, verdict.evaluations, one, registry.policy.reproduce)
            yield number, found.why, found.level


def _signatures(registry: Registry, verdict: VersionVerdict) -> Iterator[SignatureLine]:
    model, version = verdict.model, verdict.version
    folder = version_folder(model, version)
    yield _line(registry, verdict, "card and files", f"{folder}/model.sig", f"{folder}/card.yaml", verdict.signed_by)
    proven = f"{folder}/provenance.sigstore.json"
    yield _line(registry, verdict, "provenance", proven, proven, verdict.proven_by)
    learnt = [
        ("evaluation", registry.evaluation_paths(model, version), verdict.graded_by),
        ("reproduction", registry.reproduction_paths(model, version), verdict.reproduced_by),
    ]
    for kind, paths, signers in learnt:
        for part, path in sorted(paths.items()):
            signature = path.removesuffix(".yaml") + ".sigstore.json"
            yield _line(registry, verdict, f"{kind} {part}", signature, path, signers.get(part))


def _line(
    registry: Registry, verdict: VersionVerdict, what: str, signature: str, about: str, by: str | None
) -> SignatureLine:
    shown = {registry.shown(signature), registry.shown(about)}
    wrong = tuple(one.message for one in verdict.findings if one.path in shown and one.level == "error")
    return SignatureLine(what, signature.rpartition("/versions/")[2].partition("/")[2], None if wrong else by, wrong)


def comparable(page: VersionPage) -> dict[str, Any]:
    """The version as data for the page that compares several: texts and numbers by kind and name."""
    metrics = {
        f"{one.evaluation.suite}: {line.name}": [line.metric.value, *(line.interval or ())]
        for one in page.suites
        for line in one.lines
        if line.metric.value is not None
    }
    data = {f"{one.evaluation.suite}": dataset_name(one.evaluation.dataset) for one in page.suites}
    made = {kind.capitalize(): dict(found) for kind, found in page.made_of.items()}
    packages = page.card.lineage.environment.packages if page.card else {}
    return {
        "name": page.row.name,
        "state": page.row.state,
        "revoked": page.row.revoked,
        "created": page.row.created,
        "by": page.row.by,
        "commit_url": page.commit_url,
        "stages": page.around.stages,
        "metrics": metrics,
        "facts": {"Measured on": data, **made, "Machine": dict(page.machine), "Packages": packages},
    }


def as_script(function: str, data: Any) -> bytes:
    """A script that hands `data` to a function of the site: this works from the disk too, where nothing can be fetched.

    Pure ASCII, and without a `<`, so that no text in it is ever anything else.
    """
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f"{function}({text});\n".encode("ascii")
