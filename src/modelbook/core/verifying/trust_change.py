"""Who may change trust.yaml: whether one version of it follows from the one before.

As in The Update Framework, the old root lets a new version in, and the new root must be able to make the next one:
both thresholds have to sign the very bytes. So nobody outside the old root changes the trust of a team, and nobody
locks the team out with keys that no one holds. Without a `root`, whoever may merge may change trust.yaml.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from modelbook.core import layout
from modelbook.core.documents import DocumentError
from modelbook.core.findings import Finding, blocks
from modelbook.core.registry import Registry
from modelbook.core.signing.signatures import Authority, Verdict, check_approval, check_signature
from modelbook.core.signing.statements import TRUST_NAMESPACE, trust_statement
from modelbook.core.stages.history import Commit
from modelbook.core.trust import Trust
from modelbook.errors import BadInput

# trust.yaml, and what lies beside it and speaks of it.
TRUST_FILES = frozenset({"trust", "trust signature", "trusted root"})
WAITING = "too-few-root-signers"
_SIGN = "modelbook trust sign"


@dataclass(frozen=True)
class TrustVerdict:
    """What holds of one version of trust.yaml: who signed it, by the names of its own root and of the one before."""

    signed_by: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it may stand."""
        return not blocks(self.findings)


@dataclass(frozen=True)
class TrustAt:
    """What a commit left of trust.yaml and of what lies beside it."""

    commit: Commit
    registry: Registry


@dataclass
class _Root:
    """The root of one version: who may sign for it, and whose signatures are good."""

    trust: Trust
    which: str
    good: dict[str, str] = field(default_factory=dict)  # signer by path

    @property
    def authority(self) -> Authority:
        names = self.trust.root.signers if self.trust.root else ()
        return Authority([self.trust.signer(name) for name in dict.fromkeys(names)], self.trust.revocations)

    @property
    def people(self) -> set[str]:
        """Who signed: somebody with two keys is one."""
        return {self.trust.signer(name).who for name in self.good.values()}

    def missing(self, path: str) -> list[Finding]:
        """That fewer people signed than must."""
        threshold = self.trust.root.threshold if self.trust.root else 0
        if len(self.people) >= threshold:
            return []
        others = sorted({signer.who for signer in self.authority.signers} - self.people)
        who = f": {', '.join(sorted(self.people))}" if self.people else ""
        message = f"{len(self.people)} of {threshold} people of {self.which} have signed this version{who}"
        remedy = f"It waits for {threshold - len(self.people)} of {', '.join(others)}: `{_SIGN}`."
        return [Finding(path, None, WAITING, message, remedy)]


def signatures_of(registry: Registry) -> Mapping[str, layout.Place]:
    """The signatures beside trust.yaml, by path."""
    return {path: place for path, place in sorted(registry.places.items()) if place.kind == "trust signature"}


def signature_paths(registry: Registry) -> set[str]:
    """Where a signature of trust.yaml lies, or one of a signer of its root may lie."""
    paths = set(signatures_of(registry))
    with suppress(BadInput):  # of one that cannot be read, whoever judges it says so
        root = registry.trust.root
        for name in root.signers if root else ():
            paths |= {layout.trust_signature_path(name, ssh=ssh) for ssh in (False, True)}
    return paths


def check_trust_change(base: Registry | None, head: Registry, *, now: str, follows: int | None = None) -> TrustVerdict:
    """Whether the trust.yaml of `head`, with its signatures, may follow that of `base`; `now` is when it was made.

    `follows` is the version that it has to follow by number, if that is not the one of `base`. Without `base` it is the
    first version, and has to be signed by its own root. Other files are not looked at.
    """
    shown = head.shown(layout.TRUST)
    if base is not None and _rules_of(base) == _rules_of(head):
        return TrustVerdict()
    if layout.TRUST not in head.files:
        return TrustVerdict(findings=(Finding(shown, None, "rules-removed", "trust.yaml was removed"),))
    try:
        before, after = base.trust if base else None, head.trust
    except DocumentError as error:
        return TrustVerdict(findings=error.findings)
    unmoved = base is not None and base.files[layout.TRUST] == head.files[layout.TRUST]
    number = before.version if before and follows is None else follows
    if number is not None and not unmoved and after.version != number + 1:
        message = f"this is version {after.version}, and only version {number + 1} may follow {number}"
        remedy = "An older trust.yaml never comes back. Make the change anew: `modelbook trust --help`."
        return TrustVerdict(findings=(Finding(shown, None, "trust-version", message, remedy),))
    alone = before is None or before.root is None or unmoved
    roots = [_Root(after, "its root" if alone else "the new root")]
    if before is not None and before.root is not None and not unmoved:
        roots.insert(0, _Root(before, "the present root"))
    roots = [root for root in roots if root.trust.root is not None]
    findings = _signatures(base, head, roots, now)
    for root in roots:
        findings += root.missing(shown)
    if before is not None and not unmoved:
        findings += _unproved(before, after, roots, shown)
    return TrustVerdict(_names(roots), tuple(findings))


