"""A report as Markdown and as workflow commands: whatever stands in a card or a policy is text, and does nothing."""

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from modelbook.core.findings import Finding
from modelbook.core.judging.gates import GateResult, Measured
from modelbook.core.pages.markdown import LIMIT, annotations, inert, markdown
from modelbook.core.pages.report import Report

HOSTILE = [
    *("</details>", "<script>alert(1)</script>", "<!-- modelbook:x -->", "<img src=x onerror=alert(1)>", "&lt;b&gt;"),
    *("@acme/team", "hello @octocat!", "(@octocat)", "#12", "see #12", "acme/models#12", "GH-12", "x@y.example"),
    *(
        "![x](https://evil.example/pixel.png)",
        "[click](javascript:alert(1))",
        "https://evil.example",
        "www.evil.example",
    ),
    *(
        "| a | b |",
        "a|b",
        "x\ny",
        "x\n\n# heading",
        "x\r\n- item",
        "\n---\n",
        "```\ncode\n```",
        "`code`",
        "~~~",
        "$x^2$",
    ),
    *(
        "**bold**",
        "_it_",
        "*it*",
        "~~gone~~",
        "\\",
        "\\@octocat",
        "- item",
        "1. item",
        "> quote",
        "# heading",
        ":tada:",
    ),
    *("::error::boom", "::set-output name=x::y", "[x]: https://evil.example", "<https://evil.example>", "a" * 300),
    *("\x1b[31mred", "\u202etxt.exe", "\u200b", "\u2066x", "\u2028::error::", "\x85x", "\U000e0041"),
]
GATE = GateResult(
    "accuracy", "metrics.a > 0.5", "passed", "", (Measured("metrics.a", ">", "0.5", 0.75, 0.5, 0.25),), "p", 7
)
FINDING = Finding("registry/policy.yaml", 3, "code", "message", "remedy")
EMPTY = Report("title", True, "verdict", {})


def hostile_report(text: str) -> Report:
    """A report with `text` in every place."""
    gate = GateResult(text, text, "failed", text, GATE.measured, text, 7)
    finding = Finding(text, 3, text, text, text)
    return Report(text, False, text, {text: text}, (gate,), (finding,), (text,))


def rendered(text: str) -> str:
    return str(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))


ALLOWED = {"h3", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "br"}


def tags(page: str) -> set[str]:
    return {name.lower() for name in re.findall(r"</?([A-Za-z][A-Za-z0-9]*)", page)}


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_text_of_a_card_or_a_policy_makes_no_tag_link_image_table_or_code(text: str) -> None:
    page = rendered(markdown(hostile_report(text)))
    harmless = rendered(markdown(hostile_report("x")))
    assert tags(page) <= ALLOWED
    assert re.sub(r">[^<]*<", "><", page) == re.sub(r">[^<]*<", "><", harmless)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_text_shows_what_it_is(text: str) -> None:
    shown = html.unescape(inert(text)).replace("\u200b", "")
    named = re.sub(r"\[U\+([0-9A-F]+)\]", lambda found: chr(int(found[1], 16)), shown)
    assert named == " ".join(text.split())


# As GitHub looks for them: in the text of the page, when entities are characters again.
MENTION = re.compile(r"(?:^|[^A-Za-z0-9_])@[A-Za-z0-9]")
ISSUE = re.compile(r"#[0-9]|\bGH-[0-9]", re.IGNORECASE)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_nobody_is_mentioned_and_no_issue_referred_to(text: str) -> None:
    """An entity is not enough: GitHub looks for mentions after it has turned entities into characters."""
    page = html.unescape(rendered(markdown(hostile_report(text))))
    assert not MENTION.search(page)
    assert not ISSUE.search(page)


def test_numbers_stay_readable_in_the_source_too() -> None:
    assert [inert(text) for text in ("0.95", "-0.04", "+12", "1e-05")] == ["0.95", "-0.04", "+12", "1e-05"]


def test_a_reference_can_still_be_copied() -> None:
    assert html.unescape(inert("modelbook promote digits@2 --to production")).isascii()


@pytest.mark.parametrize("text", ["\x1b[31m", "\u202etxt", "\u2066x", "\x00", "\u200b"], ids=ascii)
def test_what_hides_or_reorders_text_is_named(text: str) -> None:
    shown = html.unescape(inert(f"a{text}b"))
    assert f"U+{ord(text[0]):04X}" in shown
    assert text[0] not in shown


@given(st.text(max_size=60))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_any_text_is_inert(text: str) -> None:
    page = rendered(markdown(hostile_report(text)))
    assert tags(page) <= ALLOWED
    assert not MENTION.search(html.unescape(page))
    assert "\n" not in inert(text)


