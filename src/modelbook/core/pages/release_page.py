"""The release of a version: its card for people who never open the registry, and whether it was revoked since.

It is a function of the card and the revocation alone, which never change, so that nobody brings an older one back.
"""

import re
from dataclasses import dataclass

from modelbook.core.documents import DocumentError
from modelbook.core.pages.card_markdown import cell, origin_rows
from modelbook.core.pages.github_page import GitHubPage
from modelbook.core.pages.markdown import LIMIT, inert
from modelbook.core.pages.sections import NEVER_CUT, Section, fitted, table
from modelbook.core.registry import Registry
from modelbook.core.revocation import is_revoked, revocation_of
from modelbook.core.stages.tags import Tag
from modelbook.core.unseen import plain

_REVOKED = " (revoked)"
_TICKS = re.compile("`+")


@dataclass(frozen=True)
class ReleasePage:
    """What a release says; `revoked` is GitHub's mark of a release that is not for production."""

    name: str
    body: str
    revoked: bool = False

    def follows(self, standing: "ReleasePage") -> bool:
        """Whether it is to take the place of `standing`: a revocation is never taken back, least by who comes late."""
        return self != standing and (self.revoked or not (standing.revoked and standing.name.endswith(_REVOKED)))


def release_page(registry: Registry, tag: Tag, page: GitHubPage | None) -> ReleasePage:
    """The release of the tag of a version; `page` is where the registry is on GitHub. Raises DocumentError."""
    card = registry.card(tag.model, tag.version)
    revoked = is_revoked(registry, tag.model, tag.version)
    head, rows = table(["", tag.name], [*origin_rows(card, page), *_files(registry, tag, page)])
    path = registry.card_path(tag.model, tag.version)
    text = plain(registry.files[path].decode(errors="replace"))
    fence = "`" * max(3, 1 + max(map(len, _TICKS.findall(text)), default=0))
    use = (
        f"modelbook verify {tag.name}   # signatures, digests and rules, offline from a clone",
        f"modelbook pull {tag.name} ./{tag.model}-{tag.version}   # a verified copy of its files",
    )
    sections = [
        Section("Revoked", NEVER_CUT, (), _revocation(registry, tag) if revoked else (), heading=False),
        Section("Where it comes from", 80, head, rows, heading=False),
        Section("How to get it", 90, ("```sh",), () if revoked else use, ("```",)),
        # A card that does not fit goes whole: half of one is none.
        Section("Card", 10, ("<details>", "<summary>card.yaml</summary>", ""), (f"{fence}yaml\n{text}\n{fence}",),
                ("", "</details>"), heading=False),
    ]  # fmt: skip
    name = tag.name + (_REVOKED if revoked else "")
    return ReleasePage(name, fitted(sections, LIMIT).rstrip(), revoked)


def _revocation(registry: Registry, tag: Tag) -> tuple[str, ...]:
    try:
        told = revocation_of(registry, tag.model, tag.version)
    except DocumentError:
        told = None
    why = f", by {cell(told.by)}, {cell(told.revoked)}: {cell(told.reason)}" if told else ""
    return ("> [!CAUTION]", f"> {inert(tag.name)} was **revoked**{why}", "> Nobody may promote or deploy it.")


def _files(registry: Registry, tag: Tag, page: GitHubPage | None) -> list[list[str]]:
    card, path = registry.card(tag.model, tag.version), registry.card_path(tag.model, tag.version)
    size = sum(one.size for one in card.artifacts)
    name = f"`{registry.digest(path)}`"
    if page:
        name = f"[{name}]({page.line(tag.commit, registry.shown(path), None)})"
    return [["files", f"{len(card.artifacts)}, {size:,} bytes"], ["card", name]]
