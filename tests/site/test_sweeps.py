"""Sweeps on the site: what their pages say, when they are made again, and how small and plain they stay."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.site_folder import NAME as NOTES
from modelbook.adapters.site_sweep_plots import sweep_plots
from modelbook.adapters.site_writer import OWN, own_file, write
from modelbook.commands.site._logs import UNREAD, Logs
from modelbook.core.site.site_sweeps import ROWS, SweepPage
from modelbook.core.sweeps.sweep_report import report_of
from modelbook.core.sweeps.trials import TrialResult
from modelbook.errors import StoreError
from tests.parts import site_sweeps
from tests.parts.site_registry import FOLDER_STORE
from tests.parts.site_sweeps import FAILED, NAME, UNREADABLE
from tests.site.conftest import Built
from tests.site.test_build import digests
from tests.unit.sweeps import POINT, sweep, trial

PICTURES = ("history", "importance", "contour", "parallel")


def page_of(trials: list[TrialResult], shares: dict[str, float] | None = None, **changes: Any) -> SweepPage:
    file = sweep(**changes)
    return SweepPage("digits-lr", file, "name: digits-lr\n", report_of(file, trials, shares or {}))


def html(page: SweepPage, drawn: list[str]) -> str:
    facts: dict[str, Any] = {"sweep": page, "drawn": drawn, "here_are": set(), "title": "acme/models"}
    return write("sweep.html", "sweeps/digits-lr.html", **facts).decode()


def test_a_sweep_is_told_from_its_file_to_the_version_it_became(built: Built) -> None:
    page = built.text(f"sweeps/{NAME}.html")
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    for words in (
        "val/accuracy, maximize",
        "16 of 16 trials",
        "Best 0.954 ± 0.0014 trial 9, over 2 other seeds; 0.957 with the seed that it was chosen by It became",
        "0.957 0.954 ± 0.0014 over 2 other seeds",
        "13 completed, 3 failed and 2 with other seeds",
        "it is over: 16 trials were begun",
        "RuntimeError: CUDA out of memory trials",
        "momentum uniform 0 to 0.95, where optimizer is sgd",
    ):
        assert words in text, words
    assert re.findall(r'<img[^>]* src="fraud-rate/(\w+)\.svg" alt="[^"]{30,}"', page) == list(PICTURES)
    assert '<a href="../datasets/transactions.html#v1">transactions@1</a>, nobody@3:test' in page
    assert '<td class="id"><code>fraud-rate-0009</code> <a class="pill good"' in page
    assert f'<a href="../../sweeps/{NAME}.html">{NAME}</a>' in built.text("models/fraud-detector/12.html")
    assert f'<a href="{NAME}.html">{NAME}</a>' in built.text(f"sweeps/{FAILED}.html"), "which learnt from it"


def test_runs_of_a_sweep_belong_to_it(built: Built) -> None:
    runs = built.text("runs.html")
    assert re.findall(r"<code>(fraud-(?:rate|depth)[^<]*)</code>", runs) == ["fraud-rate-0009"], "which is a version"
    assert f'<a href="sweeps/{NAME}.html">{NAME}</a> <span class="about">16 trials</span>' in runs


def test_a_sweep_that_cannot_be_read_is_named_and_the_others_are_there(built: Built) -> None:
    problem = f"sweeps/{UNREADABLE}/sweep.yaml:4: did not find expected"
    assert built.said.code == 1
    assert problem in built.said.err
    assert problem in built.text("index.html")
    assert "This sweep cannot be read" in built.text(f"sweeps/{UNREADABLE}.html")
    assert "method: [guess" in built.text(f"sweeps/{UNREADABLE}.html")


def test_a_trial_more_changes_the_sweeps_own_pages_alone(copy: Built) -> None:
    shutil.copytree(built_store(copy), copy.root / ".modelbook/store")
    script = "import sys; sys.modules['optuna'] = None; from modelbook.cli import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "site", "build", "--output", str(copy.site)]
    subprocess.run(command, cwd=copy.root, env=copy.env, capture_output=True, check=False)
    page = copy.text(f"sweeps/{NAME}.html")
    assert "Optuna was not on the machine that made the site" in page
    assert re.findall(r"fraud-rate/(\w+)\.svg", page) == ["history", "parallel"]
    copy.build("--output", str(copy.site))
    assert re.findall(r"fraud-rate/(\w+)\.svg", copy.text(f"sweeps/{NAME}.html")) == list(PICTURES)
    before = digests(copy.site)
    store = DirectoryStore(copy.root / ".modelbook/store", FOLDER_STORE)
    other = site_sweeps.FILE | {"name": "fraud-rate-2", "inherit": [NAME]}
    site_sweeps.put(store, other, {leg: one for leg, one in site_sweeps.trials(NAME).items() if leg.number < 3})
    copy.build("--output", str(copy.site))
    after = digests(copy.site)
    changed = {path for path in after if after[path] != before.get(path)}
    shared = {"sweeps.html", "runs.html", "index.html", "search.js", NOTES}
    own = {"sweeps/fraud-rate-2.html"} | {path for path in after if path.startswith("sweeps/fraud-rate-2/")}
    assert changed == own | shared
    assert not (before.keys() - after.keys())


def built_store(copy: Built) -> Path:
    origin = subprocess.run(
        ["git", "remote", "get-url", "origin"], cwd=copy.root, capture_output=True, text=True, check=True
    )
    return Path(origin.stdout.strip()) / ".modelbook/store"


def test_ten_thousand_trials_are_a_small_page_that_says_what_it_leaves_out() -> None:
    parameters = {f"p{at:03d}": {"min": 0.0, "max": 1.0} for at in range(150)}
    point = dict.fromkeys(parameters, 0.123456789)
    trials = [
        trial(
            number, (number * 7919 % 9973) / 9973, params=point | {"p000": number / 9999, "p001": number * 7 % 97 / 97}
        )
        if number % 10
        else trial(number, problem=f"RuntimeError: {number} " + "x" * 150)
        for number in range(1, 10_000)
    ]
    page = page_of(trials, {"p000": 0.7, "p001": 0.3}, parameters=parameters, budget={"trials": 9999}, confirm=False)
    drawn = sweep_plots(page)
    assert list(drawn) == ["history", "parallel", "importance", "contour"]
    text = html(page, list(drawn))
    assert text.count("<code>digits-lr-") == ROWS
    assert f"The page shows the best {ROWS} of 9,999 trials. 142 more parameters have no column." in text
    assert "and 979 other reasons" in text
    assert sum(map(len, [text.encode(), *drawn.values(), *map(own_file, OWN)])) < 200_000


@pytest.mark.parametrize(
    ("values", "pictures"),
    [
        ([], []),
        ([0.5], []),
        ([0.5, 0.5, 0.5], ["history", "parallel", "importance", "contour"]),
        ([None, None], []),
        ([1e300, 1e-300, 1e9], ["history", "parallel", "importance", "contour"]),
    ],
)
def test_few_and_odd_trials_make_a_page(values: list[float | None], pictures: list[str]) -> None:
    page = page_of(
        [trial(number, value) for number, value in enumerate(values, 1)],
        {"lr": 0.6, "hidden": 0.4} if len(values) > 1 and values[0] else {},
    )
    drawn = sweep_plots(page)
    assert sorted(drawn) == sorted(pictures)
    text = html(page, list(drawn))
    assert ("No trial has a value yet." in text) == (page.report is not None and not page.report.best)
    assert text.count("<code>digits-lr-") == len(values)


def test_no_word_of_a_sweep_is_more_than_text_in_a_plot() -> None:
    hostile = ['<a href="http://evil.example/">x</a>', r"\(x^2\)", "<script>alert(1)</script>"]
    trials = [trial(n, n / 9, params=POINT | {"optimizer": hostile[n % 3], "lr": 0.01 * n}) for n in range(1, 9)]
    parameters = {
        "lr": {"min": 0.0, "max": 1.0},
        "optimizer": {"values": hostile},
        "hidden": {"value": 16},
        "epochs": {"value": 3},
    }
    metric = {"name": hostile[0], "goal": "minimize"}
    drawn = sweep_plots(page_of(trials, {"optimizer": 0.9, "lr": 0.1}, parameters=parameters, metric=metric))
    assert len(drawn) == 4
    for svg in drawn.values():
        assert not re.search(rb"<a[ >]|<script|<foreignObject|xlink:href", svg)


class Failing(DirectoryStore):
    """A folder whose logs nobody can read any more."""

    def read_bytes(self, key: str, *, limit: int) -> bytes:
        if "/log/" in key:
            raise StoreError("no answer", where="s3://secret-bucket")
        return super().read_bytes(key, limit=limit)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """A store with a sweep of two trials."""
    made = DirectoryStore(tmp_path / "store", "file:secret-place")
    site_sweeps.put(
        made, site_sweeps.FILE, {leg: one for leg, one in site_sweeps.trials(NAME).items() if leg.number < 3}
    )
    return made


def test_what_is_wrong_with_one_sweep_is_said_of_that_one_and_never_where_the_store_is(store: DirectoryStore) -> None:
    began = store.root / f"sweeps/{NAME}/sweep.yaml"
    for name in ("Bad_Name", "copied"):
        (store.root / f"sweeps/{name}").mkdir()
        shutil.copy(began, store.root / f"sweeps/{name}/sweep.yaml")
    other = site_sweeps.FILE | {"name": "other"}
    site_sweeps.put(store, other, {})
    shutil.copytree(store.root / f"runs/{NAME}-0001", store.root / "runs/other-0001")
    log = store.root / f"runs/{NAME}-0001/log/00000001.jsonl"
    log.chmod(0o644)
    log.write_bytes(log.read_bytes()[:300])
    logs = Logs(store)
    assert sorted(logs.sweeps) == ["copied", NAME, "other"]
    assert logs.problems == ["'Bad_Name' is no name of a sweep"]
    assert logs.sweep("copied").problem == "sweeps/copied/sweep.yaml: the file is of the sweep 'fraud-rate'"
    assert "other-0001 is named as a trial of the sweep 'other'" in (logs.sweep("other").problem or "")
    page = logs.sweep(NAME)
    assert page.report
    assert page.report.counts == {"completed": 1, "failed": 1}
    assert page.reasons == [("its log cannot be read: the last line is cut short", "1", 1)]
    assert "secret" not in html(page, [])


def test_a_store_that_stops_answering_leaves_pages_that_say_so(store: DirectoryStore) -> None:
    logs = Logs(Failing(store.root, "file:secret-place"))
    assert list(logs.sweeps) == [NAME]
    page = logs.sweep(NAME)
    assert (page.missing, logs.trouble) == (UNREAD, UNREAD)
    text = html(page, [])
    assert f"Nothing is known of its trials: {UNREAD}." in text
    assert "val/accuracy" in text
    assert "secret" not in text
