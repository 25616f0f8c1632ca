"""What a version's page says of it, as data."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.evaluation import Metric
from modelbook.core.measuring.estimates import proportion
from modelbook.core.site.site_rows import Value, interval_of, row_of
from modelbook.core.site.site_version import Around, RunTold, as_script, comparable, version_page
from modelbook.core.site.watched import WatchedFiles
from modelbook.core.verifying.verification import verify_version
from tests.made import Made


def test_a_script_of_data_is_ascii_and_ends_nothing() -> None:
    told = {"name": "</script><!--\u2028é"}
    script = as_script("modelbook.take", told)
    assert script.isascii()
    assert b"<" not in script
    assert json.loads(script.removeprefix(b"modelbook.take(").removesuffix(b");\n")) == told


def test_the_signers_of_a_version_are_named_and_a_bad_signature_is_told() -> None:
    made = Made().dataset().version("digits", 1).reproduction("digits", 1)
    page = version_page(made.registry, "digits", 1, Around(), RunTold(), None)
    assert {one.what: one.by for one in page.signatures} == {
        "card and files": "registrar",
        "provenance": "registrar",
        "evaluation default": "grader",
        "reproduction again": "grader",
    }
    folder = "models/digits/versions/1"
    made.put(f"{folder}/provenance.sigstore.json", made.files[f"{folder}/model.sig"])
    page = version_page(made.registry, "digits", 1, Around(), RunTold(), None)
    (bad,) = [one for one in page.signatures if one.by is None]
    assert bad.what == "provenance"
    assert bad.wrong
    assert page.row.state == "broken"
    assert page.row.problem


def test_an_evaluation_that_does_not_verify_gives_no_number() -> None:
    made = Made().dataset().version("digits", 1).evaluation("digits", 1, {"f1": 0.5}, suite="other", signer="mallory")
    row = row_of(verify_version(made.registry, "digits", 1), revoked=False)
    assert set(row.metrics) == {"accuracy", "latency_ms"}


def test_an_interval_is_the_suites_or_follows_from_the_standard_error() -> None:
    interval = {"low": 0.4, "high": 0.7, "confidence": 0.95}
    metrics = {
        "a": {"value": 0.5, "n": 100, "interval": interval},
        "b": {"value": 7.0, "n": 100, "stderr": 1.0},
        "c": {"value": 7.0},
    }
    row = row_of(verify_version(Made().dataset().version("d", 1, metrics).registry, "d", 1), revoked=False)
    assert row.metrics["a"] == Value(value=0.5, low=0.4, high=0.7)
    assert row.metrics["b"].low is not None
    assert abs(row.metrics["b"].low - 5.04) < 0.001
    assert row.metrics["c"] == Value(value=7.0)


@given(n=st.integers(2, 5000), part=st.floats(0, 1), told=st.booleans())
def test_the_interval_of_a_share_is_that_of_a_suite(n: int, part: float, told: bool) -> None:
    written = proportion(round(part * n), n)
    noise = {"stderr": written["stderr"]} if told else {}
    found = interval_of("accuracy", Metric(value=written["value"], n=n, **noise))
    assert found == pytest.approx((written["interval"]["low"], written["interval"]["high"]), abs=1e-6)


def test_what_is_compared_has_every_kind_of_fact() -> None:
    registry = Made().dataset().version("digits", 1).registry
    facts = comparable(version_page(registry, "digits", 1, Around(), RunTold(), None))
    assert facts["metrics"]["default: accuracy"] == [0.95]
    assert facts["facts"]["Parameters"]["lr"] == "0.1"
    assert facts["facts"]["Data"] == {"train": "digits@1"}
    assert facts["facts"]["Packages"] == {"torch": "2.13.0"}


def test_files_that_are_watched_note_what_is_asked_for_also_in_vain() -> None:
    files = WatchedFiles({"a": b"1", "b": b"2"})
    assert files.get("a") == b"1"
    assert "c" not in files
    assert files.asked == {"a", "c"}
    assert dict(files) == {"a": b"1", "b": b"2"}
