"""The README.md of a model on the Hugging Face Hub: metadata that the Hub reads, and what a person has to know.

Its numbers are those of the signed evaluations. Source: https://huggingface.co/docs/hub/model-cards
"""

import re
from collections.abc import Mapping
from typing import Any

from modelbook.core import strict_yaml
from modelbook.core.card import ModelCard
from modelbook.core.evaluation import Evaluation
from modelbook.core.pages.markdown import inert
from modelbook.core.registered_model import RegisteredModel

README = "README.md"
_TASK = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def model_readme(
    card: ModelCard,
    digest: str,
    signed_by: str,
    evaluations: Mapping[str, Evaluation],
    model: RegisteredModel | None,
    license: str | None = None,
) -> bytes:
    """The README of a version that was verified: `digest` is that of its card, `evaluations` are those that verify.

    `license` is what the Hub calls it, as in `apache-2.0`; without one the Hub shows none.
    """
    head = strict_yaml.write(_metadata(card, evaluations, model, license)).decode()
    return f"---\n{head.rstrip()}\n---\n\n{_text(card, digest, signed_by, evaluations, model)}".encode()


def _metadata(
    card: ModelCard, evaluations: Mapping[str, Evaluation], model: RegisteredModel | None, license: str | None
) -> dict[str, Any]:
    task = model.task if model and model.task and _TASK.fullmatch(model.task) else None
    datasets = [use.dataset for use in card.lineage.datasets]
    found: dict[str, Any] = {"license": license} if license else {}
    found |= {"pipeline_tag": task} if task else {}
    found["tags"] = list(dict.fromkeys(["modelbook", *(model.tags if model else ()), *card.tags]))
    found |= {"datasets": list(dict.fromkeys(datasets))} if datasets else {}
    results = [_result(one, task) for _, one in sorted(evaluations.items()) if _values(one)]
    if results:
        names = {name for one in evaluations.values() for name in _values(one)}
        found["metrics"] = sorted(name for name in names if "." not in name)
        found["model-index"] = [{"name": f"{card.model}@{card.version}", "results": results}]
    return found


def _values(evaluation: Evaluation) -> dict[str, float]:
    return {name: one.value for name, one in sorted(evaluation.metrics.items()) if one.value is not None}


def _result(evaluation: Evaluation, task: str | None) -> dict[str, Any]:
    use = evaluation.dataset
    metrics = []
    for name, value in _values(evaluation).items():
        one = evaluation.metrics[name]
        beside = {key: number for key, number in (("n", one.n), ("stderr", one.stderr)) if number is not None}
        metrics.append({"type": name, "name": name, "value": value} | ({"args": beside} if beside else {}))
    return {
        "task": {"type": task or "other", "name": f"suite {evaluation.suite}"},
        "dataset": {"type": use.dataset, "name": f"{use.dataset}@{use.version}", "revision": use.digest},
        "metrics": metrics,
    }


def _text(
    card: ModelCard,
    digest: str,
    signed_by: str,
    evaluations: Mapping[str, Evaluation],
    model: RegisteredModel | None,
) -> str:
    run, code = card.run, card.lineage.code
    lines = [f"# {card.model}@{card.version}", ""]
    lines += [inert(text) + "\n" for text in (model.description if model else None, card.description) if text]
    lines += ["| | |", "| --- | --- |"]
    facts = {
        "made": card.created,
        "signed by": signed_by,
        "card": digest,
        "code": " ".join(filter(None, (code.repository, code.commit))) or "unknown",
        "trained on": ", ".join(f"{use.dataset}@{use.version}" for use in card.lineage.datasets) or "unknown",
        "run": run.id,
    }
    if run.imported:
        facts["imported from"] = f"{run.imported.source}: {run.imported.model} {run.imported.version}"
    lines += [f"| {name} | {inert(value)} |" for name, value in facts.items()]
    measured = [(suite, one) for suite, one in sorted(evaluations.items()) if _values(one)]
    if measured:
        lines += ["", "## Evaluations", "", "Measured by a job that did not train it, and signed.", ""]
        lines += ["| suite | dataset | metric | value |", "| --- | --- | --- | ---: |"]
        for suite, one in measured:
            where = f"{one.dataset.dataset}@{one.dataset.version}"
            lines += [f"| {suite} | {where} | {inert(name)} | {value:.6g} |" for name, value in _values(one).items()]
    else:
        lines += ["", "Nobody has evaluated this version."]
    lines += [
        "",
        "## Check it",
        "",
        "`card.yaml` says what made this model, and `model.sig` signs it together with every file that it lists. The",
        "OpenSSF tool checks both, with the public key of whoever signed:",
        "",
        "```",
        "model_signing verify key . --signature model.sig --public_key signer.pem --ignore_unsigned_files",
        "```",
        "",
    ]
    return "\n".join(lines)
