"""How long the static site of 10,000 versions takes to build, to build again, and how heavy its pages are."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.many_versions import VERSIONS_A_MODEL, generate
from bench.measure import Figure, run
from bench.registry import MODELBOOK
from modelbook.adapters.git_process import environment

VERSIONS = 10_000
WIDE = 1_000
"""Versions of the one model whose page is weighed."""

_BUILD = [*MODELBOOK, "site", "build", "--no-store", "--output"]


def measure() -> Iterator[Figure]:
    """Whole processes over 12,000 commits, with one version more for the incremental build; then one wide model."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MODELBOOK_")}
    with tempfile.TemporaryDirectory(prefix="modelbook-bench-") as folder:
        root, out = Path(folder) / "registry", Path(folder) / "site"
        generate(root, VERSIONS)
        for name, goal in (("cold", 60.0), ("nothing changed", 5.0), ("one version more", 5.0)):
            if name == "one version more":
                _one_more(root)
            cost = run([*_BUILD, str(out)], cwd=root, env=env)
            how = f"{VERSIONS:,} versions of {VERSIONS // VERSIONS_A_MODEL} models, no store"
            yield Figure(f"site build, {name}", cost.seconds, "s", f"{how}; {_spent(cost.processor, cost.peak)}", goal)
        pages = list(out.rglob("*.html"))
        total = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 1e6
        yield Figure("the whole site", total, "MB", f"{len(pages):,} pages with their plots and data")
    with tempfile.TemporaryDirectory(prefix="modelbook-bench-") as folder:
        root, out = Path(folder) / "registry", Path(folder) / "site"
        generate(root, WIDE, versions_a_model=WIDE)
        run([*_BUILD, str(out)], cwd=root, env=env)
        page = out / "models/model-0000.html"
        plots = list(out.glob("models/model-0000/*.svg"))
        parts = [page, *plots, out / "site.css", out / "site.js"]
        size = sum(path.stat().st_size for path in parts) / 1000
        how = f"HTML {page.stat().st_size / 1000:.0f} kB, {len(plots)} plots, style and script; nothing compressed"
        yield Figure(f"page of a model of {WIDE:,} versions", size, "kB", how, 200.0)


def _spent(processor: float, peak: float) -> str:
    return f"{processor:.1f} s of processor time, {peak:.0f} MiB in the first process"


def _one_more(root: Path) -> None:
    """A version that nobody evaluated, as a commit of its own: a copy of the latest, which does not verify."""
    versions = root / "registry/models/model-0100/versions"
    (versions / str(VERSIONS_A_MODEL + 1)).mkdir()
    card = (versions / str(VERSIONS_A_MODEL) / "card.yaml").read_bytes()
    (versions / str(VERSIONS_A_MODEL + 1) / "card.yaml").write_bytes(card)
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    for arguments in (["add", "registry/models/model-0100"], ["commit", "--quiet", "-m", "One more"]):
        subprocess.run(["git", *who, *arguments], cwd=root, env=environment(), check=True)
