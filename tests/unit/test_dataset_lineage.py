"""Who signed a dataset version, and who used it."""

from modelbook.core.exchange.dataset_lineage import Use, dataset_signer, uses_of
from tests.made import Made


def test_every_use_is_found_and_those_of_other_versions_are_not() -> None:
    made = Made().dataset("digits", 1).dataset("digits", 2).dataset("digits-test", 1)
    made.version("digits", 1, {"accuracy": 0.9})
    registry = made.registry
    assert uses_of(registry, "digits", 1) == ([Use("digits@1", "train"), Use("digits@1", "evaluation default")], [])
    assert uses_of(registry, "digits", 2) == ([], [])
    assert uses_of(registry, "digits-test", 1) == ([], [])


def test_only_a_signature_that_is_good_has_a_signer() -> None:
    made = Made().dataset("digits", 1)
    card = made.registry.dataset_card("digits", 1)
    assert dataset_signer(made.registry, card) == "registrar"
    made.edit("datasets/digits/versions/1/card.yaml", "tags: []", "tags: [a]")
    assert dataset_signer(made.registry, card) is None
    made.drop("datasets/digits/versions/1/dataset.sig")
    assert dataset_signer(made.registry, card) is None
