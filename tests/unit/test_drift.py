"""How two environments differ."""

from modelbook.core.drift import Drift, drift
from modelbook.core.run_record import Environment

TRAINED = Environment(
    python="3.11.7",
    platform="Linux",
    cpu="Xeon",
    gpus=("H200",),
    cuda="13.0",
    packages={"numpy": "2.4.6", "torch": "2.13.0"},
)


def test_the_same_environment_has_no_drift() -> None:
    assert drift(TRAINED, TRAINED) == ()


def test_every_difference_is_told_and_absence_is_one() -> None:
    serving = TRAINED.model_copy(update={"gpus": (), "cuda": None, "packages": {"numpy": "2.4.7", "onnx": "1.0"}})
    assert drift(TRAINED, serving) == (
        Drift("gpus", "H200", None),
        Drift("cuda", "13.0", None),
        Drift("package numpy", "2.4.6", "2.4.7"),
        Drift("package onnx", None, "1.0"),
        Drift("package torch", "2.13.0", None),
    )
