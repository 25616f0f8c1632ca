"""Cards in Markdown: what is told of a model or a dataset version. Nothing that stands in a card comes alive."""

from modelbook.core.card import ModelCard
from modelbook.core.dataset import DatasetCard
from modelbook.core.listed import many
from modelbook.core.pages.github_page import GitHubPage
from modelbook.core.pages.markdown import inert

_SHOWN = 400  # characters of one text; the whole of it stands in the registry


def registration_body(card: ModelCard) -> str:
    """What the pull request that registers a version says."""
    run, size = card.run, sum(file.size for file in card.artifacts)
    lines = [f"Run {cell(run.id)}, experiment {cell(run.experiment)}, by {cell(run.user)}."]
    lines.append(
        f"Commit {card.lineage.code.commit or 'unknown'}, {many(len(card.artifacts), 'file')}, {many(size, 'byte')}."
    )
    return "\n".join(lines + (["", cell(card.description)] if card.description else []))


def dataset_body(card: DatasetCard) -> str:
    """What the pull request that adds a dataset version says."""
    return f"{many(card.files, 'file')}, {many(card.size, 'byte')}. {cell(card.description or '')}".strip()


def origin_rows(card: ModelCard, page: GitHubPage | None) -> list[list[str]]:
    """What a version is and what made it: label and Markdown, without what is empty."""
    rows = [["description", cell(card.description)]] if card.description else []
    run, code = card.run, card.lineage.code
    rows.append(["trained", f"by {cell(run.user)} in {job_link(run.job, page)}, run {cell(run.id)}, {cell(run.ended)}"])
    dirty = ", with changes that were not committed" if code.dirty else ""
    commit = commit_link(code.commit, page.commit(code) if page else None)
    rows.append(["code", f"{cell(code.entry_point)} at {commit}{dirty}"])
    data = [cell(f"{one.dataset}@{one.version} ({one.role})") for one in card.lineage.datasets]
    rows.append(["data", ", ".join(data)])
    rows.append(["parents", ", ".join(cell(f"{one.model}@{one.version}") for one in card.lineage.parents)])
    rows.append(["seed", "" if run.seed is None else str(run.seed)])
    return [row for row in rows if row[1]]


def job_link(job: str, page: GitHubPage | None) -> str:
    """A job, with a link to its workflow run where it has one."""
    address = page.run(job) if page else None
    return f"[{cell(job)}]({address})" if address else cell(job)


def commit_link(commit: str | None, address: str | None) -> str:
    """The beginning of a commit's id, with a link to `address`; a dash where there is none."""
    if commit is None:
        return "-"
    shown = f"`{commit[:10]}`"
    return f"[{shown}]({address})" if address else shown


def cell(text: str) -> str:
    """Any text for a cell or a sentence: inert, on one line, and not for ever."""
    return inert(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
