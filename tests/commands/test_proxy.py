"""A model's whole history, through the command line: which metric stands for users, gates on it, and the alarm."""

from typing import Any

import numpy as np
import pytest

from modelbook.adapters.github_api import GitHubApi
from tests.made import Made
from tests.parts.desks import Desk
from tests.parts.github.client import GitHubServer
from tests.parts.office import STRANGER, Office

VERSIONS = 12
ASKS = """\
format: modelbook/policy/v1
store: s3://acme-models/registry
stages:
- name: staging
  gates:
  - metrics.perplexity < 20.0
- name: production
  first: accept
  gates:
  - metrics.perplexity < baseline.metrics.perplexity
"""
BETTER = "model: digits\nbetter: {satisfaction: higher_is_better, perplexity: lower_is_better}\n"
QUALITY = np.random.default_rng(3).normal(size=VERSIONS)
RISING = [int(one) + 1 for one in np.argsort(QUALITY)][1::3]
"""Four versions, each with a better perplexity than the one before it."""
BEST = int(np.argmax(QUALITY)) + 1


def history(sign: float = 1, versions: int = VERSIONS, policy: str = ASKS, better: str = BETTER) -> Made:
    """Versions with a perplexity that falls as quality rises, each tried against the one before it.

    With `sign` -1 users are worse off the better the perplexity is.
    """
    made = Made(policy=policy).dataset().put("models/digits/model.yaml", better)
    for number in range(versions):
        made.version("digits", number + 1, {"perplexity": 10 - QUALITY[number], "length": float(number % 5)})
    for number in range(versions - 1):
        level, arms = 0.6 + 0.01 * (number % 3), {}
        for version in (number, number + 1):
            share = level + sign * 0.02 * QUALITY[version]
            arms[version + 1] = {"satisfaction": {"n": 50_000, "count": round(50_000 * share)}}
        day = f"2026-01-{number + 1:02}T00:00:00Z"
        made.online(experiment=f"e{number}", arms=arms, started=day, ended=day.replace("T00", "T23"))
    return made


