"""What a process printed, kept within bounds: its beginning, its end, and how much lay between."""

from collections import deque

_PIECE = 8 * 1024  # bytes; smaller additions are joined


class BoundedText:
    """Takes any amount of bytes and keeps about `head + tail` of them."""

    def __init__(self, head: int, tail: int) -> None:
        """`head` and `tail` in bytes."""
        self._head_limit, self._tail_limit = head, tail
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Append `data`."""
        room = self._head_limit - len(self._head)
        self._head += data[:room]
        data = data[room:]
        if not data:
            return
        if self._tail and len(self._tail[-1]) + len(data) <= _PIECE:
            self._tail[-1] += data
        else:
            self._tail.append(data)
        self._tail_size += len(data)
        # Whole pieces go, so that dropping costs nothing per byte; the oldest piece may stand over the limit.
        while self._tail_size - len(self._tail[0]) >= self._tail_limit:
            piece = self._tail.popleft()
            self._tail_size -= len(piece)
            self._dropped += len(piece)

    def kept(self) -> bytes:
        """The beginning and the end; if something was left out, a line between them says how much."""
        tail = b"".join(self._tail)
        if not self._dropped:
            return bytes(self._head) + tail
        surplus = len(tail) - self._tail_limit
        note = f"\n[... {self._dropped + surplus} bytes are left out here ...]\n"
        return bytes(self._head) + note.encode() + tail[surplus:]

    def last_lines(self, count: int) -> str:
        """The last `count` lines, as text."""
        return "\n".join(self.kept().decode(errors="replace").splitlines()[-count:])
