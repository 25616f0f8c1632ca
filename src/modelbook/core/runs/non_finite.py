"""The search for NaN and infinity in weights, while their bytes stream by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from modelbook.core.runs.weights import TensorInfo

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class _Format(NamedTuple):
    """An element is non-finite where `bits & mask == pattern`; infinite where `bits & ~sign == infinity`."""

    width: int
    mask: int
    pattern: int
    infinity: int | None


# IEEE 754, and the OCP 8-bit formats: E4M3 and E8M0 have no infinity; FNUZ has one NaN, where -0 would be.
_FORMATS = {
    "F16": _Format(2, 0x7C00, 0x7C00, 0x7C00),
    "BF16": _Format(2, 0x7F80, 0x7F80, 0x7F80),
    "F32": _Format(4, 0x7F80_0000, 0x7F80_0000, 0x7F80_0000),
    "C64": _Format(4, 0x7F80_0000, 0x7F80_0000, 0x7F80_0000),
    "F64": _Format(8, 0x7FF0_0000_0000_0000, 0x7FF0_0000_0000_0000, 0x7FF0_0000_0000_0000),
    "F8_E5M2": _Format(1, 0x7C, 0x7C, 0x7C),
    "F8_E4M3": _Format(1, 0x7F, 0x7F, None),
    "F8_E8M0": _Format(1, 0xFF, 0xFF, None),
    "F8_E4M3FNUZ": _Format(1, 0xFF, 0x80, None),
    "F8_E5M2FNUZ": _Format(1, 0xFF, 0x80, None),
}


@dataclass(frozen=True)
class NonFinite:
    """The first one found. `index` counts the tensor's elements in row-major order."""

    tensor: str
    index: int
    kind: str

    def __str__(self) -> str:
        return f"tensor {self.tensor!r} holds {self.kind} at element {self.index}"


class NonFiniteScan:
    """Reads a safetensors file from its first byte on, in chunks of any size; remembers the first finding."""

    def __init__(self, tensors: Sequence[TensorInfo]) -> None:
        """`tensors` as `parse_header` gives them: in the order of their bytes, without gaps."""
        self.first: NonFinite | None = None
        self._tensors = tuple(tensor for tensor in tensors if tensor.stop > tensor.start)
        self._size = max((tensor.stop for tensor in tensors), default=0)
        self._current = 0
        self._at = 0
        self._carry = b""

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the file, the header's included."""
        if self._at + len(chunk) > self._size:
            raise ValueError(f"more bytes than the {self._size} that the header announced")
        if self.first:
            self._at += len(chunk)
            return
        rest = memoryview(chunk)
        while rest and self._current < len(self._tensors):
            tensor = self._tensors[self._current]
            if self._at < tensor.start:
                taken = min(len(rest), tensor.start - self._at)
            else:
                taken = min(len(rest), tensor.stop - self._at)
                if form := _FORMATS.get(tensor.dtype):
                    self._search(tensor, form, rest[:taken])
            self._at += taken
            rest = rest[taken:]
            if self._at >= tensor.stop:
                self._current += 1
        self._at += len(rest)

    def finish(self) -> NonFinite | None:
        """The first finding, or None. Raises ValueError if bytes are missing: what is unread may be NaN."""
        if self._at != self._size:
            raise ValueError(f"{self._at} bytes were read of {self._size}")
        return self.first

    def _search(self, tensor: TensorInfo, form: _Format, data: memoryview) -> None:
        import numpy as np  # late: whoever reads only a header should not wait for it

        # `base` is the byte, inside the tensor, at which the elements in hand begin.
        base = self._at - tensor.start - len(self._carry)
        if self._carry:
            # One element straddles two chunks: complete it by itself, so that the chunk is not copied.
            missing = form.width - len(self._carry)
            straddling = self._carry + bytes(data[:missing])
            if len(straddling) < form.width:
                self._carry = straddling
                return
            self._judge(tensor, form, np.frombuffer(straddling, f"<u{form.width}"), base)
            data, base, self._carry = data[missing:], base + form.width, b""
        whole = len(data) // form.width * form.width
        if whole and not self.first:
            self._judge(tensor, form, np.frombuffer(data[:whole], f"<u{form.width}"), base)
        self._carry = bytes(data[whole:])

    def _judge(self, tensor: TensorInfo, form: _Format, bits: "npt.NDArray[np.unsignedinteger]", base: int) -> None:
        hits = (bits & bits.dtype.type(form.mask)) == bits.dtype.type(form.pattern)
        where = int(hits.argmax())
        if not hits[where]:
            return
        unsigned = int(bits[where]) & ~(1 << (8 * form.width - 1))
        kind = "infinity" if unsigned == form.infinity else "NaN"
        index = base // form.width + where
        self.first = NonFinite(tensor.name, index // 2 if tensor.dtype == "C64" else index, kind)
