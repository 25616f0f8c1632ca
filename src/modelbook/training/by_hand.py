"""A run of a script or notebook that nobody launched: it finds out by itself what `modelbook train` would tell it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelbook.adapters.open_store import open_store
from modelbook.adapters.person import person
from modelbook.adapters.store import Store
from modelbook.adapters.workflow import job_identity
from modelbook.training.clock import utc_now
from modelbook.training.deliver import recover, recover_others
from modelbook.training.lifecycle import Begun, begin
from modelbook.training.peers import among_others
from modelbook.training.provenance import Provenance, provenance_by_hand
from modelbook.training.run_config import STORE, RunPlan
from modelbook.training.run_id import new_run_id
from modelbook.training.seeds import check_seed
from modelbook.training.values import json_params

FOLDER = ".modelbook"


def begin_by_hand(
    experiment: str | None,
    store_uri: str | None,
    params: Mapping[str, Any],
    seed: int | None,
    tags: tuple[str, ...],
) -> tuple[Begun, Store]:
    """Begin a run in the store that is named, or in MODELBOOK_STORE, or in `.modelbook/store`.

    A relative store lies in the repository around the current folder, or in that folder if there is none.
    """
    root = root_of(Path.cwd())
    private = root / FOLDER
    private.mkdir(exist_ok=True)
    ignore = private / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    store = store_by_hand(root, store_uri)
    script = _script()
    run = new_run_id(os.environ)
    origin = _provenance(script)
    plan = RunPlan(
        run=run,
        experiment=experiment or (script.stem if script else "notebook"),
        job=job_identity() or f"local:{run}",
        user=person(root),
        params=json_params(params),
        seed=None if seed is None else check_seed(seed),
        tags=tags,
        code=origin.code,
        environment=origin.environment,
        processes=int(os.environ["WORLD_SIZE"]) if among_others() else None,
    )
    recover(private / "runs", run)
    recover_others(private / "runs")
    for note in origin.notes:
        print(f"modelbook: {note}", file=sys.stderr)
    begun = begin(plan, store, private / "runs", utc_now, files=origin.files, notes=origin.notes)
    return begun, store


def store_by_hand(root: Path, uri: str | None = None) -> Store:
    """The store of runs that nobody launched, for a repository or folder `root`: named, or as the environment says."""
    return open_store(uri or os.environ.get(STORE) or f"file:{FOLDER}/store", base=root)


def root_of(folder: Path) -> Path:
    """The top of the repository around `folder`; `folder` itself where there is none."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)


def _script() -> Path | None:
    """The file that Python was started with; a notebook or a prompt has none."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(file).resolve() if file else None


def _provenance(script: Path | None) -> Provenance:
    if script:
        return provenance_by_hand(script.parent, script.name)
    return provenance_by_hand(Path.cwd(), "interactive")
