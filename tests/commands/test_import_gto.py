"""Moving from GTO: a real git repository with the tags that GTO makes."""

import hashlib
import json
import pickle
import subprocess
from pathlib import Path

import numpy
from safetensors.numpy import save

from modelbook.core.card import ModelCard
from modelbook.core.documents import load
from tests.commands.workbench import Workbench

WEIGHTS = save({"weight": numpy.ones((4, 4), dtype=numpy.float32)})
INDEX = """\
fraud: {type: model, path: models/fraud}
toy: {type: model, path: toy.safetensors}
old: {type: model, path: old.json}
big: {type: model, path: big.safetensors}
kept: {type: model, path: kept}
"""


class Theirs:
    """A git repository in which tags register models."""

    def __init__(self, folder: Path, bench: Workbench) -> None:
        self.root, self._env, self._clock = folder, bench.env, 1_700_000_000
        folder.mkdir()
        self.git("init", "--quiet", "--template=")

    def git(self, *words: str) -> str:
        self._clock += 60  # tags of one second have no order
        times = {f"GIT_{who}_DATE": f"{self._clock} +0000" for who in ("AUTHOR", "COMMITTER")}
        env = self._env | times
        return subprocess.run(
            ["git", *words], cwd=self.root, env=env, check=True, capture_output=True, text=True
        ).stdout

    def commit(self, files: dict[str, bytes | str], *tags: str) -> str:
        for path, data in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(data.encode() if isinstance(data, str) else data)
        self.git("add", "-A")
        self.git("commit", "--quiet", "-m", "Change")
        for tag in tags:
            self.git("tag", "-a", tag, "-m", f"Registering {tag}")
        return self.git("rev-parse", "HEAD").strip()


def test_a_team_moves_from_gto(bench: Workbench, tmp_path: Path) -> None:
    theirs = Theirs(tmp_path / "theirs", bench)
    first: dict[str, bytes | str] = {"artifacts.yaml": INDEX, "models/fraud/model.safetensors": WEIGHTS}
    one = theirs.commit(first | {"models/fraud/config.json": "{}"}, "fraud@v1.0.0", "fraud#production#1")
    theirs.commit({"toy.safetensors": WEIGHTS}, "toy@v0.1.0", "fraud@v2.0.0")
    theirs.git("tag", "-a", "fraud@v2.0.0!", "-m", "a mistake")
    theirs.git("tag", "fraud@v9.9.9")  # a light tag is none of GTO's
    theirs.commit(
        {"old.json": pickle.dumps({"looks": "harmless"}), "kept.dvc": "outs: []"}, "old@v1.0.0", "kept@v1.0.0"
    )
    (theirs.root / "big.safetensors").symlink_to("/etc/hostname")
    theirs.commit({}, "big@v1.0.0")
    (theirs.root / "big.safetensors").unlink()
    oid = hashlib.sha256(WEIGHTS).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(WEIGHTS)}\n"
    theirs.commit({"big.safetensors": pointer}, "big@v1.1.0")

    done = bench.run("import", "gto", str(theirs.root), "--json")
    told = json.loads(done.out)
    rows = {row["there"]: (row["here"], row["status"], row["reason"] or "") for row in told["versions"]}
    assert done.code == 1
    assert rows["fraud@v1.0.0"] == ("fraud@1", "imported", "")
    assert rows["toy@v0.1.0"][:2] == ("toy@1", "imported")
    assert "fraud@v2.0.0" not in rows
    assert "fraud@v2.0.0 was deregistered there" in done.err
    for name, words in {"big@v1.0.0": "is a link", "big@v1.1.0": "Git LFS", "kept@v1.0.0": "DVC"}.items():
        assert (rows[name][1], words in rows[name][2]) == ("skipped", True), rows[name]
    assert rows["old@v1.0.0"][1] == "skipped"
    assert len(rows) == 6
    assert told["next"] == ["modelbook promote fraud@1 --to production"]
    path = "registry/models/fraud/versions/1/card.yaml"
    card = load(ModelCard, (bench.root / path).read_bytes(), path)
    assert (card.tags, card.lineage.code.commit) == (("v1.0.0",), one)
    assert [artifact.path for artifact in card.artifacts] == ["config.json", "model.safetensors"]
    assert card.run.imported is not None
    assert (card.run.imported.version, card.run.imported.aliases) == ("v1.0.0", ("production",))
    bench.ok("verify")

    # What Git LFS has fetched comes, and a version that is tagged later gets the next number, whatever its own is.
    kept = theirs.root / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid
    kept.parent.mkdir(parents=True)
    kept.write_bytes(WEIGHTS)
    theirs.commit({"models/fraud/config.json": '{"n": 2}'}, "fraud@v0.9.0")
    done = bench.run("import", "gto", "--only", "fraud", "--only", "big", "--json")
    assert (done.code, "no tag registers 'big'" in done.err) == (2, True)  # this is the registry's own repository
    only = [word for name in ("fraud", "big") for word in ("--only", name)]
    told = json.loads(bench.run("import", "gto", str(theirs.root), *only, "--json").out)
    here = {row["there"]: row["here"] for row in told["versions"]}
    assert here == {"fraud@v1.0.0": "fraud@1", "fraud@v0.9.0": "fraud@2", "big@v1.0.0": None, "big@v1.1.0": "big@1"}
