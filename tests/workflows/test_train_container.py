"""The image that a training runs in: by digest or not at all, the same for the job and for its record."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelbook.training.machine import CONTAINER, IMAGE

DIGEST = "sha256:" + "0123456789abcdef" * 4
WORKFLOW: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / ".github/workflows/train.yml").read_text())


@pytest.mark.parametrize(
    ("image", "good"),
    [
        (f"python@{DIGEST}", True),
        (f"ghcr.io/acme/train@{DIGEST}", True),
        (f"localhost:5000/acme/train:2026.1@{DIGEST}", True),
        ("python:3.13", False),
        ("python", False),
        (f"@{DIGEST}", False),
        (f"python@{DIGEST[:-1]}", False),
        (f"python@{DIGEST}0", False),
        (f"python@{DIGEST.upper()}", False),
        (f"python@{DIGEST}\n", False),
        (f"python:latest\npython@{DIGEST}", False),
        (f"python:latest python@{DIGEST}", False),
        (f"--privileged python@{DIGEST}", False),
        (f"$(touch here)@{DIGEST}", False),
    ],
)
def test_only_an_image_by_digest_is_trained_in(image: str, good: bool, tmp_path: Path) -> None:
    (step,) = WORKFLOW["jobs"]["container"]["steps"]
    assert step["env"] == {"IMAGE": "${{ inputs.container }}"}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, env={"IMAGE": image}, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == good
    assert image not in done.stdout, "an input could be a command to the runner"
    assert ("by digest" in done.stdout) == (not good)
    assert list(tmp_path.iterdir()) == []
    assert (IMAGE.fullmatch(image) is not None) == good, "the record takes what the workflow takes"


def test_the_job_and_its_record_have_the_same_image() -> None:
    train = WORKFLOW["jobs"]["train"]
    assert train["needs"] == "container"
    assert train["container"] == "${{ inputs.container }}"
    (step,) = [step for step in train["steps"] if step.get("id") == "train"]
    assert step["env"][CONTAINER] == train["container"]
    # PyYAML reads the key `on` as true.
    triggers = WORKFLOW[True]  # type: ignore[index]
    asked = triggers["workflow_dispatch"]["inputs"].keys()
    assert triggers["workflow_call"]["inputs"].keys() == asked | {"registry", "signer"}
