"""Whether a team's callers keep up with what the workflows that they call ask for."""

import pytest

from modelbook.commands._workflows import own_templates
from modelbook.core.doctor.caller_health import check_callers
from modelbook.core.doctor.health import Check
from modelbook.core.doctor.workflow_files import CALLED, Workflow

TEXTS = {path.rpartition("/")[2]: data.decode() for path, data in own_templates().items()}
TEMPLATES = {name: Workflow(name, text) for name, text in TEXTS.items()}


def judged(name: str, old: str = "", new: str = "", *, pinned: bool = True) -> Check:
    """The one check of a caller that differs from its template in one place."""
    assert not old or TEXTS[name].count(old) == 1, f"{old!r} does not stand once in {name}"
    caller = Workflow(f".github/workflows/{name}", TEXTS[name].replace(old, new))
    (check,) = check_callers([caller], TEMPLATES, pinned=pinned)
    return check


@pytest.mark.parametrize("name", TEXTS)
def test_what_init_writes_lags_behind_nothing(name: str) -> None:
    assert judged(name).verdict == "ok"


def test_there_is_a_template_of_all_that_a_team_calls_itself() -> None:
    assert {name.removesuffix(".yml") for name in TEXTS} == {*CALLED} - {"register", "evaluate"}


@pytest.mark.parametrize(
    ("name", "old", "new", "verdict", "words"),
    [
        ("verify.yml", "      base: ${{ inputs.base }}\n", "", "problem", "`with:` does not hand on base"),
        (
            "verify.yml",
            "      base:\n        description: The commit of the default branch that outdated its verdict\n"
            "        type: string\n",
            "",
            "problem",
            "`workflow_dispatch:` has no input base",
        ),
        ("verify.yml", 'run-name: "Verify #', 'run-name: "Check #', "problem", "its `run-name:` is another"),
        ("verify.yml", "  merge_group:\n    types: [checks_requested]\n", "", "warning", "starts it by `merge_group:`"),
        ("verify.yml", "      statuses: write", "      statuses: read", "problem", "its job lacks `statuses: write`"),
        ("tag.yml", "      contents: write", "      contents: read", "problem", "its job lacks `contents: write`"),
        ("train.yml", "      seed: ${{ inputs.seed }}\n", "", "warning", "`with:` does not hand on seed"),
        ("deploy.yml", '    - cron: "43 */6 * * *"', '    - cron: "0 0 * * *"', "ok", ""),
    ],
)
def test_one_that_lags_behind_is_told_with_what_it_lacks(
    name: str, old: str, new: str, verdict: str, words: str
) -> None:
    found = judged(name, old, new)
    assert (found.verdict, words in found.message) == (verdict, True), found


def test_where_the_pinned_commit_cannot_be_read_nothing_is_more_than_a_warning() -> None:
    found = judged("verify.yml", "      base: ${{ inputs.base }}\n", pinned=False)
    assert (found.verdict, "could not be read" in found.message) == ("warning", True)


def test_a_job_may_have_more_or_all_of_it_and_its_workflow_may_give_it() -> None:
    rights = "    permissions:\n      contents: write # to set tags and make releases\n"
    assert judged("tag.yml", rights, "    permissions: write-all\n").verdict == "ok"
    assert judged("tag.yml", rights, "    permissions: read-all\n").verdict == "problem"
    assert judged("tag.yml", rights, "").verdict == "problem", "its workflow gives nothing"
    assert judged("tag.yml", "permissions: {}\n\njobs:", "permissions: {contents: write}\njobs:").verdict == "ok"


def test_other_workflows_are_left_alone() -> None:
    own = Workflow(
        ".github/workflows/own.yml", "on: push\njobs:\n  a:\n    uses: acme/tools/.github/workflows/x.yml@v1\n"
    )
    assert check_callers([own, Workflow("a.yml", "on: &a [push]\nx: *a\n")], TEMPLATES, pinned=True) == []
