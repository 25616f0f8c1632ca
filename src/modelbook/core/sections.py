"""A page of Markdown in sections, which has to fit: what matters least goes first, and it is said what went."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from modelbook.core.markdown import inert

NEVER_CUT = 100  # the weight of such a section


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

    Sections lose their last rows, or go, the lightest first.
    """
    kept, cut = list(sections), list[str]()

    def text() -> str:
        lines = [line for one in kept for line in one.lines]
        if cut:
            lines += [f"*Left out, because a pull request holds no more: {', '.join(cut)}.*", ""]
        return "\n".join(lines)

    for one in sorted(sections, key=lambda each: each.weight):
        if len(text()) <= limit:
            break
        if one.weight >= NEVER_CUT:
            continue
        at, rows = kept.index(one), one.rows
        cut.append("")
        while rows and len(text()) > limit:
            rows = rows[: len(rows) // 2]
            kept[at] = replace(one, rows=rows)
            cut[-1] = one.title.lower() + (f" from row {len(rows) + 1} on" if rows else "")
    return text()


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
