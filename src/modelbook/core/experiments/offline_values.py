"""What suites measured of each version, as far as versions may be compared by it."""

from collections.abc import Mapping

from modelbook.core.evaluation import Evaluation


def offline_values(
    evaluations: Mapping[int, Mapping[str, Evaluation]], pinned: Mapping[str, str]
) -> tuple[dict[str, dict[int, float]], list[str]]:
    """The offline metrics as value by version, and why others are left out.

    Only like with like: of each suite what it measured on one dataset version (that which model.yaml pins, its digest
    in `pinned` by suite; else that of the latest version), and nothing that depends on the machine.
    """
    left_out: list[str] = []
    latest = {
        suite: evaluations[version][suite].dataset.digest
        for version in sorted(evaluations)
        for suite in evaluations[version]
    }
    wanted = latest | {suite: digest for suite, digest in pinned.items() if suite in latest}
    found: dict[str, dict[int, float]] = {}
    by_suite: dict[str, set[str]] = {}
    for version, suites in sorted(evaluations.items()):
        for suite, evaluation in suites.items():
            if evaluation.suite != evaluation.ran:
                continue
            if evaluation.dataset.digest != wanted[suite]:
                left_out.append(f"suite {suite} measured version {version} on another dataset version")
                continue
            for name, metric in evaluation.metrics.items():
                if metric.value is not None and not metric.hardware:
                    found.setdefault(name, {})[version] = metric.value
                    by_suite.setdefault(name, set()).add(suite)
    for name in [name for name, suites in by_suite.items() if len(suites) > 1]:
        left_out.append(f"{name} is measured by several suites: {', '.join(sorted(by_suite[name]))}")
        del found[name]
    return found, left_out
