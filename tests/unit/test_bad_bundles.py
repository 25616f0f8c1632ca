"""Known-bad bundles are refused, and what the stock tools refuse, Modelbook refuses: each is shown to them as well."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from sigstore_models.bundle.v1 import Bundle

from modelbook.core.signing.envelope import payload_of, read_bundle
from modelbook.core.signing.signatures import Authority, check_signature
from modelbook.core.trust import Signer
from modelbook.core.verifying.verification import verify_version
from tests.made import Made, key
from tests.made_fields import NOW
from tests.parts.openssf import accepts, write_model
from tests.unit.bundle_cases import BAD, FOLDER, GOOD, MADE, NO, PAYLOAD, SAID, SAME, SIGNATURE, Case


def with_bundle(data: bytes, public: str | None = None) -> Made:
    """The registry with another signature of its model, and maybe another key of the registrar."""
    made = MADE.copy().put(SIGNATURE, data)
    if public:
        trust = json.loads(made.files["trust.yaml"])
        trust["signers"][0]["key"] = public
        made.put("trust.yaml", json.dumps(trust))
    return made


def codes(data: bytes, public: str | None = None) -> set[str]:
    found = verify_version(with_bundle(data, public).registry, "digits", 1).findings
    assert all(one.message.isprintable() and (one.remedy or "").isprintable() for one in found)
    return {one.code for one in found if one.path == f"registry/{SIGNATURE}"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's folder as a pull writes it, for other tools."""
    return write_model(tmp_path_factory.mktemp("pulled"), MADE.files[f"{FOLDER}/card.yaml"])


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_bad_bundle_is_refused(case: Case) -> None:
    assert codes(case.data, case.key) == {case.code}


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_what_the_openssf_tool_says_of_a_bad_bundle(case: Case, model: Path) -> None:
    """Where it refuses less than we do, that is written in the table."""
    assert accepts(model, case.data, case.key or key("registrar").public_pem) is not case.stock_refuses


@pytest.mark.parametrize("how", SAME)
def test_what_is_written_otherwise_says_the_same_and_the_stock_tools_agree(how: str, model: Path) -> None:
    """Our verdict is never laxer than theirs: what we accept, they accept."""
    assert codes(SAME[how]) == set()
    assert read_bundle(SAME[how]).statement == SAID
    assert accepts(model, SAME[how], key("registrar").public_pem)
    Bundle.from_json(SAME[how].decode())


def test_every_bundle_that_sigstore_cannot_read_is_refused_here() -> None:
    for case in BAD:
        try:
            Bundle.from_json(case.data)
        except ValidationError:
            assert codes(case.data, case.key) == {NO}, case.name


def test_no_single_bit_of_a_bundle_can_be_changed() -> None:
    """Not of the hint, not of the empty key id, not of the line end: there is no bit in it that means nothing."""
    signer = Signer(name="registrar", key=key("registrar").public_pem)

    def accepted(data: bytes) -> bool:
        return check_signature(data, SAID, Authority([signer]), path="x", what="x", made=NOW)[0] is not None

    assert accepted(GOOD)
    for position in range(len(GOOD)):
        for bit in range(8):
            flipped = bytearray(GOOD)
            flipped[position] ^= 1 << bit
            assert not accepted(bytes(flipped)), (position, bit)


def test_a_payload_is_signed_as_it_is_and_not_as_it_is_understood() -> None:
    """A statement that was written otherwise is another payload: a revocation names one, and the signed one."""
    assert payload_of(SAID) == PAYLOAD != json.dumps(SAID, indent=1).encode()
