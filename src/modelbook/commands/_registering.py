"""From a finished run to a version of a model: every byte checked, numbered, signed and proposed."""

from collections.abc import Callable, Iterable, Sequence

from pydantic import ValidationError

from modelbook.adapters.artifact_check import check_artifact
from modelbook.adapters.clock import now
from modelbook.adapters.forge import Change, Forge, Proposal
from modelbook.adapters.parallel import move_all
from modelbook.adapters.prune_guard import check_model_kept
from modelbook.adapters.signer import StatementSigner
from modelbook.adapters.store import Progress, Store
from modelbook.commands._console import progress, say
from modelbook.commands._numbering import next_number, proposed_numbers, submit_numbered
from modelbook.commands._proposing import tell
from modelbook.commands._signing import open_allowed_signer, refuse_unverified
from modelbook.commands._workspace import Workspace
from modelbook.core.card import ModelCard
from modelbook.core.digests import digest_of
from modelbook.core.documents import dump, load
from modelbook.core.findings import Finding
from modelbook.core.layout import version_folder
from modelbook.core.listed import many
from modelbook.core.pages.card_markdown import registration_body
from modelbook.core.records import StoredFile
from modelbook.core.run_record import RunRecord
from modelbook.core.runs.registration import card_of, check_datasets
from modelbook.core.signing.statements import model_statement, provenance_statement
from modelbook.core.storage import artifact_key, check_key, log_key, run_key
from modelbook.errors import BadInput, ObjectExists, ObjectMissing, Refused

LABELS = ("modelbook", "registration")
RECORD_LIMIT = 16 * 1024 * 1024  # bytes


def register_run(
    workspace: Workspace,
    model: str,
    run_id: str,
    *,
    signer: str,
    forge_name: str,
    digest: str | None = None,
    description: str | None = None,
    tags: Sequence[str] = (),
    as_json: bool = False,
) -> None:
    """Register a run that completed, or find the version that it became, and tell of it.

    Raises Refused where its record has not the `digest`, or the run may not be registered.
    """
    key = open_registrar(workspace, model, signer)
    forge = workspace.forge(forge_name)
    if found := registered(workspace, forge, model, run_id):
        version, proposal = found
        if proposal.merged:
            complete(workspace, model, version)
        tell(f"{model}@{version}", "this run is that version already", proposal, as_json=as_json)
        return
    record = read_finished(workspace.store, run_id, digest)
    number, proposal = register_record(workspace, forge, key, model, record, description=description, tags=tags)
    size = sum(file.size for file in record.artifacts)
    tell(
        f"{model}@{number}",
        f"{many(len(record.artifacts), 'file')}, {many(size, 'byte')}, signed",
        proposal,
        as_json=as_json,
    )


def open_registrar(workspace: Workspace, model: str, signer: str) -> StatementSigner:
    """The key that registers versions of a model. Raises Refused where it may not, or files are not committed."""
    workspace.refuse_uncommitted()
    key, _ = open_allowed_signer(workspace, signer, model, statement="model")
    open_allowed_signer(workspace, signer, model, statement="provenance")
    return key


def register_record(
    workspace: Workspace,
    forge: Forge,
    key: StatementSigner,
    model: str,
    record: RunRecord,
    *,
    description: str | None = None,
    tags: Sequence[str] = (),
    at_least: int = 1,
) -> tuple[int, Proposal]:
    """Make the next version of `model` of a run that completed; its number, and what became of the proposal.

    The number is at least `at_least`. Raises Refused where the run may not be registered.
    """
    check_datasets(record, workspace.registry)
    _check_artifacts(workspace.store, record)

    def attempt() -> tuple[int, Proposal]:
        base = workspace.at(workspace.repository.commit("HEAD"))
        taken = proposed_numbers(forge, f"register/{model}-")
        number = max(at_least, next_number(base.registry.versions(model), taken))
        card = card_of(
            record,
            model,
            number,
            store=base.registry.policy.store,
            created=now(),
            description=description,
            tags=tags,
        )
        change = _change(base, card, key)
        refuse_unverified(base, change, model, number)
        return number, forge.submit(change)

    number, proposal = submit_numbered(attempt)
    check_model_kept(workspace.store, record.id, {file.path: file.size for file in record.artifacts})
    if proposal.merged:
        complete(workspace.at(proposal.commit), model, number)
    return number, proposal


