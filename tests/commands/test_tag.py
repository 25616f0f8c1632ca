"""Tags in a clone, which tell the outside what the registry says: derived, one of each, and never behind it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from modelbook.adapters.tags import LocalTags
from modelbook.commands._workspace import open_workspace
from modelbook.commands.tag import Work
from modelbook.core.stages.tags import Tag
from tests.made import Made
from tests.parts.desks import Desk, made_for_people

FIRST = "models/digits/versions/1"


def made() -> Made:
    """Two versions of digits, and one of other."""
    return made_for_people(threshold=1).version("other", 1)


def commit(desk: Desk, registry: Made) -> str:
    desk.commit(registry)
    return desk.git("rev-parse", "HEAD")


def tags(desk: Desk) -> dict[str, str]:
    """The commit that each tag of the clone leads to."""
    names = desk.git("tag", "--list").split()
    return {name: desk.git("rev-parse", f"refs/tags/{name}^{{commit}}") for name in names}


def test_in_a_clone_versions_and_stages_have_tags_and_a_second_run_finds_them(empty_desk: Desk) -> None:
    desk, registry = empty_desk, made()
    first = commit(desk, registry)
    one = commit(desk, registry.pointer("digits", "staging", 1))
    wanted = {"digits@1": first, "digits@2": first, "digits/staging": one}
    assert desk.json("tag", "digits", "--dry-run")["facts"] == {name: f"made, {at[:12]}" for name, at in wanted.items()}
    assert tags(desk) == {}
    assert desk.json("tag", "digits")["passed"]
    assert tags(desk) == wanted
    again = desk.json("tag", "digits")
    assert (again["passed"], again["facts"]) == (True, {})

    held = registry.copy().pointer("digits", "staging", 1, kind="hold", reason="audit", baseline=None)
    commit(desk, held)
    assert desk.json("tag")["facts"].keys() == {"other@1"}, "a hold brings nothing new"
    two = commit(desk, registry.pointer("digits", "staging", 2, serial=3))
    desk.git("remote", "add", "origin", "git@github.com:acme/models.git")
    moved = desk.json("tag")
    assert moved["facts"] == {"digits/staging": f"moved, {two[:12]}"}
    assert moved["next_steps"] == ["git push origin +refs/tags/digits/staging"]
    assert tags(desk) == wanted | {"other@1": first, "digits/staging": two}


def test_the_tag_of_a_version_is_never_moved_and_the_others_are_set_all_the_same(empty_desk: Desk) -> None:
    desk, registry = empty_desk, made()
    first = commit(desk, registry)
    commit(desk, registry.pointer("digits", "staging", 1))
    desk.git("tag", "digits@2", "HEAD")
    desk.git("tag", "-a", "-m", "by hand", "digits@1", first)
    desk.git("tag", "digits@9")
    desk.git("tag", "digits-other")
    code, said = desk.run("tag")
    assert (code, f"the tag digits@2 is at {tags(desk)['digits@2'][:12]}, but" in said) == (1, True), said
    assert "the tag digits@9 is there, and stands for nothing" in said
    assert "digits-other" not in said
    assert tags(desk).keys() == {"digits@1", "digits@2", "digits@9", "digits-other", "digits/staging", "other@1"}
    assert tags(desk)["digits@2"] != first, "it stays where somebody put it"
    desk.git("tag", "-d", "digits@2")
    assert desk.json("tag")["passed"]
    assert tags(desk)["digits@1"] == tags(desk)["digits@2"] == first, "one with a message is as good"


@pytest.mark.parametrize(
    ("spoil", "refused"),
    [
        (lambda one: one.drop("models/digits/versions/2/model.sig"), {"digits@2"}),
        (lambda one: one.put(f"{FIRST}/revoked.yaml", "format: nonsense\n"), {"digits@1", "digits/staging"}),
        (lambda one: one.pointer("digits", "staging", 1, signer="mallory"), {"digits/staging"}),
    ],
    ids=["unsigned", "revoked", "promoted-by-nobody"],
)  # fmt: skip
def test_nobody_is_told_of_what_does_not_verify(
    empty_desk: Desk, spoil: Callable[[Made], Made], refused: set[str]
) -> None:
    """Invariants 1 and 3."""
    commit(empty_desk, spoil(made().pointer("digits", "staging", 1)))
    assert empty_desk.run("tag")[0] == 1
    assert tags(empty_desk).keys() == {"digits@1", "digits@2", "other@1", "digits/staging"} - refused


def test_what_cannot_be_known_or_meant_is_said(empty_desk: Desk) -> None:
    desk = empty_desk
    commit(desk, made())
    assert "no registered model is named" in desk.run("tag", "nothing")[1]
    desk.git("tag", "other/in-the-way")
    desk.git("update-ref", "refs/tags/digits", "HEAD")
    commit(desk, made().pointer("digits", "staging", 1))
    code, said = desk.run("tag", "digits")
    assert (code, "git would not set the tag digits/staging" in said) == (3, True), said
    (desk.root / ".git/shallow").write_text(desk.git("rev-parse", "HEAD") + "\n")
    code, said = desk.run("tag")
    assert (code, "nobody knows which of them to tag" in said, "fetch-depth: 0" in said) == (2, True, True)


@dataclass(frozen=True)
class Overtaken(LocalTags):
    """The tags of a clone, in which somebody is at work just after it was asked where the branch ends."""

    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    def behind(self, commit: str) -> int | None:
        found = super().behind(commit)
        while self.meanwhile:
            self.meanwhile.pop()()
        return found


def test_a_job_that_is_overtaken_between_two_of_its_steps_leaves_what_the_newer_one_did(empty_desk: Desk) -> None:
    """Two pushes: the older one's job has read all, the newer one's comes and goes, and the older one writes."""
    desk, registry = empty_desk, made().pointer("digits", "staging", 1)
    old = commit(desk, registry)
    desk.git("tag", "digits/staging", desk.git("commit-tree", "HEAD^{tree}", "-m", "Elsewhere"))
    workspace = open_workspace(None, scope=["models/digits"])

    def newer() -> None:
        commit(desk, registry.pointer("digits", "staging", 2))
        desk.ok("tag", "digits")

    there = Overtaken(workspace.repository, [newer])
    (done,) = Work(workspace, there, (), dry_run=False).tags(["digits"], [Tag("digits", 1, old, "staging")])
    assert done.step == "leave"
    assert tags(desk)["digits/staging"] == desk.git("rev-parse", "HEAD") != old
