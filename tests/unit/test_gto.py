"""What GTO's tags say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.exchange.gto import GitTag, GtoVersion, artifact_path, versions_of
from modelbook.errors import BadInput


def tagged(*names: str) -> tuple[list[tuple[str, tuple[str, ...]]], list[str]]:
    """What tags say that were made one after the other, each `name` or `name commit`; by default of commit `a`."""
    parts = [name.partition(" ") for name in names]
    tags = [GitTag(name, commit or "a", 100 + at, "") for at, (name, _, commit) in enumerate(parts)]
    versions, gone = versions_of(reversed(tags))
    return [(one.name, one.stages) for one in versions], gone


def test_versions_come_in_the_order_of_their_tags_and_not_of_their_numbers() -> None:
    assert tagged("m@v2.0.0", "m@v1.10.0 b", "v1", "m@v1", "m@1.0.0", "m@v1.0.0-rc.1+x c", "a/b@v1.0.0") == (
        [("m@v2.0.0", ()), ("m@v1.10.0", ()), ("m@v1.0.0-rc.1+x", ()), ("a/b@v1.0.0", ())],
        [],
    )
    assert tagged("sub/dir=m@v1.0.0") == ([("sub/dir:m@v1.0.0", ())], [])


def test_what_was_taken_back_is_left_out() -> None:
    assert tagged("m@v1.0.0", "m@v1.0.1 b", "m@v1.0.0!") == ([("m@v1.0.1", ())], ["m@v1.0.0"])
    assert tagged("m@v1.0.0", "m@v1.0.0!#2", "m@v1.0.0#3") == ([("m@v1.0.0", ())], ["m@v1.0.0"])
    assert tagged("m@v1.0.0", "n@v1.0.0", "m@deprecated") == ([("n@v1.0.0", ())], ["m@v1.0.0"])


def test_a_stage_is_held_by_the_last_version_that_was_assigned_to_it() -> None:
    first, second = "m@v1.0.0 a", "m@v2.0.0 b"
    assert tagged(first, second, "m#prod#1 a", "m#dev#2 b")[0] == [("m@v1.0.0", ("prod",)), ("m@v2.0.0", ("dev",))]
    assert tagged(first, second, "m#prod#1 a", "m#prod#2 b")[0] == [("m@v1.0.0", ()), ("m@v2.0.0", ("prod",))]
    assert tagged(first, second, "m#prod#1 a", "m#prod#2 b", "m#prod!#3 b")[0][0] == ("m@v1.0.0", ("prod",))
    assert tagged(first, "other#prod#1 a")[0] == [("m@v1.0.0", ())]


VERSION = GtoVersion("m", "", "v1.0.0", GitTag("m@v1.0.0", "a", 0, ""))
INSIDE = GtoVersion("m", "sub", "v1.0.0", GitTag("sub=m@v1.0.0", "a", 0, ""))


def test_where_an_artifact_lies() -> None:
    assert artifact_path({"artifacts.yaml": {"m": {"path": "models/m/", "type": "model"}}}, VERSION) == "models/m"
    assert artifact_path({"dvc.yaml": {"artifacts": {"m": {"path": "m.safetensors"}}}}, VERSION) == "m.safetensors"
    assert artifact_path({"sub/dvc.yaml": {"artifacts": {"m": {"path": "x"}}}}, INSIDE) == "sub/x"


@pytest.mark.parametrize(
    "indexes",
    [
        {},
        {"artifacts.yaml": None},
        {"artifacts.yaml": {"m": "models/m"}},
        {"artifacts.yaml": {"m": {"path": "s3://u:secret@bucket/m"}}},
        {"artifacts.yaml": {"m": {"path": "../../etc"}}},
        {"artifacts.yaml": {"m": {"path": "data", "type": "dataset"}}},
        {"dvc.yaml": {"artifacts": [{"m": {"path": "x"}}]}},
    ],
)
def test_where_it_is_not_said_or_lies_elsewhere_it_is_refused(indexes: dict[str, object]) -> None:
    with pytest.raises(BadInput) as refused:
        artifact_path(indexes, VERSION)
    assert "secret" not in str(refused.value)


@given(st.lists(st.sampled_from(["m@v1.0.0", "m@v1.0.0!", "m#s", "m#s!", "m@deprecated", "m@v2.0.0", "x"])))
def test_any_tags_give_each_version_once_and_a_stage_to_one_commit(names: list[str]) -> None:
    versions, _ = versions_of(GitTag(f"{name}", f"c{at % 2}", at, "") for at, name in enumerate(names))
    assert len({one.name for one in versions}) == len(versions)
    assert len({one.tag.commit for one in versions if "s" in one.stages}) <= 1
