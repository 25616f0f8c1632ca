"""trust.yaml: who may sign what. What no rule allows is refused."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from modelbook.core.documents import repeated
from modelbook.core.names import Name
from modelbook.core.records import Frozen, Text, Timestamp

Statement = Literal["model", "provenance", "evaluation", "reproduction", "dataset"]
PublicKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=]{1,76}\n)+-----END PUBLIC KEY-----\n?$",
        max_length=2000,
    ),
]


class Signer(Frozen):
    """A P-256 public key in PEM, and until when it may be used (every use after `expires` is refused)."""

    name: Name
    description: Text | None = None
    key: PublicKey
    expires: Timestamp | None = None


class Rule(Frozen):
    """The `signers` may make the `statements`, and promote into the `stages`, of what the glob `models` names.

    For the statement `dataset` the glob names datasets.
    """

    models: Annotated[str, StringConstraints(pattern=r"^[a-z0-9*?-]+$", max_length=63)]
    statements: tuple[Statement, ...] = ()
    stages: tuple[Annotated[str, StringConstraints(pattern=r"^(\*|[a-z0-9]([a-z0-9-]*[a-z0-9])?)$")], ...] = ()
    signers: Annotated[tuple[Name, ...], Field(min_length=1)]


class Trust(Frozen):
    """`trust.yaml`."""

    format: Literal["modelbook/trust/v1"] = "modelbook/trust/v1"
    version: Annotated[int, Field(ge=1, le=2**53 - 1)]
    signers: tuple[Signer, ...] = ()
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _rules_name_signers(self) -> "Trust":
        names = [signer.name for signer in self.signers]
        if twin := repeated(names):
            raise ValueError(f"two signers are named {twin!r}")
        for rule in self.rules:
            if unknown := set(rule.signers) - set(names):
                raise ValueError(f"a rule names the signer {min(unknown)!r}, whom `signers` does not list")
            if not rule.statements and not rule.stages:
                raise ValueError("a rule allows nothing: give it `statements` or `stages`")
        return self


def allowed(trust: Trust, name: str, *, statement: str | None = None, stage: str | None = None) -> Sequence[Signer]:
    """The signers whom a rule allows to make `statement` about `name`, or to promote it into `stage`; maybe none."""
    names: set[str] = set()
    for rule in trust.rules:
        says = statement is not None and statement in rule.statements
        promotes = stage is not None and (stage in rule.stages or "*" in rule.stages)
        if (says or promotes) and fnmatchcase(name, rule.models):
            names.update(rule.signers)
    return [signer for signer in trust.signers if signer.name in names]
