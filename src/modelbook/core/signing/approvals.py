"""How many people signed a promotion, and who is awaited. One person with two keys is one."""

from collections.abc import Iterable
from dataclasses import dataclass

from modelbook.core.trust import Trust, rule_for

TOO_FEW, OVERRIDE_NOT_SIGNED = "too-few-signers", "override-not-signed"
AWAITED = frozenset({TOO_FEW, OVERRIDE_NOT_SIGNED})
"""The findings that nothing but more signatures takes away."""


@dataclass(frozen=True)
class Signing:
    """The people who signed, how many must, and who else may."""

    signed: tuple[str, ...]
    needed: int
    others: tuple[str, ...]

    @property
    def lacking(self) -> int:
        """How many more people must sign."""
        return max(0, self.needed - len(self.signed))

    @property
    def words(self) -> str:
        """As in "1 of 2 people have signed (ci); it waits for 1 of alice, bob"."""
        have = f"{len(self.signed)} of {self.needed} people {'has' if self.needed == 1 else 'have'} signed"
        text = f"{have} ({', '.join(self.signed)})" if self.signed else have
        return f"{text}; it waits for {self.awaited}" if self.lacking else text

    @property
    def awaited(self) -> str:
        """Who has to sign yet, for a person."""
        names = ", ".join(self.others)
        return names if self.lacking == len(self.others) else f"{self.lacking} of {names}"


def signing(trust: Trust, model: str, stage: str, names: Iterable[str]) -> Signing:
    """Where a promotion of `model` into `stage` stands that the signers `names` of trust.yaml have signed."""
    rule = rule_for(trust, model, stage=stage)
    people = {trust.signer(name).who for name in names}
    may = {trust.signer(name).who for name in rule.signers} if rule else set()
    return Signing(tuple(sorted(people)), rule.threshold if rule else 1, tuple(sorted(may - people)))
