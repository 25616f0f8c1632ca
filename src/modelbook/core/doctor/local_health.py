"""Whether this machine has what is needed, and whether the registry's rules can be kept by anybody."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial

from modelbook.core import layout
from modelbook.core.doctor.health import Check, Verdict
from modelbook.core.registry import Registry
from modelbook.core.trust import allowed
from modelbook.core.verifying.trust_expiry import check_expiry, expires_soon, has_expired
from modelbook.errors import BadInput

OLDEST_GIT, OLDEST_SSH = (2, 31), (8, 2)
MOST_SKEW = 60  # seconds by which a clock may differ; S3 refuses requests that are 15 minutes off


@dataclass(frozen=True)
class MachineFacts:
    """What `git --version` and `ssh -V` print; None where there is no such program, or no ssh-keygen."""

    git: str
    ssh: str | None


def check_machine(facts: MachineFacts) -> list[Check]:
    """Whether the programs that are called are new enough."""
    checks = [_version("git", facts.git, OLDEST_GIT)]
    if facts.ssh is None:
        message = "ssh-keygen is not there: nobody can approve with an SSH key from here"
        return [*checks, Check("machine", "ssh-keygen", "warning", message, "Install OpenSSH 8.2 or newer.")]
    return [*checks, _version("OpenSSH", facts.ssh, OLDEST_SSH)]


def _version(what: str, printed: str, oldest: tuple[int, int]) -> Check:
    found, name = re.search(r"(\d+)\.(\d+)", printed), "git" if what == "git" else "ssh-keygen"
    if found is None:
        return Check("machine", name, "unknown", f"which {what} this is: it says {printed[:80]!r}")
    have = (int(found[1]), int(found[2]))
    if have < oldest:
        remedy = f"Install {what} {oldest[0]}.{oldest[1]} or newer."
        return Check("machine", name, "problem", f"{what} {found[0]} is too old", remedy)
    return Check("machine", name, "ok", f"{what} {found[0]}")


@dataclass(frozen=True)
class StoreFacts:
    """What a look at the store showed. `conditional` says whether a second write of one key was refused.

    `skew` is by how many seconds the store's clock is ahead of this machine's; None where it has none of its own.
    """

    uri: str
    error: str | None = None
    conditional: bool = False
    skew: float | None = None


def check_store(facts: StoreFacts) -> list[Check]:
    """Whether the store can be reached, keeps what is written once, and has the time."""
    if facts.error is not None:
        return [Check("store", "reachable", "problem", facts.error)]
    checks = [Check("store", "reachable", "ok", f"{facts.uri} can be read")]
    if facts.conditional:
        checks.append(Check("store", "written-once", "ok", "what is written once cannot be written over"))
    else:
        message = "the server ignores `If-None-Match: *`: of two who write one object, the last one wins"
        checks.append(Check("store", "written-once", "problem", message, "Use AWS S3, MinIO, R2 or Ceph."))
    if facts.skew is not None:
        message = f"this machine's clock and the store's differ by {abs(facts.skew):.0f} s"
        if abs(facts.skew) <= MOST_SKEW:
            checks.append(Check("store", "clock", "ok", message))
        else:
            checks.append(Check("store", "clock", "problem", message, "timedatectl set-ntp true"))
    return checks


def check_registry(registry: Registry, files: Collection[str], now: str) -> list[Check]:
    """Whether people can keep the registry's rules. `files` are all paths of the commit that is looked at.

    `now` is a time of the registry (UTC, with Z).
    """
    checks: list[Check] = []
    for name, look in (("trust", partial(_trust, registry, now)), ("stages", partial(_stages, registry))):
        try:
            checks += look()
        except BadInput as error:
            checks.append(Check("registry", name, "problem", str(error), "modelbook verify"))
    for model in registry.models():
        try:
            checks += _suites(registry, model, files)
        except BadInput as error:
            checks.append(Check("registry", "suites", "problem", str(error), "modelbook verify"))
    return checks


def _trust(registry: Registry, now: str) -> Iterator[Check]:
    trust = registry.trust
    if trust.root is None:
        message = f"{registry.shown(layout.TRUST)} has no root: whoever may merge can change whom the registry trusts"
        yield Check("registry", "root", "problem", message, "modelbook trust init")
    else:
        people = {trust.signer(name).who for name in trust.root.signers}
        alone = trust.root.threshold == 1
        message = f"{trust.root.threshold} of {len(people)} people decide whom the registry trusts"
        yield Check("registry", "root", "warning" if alone and len(people) > 1 else "ok", message)
    soon = [signer for signer in trust.signers if expires_soon(signer, now)]
    for signer in soon:
        message = f"the key of {signer.name} expires at {signer.expires}"
        yield Check("registry", "expiry", "warning", message, f"modelbook trust rotate {signer.name}")
    for finding in check_expiry(registry, now):
        verdict: Verdict = "problem" if "no longer" in finding.message else "warning"
        yield Check("registry", "expiry", verdict, f"{finding.path}:{finding.line}: {finding.message}", finding.remedy)
    gone = [signer.name for signer in trust.signers if has_expired(signer, now)]
    if not soon and not gone:
        yield Check("registry", "expiry", "ok", "no key expires in the next 30 days")


def _stages(registry: Registry) -> Iterator[Check]:
    """Each stage must have somebody who may promote into it, or nothing ever enters."""
    models = registry.models() or ["any"]
    closed = {
        stage.name: [model for model in models if not allowed(registry.trust, model, stage=stage.name)]
        for stage in registry.policy.stages
    }
    for stage, shut in closed.items():
        if shut:
            message = f"nobody may promote {', '.join(shut[:5])} into {stage}: no rule of trust.yaml speaks of it"
            yield Check("registry", "stages", "problem", message, "modelbook trust add")
    if not any(closed.values()):
        yield Check("registry", "stages", "ok", "every stage has somebody who may promote into it")


def _suites(registry: Registry, model: str, files: Collection[str]) -> Iterator[Check]:
    described = registry.model(model)
    if described is None or not described.suites:
        message = f"{model} has no suites in its model.yaml: nothing measures it, and no gate passes"
        yield Check(
            "registry", "suites", "problem", message, f"Write them: {registry.shown('models/' + model)}/model.yaml"
        )
        return
    for name, suite in described.suites.items():
        dataset, _, version = suite.dataset.partition("@")
        wrong = [] if suite.entry_point in files else [f"there is no {suite.entry_point} at HEAD"]
        if int(version) not in registry.dataset_versions(dataset):
            wrong.append(f"there is no {suite.dataset} in the registry")
        message = f"suite {name} of {model}: {'; '.join(wrong) or 'its script and its dataset are there'}"
        remedy = "Commit the script, or correct model.yaml." if wrong else None
        yield Check("registry", "suites", "problem" if wrong else "ok", message, remedy)
