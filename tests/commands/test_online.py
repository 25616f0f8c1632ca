"""What experiments found: added from a file, the web or an artifact, signed, proposed; and what is refused."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.made import POLICY, Made
from tests.parts.desks import Desk
from tests.parts.github.client import GitHubServer
from tests.parts.office import Office
from tests.parts.web_host import web_host

TABLE = """\
version,metric,n,mean,stderr,count,assigned
1,satisfaction,9900,,,6900,10000
1,seconds,9900,3.1,0.02,,10000
2,satisfaction,9910,,,7100,10010
2,seconds,9910,3.0,0.02,,10010
"""
WHEN = ("--started", "2026-02-01", "--ended", "2026-02-14")
PLACE = "registry/models/digits/online/spring"


@pytest.fixture
def desk(empty_desk: Desk) -> Desk:
    """Two versions of digits, and somebody who may sign what experiments found."""
    empty_desk.commit(Made().dataset().version("digits", 1).version("digits", 2))
    (empty_desk.keys / "results.csv").write_text(TABLE)
    return empty_desk


def add(desk: Desk, *more: str, text: str | None = None, experiment: str = "spring") -> tuple[int, str]:
    file = desk.keys / "results.csv"
    file.write_text(TABLE if text is None else text)
    source = () if any(one.startswith(("--url", "--artifact")) for one in more) else ("--file", str(file))
    return desk.run("online", "add", "digits", "--experiment", experiment, *source, *more,
                    "--signer", desk.signer("grader"))  # fmt: skip


def test_results_are_signed_committed_and_verify(desk: Desk) -> None:
    before = desk.git("rev-parse", "HEAD")
    code, said = add(desk, *WHEN)
    assert (code, "2 metrics of digits@1 and digits@2" in said) == (0, True), said
    assert desk.git("show", "--format=", "--name-only", "HEAD").split() == [f"{PLACE}.sigstore.json", f"{PLACE}.yaml"]
    written = (desk.root / f"{PLACE}.yaml").read_text()
    assert "started: '2026-02-01T00:00:00Z'" in written.replace('"', "'")
    assert "ended: '2026-02-14T23:59:59Z'" in written.replace('"', "'")
    assert "everything verifies" in desk.ok("verify")
    assert "adds what the experiment spring found of digits" in desk.ok("verify", "--change", before)
    assert "satisfaction | 0.69697" in desk.git("show", "-s", "--format=%B")
    code, said = add(desk, *WHEN)
    assert (code, "on record already" in said) == (0, True), said


def test_what_was_added_and_changed_is_found_in_the_history(desk: Desk) -> None:
    assert add(desk, *WHEN)[0] == 0
    file = desk.root / f"{PLACE}.yaml"
    file.write_text(file.read_text().replace("7100", "9100"))
    desk.git("commit", "-qam", "Better")
    code, said = desk.run("verify")
    assert code == 1
    assert "an experiment's result changed in commit" in said
    assert "what was signed" in said or "other-statement" in said or "signature" in said


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        (TABLE.replace("\n2,", "\n7,"), WHEN, "digits has no version 7"),
        ("".join(TABLE.splitlines(keepends=True)[:3]), WHEN, "an experiment on one version only compares nothing"),
        (TABLE.replace("9900,,,6900", "0,,,0"), WHEN, "results.csv:2: n: Input should be greater than or equal to 1"),
        (TABLE.replace("6900", "-1"), WHEN, "results.csv:2: count: Input should be greater than or equal to 0"),
        (TABLE, (), "it does not say when the experiment started"),
        (TABLE, ("--started", "2026-02-01"), "it does not say when the experiment ended"),
        (TABLE, ("--started", "2026-02-20", "--ended", "2026-02-01"), "starts, ends, and is recorded then"),
        (TABLE, ("--started", "soon", "--ended", "2026-02-01"), "'soon' is no date such as 2026-10-01"),
        (TABLE, (*WHEN, "--experiment", "../x"), "is not a name for an experiment"),
        (TABLE, (*WHEN, "--url", "https://example.org/x.csv"), "is not where online results may come from"),
        ("", WHEN, "there is no result in it"),
    ],
)
def test_what_means_nothing_is_refused_and_nothing_is_made(
    desk: Desk, text: str, more: tuple[str, ...], words: str
) -> None:
    before = desk.git("rev-parse", "HEAD")
    code, said = add(desk, *more, text=text)
    assert code in {1, 2}, said
    assert words in said
    assert desk.git("rev-parse", "HEAD") == before


def test_of_file_address_and_artifact_one_is_given_and_a_file_that_is_not_there_is_named(desk: Desk) -> None:
    for more in ((), ("--file", "a", "--url", "b")):
        code, said = desk.run("online", "add", "digits", "--experiment", "spring", *more)
        assert (code, "Give one of --file, --url and --artifact" in said) == (2, True)
    code, said = desk.run("online", "add", "digits", "--experiment", "spring", "--file", "none.csv",
                          "--signer", desk.signer("grader"))  # fmt: skip
    assert (code, "none.csv: there is no such file" in said) == (2, True), said


def test_whom_no_rule_allows_signs_nothing(desk: Desk) -> None:
    code, said = desk.run("online", "add", "digits", "--experiment", "spring", "--file", str(desk.keys / "results.csv"),
                          *WHEN, "--signer", desk.signer("registrar"))  # fmt: skip
    assert (code, "to sign the online of digits" in said, "statements: [online]" in said) == (1, True, True), said


def test_an_experiment_on_units_that_another_had_is_refused_unless_it_says_otherwise(desk: Desk) -> None:
    assert add(desk, *WHEN)[0] == 0
    code, said = add(desk, *WHEN, experiment="summer")
    assert (code, "it overlaps the experiment spring" in said) == (1, True), said
    assert add(desk, *WHEN, "--apart-from", "spring", experiment="summer")[0] == 0


def test_a_split_that_is_no_accident_is_shouted_about(desk: Desk) -> None:
    code, said = add(desk, *WHEN, text=TABLE.replace("10010", "12000"))
    assert (code, "warning: " in said, "sample-ratio mismatch" in said) == (0, True, True), said
    assert desk.git("show", "-s", "--format=%B").splitlines()[2].startswith("> **sample-ratio mismatch")
    code, said = desk.run("proxy", "digits")
    assert (code, "sample-ratio mismatch" in said, "no experiments on record that count" in said) == (1, True, True)


# From the web


def test_results_come_by_https_from_where_the_policy_allows_and_from_nowhere_else(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_host(tmp_path) as host:
        monkeypatch.setenv("SSL_CERT_FILE", str(host.certificate))
        allowed = f"{host.url}/exports/"
        made = Made(policy=POLICY + f"online:\n  sources: ['{allowed}']\n").dataset().version("digits", 1)
        desk.commit(made.version("digits", 2))
        host.files = {
            "/exports/spring.csv": TABLE.encode(),
            "/exports/away.csv": f"{host.url}/exports/spring.csv",
            "/exports/large.csv": b"x" * (2**20 + 1),
            "/other.csv": TABLE.encode(),
        }
        for path, words in (
            ("/other.csv", "is not where online results may come from"),
            ("/exports/../other.csv", "no plain https address"),
            ("/exports/%2e%2e/other.csv", "no plain https address"),
            ("/exports/..%2fother.csv", "no plain https address"),
        ):
            code, said = add(desk, *WHEN, "--url", host.url + path)
            assert (code in {1, 2}, words in said) == (True, True), said
        for url in (host.url.replace("https", "http") + "/exports/spring.csv", "https://u:p@127.0.0.1/x", "file:///x"):
            assert "no plain https address" in add(desk, *WHEN, "--url", url)[1]
        assert host.asked == []
        for path, words in (
            ("/exports/away.csv", "redirects elsewhere, which is not followed"),
            ("/exports/none.csv", "answers 404"),
            ("/exports/large.csv", "more than 1,048,576 bytes"),
        ):
            code, said = add(desk, *WHEN, "--url", host.url + path)
            assert (code in {2, 3}, words in said) == (True, True), said
        assert "/exports/spring.csv" not in host.asked
        code, said = add(desk, *WHEN, "--url", f"{allowed}spring.csv")
        assert code == 0, said
        monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
        code, said = add(desk, *WHEN, "--url", f"{allowed}spring.csv", experiment="summer")
        assert (code, "it cannot be had" in said) == (3, True), said


# On GitHub


@pytest.fixture
def jobs(office_server: GitHubServer, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Office:
    """The desk as a workflow's job, in a repository of its own."""
    return Office(desk, office_server, monkeypatch).open("online")


