"""What JSON Schema cannot say of the registry's documents: each thing by an example, and what the model says of it."""

import copy
from collections.abc import Callable
from typing import Any

from modelbook.core.schemas import BEYOND_SCHEMA

Change = Callable[[dict[str, Any]], object]


def with_twin(data: dict[str, Any], listed: str, **fields: Any) -> None:
    data[listed].append(copy.deepcopy(data[listed][0]) | fields)


BEYOND: dict[tuple[str, str], tuple[Change, str]] = {
    ("card", BEYOND_SCHEMA["card"][0]): (
        lambda card: with_twin(card, "artifacts", path="MODEL.safetensors"),
        "two artifacts have the path",
    ),
    ("card", BEYOND_SCHEMA["card"][1]): (
        lambda card: with_twin(card, "artifacts", path="Card.yaml"),
        "the registry puts its own there",
    ),
    ("card", BEYOND_SCHEMA["card"][2]): (
        lambda card: with_twin(card, "artifacts", path="model.sig/x"),
        "which is a file",
    ),
    ("evaluation", BEYOND_SCHEMA["evaluation"][0]): (
        lambda evaluation: evaluation["metrics"].update({"accuracy.de": {"value": 0.5}}),
        "'accuracy' cannot be a metric and hold 'accuracy.de' as well",
    ),
    ("evaluation", BEYOND_SCHEMA["evaluation"][1]): (
        lambda evaluation: evaluation.update(suite="default-beside-3"),
        "suite default beside version 2 is not 'default-beside-3'",
    ),
    ("model", BEYOND_SCHEMA["model"][0]): (
        lambda model: model["suites"]["default"].update(dataset="a" * 64 + "@1"),
        "a dataset's name has at most 63 characters",
    ),
    ("online", BEYOND_SCHEMA["online"][0]): (
        lambda online: online["arms"][0]["metrics"]["rate"].update(mean=0.5, stderr=0.1),
        "it has one of `mean` and `count`",
    ),
    ("online", BEYOND_SCHEMA["online"][1]): (
        lambda online: online["arms"][0]["metrics"]["seconds"].pop("stderr"),
        "`mean` and `stderr` go together",
    ),
    ("online", BEYOND_SCHEMA["online"][2]): (
        lambda online: online["arms"][0]["metrics"]["rate"].update(count=101),
        "`count` is 101, of no more than n = 100",
    ),
    ("online", BEYOND_SCHEMA["online"][3]): (
        lambda online: online.update(started=online["ended"]),
        "an experiment starts, ends, and is recorded then",
    ),
    ("online", BEYOND_SCHEMA["online"][4]): (
        lambda online: online["arms"][1].update(version=1),
        "version 1 stands there twice",
    ),
    ("online", BEYOND_SCHEMA["online"][5]): (
        lambda online: online["arms"][1].pop("assigned"),
        "`assigned` is of every version, or of none",
    ),
    ("online", BEYOND_SCHEMA["online"][6]): (
        lambda online: online["arms"][0]["metrics"].update({"rate.de": {"n": 5, "count": 1}}),
        "'rate' cannot be a metric and hold 'rate.de' as well",
    ),
    ("policy", BEYOND_SCHEMA["policy"][0]): (lambda policy: with_twin(policy, "stages"), "two stages are named"),
    ("policy", BEYOND_SCHEMA["policy"][1]): (
        lambda policy: with_twin(policy, "stages", name="latest"),
        "'latest' cannot name a stage",
    ),
    ("policy", BEYOND_SCHEMA["policy"][2]): (
        lambda policy: with_twin(policy, "stages", name="7"),
        "'7' cannot name a stage",
    ),
    ("policy", BEYOND_SCHEMA["policy"][3]): (
        lambda policy: policy["stages"][0].update(soak="1h"),
        "is the first stage, so there is none before it",
    ),
    ("policy", BEYOND_SCHEMA["policy"][4]): (
        lambda policy: with_twin(policy, "freeze"),
        "two windows of `freeze` are named",
    ),
    ("policy", BEYOND_SCHEMA["policy"][5]): (
        lambda policy: policy["freeze"][0].update(stages=["prod"]),
        "no stage is named so",
    ),
    ("policy", BEYOND_SCHEMA["policy"][6]): (
        lambda policy: policy["freeze"][0].update(ends="0 0 30 2 *"),
        "there is no such time",
    ),
    ("policy", BEYOND_SCHEMA["policy"][7]): (
        lambda policy: policy["freeze"][0].update(zone="Europe/Atlantis"),
        "no time zone has this name",
    ),
    ("stage", BEYOND_SCHEMA["stage"][0]): (
        lambda stage: stage.update(reason=" "),
        "`overrides` needs a `reason`",
    ),
    ("trust", BEYOND_SCHEMA["trust"][0]): (lambda trust: with_twin(trust, "signers"), "two signers are named"),
    ("trust", BEYOND_SCHEMA["trust"][1]): (
        lambda trust: with_twin(trust, "rules", signers=["mallory"]),
        "a rule names the signer 'mallory'",
    ),
    ("trust", BEYOND_SCHEMA["trust"][2]): (
        lambda trust: with_twin(trust, "rules", statements=[], stages=[]),
        "a rule allows nothing",
    ),
}
