"""Whether the files by which everything is judged can judge: policy.yaml, trust.yaml and each model.yaml."""

from modelbook.core import layout
from modelbook.core.documents import DocumentError, load_lines
from modelbook.core.findings import Finding
from modelbook.core.judging.cel import ExpressionError
from modelbook.core.judging.expressions import parse
from modelbook.core.layout import Place
from modelbook.core.pruning.keep_conditions import check_keep
from modelbook.core.registered_model import RegisteredModel
from modelbook.core.registry import Registry
from modelbook.core.signing.signatures import key_digest
from modelbook.core.signing.ssh_signature import SshError
from modelbook.core.trust import Trust, unreachable

# The files that say how everything else is judged.
JUDGING = frozenset({"policy", "trust", "model"})


def check_rules(registry: Registry, path: str, place: Place) -> list[Finding]:
    """Whether policy.yaml, trust.yaml, its trusted root or a model.yaml can be read, and every gate in it judged."""
    try:
        if place.kind == "trust":
            return _useless_parts(registry, path) + _trusted_root(registry)
        if place.kind == "trusted root":
            return _trusted_root(registry) if layout.TRUST in registry.files else []
        if place.kind == "model" and (findings := _model_meaning(registry, path, place)):
            return findings
        if place.kind == "model" and layout.POLICY not in registry.files:
            return []
        findings = _overriders(registry, path) + _conditions(registry, path) if place.kind == "policy" else []
        gates = registry.every_gate(place.name or "")
    except DocumentError as error:
        return list(error.findings)
    for gate in gates:
        if gate.path == registry.shown(path):
            try:
                parse(gate.gate.require)
            except ExpressionError as error:
                findings.append(
                    Finding(
                        gate.path,
                        gate.line,
                        "invalid-gate",
                        f"the gate {gate.gate.name!r} is invalid: {error}",
                    )
                )
    return findings


def _overriders(registry: Registry, path: str) -> list[Finding]:
    """People who may override a freeze and whom trust.yaml does not know: they could never sign for it."""
    if layout.TRUST not in registry.files:
        return []
    known = sorted({signer.who for signer in registry.trust.signers})
    return [
        Finding(
            registry.shown(path),
            registry.line_in_policy(("freeze", at, "override", number)),
            "no-such-person",
            f"nobody in trust.yaml is called {name!r}, so nobody could sign for that override",
            f"Those who sign: {', '.join(known)}.",
        )
        for at, one in enumerate(registry.policy.freeze)
        for number, name in enumerate(one.override or ())
        if name not in known
    ]


def _conditions(registry: Registry, path: str) -> list[Finding]:
    """Conditions of `keep` that cannot be judged: what they speak of would be kept for good, and nobody would know."""
    return [
        Finding(
            registry.shown(path),
            registry.line_in_policy(("keep", *spot)),
            "invalid-condition",
            f"a condition of `keep` is invalid: {problem}",
        )
        for spot, problem in (check_keep(registry.policy.keep) if registry.policy.keep else ())
    ]


def _useless_parts(registry: Registry, path: str) -> list[Finding]:
    """Keys that can sign nothing, one key under two names, and rules that are never asked."""
    shown, trust = registry.shown(path), registry.trust
    findings, owners = [], dict[str, str]()
    for signer in trust.signers:
        try:
            digest = key_digest(signer)
        except ValueError as error:
            kind = "an SSH public key" if isinstance(error, SshError) else "a P-256 public key"
            message = f"the key of {signer.name!r} is not {kind}, so it can sign nothing: {error}"
            findings.append(Finding(shown, None, "invalid-key", message, "Paste the whole key."))
            continue
        if digest and (owner := owners.setdefault(digest, signer.name)) != signer.name:
            message = f"{owner!r} and {signer.name!r} have the same key"
            findings.append(Finding(shown, None, "invalid-key", message, "Remove one of them."))
    return findings + _shadowed(registry, shown, trust)


def _trusted_root(registry: Registry) -> list[Finding]:
    """That workflows may sign, or a trusted root is named, and keyless signatures could not be checked by it."""
    trust, root = registry.trust, registry.trusted_root
    wanted = trust.sigstore is not None or any(signer.workflow for signer in trust.signers)
    if not wanted or not (problem := root.problem()):
        return []
    return [Finding(registry.shown(layout.TRUSTED_ROOT), None, "bad-trusted-root", *problem)]


def _shadowed(registry: Registry, shown: str, trust: Trust) -> list[Finding]:
    _, parsed = load_lines(Trust, registry.files[layout.TRUST], shown)
    return [
        Finding(
            shown,
            parsed.line_of(("rules", late)),
            "unreachable-rule",
            f"this rule is never asked: rule {early + 1} speaks of all that it speaks of, and the first one decides",
            f"Put it above rule {early + 1}, or remove it.",
        )
        for late, early in unreachable(trust)
    ]


def _model_meaning(registry: Registry, path: str, place: Place) -> list[Finding]:
    shown = registry.shown(path)
    model, parsed = load_lines(RegisteredModel, registry.files[path], shown)
    if model.model != place.name:
        message = f"it describes {model.model!r}, but its path says {place.name!r}"
        return [Finding(shown, parsed.line_of(("model",)), "other-name", message)]
    if layout.POLICY not in registry.files:
        return []
    known = [stage.name for stage in registry.policy.stages]
    return [
        Finding(
            shown,
            parsed.line_of(("gates", stage)),
            "no-such-stage",
            f"no stage is named {stage!r}, so nothing would ask its gates",
            f"The stages of policy.yaml: {', '.join(known)}.",
        )
        for stage in model.gates
        if stage not in known
    ]
