"""What the OpenSSF model signing tool says of a signature: nobody has to believe our own verifier."""

from pathlib import Path

from model_signing.verifying import Config


def accepts(model: Path, signature: bytes, public_key: str) -> bool:
    """Whether it accepts `signature` (a bundle) over the folder `model` by `public_key` (PEM).

    Its library is called as its command line does. Whatever it raises is a refusal: it has no error of its own.
    """
    bundle, pem = model.parent / "model.sig", model.parent / "key.pem"
    bundle.write_bytes(signature)
    pem.write_text(public_key)
    config = Config()  # type: ignore[no-untyped-call]
    try:
        config.use_elliptic_key_verifier(public_key=pem).verify(model, bundle)
    except Exception:  # noqa: BLE001 - see above
        return False
    return True


def write_model(folder: Path, card: bytes) -> Path:
    """A model of `tests.made` as a pull writes it, with its card; its folder below `folder`."""
    model = folder / "digits"
    (model / "config").mkdir(parents=True)
    (model / "card.yaml").write_bytes(card)
    (model / "model.safetensors").write_text("weights of digits 1")
    (model / "config/model.json").write_text("config")
    return model
