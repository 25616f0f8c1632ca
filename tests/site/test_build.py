"""Building a site: what it writes, what it leaves alone, what changes with what, and what it says of what is wrong."""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelbook.adapters.site_folder import NAME, SiteFolder
from modelbook.adapters.site_plots import series_plot, timeline_plot
from modelbook.adapters.site_writer import OWN, own_file, write
from modelbook.core.site.site_pages import SHOWN, ModelPage, series_of
from modelbook.core.site.site_rows import Value, VersionRow
from modelbook.core.site.site_version import Stay
from tests.parts.site_registry import UNREADABLE
from tests.site.conftest import Built

EVERY_FIFTH = range(1, 1001, 5)


def day(number: int) -> str:
    """When the version was registered, one every 17 hours."""
    return (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=17 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")


def digests(site: Path) -> dict[str, str]:
    found = {path for path in site.rglob("*") if path.is_file()}
    return {path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def commit(built: Built, message: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "add", "-A"], cwd=built.root, check=True)
    subprocess.run(["git", *who, "commit", "--quiet", "-m", message], cwd=built.root, check=True)


def test_what_cannot_be_read_is_named_and_the_rest_is_there(built: Built) -> None:
    model, version = UNREADABLE
    card = f"registry/models/{model}/versions/{version}/card.yaml:3"
    assert built.said.code == 1
    assert card in built.said.err
    assert "28 versions of 5 models" in built.said.out
    assert card in built.text("index.html")
    assert "cannot be read" in built.text(f"models/{model}/{version}.html")
    assert (built.site / f"models/{model}/1.html").is_file()


def test_signatures_are_shown_as_they_are_checked(built: Built) -> None:
    good, unsigned = built.text("models/fraud-detector/13.html"), built.text("models/churn/3.html")
    assert '<span class="pill good">verified</span>' in good
    assert '<span class="pill bad">not good</span>' not in good
    assert '<span class="pill good">verified</span>' not in unsigned
    assert "the signature of the card of churn@3 is missing" in unsigned
    assert "Trained on leaked labels." in built.text("models/fraud-detector/9.html")


def test_a_version_shows_curves_checkpoints_and_lineage_both_ways(built: Built) -> None:
    page = built.text("models/sentiment/1.html")
    assert page.count('<img loading="lazy"') == 3
    assert "val/accuracy over 40 steps" in page
    assert '<span class="pill good">best</span>' in page
    assert [f'<a href="../../models/sentiment/{n}.html">sentiment@{n}</a>' in page for n in (2, 3, 4)] == [True] * 3
    assert '<a href="../../models/sentiment/1.html">sentiment@1</a>' in built.text("models/sentiment/3.html")
    assert "modelbook pull sentiment@1 ./sentiment" in page


def test_gates_of_former_days_are_judged_again(built: Built) -> None:
    page = built.text("models/fraud-detector/promotions.html")
    assert "the stage is empty, and the policy says" in page  # of the first
    assert page.count("better than what serves now") == 4  # a rollback asks no gate
    assert "False alarms for payments abroad since this morning." in page
    assert "failed" not in page


def test_the_same_commit_gives_the_same_bytes_and_a_second_build_writes_nothing(built: Built, tmp_path: Path) -> None:
    assert built.told("--output", str(built.site))["changed"] == 0
    assert built.build("--output", str(tmp_path / "again")).code == 1
    assert digests(tmp_path / "again") == digests(built.site)


def test_a_new_version_changes_its_own_pages_and_those_that_speak_of_it(copy: Built) -> None:
    out = str(copy.site)
    first = copy.told("--output", out)
    assert first["store"] is not None  # a clone has no store
    before = digests(copy.site)
    folder = copy.root / "registry/models/churn/versions"
    shutil.copytree(folder / "2", folder / "5")
    commit(copy, "A copy, which does not verify")
    copy.build("--output", out)
    after = digests(copy.site)
    changed = {path for path in after if after[path] != before.get(path)}
    own = {"models/churn/5.html", "models/churn/5.js", "models/churn/4.html"}  # which is followed by one now
    shared = {"index.html", "search.js", "runs.html", "models/churn.html", NAME}
    shared |= {"datasets.html", "datasets/customers.html"}
    assert changed == own | shared
    assert "does not verify" in copy.text("models/churn/5.html")


def test_what_is_built_change_by_change_is_what_is_built_at_once(copy: Built, tmp_path: Path) -> None:
    out, registry = str(copy.site), copy.root / "registry"
    fraud, sentiment = registry / "models/fraud-detector", registry / "models/sentiment/versions/1"
    copy.build("--output", out, "--no-store")

    def signature() -> None:  # one that is good, of another version
        shutil.copy(fraud / "versions/3/model.sig", fraud / "versions/4/model.sig")

    def data() -> None:
        (registry / "datasets/reviews/versions/1/dataset.sig").unlink()

    def parent() -> None:  # not the card any more that its children were made from
        (sentiment / "card.yaml").write_bytes((sentiment / "card.yaml").read_bytes() + b"# changed\n")

    def stage() -> None:  # a pointer of another stage
        shutil.copy(fraud / "stages/staging.yaml", fraud / "stages/production.yaml")

    def rules() -> None:
        policy = (registry / "policy.yaml").read_text()
        (registry / "policy.yaml").write_text(policy.replace("metrics.accuracy >= 0.90", "metrics.recall >= 0.90"))

    for change in (rules, signature, data, parent, stage):  # after `rules`, all of it is made anew
        change()
        commit(copy, change.__name__)
        assert copy.told("--output", out, "--no-store")["changed"] > 0
    copy.build("--output", str(tmp_path / "at once"), "--no-store")
    assert digests(copy.site) == digests(tmp_path / "at once")


def test_another_name_of_the_repository_stands_on_every_page(copy: Built, tmp_path: Path) -> None:
    copy.build("--output", str(copy.site), "--no-store")
    moved = replace(copy, root=copy.root.rename(tmp_path / "another-name"))
    moved.build("--output", str(copy.site), "--no-store")
    assert [page for page in moved.pages if "another-name" not in moved.text(page)] == []


def test_what_is_gone_goes_from_the_site_and_what_is_not_ours_stays(copy: Built) -> None:
    out = str(copy.site)
    copy.build("--output", out, "--no-store")
    (copy.site / "models/sentiment/notes.txt").write_text("mine")
    shutil.rmtree(copy.root / "registry/models/sentiment")
    shutil.rmtree(copy.root / "registry/models/churn")
    commit(copy, "Away")
    assert copy.told("--output", out, "--no-store")["problems"] == []
    left = sorted(path.name for path in (copy.site / "models").rglob("*"))
    assert "churn" not in left
    assert (copy.site / "models/sentiment/notes.txt").read_text() == "mine"
    assert list((copy.site / "models/sentiment").iterdir()) == [copy.site / "models/sentiment/notes.txt"]


def test_a_page_that_was_changed_or_removed_is_written_again(copy: Built) -> None:
    out = str(copy.site)
    copy.build("--output", out, "--no-store")
    before = digests(copy.site)
    (copy.site / "models/fraud-detector/3.html").write_text("spoilt")
    (copy.site / "models/fraud-detector/metric-1.svg").unlink()
    assert copy.told("--output", out, "--no-store")["changed"] == 2
    assert digests(copy.site) == before


def test_of_a_site_whose_notes_are_of_another_version_the_files_are_known(tmp_path: Path) -> None:
    files = {"index.html": "sha256:" + "0" * 64}
    notes = {"format": "modelbook/site/v1", "files": files, "parts": {"model a": {"of": "x", "files": [], "old": 1}}}
    (tmp_path / NAME).write_bytes(gzip.compress(json.dumps(notes).encode()))
    found = SiteFolder(tmp_path).manifest
    assert (found.files, found.parts) == (files, {})


@pytest.mark.parametrize("what", ["file", "folder", "link", "list", "escape"])
def test_a_folder_of_others_is_refused_and_left_as_it_is(copy: Built, what: str) -> None:
    copy.site.mkdir()
    if what == "file":
        copy.site.rmdir()
        copy.site.write_text("mine")
    elif what == "folder":
        (copy.site / "thesis.tex").write_text("mine")
    elif what == "link":
        other = copy.site.with_name("other")
        copy.site.rename(other)
        copy.site.symlink_to(other)
    elif what == "list":
        (copy.site / NAME).write_bytes(b"{}")
    else:
        text = '{"files": {"../models/.git/config": "sha256:00"}}'
        (copy.site / NAME).write_bytes(gzip.compress(text.encode()))
    done = copy.build("--output", str(copy.site))
    assert done.code == 2, done.text
    assert str(copy.site) in done.err
    assert (copy.root / ".git/config").is_file()
    assert not (copy.site / "index.html").exists()


def test_a_file_of_others_where_a_page_belongs_is_not_written_over(copy: Built) -> None:
    copy.build("--output", str(copy.site), "--no-store")
    folder = copy.root / "registry/models/churn/versions"
    shutil.copytree(folder / "2", folder / "5")
    commit(copy, "One more")
    (copy.site / "models/churn/5.html").write_text("mine")
    before = digests(copy.site)
    done = copy.build("--output", str(copy.site), "--no-store")
    assert done.code == 2
    assert "5.html: this file is not of this site" in done.err
    assert digests(copy.site) == before


def test_a_folder_of_the_site_that_leads_elsewhere_is_not_followed(copy: Built, tmp_path: Path) -> None:
    copy.build("--output", str(copy.site), "--no-store")
    (copy.site / "models/sentiment").rename(tmp_path / "elsewhere")
    (copy.site / "models/sentiment").symlink_to(tmp_path / "elsewhere")
    before = digests(tmp_path / "elsewhere")
    (copy.root / "registry/models/sentiment/model.yaml").unlink()
    commit(copy, "Nothing is said of it")
    done = copy.build("--output", str(copy.site), "--no-store")
    assert done.code == 2
    assert "a folder of the site is a link to elsewhere" in done.err
    assert digests(tmp_path / "elsewhere") == before


def test_a_build_that_fails_half_way_is_completed_by_running_it_again(copy: Built) -> None:
    copy.build("--output", str(copy.site), "--no-store")
    before = digests(copy.site)
    page = copy.site / "models/fraud-detector/3.html"
    page.unlink()
    page.mkdir()  # no file can be put there
    (copy.site / "models/fraud-detector/1.html").write_text("spoilt")
    assert copy.build("--output", str(copy.site), "--no-store").code == 3
    page.rmdir()
    copy.build("--output", str(copy.site), "--no-store")
    assert digests(copy.site) == before


def test_the_extra_that_is_missing_is_named() -> None:
    script = (
        "import sys; sys.modules['lets_plot'] = None; from modelbook.cli import run; sys.exit(run(['site', 'build']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'modelbook[site]'" in done.stderr


def test_a_model_of_a_thousand_versions_is_a_page_of_less_than_200_kb() -> None:
    names = ("accuracy", "latency_ms.batch_1.p99", "by_country.de.recall", "toxicity", "f1")
    rows = tuple(
        VersionRow(
            model="fraud-detector",
            version=number,
            state="verified",
            created=day(number),
            by="Ada Lovelace",
            commit="c" * 40,
            run="20261123t120000-1a2b3c4d",
            experiment="baseline",
            tags=("candidate",),
            metrics={name: Value(value=0.9 + (number * 7919 % 997) / 10_000, low=0.88, high=0.999) for name in names},
        )
        for number in range(1, 1001)
    )
    stages = ("staging", "production")
    stays = tuple(Stay(stage, at, day(at), day(at + 5) if at < 996 else None) for stage in stages for at in EVERY_FIFTH)
    page = ModelPage("fraud-detector", None, rows, (), stages, stays, series_of(rows, ()))
    html = write("model.html", "models/fraud-detector.html", model=page, title="acme/models", timeline=True)
    timeline = timeline_plot(page)
    assert timeline is not None
    assert html.count(b"<tr>") == 1001
    plots = [series_plot(one) for one in page.series]
    assert len(plots) > SHOWN
    assert sum(map(len, [html, timeline, *plots, *map(own_file, OWN)])) < 200_000
