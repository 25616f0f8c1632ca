"""Several datasets in one training, each with its role, and what registration asks of them."""

import json
from pathlib import Path

from tests.commands.workbench import Workbench

TRAIN = """\
import numpy
from safetensors.numpy import save
import modelbook

run = modelbook.run()
read = {role: (run.dataset(role=role) / "numbers.csv").read_text() for role in ("train", "validation", "test")}
assert run.dataset("other") == run.dataset(role="validation")
run.log_artifact("read.json", str(read))
run.log_artifact("model.safetensors", save({"weight": numpy.ones((2, 2), dtype=numpy.float32)}))
try:
    run.dataset("numbers")
except modelbook.errors.ModelbookError as error:
    print(error)
run.finish()
"""


def with_roles(bench: Workbench, tmp_path: Path) -> None:
    """numbers@1, numbers@2 and other@1, and a script that reads three roles."""
    for name, text in (("numbers", "x,y\n2,2\n"), ("other", "x,y\n3,3\n")):
        (tmp_path / "numbers.csv").write_text(text)
        bench.ok("data", "add", name, str(tmp_path / "numbers.csv"))
    bench.commit({"train.py": TRAIN})


DATA = ("--data", "numbers@1", "--data", "other@1:validation", "--data", "numbers@2:test")


def test_a_script_finds_each_dataset_by_its_role_and_the_card_names_them(bench: Workbench, tmp_path: Path) -> None:
    with_roles(bench, tmp_path)
    printed = bench.ok("train", "train.py", *DATA)
    assert "more than one dataset 'numbers' (it has: numbers@1 for train, other@1 for validation" in printed
    version = bench.ok("register", "toy", "--run", printed.rsplit("--run ", 1)[1].split()[0]).partition(":")[0]
    uses = json.loads(bench.ok("show", version, "--json"))["card"]["lineage"]["datasets"]
    assert [(use["dataset"], use["version"], use["role"]) for use in uses] == [
        ("numbers", 1, "train"),
        ("other", 1, "validation"),
        ("numbers", 2, "test"),
    ]
    assert all(use["digest"].startswith("sha256:") for use in uses)


def test_one_version_may_have_two_roles_and_one_role_no_two_versions(bench: Workbench, tmp_path: Path) -> None:
    with_roles(bench, tmp_path)
    bench.commit({"train.py": TRAIN.replace('run.dataset("other") == ', "")})
    bench.ok("train", "train.py", "--data", "numbers", "--data", "numbers:validation", "--data", "numbers@1:test")
    twice = bench.run("train", "train.py", "--data", "numbers@1", "--data", "numbers@2")
    assert twice.code == 2
    assert "given twice for train" in twice.err
    assert "Roles are train, validation, test" in bench.run("train", "train.py", "--data", "numbers@1:dev").err
    assert bench.run("train", "train.py", "--data", "numbers@9").code == 2


def test_a_run_on_data_that_the_registry_does_not_have_is_not_registered(bench: Workbench, tmp_path: Path) -> None:
    with_roles(bench, tmp_path)
    run = bench.ok("train", "train.py", *DATA).rsplit("--run ", 1)[1].split()[0]
    head = bench.git("rev-parse", "HEAD").strip()
    bench.git("rm", "-r", "-q", "registry/datasets/other")
    card = "registry/datasets/numbers/versions/2/card.yaml"
    bench.commit({card: (bench.root / card).read_text().replace("tags: []", "tags: [other]")})
    done = bench.run("register", "toy", "--run", run)
    assert done.code == 1
    assert "the dataset version other@1 is not in the registry" in done.err
    assert "numbers@2 in the registry is not the one that was used" in done.err
    assert bench.ok("list", "toy", "--json").strip() == "[]"
    bench.git("reset", "--quiet", "--hard", head)
    bench.ok("register", "toy", "--run", run)
