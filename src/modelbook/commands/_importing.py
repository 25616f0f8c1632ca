"""What every import does: a run in the store of each foreign version, its registration, and one table in the end."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelbook.adapters.artifact_check import check_chunks
from modelbook.adapters.forge import Forge
from modelbook.adapters.source_file import SourceFile, measured
from modelbook.adapters.store import CHUNK, Store
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, print_table, progress, say
from modelbook.commands._registering import register_record, registered_runs
from modelbook.commands._signing import open_allowed_signer
from modelbook.commands._workspace import Workspace
from modelbook.core.exchange.import_log import log_of, segments_of
from modelbook.core.exchange.imports import CONVERT, files_problem
from modelbook.core.exchange.mlflow_view import Point
from modelbook.core.records import StoredFile
from modelbook.core.run_record import RunRecord
from modelbook.core.storage import artifact_key, log_key, run_key
from modelbook.errors import BadInput, Exit, ForeignError, Refused
from modelbook.training.run_reader import read_record


@dataclass(frozen=True)
class Foreign:
    """A version of another registry. `name` is what it is called there, `model` our name, `run` our run's id.

    `number` is the number that it gets here where that is free, `problem` why it cannot come, `origin` the run of ours
    that it was exported from. `files` gives sizes in bytes (None: not known) by path; `fetch` brings a file into a
    folder; `record` makes the run's record of the files and of the texts of those that `described` chooses; `points`
    are the values of its metrics over time.
    """

    name: str
    model: str
    run: str
    number: int
    description: str
    files: Callable[[], dict[str, int | None]]
    fetch: Callable[[str, Path], Path]
    record: Callable[[Sequence[StoredFile], dict[str, str]], RunRecord]
    described: Callable[[Iterable[str]], Iterable[str]] = lambda _paths: ()
    stages: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    problem: str | None = None
    origin: str | None = None
    points: Callable[[], Iterable[Point]] = tuple


_DESCRIBED_LIMIT = 1024 * 1024  # bytes of a text that describes an environment


def bring_all(
    workspace: Workspace, forge: Forge, signer: str, versions: Sequence[Foreign], *, dry_run: bool, as_json: bool
) -> int:
    """Import what is not here yet, in the order given, and tell of each version; 1 where one could not come."""
    here = registered_runs(workspace, forge, sorted({one.model for one in versions}))
    keys = {}
    if not dry_run:
        for model in sorted({one.model for one in versions if one.run not in here and not one.problem}):
            keys[model], _ = open_allowed_signer(workspace, signer, model, statement="model")
            open_allowed_signer(workspace, signer, model, statement="provenance")
    rows, steps, skipped = [], [], 0
    for one in versions:
        becomes, status, reason = here.get(one.run) or here.get(one.origin or ""), "here already", None
        if becomes is None:
            try:
                if one.problem:
                    raise Refused(one.problem)
                if dry_run:
                    _refuse_files(one.files())
                    becomes, status = f"{one.model}@…", "would come"
                else:
                    record = read_record(workspace.store, one.run) or _bring(workspace.store, one)
                    number, proposal = register_record(
                        workspace,
                        forge,
                        keys[one.model],
                        one.model,
                        record,
                        description=one.description,
                        at_least=one.number,
                    )
                    becomes, status = f"{one.model}@{number}", "imported" if proposal.merged else "proposed"
                    steps += [proposal.url] if proposal.url else []
                    say(f"{one.name}: {status} as {becomes}", as_json=True)
            except (Refused, BadInput, ForeignError) as error:  # one that cannot come does not hold up the others
                status, reason, skipped = "skipped", str(error), skipped + 1
        rows.append(
            {
                "there": one.name,
                "here": becomes,
                "status": status,
                "aliases": ", ".join(one.aliases) or None,
                "reason": reason,
            }
        )
        steps += [] if reason or dry_run else [f"modelbook promote {becomes} --to {stage}" for stage in one.stages]
    set_outputs({"imported": str(sum(row["status"] in {"imported", "proposed"} for row in rows))})
    if as_json:
        print_json({"versions": rows, "next": steps})
    else:
        print_table(rows, as_json=False, empty="There is nothing to import.")
        if any(step.startswith("modelbook promote") for step in steps):
            say("Evaluate what came before you promote it: the other registry's metrics decide nothing here.")
        for step in steps:
            say(f"  next: {step}")
    return Exit.NO if skipped else Exit.YES


def _refuse_files(files: Iterable[str]) -> None:
    if problem := files_problem(list(files)):
        raise Refused(problem)


def _bring(store: Store, one: Foreign) -> RunRecord:
    """Copy the files of a version into the store, and write the run's record last, so that a run is always whole.

    Raises Refused where a file may not come; nothing of it is in the store then.
    """
    sizes = one.files()
    _refuse_files(sizes)
    with tempfile.TemporaryDirectory(prefix="modelbook-import-") as scratch:
        paths, files, described = {}, [], {}
        wanted = set(one.described(sizes))
        with progress(f"fetching {one.name}", sum(size or 0 for size in sizes.values())) as moved:
            for path in sizes:
                paths[path] = one.fetch(path, Path(scratch))
                files.append(_checked(paths[path], path))
                moved(sizes[path] or 0)
                if path in wanted and files[-1].size <= _DESCRIBED_LIMIT:
                    described[path] = paths[path].read_text(encoding="utf-8", errors="replace")
        record = one.record(files, described)
        with progress(f"storing {one.name}", sum(file.size for file in files)) as moved:
            for file in files:
                store.put_file(artifact_key(one.run, file.path), paths[file.path], digest=file.digest, progress=moved)
    for number, segment in enumerate(segments_of(log_of(record, one.points())), start=1):
        store.put_bytes(log_key(one.run, number), segment)
    store.put_bytes(run_key(one.run), record.model_dump_json(exclude_none=True).encode())
    return record


def _checked(source: Path, path: str) -> StoredFile:
    """The file as it will be stored, if it is safe to load."""
    with SourceFile(source) as open_file:
        stored = measured(open_file)
        file = StoredFile(path=path, size=stored.size, digest=stored.digest)
        findings = check_chunks(map(bytes, open_file.chunks(CHUNK)), file, path)
    if findings:
        why = "; ".join(f"{found.path}: {found.message}" for found in findings)
        raise Refused(f"{why}. {CONVERT}")
    return file
