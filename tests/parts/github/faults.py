"""Faults that a test asks for: the Nth request of a method and a path is answered otherwise."""

import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.parts.github.refusals import DOCUMENTATION

_MESSAGES = {
    401: "Bad credentials",
    403: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    404: "Not Found",
    405: "Base branch was modified. Review and try the merge again.",
    409: "Git Repository is empty.",
    422: "Validation Failed",
    429: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
}


@dataclass
class Fault:
    """One planned fault.

    From the `nth` matching request on, `times` requests meet it. `drop` closes the connection without an
    answer. With `after_effect` the request is worked on first, and its sender does not learn that it was.
    """

    method: str
    path: re.Pattern[str]
    nth: int
    times: int
    status: int
    headers: dict[str, str]
    body: Any
    after_effect: bool
    drop: bool
    seen: int = field(default=0)

    def answer(self) -> bytes:
        """The body to send: the test's own, or GitHub's words for the status."""
        if isinstance(self.body, str):
            return self.body.encode()
        message = _MESSAGES.get(self.status, "Server Error")
        default = {"message": message, "documentation_url": DOCUMENTATION, "status": str(self.status)}
        return json.dumps(default if self.body is None else self.body).encode()


class Faults:
    """The faults of one server, counted over all its connections."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []
        self._lock = threading.Lock()

    def plan(self, order: dict[str, Any]) -> None:
        """Add a fault as the tests' client sends it."""
        with self._lock:
            self._planned.append(Fault(**{**order, "path": re.compile(order["path"])}))

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def meet(self, method: str, path: str) -> Fault | None:
        """Count this request against every plan, and give the first fault that is due."""
        due = None
        with self._lock:
            for fault in self._planned:
                if fault.method in (method, "*") and fault.path.search(path):
                    fault.seen += 1
                    if due is None and fault.nth <= fault.seen < fault.nth + fault.times:
                        due = fault
        return due
