"""What a user can cause gets a clear error and the right exit status, and leaves nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.workbench import Workbench


def test_not_a_git_repository(bench: Workbench, tmp_path: Path) -> None:
    done = bench.run("verify", cwd=tmp_path)
    assert done.code == 2
    assert "not a git repository" in done.err
    assert "modelbook init" in done.err


def test_a_repository_without_a_registry(bench: Workbench, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    subprocess.run(["git", "init", "--quiet", str(empty)], check=True, env=bench.env)
    done = bench.run("list", cwd=empty)
    assert done.code == 2
    assert "no registry here" in done.err


@pytest.mark.parametrize(
    "name",
    ["../evil", "Toy", "a/b", "t\u043ey", "a" * 300, "-toy", "toy-", "", "to y"],
    ids=lambda name: name[:12] or "empty",
)
def test_a_name_that_is_no_name(bench: Workbench, name: str) -> None:
    done = bench.run("register", "--run", "some-run", "--", name)
    assert done.code == 2
    assert name[:10] in done.err or not name


@pytest.mark.parametrize("name", ["my run", "Run", "a" * 101, "run-"], ids=lambda name: name[:12])
def test_an_id_that_is_no_id(bench: Workbench, name: str) -> None:
    done = bench.run("train", "train.py", "--run-id", name)
    assert done.code == 2
    assert "is not an id for a run" in done.err


def test_a_mistyped_option_is_not_handed_to_the_script(bench: Workbench) -> None:
    done = bench.run("train", "train.py", "--dta", "numbers@1")
    assert done.code == 2
    assert "No such option '--dta'" in done.err
    assert "come after `--`" in done.err
    assert "'--data'" in done.err


def test_a_dirty_registry_is_refused_where_it_would_count(bench: Workbench) -> None:
    run = bench.train(0.8)
    (bench.root / "registry/policy.yaml").write_text("format: modelbook/policy/v1\n")
    head = bench.git("rev-parse", "HEAD")
    done = bench.run("register", "toy", "--run", run)
    assert done.code == 2
    assert "registry/policy.yaml" in done.err
    assert bench.git("rev-parse", "HEAD") == head
    assert bench.run("verify").code == 1


def test_training_code_that_no_commit_holds_is_refused(bench: Workbench) -> None:
    (bench.root / "train.py").write_text((bench.root / "train.py").read_text() + "# changed\n")
    done = bench.run("train", "train.py", "--data", "numbers@1")
    assert done.code == 1
    assert "train.py" in done.err
    assert bench.run("train", "train.py", "--data", "numbers@1", "--allow-dirty").code == 0


@pytest.mark.parametrize(
    ("asked", "words"),
    [("0", "is no number of processes"), ("two", "is no number"), ("²", "is no number"), ("gpu", "torch sees no GPU")],
)
def test_a_number_of_processes_that_is_none(bench: Workbench, asked: str, words: str) -> None:
    done = bench.run("train", "train.py", "--data", "numbers@1", "--nproc", asked, env={"CUDA_VISIBLE_DEVICES": ""})
    assert done.code == 2
    assert words in done.err
    assert "--nproc 2" in done.err or "Give a number" in done.err


def test_a_detached_head_is_refused_before_anything_is_written(bench: Workbench) -> None:
    run = bench.train(0.8)
    bench.git("switch", "--quiet", "--detach")
    refs = bench.git("for-each-ref")
    done = bench.run("register", "toy", "--run", run)
    assert done.code == 2
    assert "git switch" in done.err
    assert bench.git("for-each-ref") == refs


def test_no_key(bench: Workbench) -> None:
    run = bench.train(0.8)
    done = bench.run("register", "toy", "--run", run, env={"MODELBOOK_SIGNER": "file:/nowhere/key.pem"})
    assert done.code == 2
    assert "/nowhere/key.pem" in done.err


def test_a_key_that_trust_does_not_know(bench: Workbench, tmp_path: Path) -> None:
    other = tmp_path / "other"
    bench.run("init", str(other), "--key", str(tmp_path / "other.pem"))
    run = bench.train(0.8)
    env = {"MODELBOOK_SIGNER": f"file:{tmp_path}/other.pem"}
    done = bench.run("register", "toy", "--run", run, env=env)
    assert done.code == 1
    assert "trust.yaml" in done.err
    assert bench.run("list", "toy", "--json").out.strip() == "[]"


def test_a_symbolic_link_under_the_registry(bench: Workbench) -> None:
    version = bench.version(0.8)
    link = bench.root / "registry/models/toy/versions/1/extra.yaml"
    link.symlink_to("card.yaml")
    bench.git("add", "-A")
    bench.git("commit", "--quiet", "-m", "A link")
    for arguments in (["verify", version], ["verify"], ["pull", version, str(bench.root.parent / "x")]):
        done = bench.run(*arguments)
        assert done.code == 1
        assert "symbolic link" in done.text


def test_a_missing_blob(bench: Workbench, tmp_path: Path) -> None:
    run = bench.train(0.8)
    bench.ok("register", "toy", "--run", run)
    bench.weights(run).unlink()
    done = bench.run("pull", "toy@1", str(tmp_path / "pulled"))
    assert done.code == 3
    assert "model.safetensors" in done.err
    assert not (tmp_path / "pulled").exists()


@pytest.mark.parametrize("damage", ["cut", "flip", "longer"])
def test_a_damaged_blob_is_neither_registered_nor_pulled(bench: Workbench, tmp_path: Path, damage: str) -> None:
    good, bad = bench.train(0.8), bench.train(0.9)
    bench.ok("register", "toy", "--run", good)
    for run in (good, bad):
        path = bench.weights(run)
        data = path.read_bytes()
        path.chmod(0o644)
        flipped = data[:-1] + bytes([data[-1] ^ 1])
        path.write_bytes({"cut": data[:-7], "flip": flipped, "longer": data + b"x"}[damage])
    pulled = bench.run("pull", "toy@1", str(tmp_path / "pulled"))
    assert pulled.code == 1
    assert not (tmp_path / "pulled").exists()
    assert list(tmp_path.glob(".pulled*")) == []
    registered = bench.run("register", "toy", "--run", bad)
    assert registered.code == 1
    assert "not what the run recorded" in registered.err
    assert json.loads(bench.ok("list", "toy", "--json"))[-1]["version"] == "toy@1"


def test_a_pickle_is_never_registered(bench: Workbench) -> None:
    script = (
        (bench.root / "train.py")
        .read_text()
        .replace("run.finish()", 'import pickle\nrun.log_artifact("extra.dat", pickle.dumps(object))\nrun.finish()')
    )
    bench.commit({"train.py": script})
    done = bench.run("train", "train.py", "--data", "numbers@1", "--json")
    if done.code == 0:
        done = bench.run("register", "toy", "--run", json.loads(done.out)["run"])
    assert done.code in {1, 2}
    assert "pickle" in done.text


def test_a_changed_card_is_refused_as_a_version_and_as_a_change(bench: Workbench) -> None:
    version = bench.version(0.8)
    card = bench.root / "registry/models/toy/versions/1/card.yaml"
    base = bench.git("rev-parse", "HEAD").strip()
    bench.commit({"registry/models/toy/versions/1/card.yaml": card.read_text().replace("skill: 0.8", "skill: 0.9")})
    assert bench.run("verify", version).code == 1
    done = bench.run("verify", "--change", base)
    assert done.code == 1
    assert "never changes after registration" in done.text
    assert bench.run("pull", version, str(bench.root.parent / "x")).code == 1


def test_a_store_that_refuses_writes(bench: Workbench) -> None:
    if os.geteuid() == 0:
        store = bench.root / ".modelbook/store"
        shutil.rmtree(store)
        store.write_text("a file where the store's folder should be")
    else:
        (bench.root / ".modelbook/store").chmod(0o500)
    done = bench.run("data", "add", "more", str(bench.root / "train.py"))
    assert done.code in {2, 3}
    assert "store" in done.err
    assert "more" not in bench.ok("data", "list")


_LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
os.execv(sys.executable, [sys.executable, "-m", "modelbook", *sys.argv[1:]])
"""


