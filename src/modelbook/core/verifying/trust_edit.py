"""The next version of trust.yaml, as plain data: whoever wrote it by hand finds all else as it was.

An edit never takes anything away from anybody but the one whom it names. What comes of it is checked as any trust.yaml
is, by reading it.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from modelbook.core.names import check_name
from modelbook.core.trust import Trust
from modelbook.errors import BadInput

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Grant:
    """What somebody is to be allowed: `statements` about, and promotions into `stages` of, what `models` names."""

    models: str = "*"
    statements: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()


class Draft:
    """The next version of `trust`, which was read from `data` (plain YAML data). Each edit changes `data` here."""

    def __init__(self, trust: Trust, data: Fields) -> None:
        self._trust = trust
        self.data: dict[str, Any] = deepcopy(dict(data))
        self.data["version"] = trust.version + 1

    def check_known(self, name: str) -> None:
        """Raise BadInput, with the names that there are, unless `name` is a signer."""
        known = [signer["name"] for signer in self._signers()]
        if name not in known:
            raise BadInput(f"trust.yaml has no signer {name!r}", remedy=f"Its signers: {', '.join(known) or 'none'}.")

    def add_signer(self, name: str, fields: Fields) -> None:
        """Somebody new. Raises BadInput where the name is taken or none."""
        check_name(name, "signer")
        if any(signer["name"] == name for signer in self._signers()):
            remedy = f"Choose another name, or give it a new key: `modelbook trust rotate {name}`."
            raise BadInput(f"trust.yaml has a signer {name!r} already", remedy=remedy)
        self._signers().append({"name": name, **{key: value for key, value in fields.items() if value is not None}})

    def grant(self, name: str, grant: Grant) -> None:
        """Allow `name` what `grant` says, and nothing more, beside those who are allowed it now.

        Since the first rule that speaks of a thing decides, a special rule is put before the general one, with the
        general one's signers.
        """
        statements, stages = set(grant.statements), set(grant.stages)
        rules: list[dict[str, Any]] = []
        for rule, data in zip(self._trust.rules, self.data.get("rules") or [], strict=True):
            if _covers(rule.models, grant.models):
                said, entered = statements & set(rule.statements), _both(stages, set(rule.stages))
                if said or entered:
                    whole = (said, entered) == (set(rule.statements), set(rule.stages))
                    if rule.models == grant.models and whole:
                        data = {**data, "signers": list(dict.fromkeys([*rule.signers, name]))}
                    else:
                        rules.append(_rule(grant.models, said, entered, [*rule.signers, name], rule.threshold))
                    statements, stages = statements - said, stages - entered
            rules.append(data)
        if statements or stages:
            rules.append(_rule(grant.models, statements, stages, [name], 1))
        self.data["rules"] = rules

    def root(self, names: Sequence[str], threshold: int) -> None:
        """Say who may change trust.yaml from now on."""
        for name in names:
            self.check_known(name)
        self.data["root"] = {"signers": list(dict.fromkeys(names)), "threshold": threshold}

    def into_root(self, name: str) -> None:
        """Let `name` sign new versions of trust.yaml as well. Raises BadInput where there is no root."""
        root = self.data.get("root")
        if not root:
            raise BadInput("trust.yaml has no root", remedy="Make one: `modelbook trust init --signer NAME`.")
        self.data["root"] = {**root, "signers": [*root["signers"], name]}

    def rotate(self, old: str, fields: Fields, *, until: str) -> str:
        """Give the owner of `old` a new key, wherever the old one counts, which ends `until`. Returns the new name."""
        self.check_known(old)
        signer = self._trust.signer(old)
        taken = {one.name for one in self._trust.signers}
        stem = re.sub(r"-[0-9]+$", "", old)
        new = next(name for number in range(2, 10**6) if (name := f"{stem}-{number}") not in taken)
        self.add_signer(new, {"description": signer.description, "person": signer.who, **fields})
        for data in self._signers():
            if data["name"] == old:
                # Named here, so that the two stay one person whatever becomes of the name.
                data["person"] = signer.who
                data["expires"] = min(filter(None, (signer.expires, until)))
        for part in (*(self.data.get("rules") or []), *filter(None, [self.data.get("root")])):
            if old in part["signers"]:
                part["signers"] = [*part["signers"], new]
        return new

    def trusted_root(self, digest: str) -> None:
        """Check keyless signatures by the trusted_root.json of this digest from now on."""
        self.data["sigstore"] = digest

    def revoke(self, withdrawals: Sequence[Fields]) -> None:
        """Take trust back from payloads, keys or identities."""
        self.data["revocations"] = [*(self.data.get("revocations") or []), *withdrawals]

    def _signers(self) -> list[dict[str, Any]]:
        if not self.data.get("signers"):
            self.data["signers"] = []
        found: list[dict[str, Any]] = self.data["signers"]
        return found


def _rule(
    models: str, statements: set[str], stages: set[str], signers: Sequence[str], threshold: int
) -> dict[str, Any]:
    rule: dict[str, Any] = {"models": models}
    rule |= {"statements": sorted(statements)} if statements else {}
    rule |= {"stages": sorted(stages)} if stages else {}
    rule["signers"] = list(dict.fromkeys(signers))
    return rule | ({"threshold": threshold} if threshold > 1 else {})


def _covers(wide: str, narrow: str) -> bool:
    """Whether the glob `wide` fits all that `narrow` does; a star must fit nothing, and much."""
    return all(fnmatchcase(narrow.replace("*", text), wide) for text in ("", "---", "zz0zz0zz"))


def _both(asked: set[str], given: set[str]) -> set[str]:
    """The stages that both speak of, where `*` is every stage."""
    return asked if "*" in given else given if "*" in asked else asked & given
