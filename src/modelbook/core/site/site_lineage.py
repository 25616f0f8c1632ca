"""The lineage of a version on its page: what it was made from and what came of it, as a list and as a drawing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from modelbook.core.queries.derived import Serving
from modelbook.core.queries.lineage import REVOKED, Thing

MOST = 30  # versions that a page shows to either side, the nearest ones
WIDTH, HEIGHT = 172, 46  # pixels of a box
_ACROSS, _DOWN = 40, 14  # pixels between boxes
_LETTERS = 21  # that fit into a box
_DRAWN = ("model", "dataset", "missing", "more")


@dataclass(frozen=True)
class Box:
    """One thing of the drawing, `x` and `y` its upper left corner; `note` is the second line."""

    thing: Thing
    x: float
    y: float
    note: str
    here: bool = False

    @property
    def label(self) -> str:
        """Its name, cut where it is too long for the box."""
        name = self.thing.name
        return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 8]}…{name[-7:]}"


@dataclass(frozen=True)
class Drawing:
    """Boxes in columns, from what was there first to what was made last, and the lines between them (SVG paths)."""

    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    width: float
    height: float


@dataclass(frozen=True)
class Lineage:
    """What a page shows: `made_from` and `came` lead away from it; `serving` is all of what came that holds a stage."""

    made_from: Thing
    came: Thing
    serving: Serving = ()

    @property
    def cut(self) -> list[str]:
        """To which sides there is more than is shown: `--downstream` is that of what came of it."""
        sides = ((self.made_from, ""), (self.came, " --downstream"))
        return [option for tree, option in sides if tree.cut]

    @property
    def drawing(self) -> Drawing | None:
        """The drawing; None where nothing was there before, and nothing came."""
        return drawing(self.made_from, self.came)


@dataclass
class _Graph:
    """What is drawn: things by key, lines from one key to the next, and the column of each."""

    things: dict[str, Thing] = field(default_factory=dict)
    lines: dict[tuple[str, str], None] = field(default_factory=dict)
    column: dict[str, int] = field(default_factory=dict)

    def add(self, tree: Thing, root: str, step: int) -> None:
        """A tree, whose lines lead to its root (`step` -1) or away from it (1)."""
        self.things.setdefault(root, tree)
        self.column.setdefault(root, 0)
        for above, below in _pairs(tree, root):
            key = _key(below, above)
            self.things.setdefault(key, below)
            self.lines[(key, above) if step < 0 else (above, key)] = None
            self.column.setdefault(key, step)
        self._spread(step)

    def _spread(self, step: int) -> None:
        """Put each thing beyond all that it leads to: what is told twice may lie further than where it is told."""
        for _ in self.things:
            moved = False
            for first, then in self.lines:
                near, far = (then, first) if step < 0 else (first, then)
                if self.column[far] * step >= 0 and self.column[far] * step <= self.column[near] * step:
                    self.column[far] = self.column[near] + step
                    moved = True
            if not moved:
                return


def _pairs(tree: Thing, root: str) -> Iterator[tuple[str, Thing]]:
    for one in tree.below:
        if one.kind in _DRAWN:
            yield root, one
            yield from _pairs(one, _key(one, root))


def _key(one: Thing, above: str) -> str:
    """What is the same thing in all places; what is left out is another thing in each."""
    return f"more {above}" if one.kind == "more" else f"{one.kind} {one.name}"


def drawing(made_from: Thing, came: Thing) -> Drawing | None:
    """Both trees as one drawing, whose roots are the same thing; None where it would be alone."""
    graph, root = _Graph(), f"{came.kind} {came.name}"
    graph.add(made_from, root, -1)
    graph.add(came, root, 1)
    if not graph.lines:
        return None
    columns: dict[int, list[str]] = {}
    for key, column in graph.column.items():
        columns.setdefault(column, []).append(key)
    left = min(columns)
    tall = max(len(each) for each in columns.values()) * (HEIGHT + _DOWN) - _DOWN
    places: dict[str, tuple[float, float]] = {}
    for column in sorted(columns, key=abs):  # outwards, so that each lies beside what it leads to
        order = sorted(columns[column], key=lambda key: _middle(key, graph.lines, places))
        top = (tall - len(order) * (HEIGHT + _DOWN) + _DOWN) / 2
        for row, key in enumerate(order):
            places[key] = ((column - left) * (WIDTH + _ACROSS) + 1, top + row * (HEIGHT + _DOWN) + 1)
    boxes = tuple(Box(graph.things[key], *places[key], _note(graph.things[key]), key == root) for key in places)
    lines = tuple(_line(places[first], places[then]) for first, then in graph.lines)
    return Drawing(boxes, lines, (max(columns) - left) * (WIDTH + _ACROSS) + WIDTH + 2, tall + 2)


def _middle(key: str, lines: Mapping[tuple[str, str], None], places: Mapping[str, tuple[float, float]]) -> float:
    """How high the things lie that one leads to, of those that have a place."""
    beside = [places[then if first == key else first][1] for first, then in lines if _leads(key, first, then, places)]
    return sum(beside) / len(beside) if beside else 0.0


def _leads(key: str, first: str, then: str, places: Mapping[str, tuple[float, float]]) -> bool:
    return (first == key and then in places) or (then == key and first in places)


def _line(first: Sequence[float], then: Sequence[float]) -> str:
    (x, y), (to, at) = first, then
    x, y, at = x + WIDTH, y + HEIGHT / 2, at + HEIGHT / 2
    bend = (to - x) / 2
    return f"M{x:g} {y:g}C{x + bend:g} {y:g} {to - bend:g} {at:g} {to:g} {at:g}"


def _note(one: Thing) -> str:
    if one.stages:
        return f"in {', '.join(one.stages)}"
    if one.kind == "missing":
        return one.says[0]
    if REVOKED in one.says:
        return REVOKED
    return one.kind if one.kind == "dataset" and not one.role else one.role