def test_a_full_disk(bench: Workbench, tmp_path: Path) -> None:
    """A limit on file sizes is to a process what a full disk is: writes fail half-way."""
    big = tmp_path / "big.bin"
    big.write_bytes(os.urandom(3_000_000))
    command = [sys.executable, "-c", _LIMITED, "data", "add", "big", str(big)]
    done = subprocess.run(command, cwd=bench.root, env=bench.env, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "big" not in bench.ok("data", "list")
    bench.ok("data", "add", "big", str(big))


SLEEPING = """\
import signal, time

signal.signal(signal.SIGINT, signal.SIG_DFL)  # so that the traceback of a script's own is not taken for one of ours
print("begun", flush=True)
time.sleep(60)
"""


def test_ctrl_c_leaves_nothing_half_done(bench: Workbench, tmp_path: Path) -> None:
    bench.commit({"train.py": SLEEPING})
    process = subprocess.Popen(
        [sys.executable, "-m", "modelbook", "train", "train.py"],
        cwd=bench.root,
        env=bench.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "begun" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in {1, 3}
    assert "Traceback" not in err
    assert bench.git("status", "--porcelain") == ""


def test_two_publishers_of_one_model_get_different_numbers(bench: Workbench) -> None:
    """Invariant 5."""
    runs = [bench.train(skill) for skill in (0.6, 0.7, 0.8)]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "modelbook", "register", "toy", "--run", run],
            cwd=bench.root,
            env=bench.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for run in runs
    ]
    ended = [(process.communicate(timeout=60), process.returncode) for process in started]
    assert [code for _, code in ended] == [0, 0, 0], ended
    versions = json.loads(bench.ok("list", "toy", "--json"))
    assert [row["version"] for row in versions] == ["toy@1", "toy@2", "toy@3"]
    assert bench.run("verify").code == 0


def test_json_errors_are_json(bench: Workbench) -> None:
    done = bench.run("show", "nothing@1", "--json")
    assert done.code == 2
    assert json.loads(done.out)["error"]["exit_code"] == 2


def test_a_misspelt_verb_or_key_is_told_what_is_near(bench: Workbench) -> None:
    assert "Did you mean 'promote'" in bench.run("promot").err
    bench.commit({"registry/policy.yaml": "format: modelbook/policy/v1\nstore: file:x\nstaegs: []\n"})
    done = bench.run("list")
    assert done.code == 2
    assert "registry/policy.yaml:3" in done.err
    assert "Did you mean 'stages'?" in done.err
