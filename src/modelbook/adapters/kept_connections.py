"""HTTP connections to one server that are kept for the next request, and answers that are read into a buffer."""

import os
import ssl
import weakref
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import NamedTuple


class Server(NamedTuple):
    """Where requests go: the host with its port, if it is not the usual one, and whether by TLS."""

    host: str
    secure: bool


class KeptConnections:
    """The idle connections of this process. Safe to use from several threads at once."""

    def __init__(self, authorities: str, timeout: float) -> None:
        """`authorities` is a file of the certificates that are trusted, `timeout` the seconds without a byte."""
        self._authorities = authorities
        self._timeout = timeout
        self._process = os.getpid()
        self._idle: dict[Server, list[HTTPConnection]] = {}
        weakref.finalize(self, _close_all, self._idle)

    def ask(
        self, server: Server, method: str, target: str, headers: Mapping[str, str], body: bytes | memoryview = b""
    ) -> "Answer":
        """Send a request, and return its answer when the first of it is there.

        Raises OSError and HTTPException, also where the server hung up on a connection that was kept.
        """
        connection = self._connection(server)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            if body:
                connection.send(body)  # as it lies in memory: no copy, and no small pieces
            return Answer(connection.getresponse(), connection, self._idle.setdefault(server, []))
        except BaseException:
            connection.close()
            raise

    def _connection(self, server: Server) -> HTTPConnection:
        from urllib3.util import wait_for_read

        if self._process != os.getpid():  # forked: those are the parent's
            _close_all(self._idle)
            self._process = os.getpid()
        idle = self._idle.setdefault(server, [])
        while True:
            try:
                connection = idle.pop()
            except IndexError:
                return self._new_connection(server)
            if not wait_for_read(connection.sock, 0):
                return connection
            connection.close()  # the server hung up

    def _new_connection(self, server: Server) -> HTTPConnection:
        if server.secure:
            return HTTPSConnection(server.host, timeout=self._timeout, context=self._tls)
        return HTTPConnection(server.host, timeout=self._timeout)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._authorities)


def _close_all(idle: dict[Server, list[HTTPConnection]]) -> None:
    for connections in idle.values():
        while connections:
            connections.pop().close()


class Answer:
    """An answer whose body is still to be read. `close` hangs up, unless all of it was."""

    def __init__(self, response: HTTPResponse, connection: HTTPConnection, idle: list[HTTPConnection]) -> None:
        self._response, self._connection, self._idle = response, connection, idle
        self.status = response.status
        self.headers = response.headers
        self.length = response.length

    def read(self, most: int | None = None) -> bytes:
        """The next bytes of the body: all by default, none at its end."""
        return self._response.read(most)

    def readinto(self, view: memoryview) -> int:
        """Let the next bytes of the body come into `view`, and return how many came: fewer only at its end."""
        return self._response.readinto(view)

    def close(self) -> None:
        """Leave the connection to the next request if all was read."""
        if self._response.isclosed() and self._connection.sock is not None:
            self._idle.append(self._connection)
        else:
            with suppress(OSError):
                self._response.close()
            self._connection.close()
