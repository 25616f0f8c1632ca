"""Each rule can fail: a small tree that breaks none, and planted errors that each break exactly one."""

from dataclasses import replace
from typing import NamedTuple

import pytest

from tests.lint import rules
from tests.lint.documents import Document, permissions
from tests.lint.rules import Rule
from tests.lint.sound_tree import CHECKOUT, SOUND


class Plant(NamedTuple):
    """An error put into a sound file by replacing `old`, the rule it breaks, and words of the finding.

    `alone` is false where the same error breaks a second rule by nature.
    """

    rule: Rule
    file: str
    old: str
    new: str
    says: str
    alone: bool = True


VERIFY, GATE, TRAIN, RETENTION = (f".github/workflows/{name}.yml" for name in ("verify", "gate", "train", "retention"))
ACTION = "actions/train/action.yml"
READ = "      contents: read\n"
RECORD = "  record:\n"
PERSIST = "          persist-credentials: false\n"

PLANTS = [
    Plant(rules.every_job_has_a_timeout, GATE, "    timeout-minutes: 5\n", "", "job gate"),
    Plant(rules.permissions_are_explicit, GATE, "permissions: {}\n", "", "permissions: {}"),
    Plant(rules.permissions_are_explicit, GATE, "permissions: {}\n", "permissions: read-all\n", "begin"),
    Plant(rules.permissions_are_explicit, GATE, "    permissions:\n" + READ, "", "job gate"),
    Plant(rules.permissions_are_explicit, GATE, ":\n" + READ, ": write-all\n", "job gate"),
    Plant(rules.third_parties_are_pinned, VERIFY, f"{CHECKOUT} # v4.2.2", "actions/checkout@v4", "40 hex"),
    Plant(rules.third_parties_are_pinned, VERIFY, " # v4.2.2", "", "names its version"),
    Plant(rules.third_parties_are_pinned, VERIFY, " # v4.2.2", " # newest", "names its version"),
    Plant(rules.third_parties_are_pinned, VERIFY, CHECKOUT, "docker://alpine:3.20", "docker://"),
    Plant(
        rules.third_parties_are_pinned,
        VERIFY,
        "$/.github/workflows/gate.yml",
        "a/b/c.yml@v1",
        "job gate",
        alone=False,
    ),
    Plant(rules.no_expression_in_a_script, VERIFY, '"$MODEL"', "${{ github.head_ref }}", "step 2: run"),
    Plant(rules.no_expression_in_a_script, ACTION, "train\n", "train ${{ inputs.model }}\n", "runs, step 1"),
    Plant(
        rules.no_expression_in_a_script,
        VERIFY,
        "          persist-credentials: false\n",
        "          persist-credentials: false\n          script: ${{ github.actor }}\n",
        "with.script",
    ),
    Plant(rules.composite_steps_name_their_shell, ACTION, "      shell: bash\n", "", "step 1"),
    Plant(rules.own_files_are_those_of_the_commit, TRAIN, "$/actions/train", "./actions/train", "step 1: ./actions"),
    Plant(rules.own_files_are_those_of_the_commit, VERIFY, "$/.github", "./.github", "job gate"),
    Plant(
        rules.own_files_are_those_of_the_commit,
        ACTION,
        "    - run: modelbook train\n      shell: bash\n",
        "    - uses: ./actions/train\n      with:\n        model: x\n",
        "./actions/train",
    ),
    Plant(
        rules.no_privileged_pull_request_trigger,
        VERIFY,
        "  pull_request:\n",
        "  pull_request_target:\n",
        "pull_request_target",
        alone=False,
    ),
    Plant(rules.checkouts_leave_no_credentials, VERIFY, "persist-credentials: false", "fetch-depth: 0", "step 1"),
    Plant(rules.checkouts_leave_no_credentials, VERIFY, "credentials: false", "credentials: true", "step 1"),
    Plant(rules.strangers_reach_no_own_machine, VERIFY, "ubuntu-latest", "[self-hosted, linux]", "self-hosted"),
    Plant(rules.strangers_reach_no_own_machine, VERIFY, "ubuntu-latest", "${{ inputs.machine }}", "inputs"),
    Plant(rules.strangers_reach_no_own_machine, VERIFY, "ubuntu-latest", "{group: gpus}", "gpus"),
    Plant(rules.strangers_reach_no_own_machine, GATE, "ubuntu-24.04", "ubuntu-24.04, gpu", "gate.yml, job gate"),
    Plant(rules.strangers_reach_no_own_machine, TRAIN, "on: workflow_dispatch", "on: [issue_comment]", "gpu"),
    Plant(rules.local_calls_match, TRAIN, "model: fraud", "modle: fraud", "declares no input modle"),
    Plant(
        rules.local_calls_match,
        TRAIN,
        "        with:\n          model: fraud\n",
        "",
        "requires the input model",
    ),
    Plant(rules.local_calls_match, TRAIN, "$/actions/train", "$/actions/trian", "does not exist"),
    Plant(rules.local_calls_match, VERIFY, "      model: fraud\n", "      staeg: x\n      model: x\n", "staeg"),
    Plant(rules.local_calls_match, VERIFY, "      reader:", "      raeder:", "secret raeder"),
    Plant(rules.training_has_no_power, TRAIN, READ, "      contents: write\n", "contents: write"),
    Plant(rules.training_has_no_power, TRAIN, READ, READ + "      id-token: write\n", "id-token", alone=False),
    Plant(rules.training_has_no_power, TRAIN, 'measurement: "1"', "suite: default", "contents: write", alone=False),
    Plant(
        rules.training_has_no_power,
        TRAIN,
        "    timeout-minutes: 600\n",
        "    timeout-minutes: 600\n    env:\n      KEY: ${{ secrets.SIGNING_KEY }}\n",
        "signing secret",
    ),
    Plant(
        rules.training_judges_nothing,
        TRAIN,
        "          model: fraud\n",
        "          model: fraud\n      - run: modelbook --json evaluate\n",
        "evaluate, train",
    ),
    Plant(rules.our_name_is_for_our_code, GATE, READ, READ + "      id-token: write\n", "signs nothing", alone=False),
    Plant(rules.our_name_is_for_our_code, TRAIN, "runs-on: ubuntu-latest", "runs-on: [self-hosted]", "not GitHub's"),
    Plant(rules.our_name_is_for_our_code, TRAIN, "runs-on: ubuntu-latest", "runs-on: ${{ inputs.on }}", "not GitHub's"),
    Plant(rules.our_name_is_for_our_code, TRAIN, RECORD, RECORD + "    container: alpine\n", "not GitHub's"),
    Plant(rules.our_name_is_for_our_code, TRAIN, PERSIST, PERSIST + "      - run: ./sign.sh\n", "step 2"),
    Plant(rules.our_name_is_for_our_code, TRAIN, PERSIST, PERSIST + "          repository: a/b\n", "caller may choose"),
    Plant(rules.our_name_is_for_our_code, TRAIN, PERSIST, PERSIST + "          ref: ${{ inputs.ref }}\n", "step 1"),
    Plant(
        rules.our_name_is_for_our_code,
        TRAIN,
        "$/actions/evaluate",
        "a/modelbook/actions/evaluate@v1",
        "step 2",
        alone=False,
    ),
    Plant(
        rules.our_name_is_for_our_code,
        TRAIN,
        "$/.github/workflows/sign.yml",
        "a/b/.github/workflows/sign.yml@" + "1" * 40,
        "gives our name",
        alone=False,
    ),
    Plant(rules.signers_are_chosen_alike, TRAIN, rules.SIGNER, "env:KEY", "does not choose"),
    Plant(rules.signers_are_chosen_alike, TRAIN, "    with:\n      signer: ${{ inputs.signer }}\n", "", "hand"),
    Plant(
        rules.an_app_goes_before_a_token,
        GATE,
        "    timeout-minutes: 5\n",
        "    timeout-minutes: 5\n    env: {GITHUB_TOKEN: a, MODELBOOK_TOKEN: b}\n",
        "without MODELBOOK_APP_ID, MODELBOOK_APP_PRIVATE_KEY",
    ),
    Plant(rules.only_retention_deletes, GATE, "modelbook gate", "modelbook retention", "job gate"),
    Plant(rules.only_retention_deletes, GATE, "modelbook gate", "aws s3 rm s3://b/k", "s3 rm"),
    Plant(
        rules.only_retention_deletes,
        RETENTION,
        "  schedule:",
        "  pull_request:\n  schedule:",
        "pull_request",
    ),
    Plant(rules.only_retention_deletes, RETENTION, "  schedule:", "  push:\n  schedule:", "none of a plan"),
    Plant(
        rules.only_retention_deletes,
        RETENTION,
        "modelbook retention",
        "modelbook prune apply plan.json",
        "no merged plan",
    ),
]


def sound_tree() -> dict[str, Document]:
    return {path: Document(path, text) for path, text in SOUND.items()}


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_a_sound_tree_passes(rule: Rule) -> None:
    assert rules.breaches(sound_tree(), rule) == []


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.rule.__name__}-{plant.new.strip()[:20]}")
def test_a_planted_error_is_found_by_its_rule_alone(plant: Plant) -> None:
    tree = sound_tree()
    sound = tree[plant.file]
    assert sound.text.count(plant.old) >= 1, "the plant found no soil"
    tree[plant.file] = replace(sound, text=sound.text.replace(plant.old, plant.new, 1))

    found = {rule: rules.breaches(tree, rule) for rule in rules.RULES}

    assert plant.says in "\n".join(found.pop(plant.rule) or pytest.fail("not found"))
    assert not plant.alone or not any(found.values())


def test_every_rule_has_a_planted_error() -> None:
    assert {plant.rule for plant in PLANTS} == set(rules.RULES)


def test_the_snapshot_sees_a_changed_permission() -> None:
    tree = sound_tree()
    before = permissions(tree)
    tree[GATE] = replace(tree[GATE], text=tree[GATE].text.replace(READ, "      contents: write\n"))
    assert permissions(tree) != before
