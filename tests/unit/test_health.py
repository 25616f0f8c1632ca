"""What doctor decides from facts: rules that add up, workflows, secrets, environments, keys, machine and store."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.doctor.branch_health import BranchFacts, check_branch
from modelbook.core.doctor.branch_rules import BranchRules, RequiredCheck, from_protection
from modelbook.core.doctor.health import Check, Unseen, healthy
from modelbook.core.doctor.local_health import MachineFacts, StoreFacts, check_machine, check_registry, check_store
from modelbook.core.doctor.settings_health import SettingsFacts, check_settings
from modelbook.core.doctor.workflow_files import Workflow
from modelbook.core.doctor.workflow_health import WorkflowFacts, check_workflows
from modelbook.core.documents import dump, load
from modelbook.core.policy import Policy
from modelbook.core.registry import Registry
from modelbook.core.trust import Root, Rule, Signer, Trust
from tests.made import key

NOW = "2026-11-23T12:00:00Z"
HIDDEN = Unseen("the token lacks `x: read`", "grant it")
SETTINGS = SettingsFacts(
    page="https://github.com/acme/registry",
    branch="main",
    head="1" * 40,
    tip="1" * 40,
    auto_merge=True,
    actions={"enabled": True, "allowed_actions": "all"},
    token={"default_workflow_permissions": "read", "can_approve_pull_request_reviews": True},
    secrets=frozenset({"MODELBOOK_TOKEN"}),
    variables=frozenset(),
    environments=(),
    environment_secrets=frozenset(),
    owner_errors=(),
)
CALL = "acme/modelbook/.github/workflows/verify.yml@"
VERIFY = f"on: {{pull_request: {{}}, workflow_dispatch: {{}}}}\njobs:\n  verify:\n    uses: {CALL}{'1' * 40}\n"
POLICY = """\
format: modelbook/policy/v1
store: s3://acme-models/registry
stages:
  - {name: staging, auto: true, gates: [metrics.a > 0.5]}
  - {name: production, soak: 24h, gates: [metrics.a > 0.5]}
