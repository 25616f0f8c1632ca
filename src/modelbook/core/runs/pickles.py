"""Recognising pickled data from the beginning of a file, whatever the file is called. Nothing is unpickled.

A pickle is a program that loading runs. The beginning is read here as the pickle machine would read it,
opcode by opcode with its stack, without carrying anything out (https://docs.python.org/3/library/pickletools.html).
"""

import bz2
import lzma
import pickletools
import zlib
from pathlib import PurePosixPath

HEAD = 64 * 1024
"""How many bytes of a file `looks_like_pickle` wants to see; a shorter file is handed in whole."""

_SUFFIXES = frozenset(
    {".bin", ".ckpt", ".dill", ".joblib", ".npz", ".p", ".pickle", ".pkl", ".pt", ".pt2", ".pth", ".sav"}
)
# Opcodes by which a pickle makes the machine call something.
_CALLS = frozenset({"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"})
_ENOUGH = 8  # opcodes in a row that make sense, where the head ends before the pickle does
_DEPTH = 3  # compressed data inside compressed data


def looks_like_pickle(head: bytes, name: str) -> str | None:
    """Why the file `name`, which begins with `head`, may carry a pickle; None if it does not.

    The words follow the file's name: "is a pickle".
    """
    suffix = PurePosixPath(name.lower()).suffix
    if suffix in _SUFFIXES:
        return f"has a name ending in {suffix}, which stands for pickled data"
    return _content(head, _DEPTH)


def _content(head: bytes, depth: int) -> str | None:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        inside = "data.pkl, as torch.save writes it" if b"data.pkl" in head else "whatever it likes"
        return f"is a zip archive, which may carry pickled data; this one holds {inside}"
    if head[257:262] == b"ustar":
        return "is a tar archive, in which old versions of PyTorch kept pickled data"
    if head.startswith(b"\x93NUMPY"):
        # The array's header is a Python dict in text; the type 'O' means that its elements are pickled.
        text = head[: head.find(b"}") + 1]
        return "is a NumPy array of objects, which are pickled" if b"O'" in text else None
    if head.startswith((b"ZF0x", b"ZF ")):
        return "is compressed by an old joblib, which pickles"
    if depth and (inner := _decompressed(head)):
        reason = _content(inner, depth - 1)
        return f"is compressed, and what is inside {reason}" if reason else None
    return "is a pickle" if _is_program(head) else None


def _decompressed(head: bytes) -> bytes:
    """The beginning of what is inside; nothing if this is not compressed by zlib, gzip, bzip2, xz or lzma."""
    try:
        if head.startswith(b"\x1f\x8b") or (len(head) > 1 and head[0] & 15 == 8 and (head[0] << 8 | head[1]) % 31 == 0):
            return zlib.decompressobj(wbits=47).decompress(head, HEAD)
        if head.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(head, HEAD)
        if head.startswith((b"\xfd7zXZ\0", b"\x5d\0\0")):
            return lzma.LZMADecompressor(memlimit=256 * 1024 * 1024).decompress(head, HEAD)
    except (zlib.error, OSError, EOFError, lzma.LZMAError):
        pass
    return b""


def _is_program(head: bytes) -> bool:
    """Whether the pickle machine would get to a call, to an end, or past many opcodes, before it stumbles."""
    stack: list[object] = []
    count = 0
    try:
        for opcode, _, _ in pickletools.genops(head):
            count += 1
            if not _apply(stack, opcode):
                return False
            if opcode.name in _CALLS:
                return True
            if opcode.name == "STOP":
                return count > 1 and not stack
    except (ValueError, OverflowError):
        # Either an argument reaches beyond the head, or these are no opcodes.
        return count >= _ENOUGH
    return count >= _ENOUGH


def _apply(stack: list[object], opcode: pickletools.OpcodeInfo) -> bool:
    """Do to the stack what the opcode would; False if the stack does not hold what it takes."""
    if opcode.name == "POP" and stack:
        stack.pop()  # the only one that takes a mark like any value
        return True
    before = list(opcode.stack_before)
    if pickletools.markobject in before:
        at = before.index(pickletools.markobject)
        while stack and stack[-1] is not pickletools.markobject:
            stack.pop()
        if not stack:
            return False
        stack.pop()
        before = before[:at]
    if len(stack) < len(before) or pickletools.markobject in stack[len(stack) - len(before) :]:
        return False
    del stack[len(stack) - len(before) :]
    stack.extend(opcode.stack_after)
    return True
