"""Reading what an experimentation tool exports: JSON in the shape of the registry's own file, or a table in CSV.

version,metric,n,mean,stderr,count,assigned,share
4,satisfaction,10021,0.731,0.0044,,10210,0.5
4,conversion,10021,,,312,10210,0.5
"""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from modelbook.core.documents import DocumentError, load, validate
from modelbook.core.findings import Finding
from modelbook.core.names import Name, Version
from modelbook.core.online import Arm, Count, ExperimentKind, OnlineMetric, Share
from modelbook.core.records import Frozen, MetricName, Timestamp
from modelbook.core.strict_yaml import MAX_BYTES, Parsed

COLUMNS = ("version", "metric", "n", "mean", "stderr", "count", "assigned", "share")
_NEEDED = COLUMNS[:3]
_TOLD = 50  # problems: whoever mends them will see what is left
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class GivenArm(Frozen):
    """What is said of one version; the registry knows its card."""

    version: Version
    assigned: Count | None = None
    share: Share | None = None
    metrics: Annotated[dict[MetricName, OnlineMetric], Field(min_length=1, max_length=1000)]

    def arm(self, card: str) -> Arm:
        """The same with the digest of the version's card."""
        return Arm(
            version=self.version, card=card, assigned=self.assigned, share=self.share, metrics=dict(self.metrics)
        )


class GivenResults(Frozen):
    """What a file says; what it leaves out is said on the command line."""

    kind: ExperimentKind | None = None
    started: Timestamp | None = None
    ended: Timestamp | None = None
    apart_from: tuple[Name, ...] = ()
    arms: Annotated[tuple[GivenArm, ...], Field(min_length=1, max_length=100)]


def read_results(data: bytes, where: str) -> GivenResults:
    """The results in the bytes of a file, JSON if it begins with a brace. Raises DocumentError with all problems."""
    if len(data) > MAX_BYTES:
        message = f"{len(data):,} bytes is more than the {MAX_BYTES:,} that a registry file may have"
        raise DocumentError([Finding(where, None, "too-large", message)])
    if data.lstrip()[:1] == b"{":
        return load(GivenResults, data.replace(b"\r\n", b"\n"), where)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError([Finding(where, line, "not-utf8", "not UTF-8")]) from None
    return _read_table(text, where)


class _Row(Frozen):
    version: Version
    metric: MetricName
    assigned: Count | None = None
    share: Share | None = None


def _read_table(text: str, where: str) -> GivenResults:
    reader = csv.reader((f"{line}\n" for line in text.split("\n")), strict=True)
    arms: dict[int, dict[str, Any]] = {}
    findings: list[Finding] = []
    heads: list[str] = []
    try:
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if not heads:
                heads = [cell.strip() for cell in cells]
                if wrong := _heads(heads):
                    raise DocumentError([Finding(where, line, "columns", *wrong)])
            elif len(cells) != len(heads):
                message = f"{len(cells)} cells, and the table has {len(heads)} columns"
                findings.append(Finding(where, line, "columns", message))
            else:
                pairs = zip(heads, cells, strict=True)
                values = {head: _value(cell.strip()) for head, cell in pairs if cell.strip()}
                findings += _take(arms, values, where, line)
            if len(findings) >= _TOLD:
                findings.append(Finding(where, line, "more", "so much is wrong that nothing after this line was read"))
                break
    except csv.Error as error:
        raise DocumentError([Finding(where, reader.line_num, "not-csv", f"no CSV: {error}")]) from None
    if not arms and not findings:
        remedy = f"A table begins with a line such as {','.join(COLUMNS[:6])}."
        findings.append(Finding(where, None, "empty", "there is no result in it", remedy))
    if findings:
        raise DocumentError(findings)
    said = [{key: value for key, value in arm.items() if value is not None} for arm in arms.values()]
    return validate(GivenResults, Parsed({"arms": said}, ""), where)


def _heads(heads: list[str]) -> tuple[str, str] | None:
    unknown = [head for head in heads if head not in COLUMNS]
    missing = [head for head in _NEEDED if head not in heads]
    remedy = f"The columns are {', '.join(COLUMNS)}, in any order; of mean with stderr, and count, one is needed."
    if len(heads) == 1 and (other := next((each for each in ";\t|" if each in heads[0]), None)):
        message = f"the columns are separated by {other!r}, and a comma is wanted"
        return message, "Export it with commas between the columns, and points in numbers."
    if unknown:
        return f"no column is called {unknown[0]!r}", remedy
    if missing:
        return f"the column {missing[0]!r} is missing", remedy
    if twin := next((head for head in heads if heads.count(head) > 1), None):
        return f"two columns are called {twin!r}", remedy
    return None


def _value(cell: str) -> Any:
    """A number as JSON has it; whatever else stands there is no number, and is told as it looks."""
    return json.loads(cell) if _JSON_NUMBER.fullmatch(cell) else cell


def _take(arms: dict[int, dict[str, Any]], values: Mapping[str, Any], where: str, line: int) -> list[Finding]:
    """Add one line of the table; gives what is wrong with it."""
    own = {name: values[name] for name in ("version", "metric", "assigned", "share") if name in values}
    rest = {name: value for name, value in values.items() if name not in own}
    findings: list[Finding] = []
    try:
        row = validate(_Row, Parsed(own, ""), where)
    except DocumentError as error:
        findings += error.findings
    try:
        validate(OnlineMetric, Parsed(rest, ""), where)
    except DocumentError as error:
        findings += error.findings
    if findings:
        return [replace(one, line=line) for one in findings]
    arm = arms.setdefault(
        row.version, {"version": row.version, "assigned": row.assigned, "share": row.share, "metrics": {}}
    )
    if row.metric in arm["metrics"]:
        return [Finding(where, line, "twice", f"{row.metric} of version {row.version} stands there twice")]
    for name in ("assigned", "share"):
        if arm[name] != getattr(row, name):
            message = f"{name} of version {row.version} is {getattr(row, name)} here, and {arm[name]} above"
            findings.append(Finding(where, line, "contradiction", message))
    arm["metrics"][row.metric] = rest
    return findings
