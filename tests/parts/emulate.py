"""A second GitHub that nobody here wrote: the npm package `emulate` (0.11.2), started on loopback.

The adapters' tests run against it too, so that they are not only right about our own idea of GitHub.

What it has, tried with PyGithub: repositories, branches, refs, blobs, trees, commits, contents, compare, pull
requests (create, list, edit, close, merge by each method), reviews, comments with pages, labels, issues, check runs
with annotations, releases, 422 for a reference that exists.

What it lacks: git over HTTP, commit statuses, deployments, the pull requests of a commit, `repository_dispatch`,
workflows out of the files in the repository, tokens that may do less, and faults.

What it does otherwise than GitHub, so that no test may lean on it:

- it accepts a second pull request of one head, one without commits, and one of a head that is not there;
- it sees no conflict: everything is mergeable, and the last merge wins;
- `pulls/{number}/files` is empty, `merge_commit_sha` null, and a pull request is no issue (`GET issues/{number}`);
- a ref's `url` is not the address at which it is changed, so PyGithub's `GitRef.edit` and `.delete` answer 404;
- annotations come as an object, not as a list; a merge with an old `sha` is 422 instead of 409;
- a token that nobody has may read, and no commit is ever signed.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.github.description import NODE_MODULES

REPOSITORY = "acme/registry"
TOKEN = "ghp_emulate_" + "0" * 28
LOGIN = "alice"

# The package listens on every interface; here it is handed a socket that is already bound to loopback, which also
# settles the port before its addresses are made.
_START = """
import net from "node:net";
import { createEmulator } from "emulate";

const bound = net.createServer();
await new Promise((ready) => bound.listen(0, "127.0.0.1", ready));
const { port } = bound.address();
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function () { return listen.call(this, bound, () => console.log(baseUrl)); };
const baseUrl = `http://127.0.0.1:${port}`;
await createEmulator({ service: "github", port, baseUrl, seed: JSON.parse(process.argv[1]) });
process.stdin.on("end", () => process.exit()).resume();
"""


@dataclass(frozen=True)
class Emulated:
    """A running emulator: `url` is the API's base URL (PyGithub's `base_url`), `token` is `login`'s."""

    url: str
    token: str = TOKEN
    login: str = LOGIN
    repository: str = REPOSITORY


@contextmanager
def emulated_github() -> Iterator[Emulated]:
    """Start the emulator with `acme/registry` (a README on `main`) in it, and end it with the block."""
    owner, _, name = REPOSITORY.partition("/")
    seed = {
        "tokens": {TOKEN: {"login": LOGIN, "scopes": ["repo", "user"]}},
        "github": {
            "users": [{"login": LOGIN, "name": "Alice"}, {"login": "bob", "name": "Bob"}],
            "orgs": [{"login": owner, "name": owner, "members": [{"login": LOGIN, "role": "admin"}]}],
            "repos": [{"owner": owner, "name": name, "auto_init": True}],
        },
    }
    command = ["node", "--input-type=module", "--eval", _START, json.dumps(seed)]
    process = subprocess.Popen(
        command, cwd=NODE_MODULES.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"emulate did not start: run `npm ci` in {Path(NODE_MODULES.parent)}")
        yield Emulated(url)
    finally:
        process.terminate()
        process.communicate()
