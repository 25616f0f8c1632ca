"""Versions of trust.yaml with the signatures beside them, for tests of who may change it."""

from collections.abc import Iterable, Mapping
from typing import Any

from modelbook.core.documents import load
from modelbook.core.layout import trust_signature_path
from modelbook.core.registry import Registry
from modelbook.core.signing.statements import TRUST_NAMESPACE, trust_statement
from modelbook.core.trust import Trust
from tests.made import POLICY, key, trust_yaml
from tests.parts.ssh_keys import ssh_key

PEOPLE: Mapping[str, Mapping[str, Any]] = {"alice": {}, "bob": {}, "carol": {}}


def trust(
    version: int = 1,
    root: Iterable[str] | None = ("alice",),
    threshold: int = 1,
    signers: Mapping[str, Mapping[str, Any]] = PEOPLE,
    **more: Any,
) -> bytes:
    """A trust.yaml; `root` None leaves it without one."""
    told = {} if root is None else {"root": {"signers": list(root), "threshold": threshold}}
    return trust_yaml((), signers, version, **told, **more)


def signed(data: bytes, *by: str, old: Registry | None = None) -> Registry:
    """A registry with this trust.yaml, signed by those keys under their own names; `old` lends it other files."""
    found = load(Trust, data, "trust.yaml")
    files = {"policy.yaml": POLICY.encode(), **(old.files if old else {}), "trust.yaml": data}
    for name in by:
        if name in {one.name for one in found.signers if one.ssh}:
            files[trust_signature_path(name, ssh=True)] = ssh_key(name).sign(data, TRUST_NAMESPACE)
        else:
            files[trust_signature_path(name)] = key(name).sign(trust_statement(found, data))
    return Registry(files)
