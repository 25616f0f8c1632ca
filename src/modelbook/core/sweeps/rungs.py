"""At which steps a trial is compared with the others: there alone is it worth reading what they logged."""

from collections.abc import Iterable

from modelbook.core.sweeps.sweep import EarlyTerminate


def compared_at(early: EarlyTerminate, steps: Iterable[int]) -> list[int]:
    """Those of `steps` (not negative) at which a trial that logged at them is compared, in their order.

    By the median it is at each one from `min_iter` on; else at the first one at or after min_iter, eta times that, and
    so on: the rungs of https://arxiv.org/abs/1810.05934.
    """
    known = sorted(steps)
    if early.type == "median":
        return [step for step in known if step >= early.min_iter]
    found, wanted = [], early.min_iter
    for step in known:
        if step >= wanted:
            found.append(step)
        while wanted <= step:
            wanted *= early.eta
    return found