def registered(workspace: Workspace, forge: Forge, model: str, run_id: str) -> tuple[int, Proposal] | None:
    """The version that the run became already, merged or proposed; None if it did not."""
    registry = workspace.registry
    for other in registry.models():
        for version in reversed(registry.versions(other)):
            if (known := registry.card(other, version)).run.id == run_id:
                if other == model:
                    _check_kept(workspace, known)
                    return version, Proposal("", workspace.commit, merged=True, created=False)
                # Its folder in the store can prove itself as one version only.
                raise Refused(
                    f"the run {run_id} is {other}@{version} already",
                    remedy=f"A run becomes one version. Train again for {model}.",
                )
    for number, (branch, commit) in proposed_numbers(forge, f"register/{model}-").items():
        path = workspace.path(f"{version_folder(model, number)}/card.yaml")
        data = forge.read(commit, path)
        if data and (card := load(ModelCard, data, path)).run.id == run_id:
            proposal = forge.resume(branch, labels=LABELS)
            _check_kept(workspace, card)
            return card.version, proposal
    return None


def _check_kept(workspace: Workspace, card: ModelCard) -> None:
    check_model_kept(workspace.store, card.run.id, {one.path: one.size for one in card.artifacts})


def registered_runs(workspace: Workspace, forge: Forge, models: Iterable[str]) -> dict[str, str]:
    """The version that each run became already: all that are merged, and those of `models` that are proposed."""
    registry = workspace.registry
    found = {
        registry.card(model, version).run.id: f"{model}@{version}"
        for model in registry.models()
        for version in registry.versions(model)
    }
    for model in models:
        for number, (_, commit) in proposed_numbers(forge, f"register/{model}-").items():
            path = workspace.path(f"{version_folder(model, number)}/card.yaml")
            if data := forge.read(commit, path):
                found.setdefault(load(ModelCard, data, path).run.id, f"{model}@{number}")
    return found


def read_finished(store: Store, run_id: str, digest: str | None) -> RunRecord:
    key = check_key(run_key(run_id))
    uri = f"{store.uri}/{key}"
    try:
        data = store.read_bytes(key, limit=RECORD_LIMIT)
    except ObjectMissing:
        if any(True for _ in store.list(log_key(run_id, 0).rpartition("/")[0] + "/")):
            remedy = f"See how far it came: `modelbook runs show {run_id}`."
            raise BadInput(f"the run {run_id} has not completed, so nothing can be registered", remedy=remedy) from None
        raise BadInput(f"there is no run {run_id} in the store", where=uri, remedy="See `modelbook runs`.") from None
    if digest and digest_of(data) != digest:
        raise Refused(f"the record is {digest_of(data)}, not {digest} as promised", where=uri)
    try:
        record = RunRecord.model_validate_json(data)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise BadInput(
            f"not a run's record: {problem['msg']} at {'.'.join(map(str, problem['loc']))}", where=uri
        ) from None
    if record.id != run_id:
        raise Refused(f"the record is of the run {record.id}, but its path says {run_id}", where=uri)
    return record


def _check_artifacts(store: Store, record: RunRecord) -> None:
    """Read every artifact of the run from end to end. Raises Refused with all that is wrong."""
    total = sum(file.size for file in record.artifacts)
    with progress(f"checking {many(len(record.artifacts), 'file')}", total) as moved:

        def task(file: StoredFile) -> Callable[[Progress], list[Finding]]:
            return lambda report: check_artifact(store, artifact_key(record.id, file.path), file, progress=report)

        found = move_all([task(file) for file in record.artifacts], progress=moved)
    findings = [finding for each in found for finding in each]
    if findings:
        raise Refused(
            f"the run {record.id} cannot be registered:\n" + "\n".join(f"  {finding}" for finding in findings)
        )


def _change(base: Workspace, card: ModelCard, key: StatementSigner) -> Change:
    data = dump(card)
    folder = base.path(version_folder(card.model, card.version))
    return Change(
        branch=f"register/{card.model}-{card.version}",
        base=base.commit,
        title=f"Register {card.model}@{card.version}",
        body=registration_body(card),
        files={
            f"{folder}/card.yaml": data,
            f"{folder}/model.sig": key.sign(model_statement(card, data)),
            f"{folder}/provenance.sigstore.json": key.sign(provenance_statement(card, data)),
        },
        labels=LABELS,
    )


def complete(workspace: Workspace, model: str, version: int) -> None:
    """Put card and signature of a merged version beside its weights, so that the folder proves itself anywhere."""
    registry = workspace.registry
    run = registry.card(model, version).run.id
    try:
        for name in ("card.yaml", "model.sig"):
            data = registry.files[f"{version_folder(model, version)}/{name}"]
            workspace.store.put_bytes(artifact_key(run, name), data)
    except ObjectExists:
        # Somebody registered this run before, and threw that commit away. What counts is in git; a pull brings it.
        say(f"warning: the store keeps an earlier card beside the weights of {model}@{version}", as_json=True)
