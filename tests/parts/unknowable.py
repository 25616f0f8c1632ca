"""Ways in which nobody can know what a store's objects are named by, each of them undone at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelbook.core.storage import key_in
from tests.parts.reasons_to_stay import Archive

UNREADABLE = {
    "a card": "models/broken/versions/1/card.yaml",
    "a pointer": "models/broken/stages/production.yaml",
    "a revocation": "models/broken/versions/1/revoked.yaml",
    "an evaluation": "models/broken/versions/1/evaluations/default.yaml",
    "a dataset": "datasets/broken/versions/1/card.yaml",
}
"""What cannot be read on some branch of the remote: its path in the registry."""
WAYS = (
    *UNREADABLE,
    "a manifest",
    "a remote",
    "another registry",
    "its folder",
    "history",
    "its history",
)


@contextmanager
def unknowable(way: str, archive: Archive) -> Iterator[None]:
    """Within it nobody knows what is named, by one of `WAYS`."""
    shop, other = archive.shop, Path(archive.shared)
    if way in UNREADABLE:
        shop.git("switch", "-q", "--detach")
        made, shop.made = shop.made, shop.made.copy().put(UNREADABLE[way], "format: [")
        shop.push(shop.commit(push=False), "refs/heads/broken")
        shop.git("switch", "-q", "main")
        shop.made = made
        yield
        shop.push("", "refs/heads/broken")
    elif way == "a manifest":
        path = shop.data / key_in(shop.uri, shop.made.registry.dataset_card("digits", 1).manifest.uri)
        with _without(path):
            path.write_bytes(b'{"path":"a.csv","size":1,"digest":"sha256:' + b"0" * 64 + b'"}\n')
            yield
    elif way in {"a remote", "another registry"}:
        with _without(shop.origin if way == "a remote" else other):
            yield
    elif way == "its folder":
        archive.shared += "#elsewhere"
        yield
        archive.shared = str(other)
    elif way in {"history", "its history"}:
        # git's own list of the commits behind which it looks for none, as `clone --depth` writes it.
        shallow = (shop.root / ".git" if way == "history" else other) / "shallow"
        where = ["rev-parse", "main"] if way == "history" else [f"--git-dir={other}", "rev-parse", "main"]
        shallow.write_text(shop.git(*where) + "\n")
        yield
        shallow.unlink()
    else:
        raise ValueError(way)


@contextmanager
def _without(path: Path) -> Iterator[None]:
    """The file or folder is not there, and comes back."""
    aside = path.rename(path.with_name(f"{path.name}~"))
    yield
    if path.exists():
        path.unlink()
    aside.rename(path)
