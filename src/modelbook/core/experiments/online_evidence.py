"""Whether the results of an experiment may be believed: who signed them, of which versions they are, what counts."""

from dataclasses import dataclass, replace

from modelbook.core import layout
from modelbook.core.documents import DocumentError
from modelbook.core.experiments.sample_ratio import sample_ratio
from modelbook.core.findings import Finding, blocks
from modelbook.core.online import OnlineResults
from modelbook.core.registry import Registry
from modelbook.core.signing.keyless import Origin, run_of
from modelbook.core.signing.statements import online_statement
from modelbook.core.verifying.signed_files import no_such, problem, registrars, signed


@dataclass(frozen=True)
class OnlineVerdict:
    """What holds of one experiment: its `results` where they can be read, and all that is wrong with them."""

    results: OnlineResults | None
    findings: tuple[Finding, ...] = ()


def verify_online(registry: Registry, model: str, experiment: str) -> OnlineVerdict:
    """Check one experiment: its signature, its versions, and whether it was a fair one.

    What is no fault of the file, and yet keeps it from counting, is a warning: more units in an arm than by chance, and
    another experiment on the same units. Two changes may bring two such experiments, each right by itself; a change
    that brings one beside another that is there is refused.
    """
    path = layout.online_path(model, experiment)
    signature = path.removesuffix(".yaml") + ".sigstore.json"
    if path not in registry.files:
        orphan = "the result of the experiment that this signs is not here"
        return OnlineVerdict(None, (problem(registry, signature, "no-online", orphan, "Remove it."),))
    try:
        results = registry.online(model, experiment)
    except DocumentError as error:
        return OnlineVerdict(None, error.findings)
    findings = []
    if (results.model, results.experiment) != (model, experiment):
        message = f"the result is {results.experiment} of {results.model}, but its path says {experiment} of {model}"
        findings.append(problem(registry, path, "other-name", message))
    registered: frozenset[str] = frozenset()
    for arm in results.arms:
        findings += _is_known(registry, path, model, arm.version, arm.card, results.job)
        registered |= registrars(registry, model, arm.version)
    _, found = signed(
        registry,
        signature,
        online_statement(results, registry.files[path]),
        model,
        "online",
        what=f"result of the experiment {experiment} of {model}",
        made=results.recorded,
        origin=Origin(results.job, registrars=registered),
    )
    findings += found
    findings += _overlaps(registry, path, results)
    if registry.arrives(path) and (ratio := sample_ratio(results)) and ratio.mismatch:
        findings.append(problem_of_ratio(registry, path, ratio.words))
    return OnlineVerdict(results, tuple(findings))


def problem_of_ratio(registry: Registry, path: str, words: str) -> Finding:
    """That the units were not split as they were meant to be."""
    remedy = "Find out what kept units out or sent them elsewhere, and run it again: until then it counts for nothing."
    message = f"sample-ratio mismatch: {words}"
    return Finding(registry.shown(path), None, "sample-ratio-mismatch", message, remedy, "warning")


def experiments_that_count(registry: Registry, model: str) -> tuple[list[OnlineResults], list[Finding]]:
    """The results that verify and were fair, in the order in which they ended; and all that is wrong with the others.

    Of two on the same units the one that was recorded later is left out.
    """
    found: list[OnlineResults] = []
    findings: list[Finding] = []
    for experiment in registry.experiments(model):
        verdict = verify_online(registry, model, experiment)
        findings += verdict.findings
        if verdict.results is None or blocks(verdict.findings):
            continue
        path = layout.online_path(model, experiment)
        if (ratio := sample_ratio(verdict.results)) and ratio.mismatch:
            findings.append(problem_of_ratio(registry, path, ratio.words))
            continue
        found.append(verdict.results)
    kept: list[OnlineResults] = []
    for one in sorted(found, key=lambda one: (one.recorded, one.experiment)):
        if not any(one.overlaps(other) for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: (one.ended, one.experiment)), list(dict.fromkeys(findings))


def _is_known(registry: Registry, path: str, model: str, version: int, card: str, job: str) -> list[Finding]:
    name = f"{model}@{version}"
    place = registry.card_path(model, version)
    if place not in registry.files:
        return [no_such(registry, path, name)]
    if registry.digest(place) != card:
        message = f"{name} in the registry is not the one that was tried: its digest differs"
        return [problem(registry, path, "other-card", message)]
    try:
        trainer = registry.card(model, version).run.job
    except DocumentError:
        return []  # the verdict on that version says what is wrong with it
    if job == trainer or ((run := run_of(job)) and run == run_of(trainer)):
        message = f"the job that recorded what users gave {name} is of the run that trained it ({trainer})"
        return [problem(registry, path, "graded-by-trainer", message, "Record it in a workflow run of its own.")]
    return []


def _overlaps(registry: Registry, path: str, results: OnlineResults) -> list[Finding]:
    findings = []
    for name in registry.experiments(results.model):
        try:
            other = registry.online(results.model, name)
        except DocumentError:
            continue  # its own verdict says what is wrong with it
        if results.overlaps(other):
            span = f"{other.started} to {other.ended}"
            message = f"it overlaps the experiment {name} ({span}), so units may be in both and count twice"
            remedy = f"If no unit was in both, say so: `apart_from: [{name}]`."
            one = problem(registry, path, "overlapping-experiments", message, remedy)
            findings.append(one if registry.arrives(path) else replace(one, level="warning"))
    return findings
