"""What the pages about many show of them."""

from modelbook.core.site.site_pages import FEW, MOST_OF_FEW, MOST_OF_MANY, by_model
from modelbook.core.site.site_rows import Trained, VersionRow

USE = Trained(dataset="digits", version=1, role="train")


def of(model: str, *versions: int) -> list[tuple[VersionRow, Trained]]:
    return [(VersionRow(model=model, version=number, state="verified"), USE) for number in versions]


def test_of_each_model_what_serves_comes_first_then_the_newest_and_the_others_are_counted() -> None:
    zebra, ant = by_model([*of("zebra", 1, 2, 3), *of("ant", *range(1, 31))], {"ant@2", "ant@30", "zebra@9"})[::-1]
    assert (zebra.model, [row.version for row, _ in zebra.shown], zebra.more) == ("zebra", [3, 2, 1], 0)
    assert [row.version for row, _ in ant.shown] == [2, 30, *range(29, 29 - MOST_OF_FEW, -1)]
    assert ant.more == 30 - 2 - MOST_OF_FEW
    assert by_model([], {}) == []


def test_of_many_models_fewer_versions_each_are_shown() -> None:
    uses = [one for number in range(FEW) for one in of(f"model-{number:02d}", *range(1, 31))]
    assert {(len(one.shown), one.more) for one in by_model(uses, ())} == {(MOST_OF_MANY, 30 - MOST_OF_MANY)}
    assert {len(one.shown) for one in by_model(uses[30:], ())} == {MOST_OF_FEW}
