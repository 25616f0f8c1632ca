"""Asking in SQL: over every table, of nothing else, and not for ever."""

from pathlib import Path

import duckdb
import pytest

from modelbook.adapters.sql_database import Table, ask
from modelbook.errors import BadInput
from tests.commands.test_diff import committed
from tests.commands.test_finding import commit, found, modelbook, some


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return committed(tmp_path_factory.mktemp("registry"), some())


def test_sql_answers_over_every_table(folder: Path) -> None:
    asked = "SELECT model, max(value) AS best FROM versions JOIN metrics USING (ref) WHERE name = 'accuracy' GROUP BY 1"
    assert found(folder, "sql", asked) == [{"model": "fraud", "best": 0.97}]
    assert found(folder, "sql", "SELECT ref FROM stages") == [{"ref": "fraud@2"}]
    assert found(folder, "sql", "SELECT ref, kind, until FROM history") == [
        {"ref": "fraud@2", "kind": "promotion", "until": None}
    ]
    assert found(folder, "sql", "SELECT number FROM params WHERE name = 'lr' AND ref = 'spam@1'") == [{"number": 0.1}]
    assert found(folder, "sql", "SELECT dataset, size_bytes FROM datasets ORDER BY 1") == [
        {"dataset": "digits", "size_bytes": 99},
        {"dataset": "other", "size_bytes": 99},
    ]
    assert found(folder, "sql", "SELECT * FROM models") == []


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM '/etc/hostname'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_csv('https://127.0.0.1:9/x')",
        "SELECT * FROM query_table('/etc/hostname')",
        "SELECT getenv('HOME')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM sniff_csv('/etc/hostname')",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'written.csv'",
        "COPY (SELECT 1) TO 'written.csv'",
        "SELECT 1; SELECT 2",
        "ATTACH 'other.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT nothing FROM versions",
        "SELECT * FROM range(2000000)",
        "no SQL",
    ],
)
def test_sql_reaches_nothing_outside_and_changes_nothing(query: str, folder: Path) -> None:
    done = modelbook(folder, "sql", query)
    assert isinstance(done.exception, BadInput), done.output
    assert not (folder / "written.csv").exists()


@pytest.mark.parametrize(
    ("query", "seconds", "says"),
    [
        ("SELECT count(*) FROM range(100000000000) a, range(1000000) b", 0.5, "stopped after 0.5 seconds"),
        # Within one call of a function DuckDB hears of no interruption.
        ("SELECT levenshtein(repeat('a', 500000), repeat('b', 500000))", 0.5, "stopped after 0.5 seconds"),
        ("SELECT length(repeat('x', 3800000000))", 60, "takes more than"),
        ("SELECT repeat('x', 500000) || range FROM range(8000)", 60, "takes more than"),
    ],
)
def test_sql_that_would_run_for_ever_or_take_all_memory_is_stopped(query: str, seconds: float, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        ask({}, query, seconds=seconds)


def test_a_parquet_file_has_the_columns_of_the_answer_and_no_guessed_types(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "answer.parquet"

    def types(query: str) -> dict[str, str]:
        done = modelbook(folder, "sql", query, "--format", "parquet", "--output", str(file))
        assert not done.exception, done.exception
        read = duckdb.read_parquet(str(file))
        return dict(zip(read.columns, map(str, read.dtypes), strict=True))

    assert types("SELECT ref, created, version, tags, revoked, seconds FROM versions") == {
        "ref": "VARCHAR",
        "created": "VARCHAR",
        "version": "BIGINT",
        "tags": "VARCHAR[]",
        "revoked": "BOOLEAN",
        "seconds": "DOUBLE",
    }
    assert list(types("SELECT ref, tags FROM versions WHERE false")) == ["ref", "tags"]
    for where in ("true", "false"):
        assert types(f"""SELECT '2026-01-01' AS "a', '}}]""b", NULL AS e WHERE {where}""") == {
            """a', '}]"b""": "VARCHAR",
            "e": "VARCHAR",
        }
    assert types("SELECT {'a': 1} AS s, 2 ** 70 AS d, [1] AS l") == {"s": "JSON", "d": "DOUBLE", "l": "JSON"}
    assert duckdb.read_parquet(str(file)).project("s->>'a'").fetchall() == [("1",)]


def test_a_link_in_the_place_of_a_file_is_named_and_the_rest_is_answered(tmp_path: Path) -> None:
    committed(tmp_path, some())
    (tmp_path / "registry/models/fraud/stages/production.yaml").symlink_to("/etc/hostname")
    commit(tmp_path, some())
    done = modelbook(tmp_path, "sql", "SELECT ref FROM stages")
    assert (done.return_value, done.stdout) == (1, "ref\nfraud@2\n")
    assert "stages/production.yaml: a symbolic link is not allowed" in done.stderr


def test_sql_is_checked_before_tables_are_gathered_and_a_time_is_told_as_one_of_utc(folder: Path) -> None:
    def gathered() -> list[list[object]]:
        raise AssertionError

    with pytest.raises(BadInput, match="one SELECT"):
        ask({"runs": Table({"run": "VARCHAR"}, gathered)}, "DELETE FROM runs")
    zone = modelbook(folder, "sql", "SELECT now()")
    assert "as in now()::TIMESTAMP" in str(zone.exception)
    assert found(folder, "sql", "SELECT now()::TIMESTAMP > '2020-01-01' AS late") == [{"late": True}]
