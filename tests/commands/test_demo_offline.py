"""The demo says that it verifies without a network: what it cuts off is cut off."""

import socket
import subprocess
import sys

import pytest

from modelbook.commands._demo_shell import cut_off

CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"


def test_what_is_cut_off_reaches_nobody() -> None:
    cut = cut_off()
    if not cut:
        pytest.skip("platform: this machine does not let a user have a network of its own")
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", CONNECT, str(server.getsockname()[1])]
        assert subprocess.run(command, check=False).returncode == 0
        refused = subprocess.run([*cut, *command], check=False, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "unreachable" in refused.stderr
