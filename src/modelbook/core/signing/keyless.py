"""What a keyless signature proves: which workflow signed, for which repository and run, from which commit, and when.

The mathematics is sigstore's, and an adapter's (a `KeylessCheck`): that a CA of the trusted root issued the
certificate, that a certificate log has it, that the log of signatures includes this one, and that all of it was so when
it was signed. Here it is judged what that means.

What is proved of a thing that a GitHub workflow run made, and a workflow of the same repository signs:

- a model and its provenance: the run that the card names is the run that signed, and the commit that the card names is
  the commit of that run. A card that names a training elsewhere (a person's machine, another repository) proves who
  registered it, as with a key, and nothing of the training;
- an evaluation or a reproduction: the run that measured is the run that signed, and it is neither the run that trained
  nor, whatever the training says of itself, one that signed the model or its provenance. A certificate names the run
  and not the job, so a measurement in such a run would prove no separation. So it is with what an experiment found, of
  each version in it.

Source: https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
"""

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from urllib.parse import urlsplit

from modelbook.core.digests import digest_of
from modelbook.core.run_record import Code
from modelbook.core.trust import Workflow

# The last number of 1.3.6.1.4.1.57264.1.N, for what is read of a certificate.
ISSUER, REPOSITORY, COMMIT, REF, REPOSITORY_ID, RUN = 8, 12, 13, 14, 15, 21
_NAMES = {
    ISSUER: "issuer",
    REPOSITORY: "source repository",
    COMMIT: "source commit",
    REF: "source ref",
    REPOSITORY_ID: "source repository's id",
    RUN: "run",
}
_RUN = re.compile(r"/([^/]+/[^/]+)/actions/runs/([0-9]+)(?:/attempts/[0-9]+)?")
_JOB = re.compile(r"github:([^/]+/[^/]+)/([0-9]+)/.+")


