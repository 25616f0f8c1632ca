"""A team's caller that is older than the commit that it pins: `doctor` reads that commit's own, where it can."""

import json
import subprocess
from pathlib import Path
from typing import Any

from modelbook.commands._workflows import own_templates
from tests.commands.workbench import Workbench
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer

TOKEN, FOLDER = "ghp_" + "o" * 36, ".github/workflows"
GONE = ("      base: ${{ inputs.base }}\n", "${{ inputs.base && format(' on {0}', inputs.base) }}")


def test_a_verify_that_knows_no_base_is_told(bench: Workbench, github: GitHubServer, tmp_path: Path) -> None:
    ours = make_worktree(tmp_path / "modelbook", {path: data.decode() for path, data in own_templates().items()})
    pin = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ours, check=True, capture_output=True, text=True)
    key = Path(bench.env["HOME"]) / "key.pem"
    bench.ok("init", ".", "--key", str(key), "--github", f"acme/modelbook@{pin.stdout.strip()}")
    github.add_repository("acme/registry", from_worktree=bench.root)
    github.add_token(TOKEN, "acme")
    env = {"GITHUB_REPOSITORY": "acme/registry", "GITHUB_API_URL": github.api_url, "GITHUB_TOKEN": TOKEN}

    def told() -> tuple[str, str]:
        checks: list[dict[str, Any]] = json.loads(bench.run("doctor", "--json", env=env).out)["checks"]
        (check,) = [each for each in checks if each["name"] == "callers"]
        return check["verdict"], check["message"]

    assert told()[0] == "ok"
    old = (bench.root / FOLDER / "verify.yml").read_text()
    for part in GONE:
        assert old.count(part) == 1
        old = old.replace(part, "")
    bench.commit({f"{FOLDER}/verify.yml": old})
    verdict, message = told()
    assert (verdict, "the pinned commit could not be read" in message) == ("warning", True), message
    github.add_repository("acme/modelbook", from_worktree=ours)
    verdict, message = told()
    assert (verdict, "does not hand on base; its `run-name:`" in message) == ("problem", True), message
