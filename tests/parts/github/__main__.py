"""Start the tests' GitHub: it prints its address, then serves until its standard input closes."""

import argparse
import sys
import threading
from pathlib import Path

from tests.parts.github.server import Server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.parts.github", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of the bare repositories")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--log", type=Path, required=True, help="file for the request log, one JSON object a line")
    chosen = parser.parse_args()
    server = Server(chosen.root.resolve(), chosen.port, chosen.log)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.url, flush=True)
    # Whoever started this holds the other end: should it die, this server dies with it.
    sys.stdin.buffer.read()


main()