def test_a_report_says_everything_that_it_holds() -> None:
    failed = replace(GATE, name="latency", verdict="failed", reason="too slow")
    first = replace(GATE, name="better", verdict="first", reason="the stage is empty", measured=())
    gates, facts = (GATE, failed, first), {"candidate": "digits@1"}
    report = Report("Promote digits@1", False, "1 of 3 gates refuse it", facts, gates, (FINDING,), ("do it",))
    text = html.unescape(markdown(report))
    assert text.splitlines() == [
        "### Promote digits@1",
        "",
        "**Refused**: 1 of 3 gates refuse it",
        "",
        "| | |",
        "| --- | --- |",
        "| candidate | digits@1 |",
        "",
        "| gate | value | limit | margin | verdict |",
        "| --- | ---: | ---: | ---: | --- |",
        "| accuracy | 0.75 | > 0.5 | +0.25 | passed |",
        "| latency | 0.75 | > 0.5 | +0.25 | **failed**: too slow |",
        "| better | - | - | - | accepted (first): the stage is empty |",
        "",
        "**Findings**",
        "",
        "- registry/policy.yaml:3: message remedy",
        "",
        "**Next**",
        "",
        "- do it",
    ]
    assert "**Passed**" in markdown(EMPTY)


def test_each_comparison_of_a_gate_has_a_line_of_its_own() -> None:
    two = replace(GATE, measured=(*GATE.measured, Measured("metrics.b", "<", "50.0", 12.0, 50.0, 38.0)))
    row = next(line for line in markdown(replace(EMPTY, gates=(two,))).splitlines() if "accuracy" in line)
    assert html.unescape(row) == "| accuracy | 0.75<br>12 | > 0.5<br>< 50 | +0.25<br>+38 | passed |"
    assert "<td" in rendered(markdown(replace(EMPTY, gates=(two,))))


@pytest.mark.parametrize("count", [100, 600, 5000])
def test_a_comment_is_never_longer_than_github_takes_and_says_where_it_was_cut(count: int) -> None:
    many = tuple(Finding("registry/x", n, "code", "message `with` @things " * 3, "remedy") for n in range(count))
    text = markdown(replace(EMPTY, findings=many))
    assert len(text) <= LIMIT
    assert ("(cut here" in text) == (count > 100)
    assert not re.search(r"&#?\w*$", text.split("\n\n(cut here")[0])
    short = tuple(Finding("x", n, "code", "y") for n in range(count * 20))
    assert len(markdown(replace(EMPTY, findings=short))) <= LIMIT


def test_one_endless_line_is_cut_too() -> None:
    text = markdown(replace(EMPTY, verdict="`" * LIMIT))
    assert len(text) <= LIMIT
    assert "(cut here" in text


def test_annotations_mark_the_file_and_line_of_what_failed() -> None:
    failed = replace(GATE, verdict="failed", reason="short of 0.9", path="registry/policy.yaml", line=12)
    warning = replace(FINDING, level="warning", line=None, remedy=None)
    report = replace(EMPTY, gates=(GATE, failed), findings=(FINDING, warning))
    assert annotations(report) == [
        "::error file=registry/policy.yaml,line=12::gate failed: accuracy: short of 0.9",
        "::error file=registry/policy.yaml,line=3::message remedy",
        "::warning file=registry/policy.yaml::message",
    ]


def commands(line: str) -> dict[str, Any]:
    """What the runner makes of one line: the command, its properties and its message, unescaped."""
    found = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line)
    assert found, line
    properties = dict(part.split("=", 1) for part in found[2].split(","))
    for code, character in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        properties = {name: value.replace(code, character) for name, value in properties.items()}
    message = found[3].replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    return {"command": found[1], "message": message, **properties}


@pytest.mark.parametrize(
    "text", [*HOSTILE, "100%", "%0A::error::x", "a,line=1::x", "a:b,c", "\r\n::error::x", "%25%2C"], ids=ascii
)
def test_an_annotation_is_one_command_whatever_it_says(text: str) -> None:
    """Percent, line ends, colons and commas are escaped, so that no text becomes a command or a property of one."""
    finding = Finding(text, 7, "code", text, text)
    gate = replace(GATE, name=text, reason=text, path=text, line=7, verdict="failed")
    of_gate, of_finding = annotations(replace(EMPTY, gates=(gate,), findings=(finding,)))
    for line in (of_gate, of_finding):
        assert len(re.split(r"[\r\n]", line)) == 1
        assert (commands(line)["command"], commands(line)["line"]) == ("error", "7")
        assert commands(line)["file"] == text
    assert commands(of_gate)["message"] == f"gate failed: {text}: {text}"
    assert commands(of_finding)["message"] == f"{text} {text}"
