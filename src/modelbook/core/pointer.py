"""The stage pointer: which version holds a stage, against which baseline it was judged, and on what evidence."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from modelbook.core.names import Name, Version
from modelbook.core.records import Digest, FilePath, Frozen, Text, Timestamp


class Holder(Frozen):
    """A version, pinned by the digest of its card."""

    version: Version
    card: Digest


class Evidence(Frozen):
    """A file beside the card that the verdict rests on: its path below the version's folder, and its digest."""

    path: FilePath
    digest: Digest


Kind = Literal["rollback", "hold", "release"]


class StagePointer(Frozen):
    """`models/<model>/stages/<stage>.yaml`. `serial` grows by one whenever it changes: no replays.

    `kind` is what it is if no promotion: a rollback to what held the stage before, or the version that stood there
    already, held or released. A rollback and a hold keep the stage as it is until it is released or rolled back.
    `overrides` are windows of `freeze` in which it was promoted all the same. For all of these `reason` says why, but
    for a release, which may.
    """

    format: Literal["modelbook/stage/v1"] = "modelbook/stage/v1"
    model: Name
    stage: Name
    version: Version
    card: Digest
    serial: Annotated[int, Field(ge=1, le=2**53 - 1)]
    kind: Kind | None = None
    decided: Timestamp
    by: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Text | None = None
    overrides: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)] | None = None
    policy: Digest
    gates: Digest | None = None
    baseline: Holder | None = None
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _says_why(self) -> "StagePointer":
        silent = not (self.reason or "").strip()
        if self.overrides and silent:
            raise ValueError("`overrides` needs a `reason`")
        if self.held and silent:
            raise ValueError(f"a {self.kind} needs a `reason`")
        if self.overrides and self.kind:
            raise ValueError(f"no window of `freeze` is asked of a {self.kind}, so it has no `overrides`")
        return self

    @property
    def held(self) -> bool:
        """Whether promotions leave the stage alone until somebody releases it."""
        return self.kind in {"rollback", "hold"}

    def holder(self) -> Holder:
        """The version in this stage."""
        return Holder(version=self.version, card=self.card)


def holds(pointers: Mapping[str, StagePointer]) -> dict[str, dict[str, str]]:
    """Who holds which of these stages, since when and why, for a person or a program."""
    return {
        stage: {"by": one.by, "since": one.decided, "reason": one.reason or ""}
        for stage, one in pointers.items()
        if one.held
    }
