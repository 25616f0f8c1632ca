"""A report as Markdown, and as workflow commands. Text that comes from cards and policies is inert in both."""

import re

from modelbook.core.pages.report import Report, gate_values
from modelbook.core.unseen import named

# As numeric entities these are plain characters to every Markdown renderer: no link, mention, image, table or tag.
_ACTIVE = re.compile(r"[&<>@|`*_\[\]()!~$\\#:\u200b]|^[-+](?=[-\s]|$)|^[0-9](?=[0-9]*\.(?:\s|$))|(?<=\bwww)\.")
# GitHub looks for these when entities are characters again: a space without width keeps them from being found.
_REFERRING = re.compile(
    r"(?<![A-Za-z0-9_])@(?=[A-Za-z0-9])|@(?=[A-Za-z0-9_-]+\.[A-Za-z0-9])|#(?=[0-9])|\bGH-(?=[0-9])", re.IGNORECASE
)
MARKER = "<!-- modelbook:{} -->"
_CUT = "\n\n(cut here: the whole is in the job's summary and its JSON output)\n"
LIMIT = 60_000  # characters; GitHub accepts 65,536 in a comment


def inert(text: str) -> str:
    """`text` so that Markdown shows exactly it, on one line; what could not be seen is named, as in [U+202E]."""
    line = named(" ".join(text.split()))
    return _ACTIVE.sub(lambda found: f"&#{ord(found[0])};", _REFERRING.sub("\\g<0>\u200b", line))


def markdown(report: Report) -> str:
    """The report as GitHub-flavoured Markdown, at most LIMIT characters long."""
    lines = [
        f"### {inert(report.title)}",
        "",
        f"**{'Passed' if report.passed else 'Refused'}**: {inert(report.verdict)}",
        "",
    ]
    if report.facts:
        lines += [
            "| | |",
            "| --- | --- |",
            *(f"| {inert(k)} | {inert(v)} |" for k, v in report.facts.items()),
            "",
        ]
    if report.gates:
        lines += ["| gate | value | limit | margin | verdict |", "| --- | ---: | ---: | ---: | --- |"]
        for gate in report.gates:
            value, limit, margin = ("<br>".join(map(inert, cell.split("\n"))) for cell in gate_values(gate))
            word = {"passed": "passed", "failed": "**failed**", "first": "accepted (first)"}[gate.verdict]
            reason = f": {inert(gate.reason)}" if gate.reason else ""
            lines.append(f"| {inert(gate.name)} | {value} | {limit} | {margin} | {word}{reason} |")
        lines.append("")
    if report.findings:
        lines += ["**Findings**", ""]
        for finding in report.findings:
            line = f":{finding.line}" if finding.line else ""
            remedy = f" {inert(finding.remedy)}" if finding.remedy else ""
            lines.append(f"- {inert(finding.path)}{line}: {inert(finding.message)}{remedy}")
        lines.append("")
    if report.next_steps:
        lines += ["**Next**", "", *(f"- {inert(step)}" for step in report.next_steps), ""]
    text = "\n".join(lines)
    if len(text) > LIMIT:
        text = text[: LIMIT - len(_CUT)].rsplit("\n", 1)[0] + _CUT
    return text


def annotations(report: Report) -> list[str]:
    """Workflow commands that mark each failed gate and each finding at its file and line."""
    lines = []
    for gate in report.gates:
        if not gate.passed:
            lines.append(_command("error", f"gate failed: {gate.name}: {gate.reason}", gate.path, gate.line))
    for finding in report.findings:
        remedy = f" {finding.remedy}" if finding.remedy else ""
        lines.append(_command(finding.level, finding.message + remedy, finding.path, finding.line))
    return lines


def _command(level: str, message: str, path: str, line: int | None) -> str:
    text, file = (one.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A") for one in (message, path))
    file = file.replace(":", "%3A").replace(",", "%2C")
    place = f"file={file}" + (f",line={line}" if line else "")
    return f"::{level} {place}::{text}"