class KeylessError(ValueError):
    """A keyless signature that is not believed, or cannot be checked here; the message says why."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True)
class Logged:
    """What a check of the mathematics found to be so.

    `time` is the latest at which a log or a timestamp authority saw the signature (UTC, with Z), `identities` are the
    certificate's alternative names, and `values` its texts by the last number of Fulcio's 1.3.6.1.4.1.57264.1.N.
    """

    payload: bytes
    certificate: bytes
    time: str
    identities: tuple[str, ...]
    values: Mapping[int, str]


# What checks the mathematics of a bundle by the bytes of a trusted root: no network, and no other root. It says what is
# proved, or raises KeylessError.
KeylessCheck = Callable[[bytes, bytes], Logged]


@dataclass(frozen=True)
class TrustedRoot:
    """By what a registry checks keyless signatures: a check, trusted_root.json, and its digest in trust.yaml."""

    check: KeylessCheck | None = None
    data: bytes | None = None
    digest: str | None = None

    def problem(self) -> tuple[str, str] | None:
        """Why nothing can be checked by it, and what to do; None if it can."""
        fetch = "Fetch it: `modelbook trust refresh`."
        if self.digest is None:
            return "trust.yaml names no trusted root (`sigstore`), so no keyless signature can be checked", fetch
        if self.data is None:
            return "trusted_root.json is missing, so no keyless signature can be checked", fetch
        if digest_of(self.data) != self.digest:
            is_now = f"{digest_of(self.data)}, and trust.yaml names {self.digest}"
            return (
                f"trusted_root.json is not the one that trust.yaml names: it is {is_now}",
                "Restore it, or fetch it anew: `modelbook trust refresh`.",
            )
        return None

    def prove(self, bundle: bytes) -> Logged:
        """What the bundle proves, by this root. Raises KeylessError."""
        if problem := self.problem():
            raise KeylessError(*problem)
        if self.check is None or self.data is None:
            raise KeylessError("nothing here can check a keyless signature")
        return self.check(bundle, self.data)


@dataclass(frozen=True)
class Proof:
    """What a certificate says of who signed: workflow, repository, branch, commit and run; `time` is when.

    `repository` and `run` are addresses, `run` with its attempt.
    """

    issuer: str
    identity: str
    repository: str
    repository_id: str
    ref: str
    commit: str
    run: str
    time: str

    @property
    def identities(self) -> frozenset[str]:
        """By what a revocation may name the signer."""
        return frozenset({self.identity, self.repository, self.repository_id})

    def __str__(self) -> str:
        return f"the workflow {self.identity} for {self.repository} (id {self.repository_id}) on {self.ref}"


def read_proof(logged: Logged) -> Proof:
    """The proof in a certificate that was checked. Raises KeylessError where it is none of a GitHub workflow."""
    if len(logged.identities) != 1:
        raise KeylessError(f"the certificate names {len(logged.identities)} identities, not one workflow")
    if missing := [name for number, name in _NAMES.items() if not logged.values.get(number)]:
        remedy = "Only the certificates of GitHub workflows say all that is needed."
        raise KeylessError(f"the certificate does not name its {missing[0]}", remedy)
    values = logged.values
    return Proof(
        issuer=values[ISSUER],
        identity=logged.identities[0],
        repository=values[REPOSITORY],
        repository_id=values[REPOSITORY_ID],
        ref=values[REF],
        commit=values[COMMIT],
        run=values[RUN],
        time=logged.time,
    )


def differences(workflow: Workflow, proof: Proof) -> list[str]:
    """How the signer differs from the workflow that trust.yaml names; empty if it is the one."""
    pairs = {
        "issuer": (proof.issuer, workflow.issuer),
        "workflow": (proof.identity, workflow.identity),
        "repository's id": (proof.repository_id, workflow.repository_id),
        "branch": (proof.ref, workflow.ref),
    }
    return [f"the {name} is {found}, not {named}" for name, (found, named) in pairs.items() if found != named]


@dataclass(frozen=True)
class Origin:
    """What a signed thing says of where it comes from, with which a certificate must not disagree.

    `job` made it, `code` is what that job ran, and `trainers` are the jobs that must have nothing to do with it. The
    training itself wrote who that was; `registrars` are the addresses of the runs that signed the models, as proved.
    """

    job: str
    code: Code | None = None
    trainers: Set[str] = frozenset()
    registrars: Set[str] = frozenset()


def contradictions(proof: Proof, origin: Origin) -> Sequence[tuple[str, str, str]]:
    """Code, message and remedy of each way in which the certificate disagrees with `origin`."""
    signed_in = _run_at(proof.run)
    found = []
    made_in = run_of(origin.job)
    elsewhere = made_in is not None and made_in[0] != _repository(proof.repository)
    if origin.job.startswith("github:") and made_in != signed_in and not elsewhere:
        message = f"it was signed in {proof.run}, but says that it was made by {origin.job}"
        remedy = "Sign in the workflow run that makes it; if its signing job failed, re-run that job."
        found.append(("other-run", message, remedy))
    if made_in and made_in == signed_in and origin.code and _same_repository(origin.code, proof):
        commit = origin.code.base or origin.code.commit
        if commit and commit != proof.commit:
            message = f"it was signed in a run of the commit {proof.commit}, but says that it comes from {commit}"
            found.append(("other-commit", message, "Train from the commit that the workflow was started for."))
    trained = signed_in is not None and signed_in in map(run_of, origin.trainers)
    if trained or signed_in in {_run_at(run) for run in origin.registrars}:
        run = f"{proof.run}, the run that {'trained' if trained else 'signed the model'}"
        message = f"it was signed in {run}, so it does not prove that another job measured"
        found.append(("signed-by-trainer", message, "Measure and sign in a workflow run of its own."))
    return found


def run_of(job: str) -> tuple[str, str] | None:
    """Repository and number of the workflow run that a job is of, as in `github:acme/registry/42/train`, if it is."""
    found = _JOB.fullmatch(job)
    return (found[1].casefold(), found[2]) if found else None


def _run_at(address: str) -> tuple[str, str] | None:
    found = _RUN.fullmatch(urlsplit(address).path)
    return (found[1].casefold(), found[2]) if found else None


def _repository(address: str) -> str:
    """`acme/registry`, of an address as git or a browser takes it."""
    return "/".join(re.split("[/:]", address.rstrip("/").removesuffix(".git"))[-2:]).casefold()


def _same_repository(code: Code, proof: Proof) -> bool:
    """A record without an address is taken for the repository whose workflow ran it: that is where doubt blocks."""
    return code.repository is None or _repository(code.repository) == _repository(proof.repository)
