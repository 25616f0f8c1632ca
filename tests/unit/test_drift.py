"""How two environments differ."""

import pytest

from modelbook.core.queries.drift import Drift, drift
from modelbook.core.run_record import Environment, TorchBuild
from modelbook.errors import BadInput

LOCK = "sha256:" + "a" * 64
TRAINED = Environment(
    python="3.11.7",
    implementation="CPython",
    platform="Linux",
    os="Debian GNU/Linux 12 (bookworm)",
    cpu="Xeon",
    cores=8,
    gpus=("H200", "H200"),
    driver="570.1",
    cuda="13.0",
    cudnn="9.1",
    torch=TorchBuild(version="2.13.0+cu130", git="c" * 40),
    container="acme/train@sha256:" + "1" * 64,
    lock=LOCK,
    packages={"numpy": "2.4.6", "torch": "2.13.0+cu130"},
)


def changed(**update: object) -> Environment:
    return TRAINED.model_copy(update=update)


def test_the_same_environment_has_no_drift() -> None:
    assert drift(TRAINED, TRAINED) == ()


def test_every_difference_is_told_and_absence_is_one() -> None:
    serving = changed(
        implementation=None,
        os="Ubuntu 26.04",
        gpus=("H200",),
        driver=None,
        cuda=None,
        cudnn="9.2",
        torch=TorchBuild(version="2.13.0+cpu", debug=True),
        container="unknown",
        unlocked=("mine",),
        packages={"numpy": "2.4.7", "onnx": "1.0"},
    )
    assert drift(TRAINED, serving) == (
        Drift("implementation", "CPython", None),
        Drift("os", "Debian GNU/Linux 12 (bookworm)", "Ubuntu 26.04"),
        Drift("gpus", "2 x H200", "1 x H200"),
        Drift("driver", "570.1", None),
        Drift("cuda", "13.0", None),
        Drift("cudnn", "9.1", "9.2"),
        Drift("torch", "2.13.0+cu130 (cccccccccccc)", "2.13.0+cpu, debug"),
        Drift("container", TRAINED.container, "unknown"),
        Drift("unlocked", None, "mine"),
        Drift("packages.numpy", "2.4.6", "2.4.7"),
        Drift("packages.onnx", None, "1.0"),
        Drift("packages.torch", "2.13.0+cu130", None),
    )


def test_every_part_of_an_environment_is_compared() -> None:
    """A field that joins the record and is forgotten here would drift unseen."""
    # What was installed from the repository is the code, of which the commit and the packages tell.
    for part in set(Environment.model_fields) - {"local"}:
        assert (
            drift(TRAINED, changed(**{part: None if part not in {"gpus", "unlocked"} else ("other",)}))
            if (part != "packages")
            else drift(TRAINED, changed(packages={}))
        )


def test_the_lock_counts_where_the_versions_do_not_tell() -> None:
    other = "sha256:" + "b" * 64
    assert drift(TRAINED, changed(lock=other)) == (Drift("lock", LOCK, other),)
    assert [each.part for each in drift(TRAINED, changed(lock=other, packages={"numpy": "2.4.6"}))] == [
        "packages.torch"
    ]


def test_what_is_to_be_ignored_is() -> None:
    other = changed(cpu="EPYC", gpus=(), packages={"numpy": "2.4.7"})
    assert [each.part for each in drift(TRAINED, other, ["cpu", "g*"])] == ["packages.numpy", "packages.torch"]
    assert drift(TRAINED, other, ["cpu", "gpus", "packages.*"]) == ()
    for typo in ("gpu", "package.numpy", ""):
        with pytest.raises(BadInput, match="no part of an environment"):
            drift(TRAINED, TRAINED, [typo])
