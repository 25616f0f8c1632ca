"""A team's beginning: this repository's own workflows and actions, and a registry with a dataset and no model."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.parts.s3 import RcloneS3

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
BUCKET = "acme-models"
IDENTITY = {"NAME": "Alice", "EMAIL": "alice@example.org"}
PARTS = ("src", "actions", ".github", "examples", "constraints.txt", "pyproject.toml", "README.md", "LICENSE")
POLICY = f"""\
format: modelbook/policy/v1
store: s3://{BUCKET}/registry
stages:
  - name: staging
    auto: true
    gates:
      - metrics.accuracy >= 0.85
  - name: production
    first: accept
    gates:
      - name: better than what serves now
        require: metrics.accuracy > baseline.metrics.accuracy
"""
# Alice decides what enters the registry; anybody's approval does for the rest.
CODE_OWNERS = "/registry/ @alice\n"
MODEL = """\
format: modelbook/model/v1
model: digits
suites:
  default:
    entry_point: examples/digits/evaluate.py
    dataset: digits@1
"""


@dataclass(frozen=True)
class Founded:
    """What a team has before it goes to GitHub: its work tree, the key of its trust, and what is in its bucket."""

    work: Path
    key: Path
    bucket: Path


def runner(checkout: Path) -> dict[str, str]:
    """The environment of a runner on which the modelbook of `checkout` is installed already.

    It does not pause between writes, and nothing can be installed into the tests' own environment.
    """
    return {"MODELBOOK_GITHUB_PAUSE": "0", "PIP_NO_INDEX": "1", "PYTHONPATH": str(checkout / "src")}


def desk(program: str, *arguments: str, cwd: Path, home: Path, env: dict[str, str]) -> str:
    """Run a program of this environment with nothing but `env` around it; gives its standard output."""
    home.mkdir(exist_ok=True)
    clean = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}
    clean |= {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in IDENTITY.items()}
    done = subprocess.run([BIN / program, *arguments], cwd=cwd, env=clean | env, capture_output=True, text=True)
    assert done.returncode == 0, f"{program} {arguments}\n{done.stdout}{done.stderr}"
    return done.stdout


def lay_out(target: Path) -> None:
    """The project's own files at `target`, as a release has them: nothing ignored, no registry."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *PARTS],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)


def found(folder: Path) -> Founded:
    """A registry that holds the dataset version digits@1, committed in a work tree. Many teams may begin with it."""
    work, home, key = folder / "work", folder / "desk", folder / "signing-key.pem"
    work.mkdir(parents=True)
    lay_out(work)
    with RcloneS3() as s3:
        s3.make_bucket(BUCKET)

        def run(program: str, *arguments: str) -> None:
            desk(program, *arguments, cwd=work, home=home, env=s3.environment())

        run("modelbook", "init", ".", "--store", f"s3://{BUCKET}/registry", "--key", str(key))
        (work / "registry/policy.yaml").write_text(POLICY)
        (work / ".github/CODEOWNERS").write_text(CODE_OWNERS)
        (work / "registry/models/digits").mkdir(parents=True)
        (work / "registry/models/digits/model.yaml").write_text(MODEL)
        git = ["git", "-c", "user.name=Alice", "-c", "user.email=alice@example.org"]
        for command in (["add", "-A"], ["commit", "-q", "-m", "A registry for digits"]):
            subprocess.run([*git, *command], cwd=work, check=True, capture_output=True)
        run("python", "examples/digits/make_dataset.py", str(folder / "data"))
        add = ["data", "add", "digits", str(folder / "data"), "--signer", f"file:{key}", "--forge", "git"]
        run("modelbook", *add)
        shutil.copytree(s3.folder / BUCKET, folder / BUCKET)
    return Founded(work, key, folder / BUCKET)
