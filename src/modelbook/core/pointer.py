"""The stage pointer: which version holds a stage, against which baseline it was judged, and on what evidence."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from modelbook.core.digests import Digest
from modelbook.core.names import Name, Version
from modelbook.core.records import FilePath, Frozen, Text, Timestamp


class Holder(Frozen):
    """A version, pinned by the digest of its card."""

    version: Version
    card: Digest


class Evidence(Frozen):
    """A file beside the card that the verdict rests on: its path below the version's folder, and its digest."""

    path: FilePath
    digest: Digest


class StagePointer(Frozen):
    """`models/<model>/stages/<stage>.yaml`. `serial` grows by one with each promotion: no replays.

    `overrides` are windows of `freeze` in which it was promoted all the same; `reason` then says why.
    """

    format: Literal["modelbook/stage/v1"] = "modelbook/stage/v1"
    model: Name
    stage: Name
    version: Version
    card: Digest
    serial: Annotated[int, Field(ge=1, le=2**53 - 1)]
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
        if self.overrides and not (self.reason or "").strip():
            raise ValueError("`overrides` needs a `reason`")
        return self

    def holder(self) -> Holder:
        """The version in this stage."""
        return Holder(version=self.version, card=self.card)
