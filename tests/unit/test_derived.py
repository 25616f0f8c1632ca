"""What came of every version at once, against what `lineage` tells of each; and the drawing of it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.queries.ancestry import upstream
from modelbook.core.queries.derived import Derived
from modelbook.core.queries.lineage import Thing, downstream, in_stages
from modelbook.core.site.site_lineage import HEIGHT, MOST, WIDTH, Drawing, Lineage, drawing
from tests.commands.test_lineage import child, family
from tests.made import Made

Registries = tuple[dict[str, list[str]], dict[str, tuple[str, ...]]]
NAMES = [f"m@{number}" for number in range(1, 9)]


@st.composite
def registries(draw: st.DrawFn) -> Registries:
    """Parents by version, each older than its child, and what holds a stage."""
    parents = {
        name: draw(st.lists(st.sampled_from(NAMES[:at]), max_size=3)) if at else [] for at, name in enumerate(NAMES)
    }
    held = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from([("staging",), ("production", "staging")])))
    return parents, held


@given(registries())
@settings(max_examples=60, deadline=None)
def test_what_is_told_at_once_is_what_the_lineage_of_each_says(
    made: Registries,
) -> None:
    parents, held = made
    derived = Derived(parents, held, set())
    for name in NAMES:
        tree = downstream(name, "model", derived.uses)
        below = {one.name for one in tree.all()} - {name}
        assert set(derived.after([name])) == below
        by_stage: dict[str, list[str]] = {stage: [] for stages in held.values() for stage in stages}
        for holder, stages in derived.of(name).serving:
            for stage in stages:
                by_stage[stage].append(holder)
        assert {stage: names for stage, names in by_stage.items() if names} == in_stages(tree)


@given(registries(), st.sampled_from(NAMES), st.sampled_from(NAMES))
@settings(max_examples=60, deadline=None)
def test_the_digest_changes_with_whatever_changes_below_and_with_nothing_else(
    made: Registries, changed: str, asked: str
) -> None:
    parents, held = made
    before = Derived(parents, held, set())
    for after in (Derived(parents, held, {changed}), Derived(parents | {"x@1": [changed]}, held, set())):
        below = changed in before.after([asked])
        is_parent = "x@1" in after.after([asked])
        assert (before.of(asked).digest != after.of(asked).digest) == (below or is_parent)


def test_cards_that_lie_in_a_circle_are_followed_to_what_serves() -> None:
    parents = {"a@1": ["b@1"], "b@1": ["c@1"], "c@1": ["a@1"], "d@1": ["c@1"]}
    found = Derived(parents, {"d@1": ("production",)}, set())
    assert found.of("a@1").serving == (("d@1", ("production",)),)
    assert found.of("a@1").digest != Derived(parents, {}, set()).of("a@1").digest
    tree = downstream("a@1", "model", found.uses, most=MOST)
    assert drawing(Thing("model", "a@1"), tree) is not None


def test_a_long_line_is_cut_at_the_nearest_and_says_so() -> None:
    parents = {f"m@{number}": [f"m@{number - 1}"] for number in range(2, 2001)}
    derived = Derived(parents, {"m@2000": ("production",)}, set())
    came = downstream("m@1", "model", derived.uses, most=MOST)
    assert [one.name for one in came.all()] == [*(f"m@{number}" for number in range(1, MOST + 2)), "1 more"]
    assert derived.of("m@1").serving == (("m@2000", ("production",)),), "which is far beyond"
    assert Lineage(Thing("model", "m@1"), came).cut == [" --downstream"]
    wide = Derived({f"c@{number}": ["m@1"] for number in range(1, 101)}, {}, set())
    assert [one.name for one in downstream("m@1", "model", wide.uses, most=MOST).below][-1] == "70 more"


def test_the_nearest_ancestors_are_told_and_an_unreadable_one_is_named() -> None:
    made = family()
    child(made, "fraud", 3, ("fraud", 2))
    whole = upstream(made.registry, "fraud", 3)
    assert {one.name for one in whole.all() if one.kind == "model"} == {"fraud@3", "fraud@2", "fraud@1", "base@1"}
    card = made.registry.card("fraud", 3)
    few = upstream(made.registry, "fraud", 3, card=card, most=2)
    assert [one.name for one in few.all() if one.kind in {"model", "more"}] == [
        "fraud@3",
        "fraud@2",
        "fraud@1",
        "1 more",
    ]
    broken = Made().dataset("digits")
    broken.version("base", 1, None, data="digits")
    broken.put("models/base/versions/1/card.yaml", "format: [")
    child(broken, "fraud", 1, ("base", 1))
    missing = [one for one in upstream(broken.registry, "fraud", 1).all() if one.kind == "missing"]
    assert [(one.name, one.says) for one in missing] == [("base@1", ("its card cannot be read",))]


def test_boxes_never_lie_on_one_another_and_lines_lead_onwards() -> None:
    made = Derived({"b@1": ["a@1"], "c@1": ["a@1", "b@1"], "d@1": ["c@1", "a@1"], "e@1": ["b@1"]}, {}, {"e@1"})
    found = drawing(
        Thing("model", "a@1", below=(Thing("dataset", "data@1", "train"),)), downstream("a@1", "model", made.uses)
    )
    assert found
    places = {one.thing.name: (one.x, one.y) for one in found.boxes}
    assert len(places) == len(found.boxes) == 6
    spots = list(places.values())
    assert all(abs(x - a) >= WIDTH or abs(y - b) >= HEIGHT for at, (x, y) in enumerate(spots) for a, b in spots[:at])
    for first, then in (("data@1", "a@1"), ("a@1", "b@1"), ("b@1", "c@1"), ("c@1", "d@1"), ("b@1", "e@1")):
        assert places[first][0] < places[then][0], (first, then)
    assert inside(found)
    assert drawing(Thing("model", "a@1"), Thing("model", "a@1")) is None


def inside(found: Drawing) -> bool:
    return all(0 <= one.x <= found.width - WIDTH and 0 <= one.y <= found.height - HEIGHT for one in found.boxes)
