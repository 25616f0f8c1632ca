"""act runs workflow files as the tests need it: exact jobs, a token with declared rights, nothing from outside."""

import subprocess
from pathlib import Path

import pytest

from tests.parts.act import Act
from tests.parts.act_run import ActRun
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer

CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.org")
SECRET = "sk-" + "s3cr3t" * 5
PLAN = f"""
name: train
on:
  workflow_dispatch:
    inputs: {{models: {{required: true}}}}
permissions: {{}}
jobs:
  plan:
    runs-on: ubuntu-latest
    outputs: {{models: "${{{{ steps.plan.outputs.models }}}}"}}
    steps:
      - id: plan
        env: {{MODELS: "${{{{ inputs.models }}}}"}}
        run: echo "models=$MODELS" >> "$GITHUB_OUTPUT"
  train:
    needs: plan
    permissions: {{contents: read}}
    runs-on: [self-hosted, gpu]
    strategy: {{matrix: {{model: "${{{{ fromJSON(needs.plan.outputs.models) }}}}"}}}}
    steps:
      - uses: {CHECKOUT}  # v4.2.2
        with: {{persist-credentials: false, fetch-depth: 0}}
      - id: train
        uses: ./actions/train
        with: {{model: "${{{{ matrix.model }}}}"}}
  never:
    needs: train
    if: false
    runs-on: ubuntu-latest
    steps: [{{run: "true"}}]
"""
ACTION = """
name: train
description: train one model
inputs: {model: {required: true, description: name}}
outputs: {uri: {description: where, value: "${{ steps.work.outputs.uri }}"}}
runs:
  using: composite
  steps:
    - id: work
      shell: bash
      env: {MODEL: "${{ inputs.model }}", KEY: "${{ env.KEY }}"}
      run: |
        echo "uri=s3://bucket/$MODEL" >> "$GITHUB_OUTPUT"
        echo "### $MODEL" >> "$GITHUB_STEP_SUMMARY"
        echo "::warning file=card.yaml,line=3::$MODEL is small"
        printf 'second line of %s, ' "$MODEL" >> "$GITHUB_STEP_SUMMARY"
        echo "credentials left: $(git config --get-regexp extraheader | wc -l)"
        echo "head $(git rev-parse HEAD) branch $(git branch --show-current) commits $(git rev-list --count HEAD)"
    - shell: bash
      run: echo "third line" >> "$GITHUB_STEP_SUMMARY"
"""
RIGHTS = f"""
on: [push, pull_request]
permissions: {{contents: write, id-token: write}}
jobs:
  less:
    permissions: {{}}
    runs-on: ubuntu-latest
    steps: [{{run: 'echo "nameless${{ACTIONS_ID_TOKEN_REQUEST_URL:-}}"'}}]
  rights:
    runs-on: ubuntu-latest
    steps:
      - uses: {CHECKOUT}
      - env: {{SECRET: "${{{{ secrets.KEY }}}}", TOKEN: "${{{{ github.token }}}}"}}
        run: |
          echo "secret ${{#SECRET}} oidc ${{ACTIONS_ID_TOKEN_REQUEST_URL:+yes}} home $HOME leak ${{PLANTED:-none}}"
          echo "sha $GITHUB_SHA ref $GITHUB_REF"
          git -c user.name=a -c user.email=a@example.org commit --quiet --allow-empty -m from-a-job
          git push --quiet origin HEAD:refs/heads/made && echo pushed || echo refused
          curl --silent --output /dev/null --write-out 'pulls %{{http_code}}' \\
            -H "Authorization: Bearer $TOKEN" "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/pulls"
"""
LEAK = """
on: push
jobs:
  leak:
    runs-on: ubuntu-latest
    env: {KEY: "${{ secrets.KEY }}", OTHER: "${{ secrets.OTHER }}"}
    steps:
      - run: echo "aa$KEY" | base64 --wrap=0
      - run: echo "plain $OTHER"
"""
CALLS = """
on: push
jobs:
  one: {uses: ./.github/workflows/called.yml}
  two: {uses: acme/other/.github/workflows/called.yml@%s}
"""
ONE_CALL = """
on: push
permissions: {}
jobs:
  one:
    permissions: {contents: write}
    uses: ./.github/workflows/called.yml
"""
CALLED = """
on: workflow_call
jobs: {inner: {uses: $/.github/workflows/inner.yml}}
"""
INNER = """
on: workflow_call
jobs:
  job:
    runs-on: ubuntu-latest
    steps:
      - uses: $/actions/say
      - if: github.repository == job.workflow_repository
        run: echo "own ${{ job.workflow_sha }}"
"""
SAY = """
name: say
description: whose it is
runs: {using: composite, steps: [{shell: bash, run: 'echo "it is WHOSE at ${{ github.action_repository }}"'}]}
"""
UNKNOWN = "on: push\njobs: {one: {runs-on: ubuntu-latest, steps: [{uses: 'someone/thing@v1'}]}}\n"