def test_it_is_one_pull_request_that_verifies_and_is_not_made_twice(jobs: Office) -> None:
    code, said = add(jobs.desk, *WHEN)
    assert code == 0, said
    assert add(jobs.desk, *WHEN)[0] == 0
    (pull,) = jobs.state["pulls"]
    assert pull["issue"]["title"] == "Add what the experiment spring found of digits"
    assert set(pull["issue"]["labels"]) == {"modelbook", "online"}
    assert "| satisfaction | 0.69697 ± 0.0046 (n 9,900) |" in pull["issue"]["body"]
    assert jobs.verify(1)["passed"] is True
    assert jobs.statuses(1) == ["success"]
    jobs.merge(1)
    assert "everything verifies" in jobs.desk.ok("verify")


def zipped(**files: bytes) -> bytes:
    with io.BytesIO() as held:
        with zipfile.ZipFile(held, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return held.getvalue()


def test_results_come_from_an_artifact_of_this_very_run_and_the_token_stays_at_home(jobs: Office) -> None:
    with web_host(None) as host:
        host.files = {
            "/good": zipped(results=TABLE.encode()),
            "/two": zipped(a=b"x", b=b"y"),
            "/text": b"no zip",
            "/bomb": zipped(results=b"0" * (2**20 + 1)),
        }
        artifacts = [{"name": name, "run": 1, "url": f"{host.url}/{name}"} for name in ("good", "two", "text", "bomb")]
        artifacts.append({"name": "others", "run": 2, "url": f"{host.url}/good"})
        jobs.server.configure(jobs.name, artifacts=artifacts)
        for name, words in (
            ("none", "has no artifact 'none'"),
            ("others", "has no artifact 'others'"),
            ("two", "it holds 2 files, and one is wanted"),
            ("text", "it is no zip that can be read"),
            ("bomb", "more than 1,048,576 bytes"),
        ):
            code, said = add(jobs.desk, *WHEN, "--artifact", name)
            assert (code, words in said) == (2, True), said
        code, said = add(jobs.desk, *WHEN, "--artifact", "good")
        assert code == 0, said
        assert not any("Authorization" in headers for headers in host.headers)
    assert len(jobs.state["pulls"]) == 1


def test_json_says_what_became_of_it(desk: Desk) -> None:
    file = desk.keys / "results.json"
    metrics = {"satisfaction": {"n": 10, "count": 3}}
    arms = [{"version": version, "metrics": metrics} for version in (1, 2)]
    file.write_text(json.dumps({"kind": "shadow", "started": "2026-02-01T00:00:00Z",
                                "ended": "2026-02-02T00:00:00Z", "arms": arms}))  # fmt: skip
    said = desk.json("online", "add", "digits", "--experiment", "spring", "--file", str(file), "--signer",
                     desk.signer("grader"))  # fmt: skip
    assert (said["name"], said["merged"]) == ("digits spring", True)
    assert "kind: shadow" in (desk.root / f"{PLACE}.yaml").read_text()
