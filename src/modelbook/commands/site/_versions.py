"""The versions on the site: which of them changed, and the pages of those."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from modelbook.adapters.site_folder import SiteFolder
from modelbook.adapters.workers import spread
from modelbook.commands._console import counted
from modelbook.commands.site._gathering import Source, arounds, derivations, parents_in
from modelbook.commands.site._logs import Logs
from modelbook.commands.site._making import Site, VersionOrder, facts_digest, make_version, own_digest, stands
from modelbook.core.documents import DocumentError
from modelbook.core.queries.derived import Derived
from modelbook.core.site.site_manifest import Made
from modelbook.core.site.site_rows import VersionRow
from modelbook.core.site.site_version import RunTold

Key = tuple[str, int]
"""A model and a version of it."""


def make_versions(
    source: Source, folder: SiteFolder, site: Site, logs: Logs, jobs: int | None
) -> tuple[dict[Key, VersionRow], Derived]:
    """The row of every version, and what came of which; of those that changed the pages are made anew."""
    registry, before = source.registry, folder.manifest
    keys = [(model, version) for model in registry.models() for version in registry.versions(model)]
    own = {key: own_digest(source, *key) for key in keys}
    kept = {key: made for key in keys if (made := before.parts.get(_name(*key))) and made.own == own[key] and made.row}
    derived = derivations(source, {key: _parents(source, key, kept) for key in keys})
    around = arounds(source, derived, _trials(source, keys, kept, logs))
    asked = "no" if logs.trouble else "yes"
    orders, rows = [], dict[Key, VersionRow]()
    for key in keys:
        of, made = facts_digest(own[key], around[key], asked), kept.get(key)
        if made and made.row and made.of == of and stands(source, folder, made):
            site.keep(_name(*key), made, before.files)
            rows[key] = made.row
        else:
            orders.append(VersionOrder(*key, around[key], RunTold(), of, own[key]))
    told = _told(source, orders, logs)
    again = bool(logs.trouble) and asked == "yes"
    orders = [replace(one, run=run, again=again) for one, run in zip(orders, told, strict=True)]
    source.read_versions((one.model, one.version) for one in orders)
    with counted("pages of versions", len(orders)) as progress:
        parts = spread(lambda order: make_version(source, derived, order), orders, jobs=jobs, progress=progress)
    for order, part in zip(orders, parts, strict=True):
        site.add(_name(order.model, order.version), part)
        if part.made.row:
            rows[order.model, order.version] = part.made.row
    return {key: rows[key] for key in keys}, derived


def _name(model: str, version: int) -> str:
    return f"version {model}@{version}"


def _parents(source: Source, key: Key, kept: Mapping[Key, Made]) -> tuple[str, ...]:
    made = kept.get(key)
    return made.row.parents if made and made.row else parents_in(source.registry, *key)


def _trials(source: Source, keys: Iterable[Key], kept: Mapping[Key, Made], logs: Logs) -> dict[Key, str]:
    """The sweep of each version whose run was a trial of it."""
    if not logs.trials:
        return {}
    # Reading a card takes a thousand times longer than looking for a word in it.
    mentioned = re.compile(b"|".join(re.escape(name.encode()) for name in logs.sweeps))
    found = {}
    for key in keys:
        made, path = kept.get(key), source.registry.card_path(*key)
        run = made.row.run if made and made.row else None
        if not made and mentioned.search(source.registry.files[path]):
            with suppress(DocumentError):
                run = source.registry.card(*key).run.id
        if run and run in logs.trials:
            found[key] = logs.trials[run]
    return found


def _told(source: Source, orders: list[VersionOrder], logs: Logs) -> list[RunTold]:
    """What the log of each version's run tells."""
    runs: list[str | None] = []
    for one in orders:
        try:
            runs.append(source.registry.card(one.model, one.version).run.id if not logs.trouble else None)
        except DocumentError:
            runs.append(None)
    wanted = list(dict.fromkeys(run for run in runs if run))
    with counted("logs of runs", len(wanted)) as progress:
        found = logs.read(wanted, progress)
    return [found[run] if run else RunTold(missing=logs.trouble) for run in runs]
