"""A registry in a folder of a larger repository, named by a workflow as MODELBOOK_REGISTRY: the whole job."""

from pathlib import Path

from tests.commands.workbench import EVALUATE, MODEL, POLICY, TRAIN, Workbench, clean_environment

FOLDER = "ml/registry"


def test_the_main_job_in_a_folder_of_a_larger_repository(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "monorepo"
    home.mkdir()
    root.mkdir()
    bench = Workbench(root, clean_environment(home) | {"MODELBOOK_REGISTRY": FOLDER})
    bench.ok("init", ".", "--key", str(home / "key.pem"), "--registry", FOLDER)
    files = {f"{FOLDER}/policy.yaml": POLICY, f"{FOLDER}/models/toy/model.yaml": MODEL}
    bench.commit(files | {"train.py": TRAIN, "evaluate.py": EVALUATE}, "A toy")
    (tmp_path / "numbers.csv").write_text("x,y\n1,2\n")
    bench.ok("data", "add", "numbers", str(tmp_path / "numbers.csv"))
    version = bench.version(0.8)
    bench.ok("reproduce", version, "--environment", "machine")
    bench.promote(version, "staging")
    bench.ok("verify")
    bench.ok("verify", "toy@staging")
    assert (root / FOLDER / "models/toy/stages/staging.yaml").exists()
    assert not (root / "registry").exists()
    # A change that hides the registry and brings another is judged by the one that the workflow names.
    base = bench.git("rev-parse", "HEAD").strip()
    bench.git("mv", FOLDER, "ml/other")
    bench.git("commit", "-q", "-m", "Move it")
    assert bench.run("verify", "--change", base).code != 0
