"""What a gate may claim of a metric against the baseline, beyond the noise in both.

The last number of each is the confidence: a claim that is not so passes with a chance of at most 1 - confidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

FORMS = {
    "significantly_greater": 'significantly_greater("accuracy", 0.95)',
    "significantly_less": 'significantly_less("latency_ms", 0.95)',
    "not_worse": 'not_worse("toxicity", 0.01, 0.95, "lower_is_better")',
}
"""Each function as a gate writes it: the metric, for `not_worse` by how much it may be worse (in its own unit), the
confidence, and for `not_worse` which way is better, since no name of a metric says so."""

_SIGNS = {"higher_is_better": 1, "lower_is_better": -1}


@dataclass(frozen=True)
class Claim:
    """That `sign` * (candidate - baseline) of the metric is more than `-margin`; `sign` is 1 or -1."""

    function: str
    metric: str
    confidence: float
    sign: int
    margin: float = 0.0

    def limit(self, baseline: float) -> str:
        """What the candidate is held to, as a table writes it: `> 0.93`, or `> 0.93 - 0.01` with a margin."""
        margin = f" {'-' if self.sign > 0 else '+'} {self.margin:g}" if self.margin else ""
        return f"{'>' if self.sign > 0 else '<'} {baseline:.6g}{margin}"


def claim_of(function: str, arguments: Sequence[str | float]) -> Claim:
    """The claim that `function` makes with these arguments, in the order of FORMS. Raises ValueError."""
    match function, arguments:
        case "significantly_greater" | "significantly_less", [str(metric), float(confidence)]:
            claim = Claim(function, metric, confidence, 1 if function == "significantly_greater" else -1)
        case "not_worse", [str(metric), float(margin), float(confidence), str(better)] if better in _SIGNS:
            claim = Claim(function, metric, confidence, _SIGNS[better], margin)
            if not margin > 0:
                raise ValueError("the margin is greater than 0: by how much the metric may be worse")
        case "not_worse", _:
            raise ValueError(f'write {FORMS[function]}, or "higher_is_better"')
        case _:
            raise ValueError(f"write {FORMS[function]}")
    if not 0.5 < claim.confidence < 1:
        raise ValueError(f"the confidence is above 0.5 and below 1, as in 0.95 (it is {claim.confidence:g})")
    return claim
