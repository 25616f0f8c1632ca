"""The issue that tells a team that its gates and its users went apart, with the evidence."""

from collections.abc import Sequence

from modelbook.core.experiments.divergence import Divergence
from modelbook.core.online import OnlineResults
from modelbook.core.pages.markdown import inert


def divergence_title(model: str, one: Divergence) -> str:
    """Such as "fraud: perplexity gets better and satisfaction worse"."""
    return f"{model}: {one.offline} gets better and {one.online} worse"


def divergence_topic(model: str, stage: str, one: Divergence) -> str:
    """By what an issue is known again, as long as it is open."""
    return f"divergence {model} {stage} {one.offline} {one.online}"


def divergence_occasion(one: Divergence) -> str:
    """By what it is known again when it is closed: these very promotions."""
    return "-".join(str(version) for version in (one.steps[0][0], *(after for _, after in one.steps)))


def divergence_body(model: str, stage: str, one: Divergence, experiments: Sequence[OnlineResults]) -> str:
    """What happened, a row for each version, the experiments that say so, and what to do."""
    versions = list(one.offline_values)
    lines = [
        inert(one.words) + ".",
        "",
        f"| in {inert(stage)} | {inert(one.offline)} | {inert(one.online)} |",
        "| --- | ---: | ---: |",
        *(
            f"| {inert(f'{model}@{version}')} | {one.offline_values[version]:.6g} | {_online(one, version)} |"
            for version in versions
        ),
        "",
        "What users gave is adjusted for the level of each experiment: "
        + ", ".join(inert(each.experiment) for each in experiments if _is_of(each, one))
        + ".",
        "",
        f"A gate of {inert(stage)} lets versions through by {inert(one.offline)}, which does not stand for users here.",
        "",
        f"- `modelbook proxy {model} --online {one.online}` says which offline metric does, if any.",
        f"- `modelbook rollback {model} --stage {stage} --reason TEXT` goes back.",
        f'- `proxy("{one.offline}", "{one.online}").sign_agreement >= 0.7` is a gate that keeps it from going on.',
    ]
    return "\n".join(lines)


def _online(one: Divergence, version: int) -> str:
    return f"{one.online_values[version]:.6g}" if version in one.online_values else "-"


def _is_of(experiment: OnlineResults, one: Divergence) -> bool:
    return any(arm.version in one.offline_values and one.online in arm.metrics for arm in experiment.arms)
