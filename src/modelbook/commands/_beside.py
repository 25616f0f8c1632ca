"""Something that goes on beside the command, in a thread: for what mostly waits for another process."""

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Beside(Generic[Result]):
    """Starts `compute` at once. `concurrent.futures` does the same, and takes longer to import than git to answer."""

    def __init__(self, compute: Callable[[], Result]) -> None:
        self._compute = compute
        self._found: list[Result] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)  # an interrupted command does not wait for it
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found.append(self._compute())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._error = error

    def result(self) -> Result:
        """What `compute` gave, once it is done. Raises what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found[0]
