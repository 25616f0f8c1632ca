"""A page of Markdown in sections, which has to fit: what matters least goes first, and it is said what went."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from modelbook.core.pages.markdown import inert

NEVER_CUT = 100  # the weight of such a section
_NOTE = 150  # characters in which it is said that a section was cut


@dataclass(frozen=True)
class Section:
    """A part of the body: `rows` may be cut from the end, `head` and `foot` stay. The least `weight` is cut first."""

    title: str
    weight: int
    head: tuple[str, ...]
    rows: tuple[str, ...]
    foot: tuple[str, ...] = ()
    heading: bool = True

    @property
    def lines(self) -> list[str]:
        """Its lines, closed by an empty one; none where it has nothing to say."""
        if not self.rows:
            return []
        heading = [f"### {self.title}", ""] if self.heading else []
        return [*heading, *self.head, *self.rows, *self.foot, ""]


def fitted(sections: Sequence[Section], limit: int) -> str:
    """The page, of at most `limit` characters where what is never cut allows that.

    The lightest sections lose their last rows first, down to a share of the page by their weight: a quarter for a
    weight of 100. Where that is not enough, the lightest go.
    """
    kept, cut = list(sections), dict[int, str]()

    def text() -> str:
        lines = [line for one in kept for line in one.lines]
        if cut:
            lines += [f"*Left out, because GitHub takes no more: {', '.join(cut.values())}.*", ""]
        return "\n".join(lines)

    lightest = sorted(range(len(kept)), key=lambda at: kept[at].weight)
    for quarter in (limit // 4, 0):
        for at in lightest:
            one, over = kept[at], len(text()) - limit
            share = quarter * one.weight // 100
            if over <= 0:
                return text()
            if one.weight < NEVER_CUT and len("\n".join(one.lines)) > share:
                room = max(share, len("\n".join(one.lines)) - over - _NOTE)
                kept[at] = short = _within(one, room)
                cut[at] = one.title.lower() + (f" (row {len(short.rows) + 1} on)" if short.rows else "")
    return text()


def _within(section: Section, room: int) -> Section:
    """The section with as many of its first rows as fit."""
    left = room - len("\n".join(replace(section, rows=("",)).lines))
    for at, row in enumerate(section.rows):
        left -= len(row) + 1
        if left < 0:
            return replace(section, rows=section.rows[:at])
    return section


def table(
    names: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Head and rows of a table of cells that are Markdown already; columns with nothing in them are left out."""
    found = [list(row) for row in rows]
    used = [at for at in range(len(names)) if at == 0 or any(row[at] for row in found)]
    if not found:
        return (), ()
    side = set(right)
    head = (
        f"| {' | '.join(inert(names[at]) for at in used)} |",
        f"| {' | '.join('---:' if names[at] in side else '---' for at in used)} |",
    )
    return head, tuple(f"| {' | '.join(row[at] for at in used)} |" for row in found)
