"""The lineage on the pages of versions and datasets: both ways, as far as it goes, and made again where it changed."""

import re

from tests.site.conftest import Built
from tests.site.test_build import commit, digests


def nested(page: str, heading: str) -> list[tuple[int, str]]:
    """What the list below a heading links to, and how deep inside it."""
    text = page.partition(f"<h3>{heading}</h3>")[2]
    found, deep = [], 0
    for tag, name in re.findall(r'<(ul|/ul|a href="[^"]*\.html[^"]*")>([^<]*)', text):
        deep += {"ul": 1, "/ul": -1}.get(tag, 0)
        if deep == 0:
            break
        if tag.startswith("a "):
            found.append((deep, name))
    return found


def test_a_version_is_shown_with_all_that_came_of_it_and_what_of_that_serves(built: Built) -> None:
    page = built.text("models/sentiment/1.html")
    came = [one for one in nested(page, "What came of it") if "@" in one[1]]
    assert came[1:] == [
        (1, "sentiment@2"),
        (2, "helpdesk@1"),
        (3, "helpdesk@2"),
        (1, "sentiment@3"),
        (2, "helpdesk@1"),
        (1, "sentiment@4"),
    ]
    serves = page.partition("What came of it serves:")[2].partition("</p>")[0]
    assert re.findall(r">([^<> ]+)</(?:a|span)>", serves) == ["helpdesk@2", "staging", "sentiment@4", "staging"]
    drawn = page.partition('<svg class="graph"')[2].partition("</svg>")[0]
    assert 'aria-hidden="true"' in drawn
    assert re.findall(r"<title>([^<]+)", drawn)[0] == "sentiment@1"
    assert set(re.findall(r'href="([^"]+)" tabindex="-1"', drawn)) == {
        "../../datasets/reviews.html#v1",
        *(f"../../models/sentiment/{version}.html" for version in (2, 3, 4)),
        *(f"../../models/helpdesk/{version}.html" for version in (1, 2)),
    }


def test_a_version_is_shown_with_all_that_it_descends_from(built: Built) -> None:
    made_from = nested(built.text("models/helpdesk/2.html"), "Made from")
    assert made_from == [
        (1, "customers@1"),
        (1, "helpdesk@1"),
        (2, "customers@1"),
        (2, "sentiment@2"),
        (3, "reviews@1"),
        (3, "sentiment@1"),
        (4, "reviews@1"),
        (2, "sentiment@3"),
        (3, "reviews@1"),
        (3, "sentiment@1"),
    ]


def test_a_dataset_is_followed_through_parents_to_what_serves(built: Built) -> None:
    page = built.text("datasets/reviews.html")
    serves = page.partition("In a stage now, of all that has anything of it:")[2].partition("</p>")[0]
    assert re.findall(r">([^<> ]+)</a>", serves) == ["helpdesk@2", "sentiment@4"]
    later = page.partition("<h3>Made from those</h3>")[2].partition("</ul>")[0]
    assert re.findall(r'<a class="pill at" href="([^"]+)"', later) == [f"../models/helpdesk/{n}.html" for n in (2, 1)]
    assert "<title>helpdesk@2</title>" in page
    assert "Made from those" not in built.text("datasets/transactions.html")


def test_what_is_far_below_is_made_again_when_it_comes_to_a_stage_or_leaves_it(copy: Built) -> None:
    out = str(copy.site)
    copy.build("--output", out, "--no-store")
    before = digests(copy.site)
    for path in (copy.root / "registry/models/helpdesk/stages").iterdir():
        path.unlink()
    commit(copy, "Nothing serves")
    copy.build("--output", out, "--no-store")
    after = digests(copy.site)
    versions = {path for path in before if re.fullmatch(r"models/[a-z-]+/\d+\.html", path)}
    changed = {path for path in versions if before[path] != after[path]}
    assert changed == {
        f"models/{name}.html" for name in ("helpdesk/1", "helpdesk/2", "sentiment/1", "sentiment/2", "sentiment/3")
    }
    assert before["datasets/reviews.html"] != after["datasets/reviews.html"]
    card = copy.root / "registry/models/sentiment/versions/1/card.yaml"
    card.write_text(card.read_text().replace("Trained on reviews", "Trained on all reviews"))
    commit(copy, "Another card")
    copy.build("--output", out, "--no-store")
    assert "not the one that was used: its card has another digest" in copy.text("models/helpdesk/2.html")
