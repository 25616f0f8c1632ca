"""trust.yaml: who may sign what, what was taken back, and who may change this file. What no rule allows is refused."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from modelbook.core.documents import repeated
from modelbook.core.names import Name
from modelbook.core.records import Digest, Frozen, Text, Timestamp

Statement = Literal["model", "provenance", "evaluation", "reproduction", "dataset", "online"]
PublicKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=]{1,76}\n)+-----END PUBLIC KEY-----\n?$",
        max_length=2000,
    ),
]
# As a line of an `authorized_keys` file: kind, key, and whatever comment a person has there.
SshKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^(ssh-ed25519|ecdsa-sha2-nistp256|ssh-rsa|sk-ssh-ed25519@openssh\.com"
        r"|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,2}( [ -~]*)?$",
        max_length=5000,
    ),
]
# Exact, never a pattern: a `*` here would let in every workflow that anybody writes.
Exact = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9._~:/@%+-]+$", max_length=500)]
GITHUB = "https://token.actions.githubusercontent.com"


class Workflow(Frozen):
    """Who a keyless certificate speaks of: a workflow, at a ref or commit, run for one repository on one branch.

    `identity` is the file that holds the signing job, with `@` and its ref: that of a reusable workflow, where one
    signs. `repository_id` and `ref` are those of the repository that called it; a number survives a change of name.
    """

    issuer: Exact = GITHUB
    identity: Exact
    repository_id: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,19}$")]
    ref: Annotated[str, StringConstraints(pattern=r"^refs/[A-Za-z0-9._/+-]+$", max_length=300)]


class Signer(Frozen):
    """One who signs: a P-256 `key` (in a file, a variable or a KMS), a `workflow`, or the `ssh` key of a person.

    Every use after `expires` is refused. Signers with the same `person` count once; without one, a signer is a person.
    """

    name: Name
    description: Text | None = None
    person: Name | None = None
    key: PublicKey | None = None
    workflow: Workflow | None = None
    ssh: SshKey | None = None
    expires: Timestamp | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Signer":
        if sum(part is not None for part in (self.key, self.workflow, self.ssh)) != 1:
            raise ValueError(f"the signer {self.name!r} needs one of `key`, `workflow` and `ssh`")
        return self

    @property
    def who(self) -> str:
        """The person whom a threshold counts."""
        return self.person or self.name

    @property
    def token(self) -> str:
        """What is proved by a signature, as text: equal for two signers that are one."""
        if self.key is not None:
            return "".join(line for line in self.key.splitlines() if not line.startswith("-----"))
        if self.ssh is not None:
            return " ".join(self.ssh.split(" ")[:2])
        return self.workflow.model_dump_json() if self.workflow else ""


class Rule(Frozen):
    """The `signers` may make the `statements`, and promote into the `stages`, of what the glob `models` names.

    For the statement `dataset` the glob names datasets. A promotion needs `threshold` distinct people. The first rule
    that speaks of a thing decides: a special one stands before the general one.
    """

    models: Annotated[str, StringConstraints(pattern=r"^[a-z0-9*?-]+$", max_length=63)]
    statements: tuple[Statement, ...] = ()
    stages: tuple[Annotated[str, StringConstraints(pattern=r"^(\*|[a-z0-9]([a-z0-9-]*[a-z0-9])?)$")], ...] = ()
    signers: Annotated[tuple[Name, ...], Field(min_length=1)]
    threshold: Annotated[int, Field(ge=1, le=20)] = 1

    def speaks_of(self, name: str, statement: str | None, stage: str | None) -> bool:
        """Whether the rule is about this statement of `name`, or about promoting it into this stage."""
        says = statement is not None and statement in self.statements
        promotes = stage is not None and (stage in self.stages or "*" in self.stages)
        return (says or promotes) and fnmatchcase(name, self.models)


class Root(Frozen):
    """Who may change trust.yaml: so many distinct people of these must sign each new version of it."""

    signers: Annotated[tuple[Name, ...], Field(min_length=1)]
    threshold: Annotated[int, Field(ge=1, le=20)] = 1


class Withdrawal(Frozen):
    """What trust.yaml no longer believes: one signed `payload`, a `key`, or an `identity` (a workflow's, or a person).

    A payload is named by the digest of what was signed, never by that of its signature: of one ECDSA signature anybody
    can make another. A key is named by its digest. With `since`, what was signed before that time stands.
    """

    payload: Digest | None = None
    key: Digest | None = None
    identity: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    since: Timestamp | None = None
    reason: Annotated[Text, Field(min_length=1)]

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Withdrawal":
        if sum(part is not None for part in (self.payload, self.key, self.identity)) != 1:
            raise ValueError("a revocation names one of `payload`, `key` and `identity`")
        if self.payload and self.since:
            raise ValueError("a payload is revoked whole: `since` is for keys and identities")
        return self


class Trust(Frozen):
    """`trust.yaml`. `sigstore` is the digest of `trusted_root.json`, by which keyless signatures are checked."""

    format: Literal["modelbook/trust/v1"] = "modelbook/trust/v1"
    version: Annotated[int, Field(ge=1, le=2**53 - 1)]
    signers: tuple[Signer, ...] = ()
    rules: tuple[Rule, ...] = ()
    root: Root | None = None
    revocations: tuple[Withdrawal, ...] = ()
    sigstore: Digest | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> "Trust":
        if twin := repeated([signer.name for signer in self.signers]):
            raise ValueError(f"two signers are named {twin!r}")
        for number, signer in enumerate(self.signers):
            for other in self.signers[:number]:
                if signer.token == other.token:
                    raise ValueError(f"{other.name!r} and {signer.name!r} are one signer under two names")
        for rule in self.rules:
            self._check("a rule", rule.signers, rule.threshold)
            if not rule.statements and not rule.stages:
                raise ValueError("a rule allows nothing: give it `statements` or `stages`")
            if rule.statements and rule.threshold > 1:
                raise ValueError("only promotions have several signers: a rule with `statements` has no threshold")
            people = [name for name in rule.signers if self.signer(name).ssh]
            if rule.statements and people:
                raise ValueError(f"{people[0]!r} signs by SSH, and so promotions only: no `statements`")
        if self.root:
            self._check("root", self.root.signers, self.root.threshold)
            if keyless := [name for name in self.root.signers if self.signer(name).workflow]:
                raise ValueError(f"{keyless[0]!r} is a workflow: root needs keys that people hold")
        return self

    def _check(self, what: str, names: Sequence[str], threshold: int) -> None:
        known = {signer.name for signer in self.signers}
        if unknown := set(names) - known:
            raise ValueError(f"{what} names the signer {min(unknown)!r}, whom `signers` does not list")
        people = {self.signer(name).who for name in names}
        if threshold > len(people):
            raise ValueError(f"{what} asks for {threshold} people and names {len(people)}: nobody could ever meet it")

    def signer(self, name: str) -> Signer:
        """The signer of that name. Raises StopIteration where there is none."""
        return next(signer for signer in self.signers if signer.name == name)


def rule_for(trust: Trust, name: str, *, statement: str | None = None, stage: str | None = None) -> Rule | None:
    """The first rule that speaks of `statement` about `name`, or of its promotion into `stage`."""
    return next((rule for rule in trust.rules if rule.speaks_of(name, statement, stage)), None)


def allowed(trust: Trust, name: str, *, statement: str | None = None, stage: str | None = None) -> Sequence[Signer]:
    """The signers whom the rule for it allows to make `statement` about `name`, or to promote it; maybe none."""
    rule = rule_for(trust, name, statement=statement, stage=stage)
    return [signer for signer in trust.signers if rule and signer.name in rule.signers]


def unreachable(trust: Trust) -> list[tuple[int, int]]:
    """Pairs of a rule that is never asked and the earlier one that always answers first, counted from 0."""
    found = []
    for late, rule in enumerate(trust.rules):
        for early, other in enumerate(trust.rules[:late]):
            wide = other.models in {"*", rule.models}
            stages = "*" in other.stages or set(rule.stages) <= set(other.stages)
            if wide and stages and set(rule.statements) <= set(other.statements):
                found.append((late, early))
                break
    return found
