"""A promotion's branch that somebody else made, or added to, before it is proposed: the right pointer is not enough."""

import pytest

from modelbook.adapters.github_forge import GitHubForge
from tests.parts.desks import Desk, made_for_people
from tests.parts.office import Office
from tests.parts.ssh_keys import ssh_key

BRANCH = "promote/digits-1-to-staging"
STAGES = "registry/models/digits/stages"
PROPOSED = {f"{STAGES}/staging.yaml", f"{STAGES}/staging.promoter.sigstore.json"}


@pytest.fixture
def desk(empty_desk: Desk) -> Desk:
    empty_desk.commit(made_for_people())
    return empty_desk


def promote(desk: Desk) -> str:
    return desk.ok("promote", "digits@1", "--to", "staging", "--signer", desk.signer("promoter"))


def add(desk: Desk, path: str, branch: str = BRANCH) -> None:
    """Commit a file on the branch, as whoever may push there can."""
    desk.git("switch", "-q", branch)
    file = desk.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("of somebody else\n")
    desk.git("add", "-A")
    desk.git("commit", "-q", "-m", "More")
    desk.git("switch", "-q", "main")


def changed(desk: Desk) -> set[str]:
    return set(desk.git("diff", "--name-only", "--no-renames", f"main...{BRANCH}").splitlines())


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        ".github/workflows/train.yml",
        "registry/policy.yaml",
        f"{STAGES}/production.mallory.sshsig",
        "registry/models/other/stages/staging.mallory.sshsig",
        "models/digits/stages/staging.mallory.sshsig",  # not in the registry
    ],
)
def test_a_branch_that_changes_anything_else_is_proposed_anew(desk: Desk, path: str) -> None:
    promote(desk)
    add(desk, path)
    assert changed(desk) == PROPOSED | {path}
    promote(desk)
    assert changed(desk) == PROPOSED


def test_what_lies_below_the_pointer_on_the_branch_counts_as_well(desk: Desk) -> None:
    """The pointer's own commit is good; the one that it was put on top of is not of the default branch."""
    desk.git("branch", "-q", "seed")
    add(desk, "README.md", "seed")
    desk.git("switch", "-q", "seed")
    promote(desk)
    desk.git("switch", "-q", "main")
    assert changed(desk) == PROPOSED | {"README.md"}
    promote(desk)
    assert changed(desk) == PROPOSED


def test_a_branch_without_a_common_past_is_proposed_anew(desk: Desk) -> None:
    promote(desk)
    tree = desk.git("rev-parse", f"{BRANCH}^{{tree}}")
    desk.git("update-ref", f"refs/heads/{BRANCH}", desk.git("commit-tree", tree, "-m", "From nowhere"))
    promote(desk)
    assert changed(desk) == PROPOSED


def test_a_branch_that_more_people_signed_is_left_as_it_is(desk: Desk) -> None:
    promote(desk)
    desk.ok("approve", "digits@1", "--to", "staging", "--key", str(ssh_key("alice").file), "--yes")
    desk.ok("approve", "digits@1", "--to", "staging", "--signer", desk.signer("deputy"), "--yes")
    tip = desk.git("rev-parse", BRANCH)
    desk.git("commit", "-q", "--allow-empty", "-m", "Main goes on")
    promote(desk)
    assert desk.git("rev-parse", BRANCH) == tip


def test_nothing_that_somebody_else_put_on_the_branch_is_merged_by_itself(office: Office) -> None:
    office.open("seeded", allow_auto_merge=True, required_checks=["modelbook"])
    desk = office.desk
    office.fail("POST", "/pulls$", times=1000, status=401)
    command = ("promote", "digits@1", "--to", "staging", "--signer", desk.signer("promoter"))
    assert desk.run(*command)[0] != 0, "there is a branch, and no pull request"
    office.server.clear_faults()
    desk.git("fetch", "-q", "origin", f"+refs/heads/{BRANCH}:refs/heads/{BRANCH}")
    add(desk, "README.md")
    desk.git("push", "-q", "origin", BRANCH)
    seeded = desk.git("rev-parse", BRANCH)

    desk.ok(*command)
    assert office.pull(1)["head_sha"] != seeded
    assert {one["filename"] for one in office.ask("GET", "/pulls/1/files")[1]} == PROPOSED
    office.verify(1)
    assert office.pull(1)["merged_by"] == "github-actions[bot]"
    office.bring()
    assert (desk.root / "README.md").read_text() == "hello\n"


def push_while_it_is_looked_at(office: Office, patch: pytest.MonkeyPatch) -> None:
    """Somebody pushes to the promotion's branch just after its paths were read."""
    look = GitHubForge.changed

    def changed(forge: GitHubForge, base: str, commit: str) -> frozenset[str] | None:
        found = look(forge, base, commit)
        office.desk.git("fetch", "-q", "origin", f"+refs/heads/{BRANCH}:refs/heads/{BRANCH}")
        add(office.desk, "README.md")
        office.desk.git("push", "-q", "origin", BRANCH)
        return found

    patch.setattr(GitHubForge, "changed", changed)


def test_what_is_pushed_while_it_is_looked_at_is_not_merged_by_itself(office: Office) -> None:
    office.open("pushed-meanwhile", required_checks=["modelbook"])
    command = ("promote", "digits@1", "--to", "staging", "--signer", office.desk.signer("promoter"))
    office.desk.ok(*command)
    office.server.configure(office.name, allow_auto_merge=True)
    office.server.clear_log()
    with pytest.MonkeyPatch.context() as patch:
        push_while_it_is_looked_at(office, patch)
        code, text = office.desk.run(*command)
    assert (code, "moved meanwhile" in text) == (1, True), text
    assert office.visible_writes() == []
    office.desk.ok(*command)
    assert {one["filename"] for one in office.ask("GET", "/pulls/1/files")[1]} == PROPOSED


def test_what_github_does_not_name_is_not_taken_for_nothing(office: Office) -> None:
    """It names 300 paths of a comparison, in their order: one more lies beyond them."""
    office.open("many-files", required_checks=["modelbook"])
    desk = office.desk
    command = ("promote", "digits@1", "--to", "staging", "--signer", desk.signer("promoter"))
    desk.ok(*command)
    desk.git("fetch", "-q", "origin", f"+refs/heads/{BRANCH}:refs/heads/{BRANCH}")
    desk.git("switch", "-q", BRANCH)
    for number in range(298):
        (desk.root / STAGES / f"staging.p{number}.sshsig").write_text("of somebody else\n")
    desk.git("switch", "-q", "main")
    add(desk, "zzz.py")
    desk.git("push", "-q", "origin", BRANCH)
    desk.ok(*command)
    assert {one["filename"] for one in office.ask("GET", "/pulls/1/files")[1]} == PROPOSED
