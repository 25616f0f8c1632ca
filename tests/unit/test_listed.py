from modelbook.core.listed import listed, many


def test_one_is_told_from_many() -> None:
    assert [many(count, "file") for count in (0, 1, 2000)] == ["0 files", "1 file", "2,000 files"]


def test_of_many_names_the_first_are_told() -> None:
    assert [listed(["a", "b", "c"], most) for most in (2, 3)] == ["a, b and 1 more", "a, b, c"]
