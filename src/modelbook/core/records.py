"""What every record of the registry is built from: a frozen base and the field types they share."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from modelbook.core.digests import DIGEST_PATTERN
from modelbook.core.patterns import FILE_PATTERN, METRIC_PATTERN, SPAN_PATTERN


def _on_the_calendar(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"there is no day {text[:10]}") from None
    return text


Digest = Annotated[str, StringConstraints(pattern=DIGEST_PATTERN)]
RunId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=100)]
CommitId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
Timestamp = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
        r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z$"
    ),
    AfterValidator(_on_the_calendar),
]


def instant(time: str) -> str:
    """A Timestamp as a text that sorts by time: the bare texts do not, since `12:00:00.5Z` is less than `12:00:00Z`."""
    whole, _, fraction = time.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<6}"


Span = Annotated[str, StringConstraints(pattern=SPAN_PATTERN)]  # `90m`, `24h`, `7d`
Size = Annotated[int, Field(ge=0, le=2**53 - 1)]
FiniteFloat = Annotated[float, Field(allow_inf_nan=False)]
# `accuracy`, or that of a slice: `by_country.de.accuracy`.
MetricName = Annotated[str, StringConstraints(pattern=METRIC_PATTERN, max_length=128)]
# What a training script may call a metric of its own, such as `val/loss`; no gate reads it.
LoggedName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", max_length=200)]
Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:/+-]*$", max_length=64)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
# A path below a folder of ours: no `..`, no dot files, nothing that a shell or an object store reads otherwise.
FilePath = Annotated[str, StringConstraints(pattern=FILE_PATTERN, max_length=500)]


class Frozen(BaseModel):
    """A record that cannot be changed, and knows every one of its keys. Read from JSON, so `"1"` is no number."""

    # Built on first use, because a command needs few of the documents that there are.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants", defer_build=True)


class StoredFile(Frozen):
    """A file in the store: its path inside its folder, size in bytes, digest."""

    path: FilePath
    size: Size
    digest: Digest
