"""Writes pages from templates: what a card says is text, whatever it looks like."""

import math
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from modelbook.core.digests import digest_of
from modelbook.core.listed import many
from modelbook.core.moments import spoken
from modelbook.core.names import person_in
from modelbook.core.sweeps.sweep_report import value_text

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = files("modelbook") / "templates" / "site"
OWN = ("site.css", "site.js")
"""The files beside the pages that are the same on every site."""


def own_file(name: str) -> bytes:
    """One of OWN."""
    return (FOLDER / name).read_bytes()


def write(template: str, page: str, **facts: Any) -> bytes:
    """The page at the path `page` below the site's top, as HTML."""
    root = "../" * page.count("/")
    return _templates().get_template(template).render(root=root, page=page, **facts).encode()


def stamp() -> str:
    """The digest of all that pages are made with besides their facts: the templates and the libraries."""
    from importlib.metadata import version

    parts = [(one.name, digest_of(one.read_bytes())) for one in sorted(FOLDER.iterdir(), key=lambda each: each.name)]
    parts += [(name, version(name)) for name in ("modelbook", "jinja2", "lets-plot")]
    return digest_of(repr(parts).encode())


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FunctionLoader(lambda name: (FOLDER / name).read_text(encoding="utf-8")),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "many": many,
        "number": number,
        "size": size,
        "span": _span,
        "person": person_in,
        "parameter": value_text,
        "day": lambda time: time[:10],
        "minute": lambda time: f"{time[:10]} {time[11:16]}",
        "short": lambda digest: digest.removeprefix("sha256:")[:12],
    }
    environment.tests |= {"finite": _is_finite}
    return environment


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def number(value: Any, digits: int = 4) -> str:
    """A number for a person: as many significant digits, thousands apart; a text as it is."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    if isinstance(value, int) or (abs(value) >= 10_000 and float(value).is_integer()):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) < 10_000 else f"{value:,.0f}"


def size(count: int) -> str:
    """Bytes for a person."""
    amount, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def _span(seconds: float | None) -> str:
    """A length of time for a person."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.0f}s"
    return spoken(timedelta(seconds=seconds))
