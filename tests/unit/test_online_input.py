"""Results as tools export them: the same from CSV and JSON, and every problem with its line."""

import json

import pytest

from modelbook.core.documents import DocumentError
from modelbook.core.experiments.online_input import read_results

TABLE = """\
version,metric,n,mean,stderr,count,assigned,share
4,satisfaction,10021,0.731,0.0044,,10210,0.5
4,conversion,10021,,,312,10210,0.5

5,satisfaction,9990,0.742,0.0044,,10180,0.5
"""
SAME = {
    "arms": [
        {
            "version": 4,
            "assigned": 10210,
            "share": 0.5,
            "metrics": {
                "satisfaction": {"n": 10021, "mean": 0.731, "stderr": 0.0044},
                "conversion": {"n": 10021, "count": 312},
            },
        },
        {
            "version": 5,
            "assigned": 10180,
            "share": 0.5,
            "metrics": {"satisfaction": {"n": 9990, "mean": 0.742, "stderr": 0.0044}},
        },
    ]
}


@pytest.mark.parametrize(
    "text", [TABLE, "\ufeff" + TABLE, TABLE.replace("\n", "\r\n"), TABLE.replace("\n4,", '\n"4",')]
)
def test_a_table_says_what_json_says(text: str) -> None:
    expected = read_results(json.dumps(SAME, indent=1).encode(), "x.json")
    assert read_results(text.encode(), "x.csv") == expected
    assert read_results(json.dumps(SAME, indent=1).replace("\n", "\r\n").encode(), "x.json") == expected


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("version,metric,mean\n4,x,1\n", 1, "the column 'n' is missing"),
        ("version,metric,n,avg\n4,x,1,2\n", 1, "no column is called 'avg'"),
        ("version;metric;n;count\n4;x;9;1\n", 1, "the columns are separated by ';', and a comma is wanted"),
        ("version,metric,n,n\n", 1, "two columns are called 'n'"),
        ("version,metric,n,count\n4,x,9,1\n4,x,9,2\n", 3, "x of version 4 stands there twice"),
        ("version,metric,n,count\n4,x,0,0\n", 2, "n: Input should be greater than or equal to 1 (it is 0)"),
        ("version,metric,n,count\n4,x,9,-1\n", 2, "count: Input should be greater than or equal to 0 (it is -1)"),
        ("version,metric,n,mean,stderr\n4,x,9,NaN,1\n", 2, 'mean: Input should be a valid number (it is "NaN")'),
        ("version,metric,n,mean,stderr\n4,x,9,1e999,1\n", 2, "mean"),
        ("version,metric,n,count\n4,x,1.5,1\n", 2, "n: "),
        ("version,metric,n,count,share\n4,x,9,1,1e-300\n", 2, "share: Input should be greater than or equal to"),
        ("version,metric,n,count\n4,a b,9,1\n", 2, "a metric is named by letters"),
        ("version,metric,n,count\nfour,x,9,1\n", 2, 'version: Input should be a valid integer (it is "four")'),
        ("version,metric,n,count\n4,x,9\n", 2, "3 cells, and the table has 4 columns"),
        ('version,metric,n,count\n4,"x,9,1\n', 3, "no CSV"),
        ("version,metric,n,count,assigned\n4,x,9,1,10\n4,y,9,1,11\n", 3, "assigned of version 4 is 11 here, and 10"),
        ("version,metric,n,count\n", None, "there is no result in it"),
        ("", None, "there is no result in it"),
        ('{"arms": [], "arms": []}', 1, "twice"),
        ('{"arms": [{"version": 4,\n"metrics": {"x": {"n": 0, "count": 1}}}]}', 2, "greater than or equal to 1"),
        ("version,metric,n,count\n4,\udcff,9,1\n", 2, "not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, line: int | None, words: str) -> None:
    with pytest.raises(DocumentError) as told:
        read_results(text.encode(errors="surrogateescape"), "x.csv")
    assert [one.line for one in told.value.findings][:1] == [line]
    assert words in str(told.value)


def test_all_problems_are_told_and_not_the_first() -> None:
    with pytest.raises(DocumentError) as told:
        read_results(b"version,metric,n,count\n4,x,0,1\n5,x,9,-1\n6,x,9,10\n", "x.csv")
    assert [one.line for one in told.value.findings] == [2, 3, 4]


def test_a_file_that_is_wrong_throughout_is_not_told_line_by_line() -> None:
    with pytest.raises(DocumentError) as told:
        read_results(b"version,metric,n,count\n" + b"4,x,0,0\n" * 60_000, "x.csv")
    assert len(told.value.findings) == 51
    assert "nothing after this line was read" in told.value.findings[-1].message


def test_more_than_an_experiment_may_have_is_refused() -> None:
    metrics = "".join(f"4,m{number},9,1\n" for number in range(1001))
    versions = "".join(f"{number},x,9,1\n" for number in range(1, 102))
    for rows, words in ((metrics, "arms.0.metrics: it may have at most 1000 items"), (versions, "arms: it may have")):
        with pytest.raises(DocumentError, match=words):
            read_results(f"version,metric,n,count\n{rows}".encode(), "x.csv")


def test_a_file_that_no_registry_would_take_is_refused_unread() -> None:
    with pytest.raises(DocumentError, match="more than the"):
        read_results(b"{" + b" " * 2**20, "x.json")
