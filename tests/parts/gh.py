"""A `gh` for scripts under test: `gh repo view` and `gh api` as the real one has them, of the tests' GitHub.

As the real one it takes the token from GH_TOKEN, is told the repository by GH_REPO, and filters by jq. It knows only
what is used here, and refuses the rest.
"""

import argparse
import json
import os
import stat
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import jq


def install(folder: Path, api_url: str) -> Path:
    """Put a `gh` for the API at `api_url` into `folder`, and return that, for PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "gh"
    program.write_text(f'#!{sys.executable}\n{Path(__file__).read_text()}\nsys.exit(main(sys.argv[1:], "{api_url}"))\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


def main(arguments: list[str], api_url: str) -> int:
    """Do what `gh arguments` does, and return its exit status."""
    if arguments[:2] == ["repo", "view"]:
        return _view(arguments[2:], api_url)
    if arguments[:1] == ["api"]:
        return _api(arguments[1:], api_url)
    return _refuse(f"unknown command {arguments}")


def _view(arguments: list[str], api_url: str) -> int:
    parser = argparse.ArgumentParser(prog="gh repo view")
    parser.add_argument("--json", required=True)
    parser.add_argument("--jq", required=True)
    given = parser.parse_args(arguments)
    found = json.loads(_ask("GET", f"{api_url}/repos/{os.environ['GH_REPO']}")[1])
    shown = {"nameWithOwner": found["full_name"], "url": found["html_url"]}
    _print(given.jq, {name: shown[name] for name in given.json.split(",")})
    return 0


def _api(arguments: list[str], api_url: str) -> int:
    parser = argparse.ArgumentParser(prog="gh api")
    parser.add_argument("path")
    parser.add_argument("--hostname", required=True)
    parser.add_argument("--method")
    parser.add_argument("--input", choices=["-"])
    parser.add_argument("-F", action="append", default=[], dest="fields")
    parser.add_argument("--jq")
    parser.add_argument("--paginate", action="store_true")
    given = parser.parse_args(arguments)
    fields = dict(field.split("=", 1) for field in given.fields)
    body = sys.stdin.read() if given.input else json.dumps({name: json.loads(text) for name, text in fields.items()})
    asks = given.method or ("POST" if fields or given.input else "GET")
    status, answer = _ask(asks, f"{api_url}/{given.path}", body if asks != "GET" else None)
    if status >= 400:
        print(answer)
        return _refuse(f"{json.loads(answer)['message']} (HTTP {status})")
    _print(given.jq or ".", json.loads(answer))
    return 0


def _ask(method: str, url: str, body: str | None = None) -> tuple[int, str]:
    headers = {"Authorization": f"token {os.environ['GH_TOKEN']}"}
    request = urllib.request.Request(url, body.encode() if body is not None else None, headers, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _print(expression: str, data: Any) -> None:
    for value in jq.compile(expression).input_value(data):
        print(value if isinstance(value, str) else json.dumps(value))


def _refuse(why: str) -> int:
    print(f"gh: {why}", file=sys.stderr)
    return 1
