"""Who may change trust.yaml: whether one version of it follows from the one before.

As in The Update Framework, the old root lets a new version in, and the new root must be able to make the next one:
both thresholds have to sign the very bytes. So nobody outside the old root changes the trust of a team, and nobody
locks the team out with keys that no one holds. Without a `root`, whoever may merge may change trust.yaml.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from modelbook.core import layout
from modelbook.core.digests import digest_of
from modelbook.core.documents import DocumentError
from modelbook.core.findings import Finding, blocks
from modelbook.core.registry import Registry
from modelbook.core.signatures import Authority, Verdict, check_approval, check_signature
from modelbook.core.statements import TRUST_NAMESPACE, trust_statement
from modelbook.core.trust import Trust

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
class Revision:
    """trust.yaml and the signatures beside it at one commit, made at `time` (UTC, with Z)."""

    commit: str
    time: str
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
        return [Finding(path, None, "too-few-root-signers", message, remedy)]


def signatures_of(registry: Registry) -> Mapping[str, layout.Place]:
    """The signatures beside trust.yaml, by path."""
    return {path: place for path, place in sorted(registry.places.items()) if place.kind == "trust signature"}


def check_trust_change(base: Registry | None, head: Registry, *, now: str) -> TrustVerdict:
    """Whether the trust.yaml of `head`, with its signatures, may follow that of `base`; `now` is when it was made.

    Without `base` it is the first version, and has to be signed by its own root. The files that are no trust are not
    looked at. A trust.yaml that cannot be read is told by `check_rules`, and passes nothing here either.
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
    if before is not None and not unmoved and after.version != before.version + 1:
        message = f"this is version {after.version}, and version {before.version + 1} must follow {before.version}"
        remedy = "An older trust.yaml never comes back. Make the change anew: `modelbook trust --help`."
        return TrustVerdict(findings=(Finding(shown, None, "trust-version", message, remedy),))
    alone = before is None or before.root is None or unmoved
    roots = [_Root(after, "its root" if alone else "the new root")]
    if before is not None and before.root is not None and not unmoved:
        roots.insert(0, _Root(before, "the present root"))
    roots = [root for root in roots if root.trust.root is not None]
    findings = [*_signatures(base, head, roots, now), *_pin(head, after)]
    for root in roots:
        findings += root.missing(shown)
    if before is not None and not unmoved:
        findings += _unproved(before, after, roots, shown)
    return TrustVerdict(_names(roots), tuple(findings))


def verify_trust_history(revisions: Sequence[Revision]) -> TrustVerdict:
    """Whether each version of trust.yaml followed from the one before, oldest first; the last is the one in force.

    Each is judged by what was in force then, at the time of its commit. Signatures may come in later commits than the
    version; it stands once one commit has enough of them.
    """
    findings: list[Finding] = []
    before: Registry | None = None
    verdict = TrustVerdict()
    for versions in _by_bytes(revisions):
        verdicts = [check_trust_change(before, one.registry, now=one.time) for one in versions]
        verdict = next((one for one in verdicts if one.passed), verdicts[-1])
        findings += [_at(finding, versions[-1].commit) for finding in verdict.findings if finding.level == "error"]
        if layout.TRUST in versions[-1].registry.files:
            before = versions[-1].registry
    return TrustVerdict(verdict.signed_by, tuple(dict.fromkeys(findings)))


def _by_bytes(revisions: Sequence[Revision]) -> Iterator[list[Revision]]:
    """Neighbours with the same trust.yaml together."""
    group: list[Revision] = []
    for one in revisions:
        if group and group[-1].registry.files.get(layout.TRUST) != one.registry.files.get(layout.TRUST):
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _at(finding: Finding, commit: str) -> Finding:
    return Finding(finding.path, None, finding.code, f"in commit {commit[:12]}: {finding.message}", finding.remedy)


def _rules_of(registry: Registry) -> dict[str, bytes]:
    kinds = {"trust", "trust signature", "trusted root"}
    return {path: registry.files[path] for path, place in registry.places.items() if place.kind in kinds}


def _signatures(base: Registry | None, head: Registry, roots: Sequence[_Root], now: str) -> list[Finding]:
    """Fill in whose signatures are good, for each root; what is wrong with the others."""
    findings = []
    for path, place in signatures_of(head).items():
        shown = head.shown(path)
        if not roots:
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
        if not any(path in root.good for root in roots):
            findings += _why(base, head, path, refused)
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


def _pin(head: Registry, trust: Trust) -> list[Finding]:
    """That the roots of Sigstore are those whose digest stands in the signed file."""
    held = head.files.get(layout.TRUSTED_ROOT)
    if (digest_of(held) if held is not None else None) == trust.sigstore:
        return []
    shown = head.shown(layout.TRUSTED_ROOT)
    message = (
        "it is not the file whose digest trust.yaml holds as `sigstore`"
        if held is not None
        else "trust.yaml holds its digest as `sigstore`, and it is not here"
    )
    return [Finding(shown, None, "other-trusted-root", message, "Change both in one pull request, or neither.")]


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
