"""The weights of a model as one safetensors file, whether they come as torch tensors or as NumPy arrays."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelbook.core.records import StoredFile
from modelbook.core.runs.weights import name_problem
from modelbook.errors import BadInput, StoreError
from modelbook.training.handed_files import Write
from modelbook.training.run_folder import measure
from modelbook.training.tensors import write_tensors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

_KINDS = "biuf"  # booleans, whole numbers, floating point: what a safetensors file and every framework know


def weights_writer(weights: "Mapping[str, Tensor | NDArray[Any]]", name: str) -> Write:
    """Writes `weights`, all tensors or all arrays, under the name `name`.

    Raises BadInput, at once or when it writes, for what is no weights.
    """
    if not name.endswith(".safetensors"):
        raise BadInput(f"{name!r} is no name for weights", remedy="Weights are .safetensors files.")

    def write(target: Path, path: str) -> StoredFile:
        given: Any = weights
        if isinstance(given, Mapping) and given and all(_is_array(value) for value in given.values()):
            write_arrays(given, target)
        else:
            write_tensors(given, target)
        return measure(target, path)

    return write


def write_arrays(arrays: "Mapping[str, NDArray[Any]]", path: Path) -> None:
    """Write NumPy arrays as safetensors. Raises BadInput for elements that are no numbers, and for bad names."""
    import numpy as np

    try:
        from safetensors import SafetensorError
        from safetensors.numpy import save_file
    except ImportError:
        raise BadInput("saving weights needs safetensors", remedy="pip install safetensors") from None
    plain = {_name(name): _native(name, np.asarray(value, order="C")) for name, value in arrays.items()}
    try:
        save_file(plain, path, metadata={"format": "np"})
    except SafetensorError as error:  # what is left after the checks above is the disk
        raise StoreError(f"cannot write {path.name}: {error}", remedy="Free some space.") from None


def _is_array(value: object) -> bool:
    # By name, so that a training without NumPy does not import it.
    return any(f"{kind.__module__}.{kind.__name__}" in {"numpy.ndarray", "numpy.generic"} for kind in type(value).mro())


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise BadInput(f"the name of an array is {name!r}, which is no text")
    if problem := name_problem(name):
        raise BadInput(f"array {name[:80]!r}: its name {problem}", remedy="Rename it before saving.")
    return name


def _native(name: str, array: "NDArray[Any]") -> "NDArray[np.generic]":
    # A long double has no place in the format, and neither have texts, dates and objects.
    if array.dtype.kind not in _KINDS or array.dtype.itemsize > 8:
        raise BadInput(
            f"{name!r} is an array of {array.dtype}, and weights are numbers of at most 8 bytes",
            remedy="Convert it first, as in array.astype('float32').",
        )
    native: NDArray[np.generic] = array.astype(array.dtype.newbyteorder("="), copy=False)
    return native
