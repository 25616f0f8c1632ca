"""Which path of the registry tree holds what (DESIGN.md section 2). Paths are relative to the registry folder."""

import re
from dataclasses import dataclass
from functools import lru_cache

from modelbook.core.names import NAME_PATTERN

POLICY, TRUST, TRUSTED_ROOT = "policy.yaml", "trust.yaml", "trusted_root.json"
PRUNE = "prune.json"  # what `modelbook prune plan` proposes to delete
_NAME = f"(?:{NAME_PATTERN[1:-1]})"
_VERSION = r"[1-9][0-9]{0,9}"
_FORMS = {
    "policy": r"policy\.yaml",
    "trust": r"trust\.yaml",
    "prune plan": r"prune\.json",
    "trust signature": rf"trust\.(?P<signer>{_NAME})\.(?:sigstore\.json|sshsig)",
    "trusted root": r"trusted_root\.json",
    "model": rf"models/(?P<name>{_NAME})/model\.yaml",
    "card": rf"models/(?P<name>{_NAME})/versions/(?P<version>{_VERSION})/card\.yaml",
    "signature": rf"models/(?P<name>{_NAME})/versions/(?P<version>{_VERSION})/model\.sig",
    "provenance": rf"models/(?P<name>{_NAME})/versions/(?P<version>{_VERSION})/provenance\.sigstore\.json",
    "evaluation": rf"models/(?P<name>{_NAME})/versions/(?P<version>{_VERSION})/evaluations/(?P<part>{_NAME})\.yaml",
    "evaluation signature": (
        rf"models/(?P<name>{_NAME})/versions/(?P<version>{_VERSION})/evaluations/(?P<part>{_NAME})\.sigstore\.json"
    ),
    "revocation": rf"models/(?P<name>{_NAME})/versions/(?P<version>{_VERSION})/revoked\.yaml",
    "reproduction": rf"models/(?P<name>{_NAME})/versions/(?P<version>{_VERSION})/reproductions/(?P<part>{_NAME})\.yaml",
    "reproduction signature": (
        rf"models/(?P<name>{_NAME})/versions/(?P<version>{_VERSION})/reproductions/(?P<part>{_NAME})\.sigstore\.json"
    ),
    "online": rf"models/(?P<name>{_NAME})/online/(?P<part>{_NAME})\.yaml",
    "online signature": rf"models/(?P<name>{_NAME})/online/(?P<part>{_NAME})\.sigstore\.json",
    "stage": rf"models/(?P<name>{_NAME})/stages/(?P<part>{_NAME})\.yaml",
    "verification summary": (
        rf"models/(?P<name>{_NAME})/stages/(?P<part>{_NAME})\.(?P<signer>{_NAME})\.sigstore\.json"
    ),
    "approval": rf"models/(?P<name>{_NAME})/stages/(?P<part>{_NAME})\.(?P<signer>{_NAME})\.sshsig",
    "dataset": rf"datasets/(?P<name>{_NAME})/versions/(?P<version>{_VERSION})/card\.yaml",
    "dataset signature": rf"datasets/(?P<name>{_NAME})/versions/(?P<version>{_VERSION})/dataset\.sig",
}
# What stands beside a stage's pointer: who signed that it may stand there.
STAGE_SIGNATURES = frozenset({"verification summary", "approval"})
EXPERIMENT_FILES = frozenset({"online", "online signature"})
# What never changes once it is registered, in words. What is learnt later is a new file beside it.
IMMUTABLE = {
    "card": "a model card",
    "signature": "a model's signature",
    "provenance": "a provenance",
    "evaluation": "an evaluation",
    "evaluation signature": "an evaluation's signature",
    "revocation": "a revocation",
    "reproduction": "a reproduction",
    "reproduction signature": "a reproduction's signature",
    "online": "an experiment's result",
    "online signature": "the signature of an experiment's result",
    "dataset": "a dataset card",
    "dataset signature": "a dataset's signature",
}
_BY_DEPTH: dict[int, list[tuple[str, re.Pattern[str]]]] = {}
for _kind, _form in _FORMS.items():
    _BY_DEPTH.setdefault(_form.count("/"), []).append((_kind, re.compile(_form)))


@dataclass(frozen=True)
class Place:
    """What a path is: its kind, and the model (or dataset) and version that it belongs to.

    `part` is the suite, the stage, the reproduction's id or the experiment, `signer` who signed.
    """

    kind: str
    name: str | None = None
    version: int | None = None
    part: str | None = None
    signer: str | None = None


@lru_cache(maxsize=2**18)  # a large registry is asked path by path, by each who looks at it
def place_of(path: str) -> Place | None:
    """What `path` holds, or None if the registry has no such file."""
    for kind, form in _BY_DEPTH.get(path.count("/"), ()):
        if found := form.fullmatch(path):
            groups = found.groupdict()
            version = groups.get("version")
            return Place(
                kind,
                groups.get("name"),
                int(version) if version else None,
                groups.get("part"),
                groups.get("signer"),
            )
    return None


def model_folder(model: str) -> str:
    """`models/<model>`."""
    return f"models/{model}"


def version_folder(model: str, version: int) -> str:
    """`models/<model>/versions/<n>`."""
    return f"models/{model}/versions/{version}"


def dataset_folder(dataset: str, version: int) -> str:
    """`datasets/<dataset>/versions/<n>`."""
    return f"datasets/{dataset}/versions/{version}"


def online_path(model: str, experiment: str) -> str:
    """`models/<model>/online/<experiment>.yaml`."""
    return f"models/{model}/online/{experiment}.yaml"


def pointer_path(model: str, stage: str) -> str:
    """`models/<model>/stages/<stage>.yaml`."""
    return f"models/{model}/stages/{stage}.yaml"


def summary_path(model: str, stage: str, signer: str) -> str:
    """`models/<model>/stages/<stage>.<signer>.sigstore.json`."""
    return f"models/{model}/stages/{stage}.{signer}.sigstore.json"


def approval_path(model: str, stage: str, signer: str) -> str:
    """`models/<model>/stages/<stage>.<signer>.sshsig`."""
    return f"models/{model}/stages/{stage}.{signer}.sshsig"


def trust_signature_path(signer: str, *, ssh: bool = False) -> str:
    """`trust.<signer>.sigstore.json`, or `trust.<signer>.sshsig`."""
    return f"trust.{signer}." + ("sshsig" if ssh else "sigstore.json")
