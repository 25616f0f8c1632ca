"""An SSH agent with one hardware key, whose owner touches it or does not. Source: draft-miller-ssh-agent."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.ssh_by_hand import Handmade, text

_IDENTITIES, _IDENTITIES_ANSWER, _SIGN, _SIGN_ANSWER, _FAILURE = 11, 12, 13, 14, 5


@contextmanager
def token_agent(key: Handmade, place: Path, *, flags: int) -> Iterator[str]:
    """The agent's socket; what it signs says `flags` of its user (1: touched)."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, key, flags))
        thread.start()
        try:
            yield str(place)
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes whoever waits in accept, before another socket has its number
            thread.join()


def _serve(listener: socket.socket, key: Handmade, flags: int) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb") as stream:
            while size := stream.read(4):
                stream.write(text(_answer(stream.read(int.from_bytes(size)), key, flags)))
                stream.flush()


def _answer(request: bytes, key: Handmade, flags: int) -> bytes:
    if request[0] == _IDENTITIES:
        return bytes([_IDENTITIES_ANSWER]) + (1).to_bytes(4) + text(key.public) + text("a token")
    if request[0] == _SIGN:
        rest = request[1 + 4 + int.from_bytes(request[1:5]) :]
        return bytes([_SIGN_ANSWER]) + text(key.over(rest[4 : 4 + int.from_bytes(rest[:4])], flags=flags))
    return bytes([_FAILURE])