def test_the_proxy_is_recommended_with_all_that_speaks_for_it(empty_desk: Desk) -> None:
    empty_desk.commit(history())
    code, said = empty_desk.run("proxy", "digits", "--plots", "pictures")
    assert code == 0, said
    assert "For satisfaction: use perplexity" in said
    assert "perplexity for satisfaction: a proxy" in said
    assert "length for satisfaction: no proxy" in said
    assert "taken for better the higher: length" in said
    for name in ("perplexity", "length"):
        assert (empty_desk.root / f"pictures/{name}-for-satisfaction.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    told = empty_desk.json("proxy", "digits", "--offline", "perplexity")
    assert told["recommended"] == {"satisfaction": "perplexity"}
    (pair,) = told["pairs"]
    assert pair["better"] == {"perplexity": "lower_is_better", "satisfaction": "higher_is_better"}
    assert pair["sign_agreement"]["changes"] == VERSIONS - 1
    assert pair["sign_agreement"]["interval"]["low"] > 0.5
    assert pair["spearman"]["interval"]["low"] <= pair["spearman"]["value"] <= pair["spearman"]["interval"]["high"]
    assert pair["prediction"]["error"] < pair["prediction"]["error_of_mean"]
    assert [one["version"] for one in pair["versions"]] == list(range(1, VERSIONS + 1))
    assert empty_desk.run("proxy", "digits", "--online", "clicks")[0] == 2


def test_a_reversed_one_is_called_so_and_nothing_is_recommended(empty_desk: Desk) -> None:
    empty_desk.commit(history(-1))
    code, said = empty_desk.run("proxy", "digits")
    assert (code, "perplexity for satisfaction: reversed" in said) == (1, True), said
    assert "For satisfaction: no metric is recommended" in said


def test_of_few_versions_there_are_words_and_no_numbers(empty_desk: Desk) -> None:
    empty_desk.commit(history(versions=4))
    code, said = empty_desk.run("proxy", "digits")
    assert (code, "not enough versions: 4 have both perplexity and satisfaction, and it takes 8" in said) == (1, True)
    told = empty_desk.json("proxy", "digits")
    assert (told["pairs"], told["recommended"]) == ([], {"satisfaction": None})


def test_a_registry_without_experiments_or_without_the_model_says_so(empty_desk: Desk) -> None:
    empty_desk.commit(Made().dataset().version("digits", 1))
    assert "no experiments on record that count" in empty_desk.run("proxy", "digits")[1]
    assert empty_desk.run("proxy", "fraud")[0] == 2
    assert empty_desk.run("online", "check", "fraud")[0] == 2


def test_without_matplotlib_the_extra_is_named_and_the_rest_works(
    empty_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_desk.commit(history())
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    code, said = empty_desk.run("proxy", "digits", "--plots", "pictures")
    assert (code, "pip install 'modelbook[matplotlib]'" in said) == (2, True), said
    assert empty_desk.run("proxy", "digits")[0] == 0


# A gate


def judged(desk: Desk, gate: str, made: Made, **more: Any) -> dict[str, Any]:
    """What the gate says of the last version."""
    desk.commit(made.put("policy.yaml", ASKS.replace("metrics.perplexity < 20.0", gate)))
    (found,) = desk.json("gate", f"digits@{more.get('version', VERSIONS)}", "--to", "staging")["gates"]
    return dict(found)


@pytest.mark.parametrize(
    ("gate", "sign", "verdict"),
    [
        ('proxy("perplexity", "satisfaction").sign_agreement >= 0.7', 1, "passed"),
        ('proxy("perplexity", "satisfaction").sign_agreement >= 0.7', -1, "failed"),
        ('proxy("perplexity", "satisfaction").sign_agreement_low > 0.5 && metrics.perplexity < 20.0', 1, "passed"),
        ('proxy("perplexity", "satisfaction").versions >= 13', 1, "failed"),
    ],
)
def test_a_gate_asks_how_well_a_metric_stands_for_users(empty_desk: Desk, gate: str, sign: float, verdict: str) -> None:
    found = judged(empty_desk, gate, history(sign))
    assert found["verdict"] == verdict, found
    assert found["measured"], "the report shows the number"
    if verdict == "failed":
        assert "short of" in found["reason"]


@pytest.mark.parametrize(
    ("made", "version", "words"),
    [
        (lambda: history(versions=4), 4, "not enough versions: 4"),
        (lambda: history(better="model: digits\n"), 12, "nothing says which way satisfaction is better"),
        (lambda: history().drop(*(f"models/digits/online/e{one}.{end}" for one in range(11)
                                  for end in ("yaml", "sigstore.json"))), 12, "no experiment measured"),
    ],
)  # fmt: skip
def test_what_is_not_known_passes_no_gate(empty_desk: Desk, made: Any, version: int, words: str) -> None:
    gate = 'proxy("perplexity", "satisfaction").sign_agreement >= 0.0'
    better = made().put("models/digits/model.yaml", made().files["models/digits/model.yaml"])
    found = judged(empty_desk, gate + " && metrics.perplexity < 20.0", better, version=version)
    assert found["verdict"] == "failed"
    assert words in found["reason"], found


def test_an_experiment_that_nobody_signed_is_no_number_for_a_gate_and_blocks_it(empty_desk: Desk) -> None:
    made = history().drop("models/digits/online/e3.sigstore.json")
    made.put("policy.yaml", ASKS.replace("metrics.perplexity < 20.0",
                                         'proxy("perplexity", "satisfaction").sign_agreement >= 0.5'))  # fmt: skip
    empty_desk.commit(made)
    told = empty_desk.json("gate", "digits@12", "--to", "staging")
    assert told["passed"] is False
    assert {one["code"] for one in told["findings"]} >= {"unsigned"}


def test_a_paradox_passes_no_gate(empty_desk: Desk) -> None:
    """Better versions went where all are happier; in each country users are worse off with them."""
    made = history(versions=VERSIONS)
    for number in range(VERSIONS - 1):
        arms = {}
        for version in (number, number + 1):
            n = 50_000
            here = round(n * (0.5 + 0.3 * np.tanh(QUALITY[version])))
            happy = round(here * (0.85 - 0.02 * QUALITY[version]))
            others = round((n - here) * (0.5 - 0.02 * QUALITY[version]))
            arms[version + 1] = {
                "satisfaction": {"n": n, "count": happy + others},
                "by_country.de.satisfaction": {"n": here, "count": happy},
                "by_country.fr.satisfaction": {"n": n - here, "count": others},
            }
        day = f"2026-01-{number + 1:02}T00:00:00Z"
        made.online(experiment=f"e{number}", arms=arms, started=day, ended=day.replace("T00", "T23"))
    found = judged(empty_desk, 'proxy("perplexity", "satisfaction").sign_agreement >= 0.7', made)
    assert (found["verdict"], "Simpson's paradox: over all users tau is +" in found["reason"]) == ("failed", True), (
        found
    )
    assert "perplexity for satisfaction: Simpson's paradox" in empty_desk.run("proxy", "digits")[1]


# The alarm


@pytest.fixture
def office(office_server: GitHubServer, empty_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Promotions of ever better perplexity, after which users are ever worse off."""
    made = history(-1)
    empty_desk.commit(made)
    for version in RISING:
        made.pointer("digits", "production", version)
        empty_desk.commit(made)
    return Office(empty_desk, office_server, monkeypatch).open("alarm")


def test_gates_and_users_that_went_apart_are_one_issue_with_the_evidence(office: Office) -> None:
    code, said = office.desk.run("online", "check", "--issue")
    assert (code, "perplexity became better in each of the last 3 promotions" in said) == (1, True), said
    assert office.desk.run("online", "check", "--issue")[0] == 1
    (issue,) = office.state["issues"]
    assert issue["title"] == "digits: perplexity gets better and satisfaction worse"
    assert set(issue["labels"]) == {"modelbook", "divergence"}
    assert issue["body"].startswith("<!-- modelbook:divergence digits production perplexity satisfaction: ")
    for version in RISING:
        assert f"| digits&#64;{version} |" in issue["body"]
    assert "`modelbook rollback digits --stage production --reason TEXT`" in issue["body"]

    number = issue["number"]
    assert office.ask("PATCH", f"/issues/{number}", {"state": "closed"})[0] == 200
    assert office.desk.run("online", "check", "--issue")[0] == 1
    assert len(office.state["issues"]) == 1, "what people closed is not opened again on the same promotions"


def test_another_promotion_after_it_was_closed_is_another_issue_and_while_it_is_open_none(office: Office) -> None:
    office.desk.run("online", "check", "--issue")
    (issue,) = office.state["issues"]
    made = history(-1)
    for version in (*RISING, BEST):
        made.pointer("digits", "production", version)
    office.desk.commit(made)
    office.desk.run("online", "check", "--issue")
    assert len(office.state["issues"]) == 1
    office.ask("PATCH", f"/issues/{issue['number']}", {"state": "closed"})
    office.desk.run("online", "check", "--issue")
    assert len(office.state["issues"]) == 2


def test_of_two_that_look_at_once_one_issue_stays_open(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    opening = GitHubApi.post

    def just_before_us(api: GitHubApi, what: str, path: str, body: dict[str, Any], **more: Any) -> Any:
        if path == "/issues" and not office.state["issues"]:
            assert office.ask("POST", path, body)[0] == 201
        return opening(api, what, path, body, **more)

    monkeypatch.setattr(GitHubApi, "post", just_before_us)
    code, said = office.desk.run("online", "check", "--issue")
    issues = {issue["number"]: issue["state"] for issue in office.state["issues"]}
    assert (code, list(issues.values())) == (1, ["open", "closed"]), said
    assert f"/issues/{min(issues)}" in said
    office.desk.run("online", "check", "--issue")
    assert len(office.state["issues"]) == 2


def test_a_strangers_issue_with_our_marker_keeps_none_from_being_opened(office: Office) -> None:
    office.server.configure(office.name, strangers=["mallory"])
    office.desk.run("online", "check", "--issue")
    body = office.state["issues"][0]["body"]
    office.ask("PATCH", f"/issues/{office.state['issues'][0]['number']}", {"body": "nothing"})
    forged = {"title": "nothing to see", "body": body, "labels": ["modelbook", "divergence"]}
    assert office.ask("POST", "/issues", forged, token=STRANGER)[0] == 201
    office.desk.run("online", "check", "--issue")
    assert len(office.state["issues"]) == 3


def test_what_does_not_verify_is_no_good_news(empty_desk: Desk) -> None:
    empty_desk.commit(history().drop("models/digits/online/e3.sigstore.json"))
    code, said = empty_desk.run("online", "check", "digits")
    assert (code, "not all that is on record verifies" in said) == (1, True), said


@pytest.mark.parametrize(
    ("sign", "last", "words", "code"),
    [
        (1, "3", "nothing went apart", 0),
        (-1, "9", "3 promotions so far, and it takes 9", 0),
    ],
)
def test_where_nothing_went_apart_or_nothing_can_be_said_it_is_quiet(
    empty_desk: Desk, sign: float, last: str, words: str, code: int
) -> None:
    made = history(sign)
    for version in RISING:
        made.pointer("digits", "production", version)
        empty_desk.commit(made)
    found, said = empty_desk.run("online", "check", "digits", "--last", last)
    assert (found, words in said) == (code, True), said