"""


def policy() -> Policy:
    return load(Policy, POLICY.encode(), "policy.yaml")


def worst(checks: list[Check], name: str) -> str:
    order = ["ok", "unknown", "warning", "problem"]
    return max((check.verdict for check in checks if check.name == name), key=order.index)


checks_required = st.lists(
    st.builds(RequiredCheck, st.sampled_from(["modelbook", "ci"]), st.none() | st.just(1)), max_size=2
)
rules = st.builds(
    BranchRules,
    pull_request=st.booleans(),
    approvals=st.integers(0, 3),
    code_owners=st.booleans(),
    checks=checks_required.map(lambda found: tuple(dict.fromkeys(found))),
    up_to_date=st.booleans(),
    no_force_push=st.booleans(),
)


@given(rules, rules, rules)
def test_rules_add_up_in_any_order_and_never_loosen(one: BranchRules, two: BranchRules, three: BranchRules) -> None:
    assert (one | two) | three == one | (two | three)
    assert one | one == one
    both = one | two
    assert both.approvals == max(one.approvals, two.approvals)
    assert set(both.checks) == {*one.checks, *two.checks}
    assert (both.pull_request, both.no_force_push) >= (one.pull_request, one.no_force_push)


def test_what_is_hidden_is_never_called_good_or_bad() -> None:
    checks = check_branch(BranchFacts("main", HIDDEN, HIDDEN, HIDDEN, HIDDEN))
    assert {check.verdict for check in checks} == {"unknown"}
    assert healthy(checks)


def test_an_app_of_minus_one_is_anybody() -> None:
    checks = [{"context": "modelbook", "app_id": -1}, {"context": "ci"}]
    found = from_protection({"required_status_checks": {"strict": False, "checks": checks}})
    assert found.checks == (RequiredCheck("modelbook", None), RequiredCheck("ci", None))


def workflows(*texts: str, owners: str | None = "/registry/ @a\n/.github/ @a\n", queue: bool = False) -> list[Check]:
    found = [Workflow(f".github/workflows/{at or 'verify'}.yml", text) for at, text in enumerate(texts)]
    placed = (".github/CODEOWNERS", owners) if owners is not None else None
    return check_workflows(WorkflowFacts(found, placed, "registry", policy(), queue))


def test_sound_workflows_have_no_problem() -> None:
    assert healthy(workflows(VERIFY))


@pytest.mark.parametrize(
    ("text", "name", "verdict"),
    [
        (VERIFY.replace("1" * 40, "main"), "pinned", "problem"),
        (VERIFY.replace("1" * 40, "v1"), "pinned", "problem"),
        (VERIFY + "  b:\n    steps:\n      - uses: actions/checkout@v4\n", "pinned-actions", "warning"),
        ("on: push\njobs: {}\n", "pinned", "problem"),
        ("on: &a [pull_request]\nx: *a\n", "verify", "unknown"),
    ],
)
def test_a_workflow_that_is_not_as_it_should_be(text: str, name: str, verdict: str) -> None:
    assert worst(workflows(text), name) == verdict


def test_two_pins_a_queue_without_its_event_and_a_missing_verify_are_problems() -> None:
    assert worst(workflows(VERIFY, VERIFY.replace("1" * 40, "2" * 40)), "pinned") == "problem"
    assert worst(workflows(VERIFY, queue=True), "verify") == "problem"
    assert worst(workflows(), "verify") == "problem"


@pytest.mark.parametrize(("depth", "verdict"), [("0", None), ("1", "problem"), ("", "problem")])
def test_a_job_that_counts_by_history_needs_all_of_it(depth: str, verdict: str | None) -> None:
    given_depth = f"        with: {{fetch-depth: {depth}}}\n" if depth else ""
    job = f"  b:\n    steps:\n      - uses: actions/checkout@{'3' * 40}\n{given_depth}"
    checks = workflows(VERIFY + job + f"      - uses: acme/modelbook/actions/gate@{'1' * 40}\n")
    assert [check.verdict for check in checks if check.name == "fetch-depth"] == ([verdict] if verdict else [])


@pytest.mark.parametrize(
    ("owners", "verdict"),
    [
        (None, "problem"),
        ("* @a\n", "ok"),
        ("/registry/ @a\n", "problem"),
        ("* @a\n/registry/models/*/stages/staging.*\n", "ok"),
        ("* @a\n/registry/models/*/stages/\n", "problem"),
    ],
)
def test_code_owners_own_the_rules_and_each_stage_that_is_not_auto(owners: str | None, verdict: str) -> None:
    assert worst(workflows(VERIFY, owners=owners), "code-owners") == verdict


@pytest.mark.parametrize(
    ("facts", "asked", "verdict"),
    [
        ({}, "MODELBOOK_TOKEN", "ok"),
        ({"secrets": frozenset()}, "MODELBOOK_TOKEN", "ok"),
        ({}, "MODELBOOK_SIGNING_KEY", "problem"),
        ({"environment_secrets": HIDDEN}, "MODELBOOK_SIGNING_KEY", "unknown"),
        ({"environment_secrets": frozenset({"MODELBOOK_SIGNING_KEY"})}, "MODELBOOK_SIGNING_KEY", "ok"),
        ({"secrets": frozenset({"MODELBOOK_SIGNING_KEY"})}, "MODELBOOK_SIGNING_KEY", "warning"),
        ({}, "AWS_ACCESS_KEY_ID", "warning"),
        ({}, "MODELBOOK_WEBHOOK", "ok"),
        ({}, "SLACK", "problem"),
        ({"secrets": HIDDEN}, "SLACK", "unknown"),
    ],
)
def test_secrets_that_workflows_ask_for(facts: dict[str, Any], asked: str, verdict: str) -> None:
    asking = Workflow("a.yml", f"x: ${{{{ secrets.{asked} }}}} ${{{{ secrets.GITHUB_TOKEN }}}}\n")
    checks = check_settings(replace(SETTINGS, **facts), [asking], policy(), None)
    assert worst(checks, "secrets") == verdict


@pytest.mark.parametrize(
    ("key", "number", "verdicts"),
    [
        (True, True, ["ok"]),
        (True, False, ["problem"]),
        (False, True, ["problem"]),
        (False, False, []),
        (True, None, ["unknown"]),
        (None, True, []),
    ],
)
def test_an_app_is_a_variable_and_a_secret(key: bool | None, number: bool | None, verdicts: list[str]) -> None:
    secrets = HIDDEN if key is None else frozenset({"MODELBOOK_APP_PRIVATE_KEY"} if key else ())
    variables = HIDDEN if number is None else frozenset({"MODELBOOK_APP_ID"} if number else ())
    checks = check_settings(replace(SETTINGS, secrets=secrets, variables=variables), [], policy(), None)
    assert [check.verdict for check in checks if check.name == "app"] == verdicts


@pytest.mark.parametrize(
    ("there", "verdict"),
    [([], "problem"), ([{"name": "prod", "deployment_branch_policy": None}], "warning"),
     ([{"name": "prod", "deployment_branch_policy": {"protected_branches": True}}], "ok")],
)  # fmt: skip
def test_an_environment_is_there_and_not_for_any_branch(there: list[dict[str, object]], verdict: str) -> None:
    asking = Workflow("a.yml", "jobs:\n  a:\n    environment: {name: prod}\n  b:\n    environment: prod\n")
    checks = check_settings(replace(SETTINGS, environments=there), [asking], policy(), None)
    assert worst(checks, "environments") == verdict


@pytest.mark.parametrize(
    ("git", "ssh", "verdicts"),
    [
        ("git version 2.39.5", "OpenSSH_9.2p1 Debian-2", ["ok", "ok"]),
        ("git version 2.30.0", "OpenSSH_8.1p1", ["problem", "problem"]),
        ("git version 10.0", None, ["ok", "warning"]),
        ("git version next", "ssh-keygen alone", ["unknown", "unknown"]),
    ],
)
def test_programs_are_new_enough(git: str, ssh: str | None, verdicts: list[str]) -> None:
    assert [check.verdict for check in check_machine(MachineFacts(git, ssh))] == verdicts


def test_a_store_keeps_what_it_has_and_has_the_time() -> None:
    def verdicts(facts: StoreFacts) -> list[str]:
        return [check.verdict for check in check_store(facts)]

    assert verdicts(StoreFacts("s3://b", conditional=True, skew=-2.0)) == ["ok", "ok", "ok"]
    assert verdicts(StoreFacts("s3://b", conditional=False, skew=-90.0)) == ["ok", "problem", "problem"]
    assert verdicts(StoreFacts("file:b", conditional=True)) == ["ok", "ok"]
    assert verdicts(StoreFacts("s3://b", error="denied")) == ["problem"]


def registry_with(trust: Trust) -> Registry:
    return Registry({"policy.yaml": POLICY.encode(), "trust.yaml": dump(trust)})


def test_people_can_keep_the_rules() -> None:
    alice = Signer(name="alice", key=key("alice").public_pem)
    bob = Signer(name="bob", key=key("bob").public_pem, expires="2020-01-01T00:00:00Z")
    rule = Rule(models="*", stages=("staging",), signers=("alice", "bob"), threshold=2)
    trust = Trust(version=1, signers=(alice, bob), rules=(rule,), root=Root(signers=("alice",)))
    checks = check_registry(registry_with(trust), (), NOW)
    assert worst(checks, "expiry") == "problem", "two must sign, and one key has expired"
    assert worst(checks, "stages") == "problem", "nobody may promote into production"
    assert worst(checks, "root") == "ok"
    assert worst(check_registry(registry_with(trust.model_copy(update={"root": None})), (), NOW), "root") == "problem"