def verify_trust_history(states: Sequence[TrustAt], start: Registry | None = None) -> TrustVerdict:
    """Whether each version of trust.yaml followed from the one before, oldest first; the last is the one in force.

    Each is judged by what was in force then, at the time of its commit, with the signatures that lay beside it in the
    end. After a version that did not follow, the next one has to follow from the last that did: then it was put right,
    and is a warning. With `start`, what lies before the last state that is the same is not looked at: whoever asks
    vouches for that one himself.
    """
    if start is not None:
        same = [number for number, one in enumerate(states) if _rules_of(one.registry) == _rules_of(start)]
        if not same:
            message = "the trust.yaml to begin with is none that this history ever had"
            return TrustVerdict(findings=(Finding(start.shown(layout.TRUST), None, "other-trust", message),))
        states = states[same[-1] :]
    findings: list[Finding] = []
    wrong: list[Finding] = []  # of the versions since the last good one
    good: Registry | None = None
    number: int | None = None
    verdict = TrustVerdict()
    for group in _by_bytes(states):
        came, registry = group[0].commit, group[-1].registry
        verdict = check_trust_change(good, registry, now=came.time, follows=number)
        number = _number(registry) or number
        if verdict.passed:
            findings += [replace(one, level="warning", remedy="It was put right since.") for one in wrong]
            good, wrong = registry, []
        else:
            errors = [one for one in verdict.findings if one.level == "error"]
            wrong += [replace(one, message=f"in commit {came}: {one.message}") for one in errors]
    return TrustVerdict(verdict.signed_by, tuple(dict.fromkeys([*findings, *wrong])))


def _number(registry: Registry) -> int | None:
    try:
        return registry.trust.version if layout.TRUST in registry.files else None
    except DocumentError:
        return None


def _by_bytes(revisions: Sequence[TrustAt]) -> Iterator[list[TrustAt]]:
    """Neighbours with the same trust.yaml together."""
    group: list[TrustAt] = []
    for one in revisions:
        if group and group[-1].registry.files.get(layout.TRUST) != one.registry.files.get(layout.TRUST):
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _rules_of(registry: Registry) -> dict[str, bytes]:
    return {path: registry.files[path] for path, place in registry.places.items() if place.kind in TRUST_FILES}


def _signatures(base: Registry | None, head: Registry, roots: Sequence[_Root], now: str) -> list[Finding]:
    """Fill in whose signatures are good, for each root; what is wrong with those that are new."""
    findings = []
    unmoved = base is not None and base.files[layout.TRUST] == head.files[layout.TRUST]
    for path, place in signatures_of(head).items():
        shown = head.shown(path)
        # Those of the root before are good for it only, and it is not at hand where trust.yaml stays or has no base.
        standing = base is None or (unmoved and base.files.get(path) == head.files[path])
        if not roots and not standing:
            message = "trust.yaml has no root, so nobody is asked to sign it"
            findings.append(Finding(shown, None, "no-root", message, f"Remove it: `git rm {shown}`."))
            continue
        refused: list[Finding] = []
        for root in roots:
            signer, found = _check(head, path, root.authority, now)
            refused += found
            if signer is not None and signer.name == place.signer:
                root.good[path] = signer.name
            elif signer is not None:
                message = f"the file bears the name {place.signer!r}, but {signer.name!r} signed it"
                refused.append(Finding(shown, None, "other-signer", message, "Rename it."))
        if not standing and not any(path in root.good for root in roots):
            findings += _why(base, head, path, refused)
    # History proves a version by them for ever, also by those of people who are in the root no more.
    proofs = {path: base.files[path] for path in signatures_of(base)} if base is not None and unmoved else {}
    for path, proof in proofs.items():
        if proof != head.files.get(path) and not any(path in root.good for root in roots):
            message = "a signature on trust.yaml was removed or spoilt, and trust.yaml stays as it is"
            findings.append(Finding(head.shown(path), None, "immutable", message, "Restore it."))
    return findings


def _check(head: Registry, path: str, authority: Authority, now: str) -> Verdict:
    data, shown, what = head.files[layout.TRUST], head.shown(path), f"trust.yaml, version {head.trust.version}"
    if path.endswith(".sshsig"):
        return check_approval(head.files[path], data, TRUST_NAMESPACE, authority, path=shown, what=what, made=now)
    expected = trust_statement(head.trust, data)
    return check_signature(head.files[path], expected, authority, path=shown, what=what, made=now)


def _why(base: Registry | None, head: Registry, path: str, refused: Sequence[Finding]) -> list[Finding]:
    """The one reason that says most: what is stale, then what is known of the signer, then that he is not known."""
    shown = head.shown(path)
    if base is not None and base.files.get(path) == head.files[path]:
        message = "this signature is of the version before, and none of this one"
        return [Finding(shown, None, "stale-signature", message, f"Remove it: `git rm {shown}`.")]
    telling = [finding for finding in refused if finding.code not in {"bad-signature", "nobody-allowed"}]
    return [*telling, *refused][:1]


def _unproved(before: Trust, after: Trust, roots: Sequence[_Root], shown: str) -> list[Finding]:
    """Keys that are new in the root and signed nothing yet: perhaps nobody holds them."""
    known = {signer.token for signer in before.signers}
    proved = {name for root in roots if root.trust is after for name in root.good.values()}
    names = after.root.signers if after.root else ()
    return [
        Finding(
            shown,
            None,
            "unproved-key",
            f"the key of {name!r} is new in the root and has signed nothing yet",
            f"Its owner proves that it works: `{_SIGN}`.",
            level="warning",
        )
        for name in dict.fromkeys(names)
        if name not in proved and after.signer(name).token not in known
    ]


def _names(roots: Sequence[_Root]) -> tuple[str, ...]:
    return tuple(sorted({name for root in roots for name in root.good.values()}))
