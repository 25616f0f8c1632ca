"""The patch that leads from a commit which others have to the code that a run executes."""

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from modelbook.adapters.git_process import git, git_at_most, git_bytes, run_git
from modelbook.errors import Refused
from modelbook.training.code_version import WorkingTree

LIMIT = 10 * 1024 * 1024  # bytes
_SHOWN = 5
# The user's own settings must not decide what a patch looks like, nor run a program on the way.
_PLAIN = [
    *("--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-relative"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "--ignore-submodules=none", "--unified=3"),
]
_SECRETIVE = re.compile(
    r"\.env(\..+)?|\.netrc|\.npmrc|\.pypirc|id_(rsa|dsa|ecdsa|ed25519)|.*\.(pem|key|p12|pfx|jks|keystore)"
    r"|(credentials|secrets?)(\.(json|ya?ml|toml|ini|env|txt))?"
)
_HARMLESS = re.compile(r".*\.(example|sample|template|dist)")
_PRIVATE_KEY = re.compile(rb"^\+.{0,40}-----BEGIN [A-Z ]*PRIVATE KEY-----", re.MULTILINE)


def code_patch(tree: WorkingTree) -> bytes:
    """What `git apply` turns the base of `tree` into the code on disk with; its commit, where it has no base.

    It holds tracked files, and those untracked ones that count as code (see `uncommitted`). Raises Refused if it is
    larger than LIMIT, if a file looks like a secret, and if git cannot say the difference as a patch.
    """
    base = tree.code.base or tree.code.commit or "HEAD"
    with _index_with(tree) as env:
        names = git_bytes(["diff", *_PLAIN, "--name-only", "--diff-filter=d", "-z", base], tree.root, env=env)
        paths = [path for path in names.decode(errors="surrogateescape").split("\0") if path]
        _refuse_secrets(tree, [path for path in paths if _secretive(path)])
        patch = git_at_most(LIMIT, ["diff", *_PLAIN, base], tree.root, env=env)
    if patch is None:
        raise _too_large(tree, paths)
    if _PRIVATE_KEY.search(patch):
        _refuse_secrets(tree, ["a private key in one of the changed files"])
    if patch:
        _refuse_what_does_not_apply(tree, base, patch)
    return patch


@contextmanager
def _index_with(tree: WorkingTree) -> Iterator[Mapping[str, str]]:
    """The environment for git in which its index has the untracked files as well. The real index is not touched."""
    index = tree.root / git(["rev-parse", "--git-path", "index"], tree.root)
    with tempfile.TemporaryDirectory(prefix="modelbook-") as folder:
        env = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        if index.is_file():
            shutil.copyfile(index, env["GIT_INDEX_FILE"])
        listed = [path for path in tree.changed if (tree.root / path).is_file() or (tree.root / path).is_symlink()]
        if listed:
            add = ["--literal-pathspecs", "-c", "core.safecrlf=false", "add", "--intent-to-add", "--force"]
            names = "\0".join(listed).encode(errors="surrogateescape")
            git_bytes([*add, "--pathspec-from-file=-", "--pathspec-file-nul"], tree.root, stdin=names, env=env)
        yield env


def _secretive(path: str) -> bool:
    name = PurePosixPath(path).name.lower()
    return _SECRETIVE.fullmatch(name) is not None and _HARMLESS.fullmatch(name) is None


def _refuse_secrets(tree: WorkingTree, found: list[str]) -> None:
    if found:
        listed = "".join(f"\n    {each}" for each in found[:_SHOWN])
        raise Refused(
            f"a patch goes wherever the model goes, and this one would hold what looks like a secret:{listed}",
            where=str(tree.root),
            remedy="Undo that change or take the file out of git. If it is no secret, commit and push it.",
        )


def _too_large(tree: WorkingTree, paths: list[str]) -> Refused:
    sizes = {path: (tree.root / path).lstat().st_size for path in paths if (tree.root / path).is_file()}
    largest = sorted(sizes, key=lambda path: sizes[path], reverse=True)[:_SHOWN]
    listed = "".join(f"\n    {sizes[path]:>13,}  {path}" for path in largest)
    return Refused(
        f"the patch of what is not committed and pushed would be larger than {LIMIT:,} bytes; bytes of files:{listed}",
        where=str(tree.root),
        remedy="Commit and push what is large, or add it as a dataset version: `modelbook data add`.",
    )


def _refuse_what_does_not_apply(tree: WorkingTree, base: str, patch: bytes) -> None:
    """A record that cannot be used is none: changes inside a submodule make no patch of this repository."""
    with tempfile.TemporaryDirectory(prefix="modelbook-") as folder:
        env = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git_bytes(["read-tree", base], tree.root, env=env)
        done = run_git(["apply", "--cached", "--check", "--whitespace=nowarn", "-"], tree.root, stdin=patch, env=env)
    inside = re.findall(rb"^\+Subproject commit [0-9a-f]+-dirty$", patch, re.MULTILINE)
    if done.returncode or inside:
        words = done.stderr.decode(errors="replace").strip() or "a submodule has uncommitted changes of its own"
        raise Refused(
            f"git cannot say as a patch what is not committed: {words}",
            where=str(tree.root),
            remedy="Commit everything, inside the submodule too, and push it.",
        )
