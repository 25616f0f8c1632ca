"""What one job measured and another signs: it goes through the store, and the digest ties the two jobs together."""

from typing import TypeVar

from modelbook.adapters.workflow import job_identity, set_outputs
from modelbook.commands._workspace import Workspace
from modelbook.core.digests import digest_of
from modelbook.core.documents import dump, load
from modelbook.core.evaluation import Evaluation
from modelbook.core.reproduction import Reproduction
from modelbook.core.storage import check_key
from modelbook.errors import BadInput, ObjectMissing, Refused
from modelbook.training.run_id import new_run_id

LIMIT = 1024 * 1024  # bytes
Measured = TypeVar("Measured", Evaluation, Reproduction)


def store_measurement(workspace: Workspace, measured: Evaluation | Reproduction) -> dict[str, str]:
    """Put it into the store, and tell the job that signs where it lies and what it is: the outputs of this step."""
    measurement = new_run_id({})
    stored = workspace.store.put_bytes(_key(type(measured), measurement), dump(measured))
    outputs = {"measurement": measurement, "digest": stored.digest}
    set_outputs(outputs)
    return outputs


def read_measurement(workspace: Workspace, kind: type[Measured], measurement: str, digest: str) -> Measured:
    """What another job of this workflow run stored. Raises Refused unless it is that, and has that digest."""
    key = _key(kind, measurement)
    uri = f"{workspace.store.uri}/{key}"
    try:
        data = workspace.store.read_bytes(key, limit=LIMIT)
    except ObjectMissing:
        raise BadInput("there is no such measurement", where=uri, remedy="Make one with --measure-only.") from None
    if digest_of(data) != digest:
        raise Refused(f"the measurement is {digest_of(data)}, not {digest} as promised", where=uri)
    measured = load(kind, data, uri)
    here = job_identity()
    if here and measured.job.split("/")[:-1] != here.split("/")[:-1]:
        raise Refused(f"it was measured by {measured.job}, which is no job of this workflow run", where=uri)
    return measured


def _key(kind: type[Evaluation | Reproduction], measurement: str) -> str:
    return check_key(f"runs/{measurement}/{kind.__name__.lower()}.yaml")
