"""Every error that a person can see, and the exit code that a program reads.

A failed gate is a result, not an error. Exit codes: 0 yes, 1 no, 2 bad input, 3 unexpected, 130 interrupted.
"""

from enum import IntEnum


class Exit(IntEnum):
    """What the process says to whoever started it."""

    YES = 0
    NO = 1
    BAD_INPUT = 2
    UNEXPECTED = 3
    INTERRUPTED = 130  # as shells have it for SIGINT, and Python itself, where Ctrl-C met it within `exec`


class ModelbookError(Exception):
    """Something a person can understand and act upon.

    `where` is a file, a URI or a reference; `line` is 1-based; `remedy` says what to do.
    """

    exit_code = Exit.UNEXPECTED

    def __init__(
        self, message: str, *, where: str | None = None, line: int | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.line = line
        self.remedy = remedy

    def __str__(self) -> str:
        place = self.where or ""
        if place and self.line is not None:
            place = f"{place}:{self.line}"
        text = f"{place}: {self.message}" if place else self.message
        return f"{text}\n  {self.remedy}" if self.remedy else text

    @property
    def headline(self) -> str:
        """Where, and what is wrong: without what to do."""
        return str(self).partition("\n")[0]


class BadInput(ModelbookError):
    """The words, files or state that were handed in are wrong."""

    exit_code = Exit.BAD_INPUT


class Refused(ModelbookError):
    """Well-formed, and the answer is no: a rule of the registry forbids it."""

    exit_code = Exit.NO


class StoreError(ModelbookError):
    """The store did not do what was asked: unreachable, denied, full."""


class ObjectMissing(StoreError):
    """No object under that key."""


class ObjectExists(StoreError):
    """The key holds other bytes already; objects are written once."""

    exit_code = Exit.NO


class IntegrityError(StoreError):
    """The bytes are not those that were promised."""

    exit_code = Exit.NO


class SigningError(ModelbookError):
    """What was to sign did not: unreachable, denied."""


class ForgeError(ModelbookError):
    """The forge (GitHub, or plain git) did not do what was asked."""


class ForeignError(ModelbookError):
    """A registry that is not ours (MLflow, another git repository) did not do what was asked."""


class WorkerError(ModelbookError):
    """A process that did a part of the work ended before it was done."""


class Interrupted(ModelbookError):
    """Somebody pressed Ctrl-C, or the process was asked to end."""


class BranchTaken(ForgeError):
    """The branch that a change would use holds something else: somebody was first."""

    exit_code = Exit.NO
