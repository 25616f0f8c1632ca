"""`modelbook cache`: what pulls keep on this machine, so that the same bytes are not fetched again."""

import re
from datetime import UTC, datetime
from typing import Any

import click

from modelbook.adapters.blob_cache import Entry, open_cache, size_of
from modelbook.commands._console import print_json, print_nested, print_table, progress, say
from modelbook.commands._workspace import json_option
from modelbook.core.moments import span, written
from modelbook.core.patterns import SPAN_PATTERN
from modelbook.core.pruning.prune_words import sized
from modelbook.errors import BadInput, Exit


@click.group(name="cache", short_help="Show, check and clear what pulls keep on this machine.")
def command() -> None:
    """What pulls from a bucket keep on this machine: files of 1 MiB and more, by digest, each verified when it is used.

    MODELBOOK_CACHE names the folder (~/.cache/modelbook), MODELBOOK_CACHE_SIZE bounds it (50GB; 0 for none): what was
    used longest ago makes room.

    \b
    Example:
      modelbook cache show
    """


@command.command(short_help="Show where it is and how large.")
@json_option
def show(as_json: bool) -> None:
    """Show where the cache is, how much is in it, and how much may be.

    \b
    Example:
      modelbook cache show
    """
    cache = open_cache()
    entries = cache.entries()
    facts: dict[str, Any] = {
        "folder": str(cache.folder),
        "files": len(entries),
        "bytes": sum(one.size for one in entries),
        "most": cache.most,
    }
    if as_json:
        print_json(facts)
    else:
        print_nested(facts | {each: sized(facts[each]) for each in ("bytes", "most")})


@command.command(name="list", short_help="List what is in it.")
@json_option
def list_(as_json: bool) -> None:
    """List what is in the cache, what was used longest ago first.

    \b
    Example:
      modelbook cache list
    """
    rows = [{"digest": one.digest, "size": one.size, "used": written(one.used)} for one in open_cache().entries()]
    print_table(rows, as_json=as_json, empty="The cache is empty.")


@command.command(short_help="Remove what is old, or too much.")
@click.option("--older-than", metavar="SPAN", help="Only what was not used for so long: 12h, 30d.")
@click.option(
    "--down-to", metavar="SIZE", help="Only until so much is left: 10GB. What was used longest ago goes first."
)
@json_option
def clear(older_than: str | None, down_to: str | None, as_json: bool) -> None:
    """Remove everything from the cache, or what the options name. Files that were pulled stay.

    \b
    Examples:
      modelbook cache clear
      modelbook cache clear --older-than 30d
      modelbook cache clear --down-to 10GB
    """
    cache = open_cache()
    entries = cache.entries()
    left = sum(one.size for one in entries)
    before = _before(older_than)
    most = 0 if down_to is None else size_of(down_to, "--down-to")
    removed: list[Entry] = []
    for one in entries:
        if one.used <= before and left > most:
            cache.remove(one)
            removed.append(one)
            left -= one.size
    _told(removed, "removed", as_json=as_json)


@command.command(short_help="Hash all that is in it.")
@json_option
def verify(as_json: bool) -> int:
    """Hash every file in the cache, and remove what is not what its name says. Exit status 1 where there was any.

    A pull does the same for what it uses.

    \b
    Example:
      modelbook cache verify
    """
    cache = open_cache()
    entries = cache.entries()
    with progress("verifying the cache", sum(one.size for one in entries)) as moved:
        spoilt = [one for one in entries if not cache.is_good(one, moved)]
    _told(spoilt, f"of {len(entries)} files were spoilt and are removed", as_json=as_json)
    return Exit.NO if spoilt else Exit.YES


def _before(older_than: str | None) -> datetime:
    if older_than is None:
        return datetime.max.replace(tzinfo=UTC)
    if not re.fullmatch(SPAN_PATTERN, older_than):
        raise BadInput(f"{older_than!r} is not a span of time", where="--older-than", remedy="Write 90m, 12h or 30d.")
    return datetime.now(UTC) - span(older_than)


def _told(entries: list[Entry], what: str, *, as_json: bool) -> None:
    size = sum(one.size for one in entries)
    if as_json:
        print_json({"files": [one.digest for one in entries], "bytes": size})
    else:
        say(f"{len(entries)} {what}, {sized(size)}")
