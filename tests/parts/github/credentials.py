"""Who may ask: tokens, and the Apps that make some of them. Records only."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Token:
    """One credential. `permissions` maps a scope to `read` or `write`; None: all that its owner may."""

    secret: str
    login: str
    name: str
    permissions: dict[str, str] | None = None
    repositories: tuple[str, ...] | None = None  # full names; None: all
    ends: float | None = None  # in Unix time, by this server's clock
    app: int | None = None  # the App that asks as itself, by a JWT

    def reaches(self, full_name: str) -> bool:
        """Whether the token is for this repository too."""
        return self.repositories is None or full_name in self.repositories

    def allows(self, scope: str, level: str) -> bool:
        """Whether the token holds `level` (`read` or `write`) on `scope` (`contents`, `pull_requests`, …)."""
        if self.permissions is None or scope == "metadata":
            return True
        held = self.permissions.get(scope, "none")
        return held == "write" or held == level


@dataclass
class App:
    """A GitHub App, and where it is installed (full names). `key` is its public key, in PEM."""

    id: int
    slug: str
    key: str
    permissions: dict[str, str]
    repositories: list[str]
    installation: int
    suspended: bool = False

    @property
    def login(self) -> str:
        return f"{self.slug}[bot]"