@pytest.fixture
def registry(github: GitHubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLANTED", "in the environment of the tests")
    files = {
        "actions/train/action.yml": ACTION,
        ".github/workflows/train.yml": PLAN,
        ".github/workflows/rights.yml": RIGHTS,
        ".github/workflows/leak.yml": LEAK,
    }
    return github.add_repository("acme/registry", from_worktree=make_worktree(tmp_path / "work", files))


def tip(bare: Path, ref: str = "main") -> str:
    command = ["git", "rev-parse", ref]
    return subprocess.run(command, cwd=bare, check=True, capture_output=True, text=True).stdout.strip()


def test_a_matrix_of_jobs_runs_a_local_action(act: Act, registry: Path) -> None:
    run = act.run("workflow_dispatch", "train.yml", inputs={"models": '["a", "b"]'})
    run.assert_jobs({"plan": "success", ("train", '{"model": "a"}'): "success", ("train", '{"model": "b"}'): "success"})
    assert run.exit_code == 0, run.report()
    assert run.output("train", "train", "uri", {"model": "b"}) == "s3://bucket/b"
    assert run.summaries == {
        ("train", matrix, step): text
        for matrix, name in (('{"model": "a"}', "a"), ('{"model": "b"}', "b"))
        for step, text in (("train/work", f"### {name}\nsecond line of {name}, "), ("train/1", "third line\n"))
    }
    assert {(a.level, a.message, a.place["line"]) for a in run.annotations} >= {("warning", "a is small", "3")}
    assert run.log.count(f"head {tip(registry)} branch main commits 1") == 2
    assert run.log.count("credentials left: 0") == 2
    run.assert_no_secret([*act.tokens, SECRET])
    with pytest.raises(AssertionError, match="these jobs ran"):
        run.assert_jobs({"plan": "success"})


def test_a_run_has_the_rights_that_its_workflow_declares(act: Act, github: GitHubServer, registry: Path) -> None:
    run = act.run("push", "rights.yml", secrets={"KEY": SECRET})
    run.assert_jobs({"rights": "success", "less": "success"})
    assert "nameless\n" in run.log
    assert f"secret {len(SECRET)} oidc yes home {act.folder}/home leak none" in run.log
    assert f"sha {tip(registry)} ref refs/heads/main" in run.log
    assert "\npushed" in run.log, run.log
    assert "pulls 403" in run.log, "the workflow does not ask for pull requests"
    assert tip(registry, "made") != tip(registry)
    assert github.log()[-1]["who"] == "GITHUB_TOKEN of run 1"
    run.assert_no_secret([SECRET, *act.tokens], github.log_file.read_text())


def test_a_pull_request_from_a_fork_gets_no_secret_and_writes_nothing(
    act: Act, github: GitHubServer, registry: Path, tmp_path: Path
) -> None:
    bare = github.add_repository("mallory/registry", fork_of="acme/registry")
    github.add_token("ghp_mallory", "mallory")
    work = act.checkout("mallory/registry", "refs/heads/main", tmp_path / "mallory")
    identity = ["-c", "user.name=m", "-c", "user.email=m@example.org"]
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "x"], cwd=work, check=True)
    subprocess.run(["git", "push", "-q", str(bare), "HEAD:refs/heads/topic"], cwd=work, check=True)
    call(github, "ghp_mallory", {"title": "t", "head": "mallory:topic", "base": "main"})
    (event,) = [event for event in github.events() if event["name"] == "pull_request"]
    run = act.run_event(event, "rights.yml", secrets={"KEY": SECRET})
    run.assert_jobs({"rights": "success", "less": "success"})
    assert "secret 0 oidc  home" in run.log
    assert "\nrefused" in run.log
    assert f"sha {event['sha']} ref refs/pull/1/merge" in run.log


