"""Tags and releases on GitHub: made once wherever a job is killed, and never behind what the default branch says."""

import re
from typing import Any

from modelbook.adapters.git import Repository
from modelbook.adapters.github_tags import GitHubTags
from modelbook.adapters.open_github import open_api
from modelbook.adapters.tags import LocalTags, Standing, Tags
from tests.commands.test_tag import commit, made
from tests.parts.office import Office

READER = "ghs_" + "t" * 36


def world(office: Office) -> tuple[dict[str, str], dict[str, str]]:
    """Every tag on GitHub and what it names; the name of each release by its tag."""
    refs = {ref.removeprefix("refs/tags/"): at for ref, at in office.state["refs"].items() if "/tags/" in ref}
    found = [one for one in releases(office) if not one["draft"]]
    named = {one["tag_name"]: one["name"] for one in found}
    assert len(named) == len(found), "one of each"
    return refs, named


def releases(office: Office) -> list[dict[str, Any]]:
    found = office.state["releases"]
    return list(found.values()) if isinstance(found, dict) else found


def promoted(office: Office, name: str) -> tuple[str, str]:
    """A repository in which digits@1 is in staging: the commit that registered it, and the one that promoted it."""
    first = office.desk.git("log", "--format=%H", "--reverse", "--", "registry").splitlines()[0]
    if office.desk.git("ls-files", "registry/models/digits/stages") == "":
        commit(office.desk, made().pointer("digits", "staging", 1))
    stage = office.desk.git("log", "-1", "--format=%H", "--", "registry/models/digits/stages")
    office.open(name)
    office.server.clear_log()
    return first, stage


def test_killed_after_any_write_it_ends_with_one_tag_and_one_release_of_each(office: Office) -> None:
    first, stage = promoted(office, "tag-whole")
    office.desk.ok("tag", "digits")
    names = ["digits@1", "digits@2", "digits/staging"]
    wanted = dict(zip(names, (first, first, stage), strict=True)), {name: name for name in names[:2]}
    assert world(office) == wanted
    writes = office.visible_writes()
    assert len(writes) == 5
    office.server.clear_log()
    office.desk.ok("tag", "digits")
    assert office.visible_writes() == []
    for at, write in enumerate(writes):
        promoted(office, f"tag-{at}")
        method, _, path = write.partition(" ")
        nth = writes[: at + 1].count(write)
        # The write takes effect, and whoever made it learns nothing but that his token is bad.
        office.fail(method, f"{re.escape(path)}$", nth=nth, status=401, after_effect=True)
        code, said = office.desk.run("tag", "digits")
        assert (code, "GitHub would not" in said) == (3, True), said
        office.server.clear_faults()
        office.desk.ok("tag", "digits")
        assert world(office) == wanted, write


def test_where_github_does_not_answer_nothing_is_made_twice(office: Office) -> None:
    first, _ = promoted(office, "tag-unanswered")
    office.fail("POST", "/git/refs$", after_effect=True)
    office.fail("POST", "/releases$", after_effect=True)
    office.desk.ok("tag", "digits")
    commit(office.desk, made().pointer("digits", "staging", 1).pointer("digits", "staging", 2))
    office.push()
    office.server.fail("POST", "/api/graphql$", after_effect=True)
    office.desk.ok("tag", "digits")
    refs, named = world(office)
    assert refs == {"digits@1": first, "digits@2": first, "digits/staging": office.desk.git("rev-parse", "HEAD")}
    assert named.keys() == {"digits@1", "digits@2"}


def test_a_job_that_comes_late_moves_nothing_back_and_the_newest_puts_right_what_somebody_moved(office: Office) -> None:
    desk = office.desk
    _, old = promoted(office, "tag-late")
    desk.ok("tag")
    new = commit(desk, made().pointer("digits", "staging", 1).pointer("digits", "staging", 2))
    later = commit(desk, made().pointer("digits", "staging", 1).pointer("digits", "staging", 2).version("digits", 3))
    office.push()
    desk.ok("tag")
    assert world(office)[0]["digits/staging"] == new
    late = desk.json("tag", "--rev", old)
    assert (late["passed"], late["facts"]) == (
        True,
        {"digits/staging": f"left to a job that knows a later commit, {old[:12]}"},
    )
    assert {one["code"] for one in late["findings"]} == {"stray"}, "it knows of no third version, and touches nothing"
    assert world(office)[0]["digits/staging"] == new

    side = desk.git("commit-tree", f"{old}^{{tree}}", "-m", "Elsewhere")
    desk.git("push", "-q", "origin", f"{side}:refs/heads/side")
    for wrong in (later, side):
        assert office.ask("PATCH", "/git/refs/tags/digits/staging", {"sha": wrong, "force": True})[0] == 200
        desk.ok("tag", "--rev", old)
        assert world(office)[0]["digits/staging"] == wrong, "who comes late knows no better"
        assert desk.json("tag")["facts"] == {"digits/staging": f"moved, {new[:12]}"}
        assert world(office)[0]["digits/staging"] == new


