"""`modelbook doctor` on a registry whose repository stands on the tests' GitHub."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.commands.workbench import Workbench
from tests.parts.app_key import app_key
from tests.parts.command_line import Done
from tests.parts.github.client import GitHubServer
from tests.parts.github.world import user_id

ADMIN, APP, JOB, FINE = "ghp_" + "a" * 36, "ghs_" + "p" * 36, "ghs_" + "j" * 36, "github_pat_" + "f" * 40
READ = {"contents": "read", "actions": "read"}
PINNED = "acme/modelbook@" + "1" * 40
REVIEW = {
    "required_approving_review_count": 1,
    "require_code_owner_review": True,
    "dismiss_stale_reviews_on_push": True,
    "require_last_push_approval": False,
    "required_review_thread_resolution": False,
}
Json = dict[str, Any]


def ruleset(*leave_out: str, app: int | None, strict: bool = True, **more: Any) -> Json:
    check = {"context": "modelbook"} | ({} if app is None else {"integration_id": app})
    checks = {"required_status_checks": [check], "strict_required_status_checks_policy": strict}
    rules: list[Json] = [
        {"type": "pull_request", "parameters": REVIEW},
        {"type": "required_status_checks", "parameters": checks},
        {"type": "non_fast_forward"},
        {"type": "deletion"},
    ]
    return {
        "name": "Modelbook",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [rule for rule in rules if rule["type"] not in leave_out],
    } | more


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    with GitHubServer(tmp_path_factory.mktemp("github")) as server:
        server.add_token(ADMIN, "acme")
        server.add_token(APP, "helper[bot]", READ)
        server.add_token(JOB, "github-actions[bot]", READ)
        server.add_token(FINE, "alice", READ)
        yield server
        assert [entry for entry in server.log() if "failure" in entry] == []


@dataclass
class Patient:
    """A registry on GitHub that doctor looks at."""

    bench: Workbench
    server: GitHubServer
    name: str

    def publish(self, **settings: Any) -> None:
        self.server.add_repository(self.name, from_worktree=self.bench.root, **settings)

    def look(self, *arguments: str, token: str = ADMIN, variable: str = "GITHUB_TOKEN") -> Done:
        env = {"GITHUB_REPOSITORY": self.name, "GITHUB_API_URL": self.server.api_url, variable: token}
        return self.bench.run("doctor", *arguments, env=env)

    def checks(self, *arguments: str, token: str = ADMIN, variable: str = "GITHUB_TOKEN") -> dict[str, Json]:
        """Each check by area and name; where several have one name, the worst."""
        printed: Json = json.loads(self.look("--json", *arguments, token=token, variable=variable).out)
        order = ["ok", "unknown", "warning", "problem"]
        found = sorted(printed["checks"], key=lambda check: order.index(check["verdict"]))
        return {f"{check['area']}/{check['name']}": check for check in found}


@pytest.fixture
def patient(bench: Workbench, server: GitHubServer, request: pytest.FixtureRequest) -> Patient:
    name = "acme/" + "".join(char if char.isalnum() else "-" for char in request.node.name)
    key = Path(bench.env["HOME"]) / "key.pem"
    bench.ok("init", ".", "--key", str(key), "--github", PINNED)
    bench.commit({".github/CODEOWNERS": "/registry/ @acme\n/.github/ @acme\n"})
    return Patient(bench, server, name)


def actions_app() -> int:
    return user_id("github-actions") % 100_000


SOUND: Json = {
    "allow_auto_merge": True,
    "secrets": ["MODELBOOK_SIGNING_KEY", "MODELBOOK_TOKEN"],
}


def test_a_repository_as_it_should_be_has_no_problem_and_is_not_touched(patient: Patient) -> None:
    patient.publish(rulesets=[ruleset(app=actions_app())], **SOUND)
    patient.server.clear_log()
    done = patient.look("--store")
    assert done.code == 0, done.text
    assert "problem" not in done.out.splitlines()[-1]
    assert {entry["method"] for entry in patient.server.log()} == {"GET"}
    verdicts = {name: check["verdict"] for name, check in patient.checks("--store").items()}
    assert {name for name, verdict in verdicts.items() if verdict not in {"ok", "warning"}} == set()
    assert sum(name.startswith("branch/") for name in verdicts) == 9


@pytest.mark.parametrize(
    ("permissions", "verdict", "words"),
    [
        ({"contents": "write", "pull_requests": "write"}, "ok", "a token of the App can be made"),
        ({"contents": "write"}, "problem", "the App models lacks `pull-requests: write` here"),
    ],
)
def test_whether_the_app_that_is_named_will_do(
    patient: Patient, permissions: dict[str, str], verdict: str, words: str
) -> None:
    patient.publish(**SOUND)
    number = patient.server.add_app("models", app_key("models")[1], permissions, (patient.name,))
    patient.bench.env |= {"MODELBOOK_APP_ID": str(number), "MODELBOOK_APP_PRIVATE_KEY": app_key("models")[0]}
    check = patient.checks()["github/app"]
    assert (check["verdict"], words in check["message"]) == (verdict, True), check


def test_without_rules_each_missing_one_is_a_problem_with_its_remedy(patient: Patient) -> None:
    patient.publish(**SOUND)
    assert patient.look().code == 1
    checks = patient.checks()
    for name in ("pull-request", "force-push", "deletion", "status-check", "up-to-date", "reviews"):
        assert checks[f"branch/{name}"]["verdict"] == "problem"
        assert checks[f"branch/{name}"]["remedy"] == "bash .github/branch-rules.sh"


def test_the_classic_protection_counts_as_well(patient: Patient) -> None:
    app = actions_app()
    checks = {"strict": True, "contexts": ["modelbook"], "checks": [{"context": "modelbook", "app_id": app}]}
    reviews = {"dismiss_stale_reviews": True, "require_code_owner_reviews": True, "required_approving_review_count": 1}
    address = {"url": "https://example.org"}
    classic = {
        "required_status_checks": checks,
        "required_pull_request_reviews": reviews,
        "enforce_admins": address | {"enabled": False},
        "allow_force_pushes": {"enabled": False},
        "allow_deletions": {"enabled": False},
    }
    patient.publish(protection=classic, **SOUND)
    found = patient.checks()
    assert {check["verdict"] for name, check in found.items() if name.startswith("branch/")} == {"ok", "warning"}
    assert "administrators" in found["branch/bypass"]["message"]


@pytest.mark.parametrize(
    ("rules", "name", "verdict", "words"),
    [
        (ruleset(app=77), "branch/status-check", "problem", "must come from App 77"),
        (ruleset(app=None), "branch/status-check", "warning", "whoever may set a status"),
        (ruleset(app=None, strict=False), "branch/up-to-date", "problem", "before the branch moved"),
        (ruleset("non_fast_forward", app=None), "branch/force-push", "problem", "force push"),
        (ruleset(app=None, enforcement="evaluate"), "branch/pull-request", "problem", "anybody may push"),
        (
            ruleset(app=None, bypass_actors=[{"actor_type": "RepositoryRole", "actor_id": 2, "bypass_mode": "always"}]),
            "branch/bypass",
            "problem",
            "everybody who may write",
        ),
        (
            ruleset(app=None, bypass_actors=[{"actor_type": "OrganizationAdmin", "bypass_mode": "pull_request"}]),
            "branch/bypass",
            "warning",
            "the organisation's owners (in pull requests)",
        ),
    ],
)
def test_a_rule_that_is_not_as_it_should_be(patient: Patient, rules: Json, name: str, verdict: str, words: str) -> None:
    patient.publish(rulesets=[rules], **SOUND)
    check = patient.checks()[name]
    assert (check["verdict"], words in check["message"]) == (verdict, True), check


@pytest.mark.parametrize(
    ("settings", "name", "verdict", "words"),
    [
        ({"allow_auto_merge": False}, "settings/auto-merge", "warning", "auto-merge is not allowed"),
        ({"secrets": []}, "settings/secrets", "problem", "MODELBOOK_SIGNING_KEY is not there"),
        ({"default_workflow_permissions": "write"}, "settings/default-token", "warning", "may write everything"),
        (
            {"secrets": ["MODELBOOK_SIGNING_KEY"], "actions_may_open_pulls": False},
            "settings/open-pull-requests",
            "problem",
            "must be allowed to open pull requests",
        ),
        (
            {"actions_permissions": {"enabled": True, "allowed_actions": "local_only"}},
            "settings/actions",
            "problem",
            "only actions of this owner",
        ),
        ({"actions_permissions": {"enabled": False}}, "settings/actions", "problem", "switched off"),
    ],
)
def test_a_setting_that_is_not_as_it_should_be(
    patient: Patient, settings: Json, name: str, verdict: str, words: str
) -> None:
    patient.publish(**(SOUND | settings))
    check = patient.checks()[name]
    assert (check["verdict"], words in check["message"]) == (verdict, True), check


@pytest.mark.parametrize(
    ("token", "variable", "words"),
    [
        (JOB, "GITHUB_TOKEN", "A job's own token never has `administration: read`"),
        (APP, "MODELBOOK_TOKEN", "Grant `administration: read` to the App"),
        (FINE, "GITHUB_TOKEN", "settings/personal-access-tokens"),
    ],
)
def test_what_the_token_may_not_see_is_not_known_and_says_where_to_grant_it(
    patient: Patient, token: str, variable: str, words: str
) -> None:
    patient.publish(rulesets=[ruleset("deletion", app=actions_app())], **SOUND)
    checks = patient.checks(token=token, variable=variable)
    for name in ("branch/deletion", "settings/default-token", "settings/actions"):
        assert (checks[name]["verdict"], words in checks[name]["remedy"]) == ("unknown", True), checks[name]
    for name in ("branch/bypass", "settings/secrets", "settings/auto-merge"):
        assert checks[name]["verdict"] == "unknown", checks[name]
    assert "secrets: read" in checks["settings/secrets"]["message"]
    for name in ("branch/status-check", "branch/pull-request", "settings/code-owners"):
        assert checks[name]["verdict"] == "ok", checks[name]


def test_what_lies_in_the_repository_is_judged_too(patient: Patient) -> None:
    text = (patient.bench.root / ".github/workflows/promote.yml").read_text()
    patient.bench.commit(
        {
            ".github/CODEOWNERS": "/registry/ @acme\n/registry/trust.yaml\n/.github/ @nobody\n",
            ".github/workflows/promote.yml": text.replace("1" * 40, "2" * 40),
            ".github/workflows/verify.yml": "on: {pull_request: {}}\njobs: {}\n",
            "evaluate.py": b"",
        }
    )
    patient.bench.git("rm", "-q", "evaluate.py")
    patient.bench.git("commit", "-q", "-m", "Lose the suite")
    patient.publish(rulesets=[ruleset(app=actions_app())], **SOUND)
    patient.bench.commit({"later.txt": "not pushed"})
    checks = patient.checks()
    for name, words in {
        "workflows/pinned": "several commits",
        "workflows/verify": "without `workflow_dispatch:`",
        "workflows/code-owners": "gives nobody registry/trust.yaml",
        "settings/code-owners": "Unknown owner",
        "registry/suites": "there is no evaluate.py at HEAD",
    }.items():
        assert (checks[name]["verdict"], words in checks[name]["message"]) == ("problem", True), checks[name]
    assert checks["settings/default-branch"]["verdict"] == "warning"


def test_a_registry_without_code_owners_has_a_problem_here_and_there(patient: Patient) -> None:
    patient.bench.git("rm", "-q", ".github/CODEOWNERS")
    patient.bench.git("commit", "-q", "-m", "Nobody owns it")
    patient.publish(rulesets=[ruleset(app=actions_app())], **SOUND)
    checks = patient.checks()
    assert {checks[f"{area}/code-owners"]["verdict"] for area in ("workflows", "settings")} == {"problem"}


def test_environments_are_looked_into(patient: Patient) -> None:
    own = "on: push\njobs:\n  a: {environment: signing}\n  b: {environment: {name: gpu}}\n  c: {environment: lost}\n"
    patient.bench.commit({".github/workflows/own.yml": own})
    there: list[Json] = [{"name": "gpu"}, {"name": "signing", "guarded": True, "secrets": ["MODELBOOK_SIGNING_KEY"]}]
    kept: Json = {"secrets": ["MODELBOOK_TOKEN"], "environments": there}
    patient.publish(**(SOUND | kept))
    printed: Json = json.loads(patient.look("--json").out)
    found = [(each["verdict"], each["message"]) for each in printed["checks"] if each["name"] == "environments"]
    assert [verdict for verdict, _ in found] == ["warning", "problem", "ok"], found
    assert "MODELBOOK_SIGNING_KEY is there" in {each["message"] for each in printed["checks"]}


def test_a_token_that_does_not_work_is_a_problem(patient: Patient) -> None:
    patient.publish(**SOUND)
    check = patient.checks(token="ghp_expired")["github/asked"]
    assert (check["verdict"], "wrong or has expired" in check["remedy"]) == ("problem", True)


def test_without_github_the_rest_is_looked_at_all_the_same(bench: Workbench) -> None:
    done = bench.run("doctor", "--json")
    checks = {(check["area"], check["name"]): check for check in json.loads(done.out)["checks"]}
    assert checks["github", "asked"]["verdict"] == "unknown"
    assert checks["registry", "root"]["verdict"] == checks["machine", "git"]["verdict"] == "ok"
    assert (done.code, checks["workflows", "pinned"]["verdict"]) == (1, "problem")


def test_trust_that_nobody_can_read_is_a_problem_and_not_the_end(bench: Workbench) -> None:
    bench.commit({"registry/trust.yaml": "format: nonsense\n"})
    done = bench.run("doctor", "--json")
    found = [check for check in json.loads(done.out)["checks"] if check["name"] == "trust"]
    assert (done.code, [check["verdict"] for check in found]) == (1, ["problem"])
