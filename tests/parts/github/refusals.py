"""GitHub's refusals, in its own status, words and fields, so that clients meet the real ones."""

from typing import Any

Json = dict[str, Any]
DOCUMENTATION = "https://docs.github.com/rest"


class Refusal(Exception):
    """An answer that says no."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body: Json = {
            "message": message,
            **more,
            "documentation_url": DOCUMENTATION,
            "status": str(status),
        }


def bad_credentials() -> Refusal:
    return Refusal(401, "Bad credentials")


def no_web_token() -> Refusal:
    """What asks for an App takes its JWT, and nothing else does; also the answer to a JWT that is signed by another."""
    return Refusal(401, "A JSON web token could not be decoded")


def requires_authentication() -> Refusal:
    return Refusal(401, "Requires authentication")


def not_found() -> Refusal:
    """Also the answer to who may not know that the thing exists."""
    return Refusal(404, "Not Found")


def not_accessible(scope: str, level: str) -> Refusal:
    """The token lacks a permission; GitHub names the one that is missing in a header."""
    return Refusal(403, "Resource not accessible by integration", {"X-Accepted-GitHub-Permissions": f"{scope}={level}"})


def invalid_request(errors: list[str]) -> Refusal:
    return Refusal(422, "Invalid request.\n\n" + "\n".join(errors))


def unprocessable(message: str) -> Refusal:
    """A 422 with a message alone, as the git endpoints answer."""
    return Refusal(422, message)


def validation_failed(resource: str, code: str, field: str | None = None, message: str | None = None) -> Refusal:
    """A 422 with an `errors` list, as pull requests, issues, labels and releases answer."""
    error = {"resource": resource, "code": code, "field": field, "message": message}
    return Refusal(422, "Validation Failed", errors=[{key: value for key, value in error.items() if value is not None}])


def too_long(resource: str, field: str, text: str | None, limit: int) -> None:
    """Raise when `text` has more characters than GitHub takes."""
    if text is not None and len(text) > limit:
        message = f"{field} is too long (maximum is {limit} characters)"
        raise validation_failed(resource, "custom", field, message)
