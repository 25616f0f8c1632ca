"""The hardware class of a machine: what has to be the same before two times on the clock may be compared."""

from collections.abc import Sequence

from modelbook.core.run_record import Environment


def hardware_class(environment: Environment) -> str | None:
    """The processor's name, the cores that the process might use, and the GPUs by name and number.

    As in `AMD EPYC 9654, 16 cores, 2 x NVIDIA H100`. None where processor or cores are not on record: such a machine
    is like no other, not even like itself. Driver and packages are not part of it: they are the software's share.
    """
    cpu, cores = environment.cpu, environment.cores
    if cpu is None or cores is None:
        return None
    return f"{cpu}, {cores} core{'s' if cores != 1 else ''}, {gpus_in_words(environment.gpus) or 'no GPU'}"


def gpus_in_words(gpus: Sequence[str]) -> str:
    """The GPUs by name, each with how many there are; empty for none."""
    return ", ".join(f"{gpus.count(name)} x {name}" for name in dict.fromkeys(gpus))