def call(github: GitHubServer, token: str, body: dict[str, str]) -> None:
    import requests

    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(f"{github.api_url}/repos/acme/registry/pulls", json=body, headers=headers, timeout=5)
    assert answer.status_code == 201, answer.text


def test_a_secret_in_the_log_is_seen_even_in_base64(act: Act, registry: Path) -> None:
    other = "another-" + SECRET
    run = act.run("push", "leak.yml", secrets={"KEY": SECRET[::-1], "OTHER": other})
    run.assert_jobs({"leak": "success"})
    assert SECRET[::-1] not in run.log
    for leaked in (SECRET[::-1], other):
        with pytest.raises(AssertionError, match="in act's log"):
            run.assert_no_secret([leaked])
    run.assert_no_secret(["a secret that nobody printed"])
    with pytest.raises(AssertionError, match="in text 1"):
        ActRun(0, [], "").assert_no_secret([SECRET], f"bucket log: {SECRET}")


def test_a_called_file_takes_what_it_uses_from_its_own_repository_and_commit(
    act: Act, github: GitHubServer, tmp_path: Path
) -> None:
    """The caller has files of the same names, and the called repository has moved on from the commit that is pinned."""
    parts = {".github/workflows/called.yml": CALLED, ".github/workflows/inner.yml": INNER}
    theirs = parts | {"actions/say/action.yml": SAY.replace("WHOSE", "theirs")}
    other = make_worktree(tmp_path / "other", theirs)
    pin = tip(other)
    (other / "actions/say/action.yml").write_text(SAY.replace("WHOSE", "newer"))
    subprocess.run(["git", *IDENTITY, "commit", "-qam", "newer"], cwd=other, check=True)
    github.add_repository("acme/other", from_worktree=other)
    ours = parts | {"actions/say/action.yml": SAY.replace("WHOSE", "ours"), ".github/workflows/calls.yml": CALLS % pin}
    bare = github.add_repository("acme/registry", from_worktree=make_worktree(tmp_path / "calls", ours))
    run = act.run("push", "calls.yml")
    run.assert_jobs({"inner/job": "success"})  # of a call within a call, act tells the inner one only
    said = sorted(line.removeprefix("it is ").split(" ")[0] for line in run.log.splitlines() if "it is " in line)
    assert said == ["ours", "theirs"], run.log
    assert [line for line in run.log.splitlines() if line.startswith("own ")] == [f"own {tip(bare)}"]


def test_a_called_workflow_gets_no_right_that_its_caller_has_not(
    act: Act, github: GitHubServer, tmp_path: Path
) -> None:
    wants = RIGHTS.replace("on: [push, pull_request]", "on: workflow_call")
    files = {".github/workflows/called.yml": wants, ".github/workflows/calls.yml": ONE_CALL}
    github.add_repository("acme/registry", from_worktree=make_worktree(tmp_path / "work", files))
    with pytest.raises(PermissionError, match="id-token"):
        act.run("push", "calls.yml")


def test_an_action_that_lies_nowhere_is_refused_at_once(act: Act, github: GitHubServer, tmp_path: Path) -> None:
    files = {".github/workflows/unknown.yml": UNKNOWN}
    github.add_repository("acme/registry", from_worktree=make_worktree(tmp_path / "work", files))
    with pytest.raises(LookupError, match="someone/thing@v1 has no stand-in"):
        act.run("push", "unknown.yml")
