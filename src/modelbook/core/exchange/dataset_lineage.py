"""Where a dataset version stands among the rest: who signed it, and which model versions used it."""

from typing import NamedTuple

from modelbook.core.dataset import DatasetCard
from modelbook.core.documents import noted
from modelbook.core.findings import Finding
from modelbook.core.layout import dataset_folder
from modelbook.core.registry import Registry
from modelbook.core.signing.statements import dataset_statement
from modelbook.core.verifying.signed_files import signed


class Use(NamedTuple):
    """A model version that used a dataset version, and what for: a role in training, or an evaluation."""

    version: str
    purpose: str


def dataset_signer(registry: Registry, card: DatasetCard) -> str | None:
    """The name in trust.yaml of whoever signed the card; None where the signature is missing or not good."""
    folder = dataset_folder(card.dataset, card.version)
    expected = dataset_statement(card, registry.files[f"{folder}/card.yaml"])
    path, made = f"{folder}/dataset.sig", card.created
    return signed(registry, path, expected, card.dataset, "dataset", what="dataset", made=made)[0]


def uses_of(registry: Registry, dataset: str, version: int) -> tuple[list[Use], list[Finding]]:
    """Every use of a dataset version that the registry knows of, by model and version; and what cannot be read."""
    wanted, mention = (dataset, version), dataset.encode()
    found, findings = list[Use](), list[Finding]()
    for model in registry.models():
        for number in registry.versions(model):
            name = f"{model}@{number}"
            # Reading a card takes a thousand times longer than looking for a word in it.
            if mention in registry.files[registry.card_path(model, number)]:
                with noted(findings):
                    uses = registry.card(model, number).lineage.datasets
                    found += [Use(name, use.role) for use in uses if (use.dataset, use.version) == wanted]
            for suite, path in sorted(registry.evaluation_paths(model, number).items()):
                if mention in registry.files[path]:
                    with noted(findings):
                        use = registry.evaluation(path).dataset
                        found += [Use(name, f"evaluation {suite}")] if (use.dataset, use.version) == wanted else []
    return found, findings