def test_of_two_who_move_a_tag_at_once_the_one_who_saw_it_elsewhere_does_not(office: Office) -> None:
    """On GitHub and in a clone: from where it was not seen to be, nobody moves it."""
    desk = office.desk
    old, new = promoted(office, "tag-at-once")
    root = Repository.find(desk.root)
    both: list[Tags] = [GitHubTags(open_api(root)), LocalTags(root)]
    for here in both:
        assert here.make("digits/staging", old)
        assert not here.make("digits/staging", new)
        assert here.move("digits/staging", new, Standing(old, old))
        assert not here.move("digits/staging", old, Standing(old, old))
        assert here.standing(())["digits/staging"] == Standing(new, new)
        pairs = [(old, new), (new, old), (new, new)]
        assert [here.relation(*pair) for pair in pairs] == ["before", "after", "same"]


def test_what_nobody_merged_is_not_told(office: Office) -> None:
    desk = office.desk
    promoted(office, "tag-unmerged")
    commit(desk, made().version("digits", 3))
    code, said = desk.run("tag")
    assert (code, "this commit is not on the branch that tags follow" in said) == (2, True), said
    branch = desk.git("rev-parse", "HEAD")
    desk.git("reset", "-q", "--hard", "HEAD~1")
    desk.git("merge", "-q", "--no-ff", "-m", "Merge", branch)
    office.push()
    assert desk.run("tag", "--rev", branch)[0] == 2, "merged, and still not the commit that brought it"
    assert world(office) == ({}, {})
    assert desk.json("tag")["passed"]
    assert world(office)[0]["digits@3"] == desk.git("rev-parse", "HEAD")


def test_a_tag_of_a_version_elsewhere_has_no_release_and_one_with_a_message_has(office: Office) -> None:
    desk = office.desk
    first = desk.git("rev-parse", "HEAD")
    desk.git("tag", "-a", "-m", "by hand", "digits@1", first)
    commit(desk, made().pointer("digits", "staging", 1))
    desk.git("tag", "digits@2")
    office.open("tag-elsewhere")
    code, said = desk.run("tag", "digits")
    assert (code, "the tag digits@2 is at" in said) == (1, True), said
    refs, named = world(office)
    assert (refs["digits@2"], set(named)) == (desk.git("rev-parse", "digits@2"), {"digits@1"})


def test_the_release_of_a_revoked_version_is_marked_and_nobody_takes_that_back(office: Office) -> None:
    desk = office.desk
    promoted(office, "tag-revoked")
    before = desk.git("rev-parse", "HEAD")
    desk.ok("tag")
    desk.ok("revoke", "digits@2", "--reason", "<img src=x> leaked\n@acme/all", "--forge", "git")
    office.push()
    told = desk.json("tag")
    assert (told["passed"], told["facts"]) == (True, {"release digits@2": "edited: revoked"})
    desk.ok("revoke", "digits@1", "--reason", "leaked too", "--forge", "git")
    office.push()
    assert [(one["code"], one["level"]) for one in desk.json("tag", "--dry-run")["findings"]] == [
        ("revoked", "warning")
    ]
    desk.ok("tag", "--rev", before)
    assert desk.json("tag")["facts"] == {"release digits@1": "edited: revoked"}
    assert desk.json("tag")["facts"] == {}
    (found,) = [one for one in releases(office) if one["tag_name"] == "digits@2"]
    assert (found["name"], found["prerelease"]) == ("digits@2 (revoked)", True)
    assert found["body"].startswith("> [!CAUTION]\n> digits&#64;2 was **revoked**, by ")
    assert "&#60;img src=x&#62; leaked &#64;&#8203;acme/all" in found["body"]
    assert "modelbook pull" not in found["body"]


def test_a_token_that_may_not_tag_says_what_it_lacks(office: Office) -> None:
    promoted(office, "tag-denied")
    office.server.add_token(READER, "github-actions[bot]", {"contents": "read"})
    office.patch.setenv("GITHUB_TOKEN", READER)
    code, said = office.desk.run("tag")
    assert (code, "lacks `contents: write`" in said, "workflow files" in said) == (3, True, True), said
