"""CODEOWNERS: whose a path is, by the last line that fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.doctor.code_owners import CodeOwners, is_owner


@pytest.mark.parametrize(
    ("pattern", "owned", "free"),
    [
        ("*", ["a", "a/b.yaml"], []),
        ("/registry/", ["registry/policy.yaml", "registry/models/a/model.yaml"], ["x/registry/a", "registry"]),
        ("registry/", ["registry/a", "x/registry/a"], ["registry.yaml"]),
        ("/registry", ["registry/a", "registry"], ["registry2/a", "x/registry/a"]),
        ("docs/*", ["docs/a.md"], ["docs/a/b.md", "x/docs/a.md"]),
        ("*.py", ["a.py", "x/a.py"], ["a.pyc"]),
        ("/r/*/stages/a.*", ["r/m/stages/a.yaml", "r/m/stages/a.ci.sshsig"], ["r/m/n/stages/a.yaml", "r/m/stages/ab"]),
        ("/a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["b/a/z"]),
        ("**/logs", ["logs/a", "x/logs/a", "x/y/logs"], ["x/logs2"]),
        ("/a/**", ["a/b", "a/b/c"], ["b/a"]),
        ("a?c", ["abc", "x/abc/d"], ["ac", "a/c"]),
    ],
)  # fmt: skip
def test_a_pattern_owns_what_github_says(pattern: str, owned: list[str], free: list[str]) -> None:
    owners = CodeOwners.read(f"{pattern} @acme/ml\n")
    assert {path: bool(owners.of(path)) for path in owned + free} == dict.fromkeys(owned, True) | dict.fromkeys(
        free, False
    )


def test_the_last_line_that_fits_decides_and_one_without_owners_frees() -> None:
    text = "# all\n* @a # everything\n/registry/ @b b@example.org\n\n/registry/open.yaml\n"
    owners = CodeOwners.read(text)
    assert owners.of("x") == ("@a",)
    assert owners.of("registry/policy.yaml") == ("@b", "b@example.org")
    assert owners.of("registry/open.yaml") == ()


@given(st.text(max_size=80), st.text(alphabet="ab/.*?[]()+\\", max_size=20))
def test_any_text_is_read(text: str, path: str) -> None:
    assert isinstance(CodeOwners.read(text).of(path), tuple)


def test_who_can_own() -> None:
    assert [is_owner(each) for each in ("@a", "@acme/ml", "a@example.org", "acme/ml", "@a b", "@", "")] == [
        *[True] * 3,
        *[False] * 4,
    ]
