"""The files of a registry, with a note of which of them were asked for: what an answer was made of."""

from collections.abc import Iterator, Mapping


class WatchedFiles(Mapping[str, bytes]):
    """The same files. `asked` are the paths, there or not, that were looked for since it was last emptied."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self.asked: set[str] = set()

    def __getitem__(self, path: str) -> bytes:
        self.asked.add(path)
        return self._files[path]

    def __contains__(self, path: object) -> bool:
        self.asked.add(str(path))
        return path in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
