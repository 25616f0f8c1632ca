"""How long it takes to find versions among 10,000 and 100,000, beside `gto show` and MLflow's search."""

import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.many_versions import EXAMPLE, VERSIONS_A_MODEL, commit_of, renamed
from bench.measure import Cost, Figure, run
from bench.registry import MODELBOOK
from bench.rival_registries import gto_show, mlflow_search
from modelbook.core import layout
from modelbook.core.digests import digest_of

SIZES = (10_000, 100_000)
TIMES = 7
QUERY = 'metrics.accuracy >= 0.95 && "large" in tags'
FIND = ["find", QUERY, "--sort", "-metrics.accuracy", "--limit", "20"]
# What the database cannot tell: CEL looks at each version.
SLOW = ["find", "metrics.accuracy / 2.0 >= 0.499 && metrics.log_loss < 1.0", "--limit", "20"]
_SIGNATURES = ("model.sig", "provenance.sigstore.json", "evaluations/default.sigstore.json")


def measure() -> Iterator[Figure]:
    """Whole processes; the goals are those of two idle cores. Signatures are copies, since `find` reads none."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MODELBOOK_")}
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="modelbook-bench-") as folder:
            root, small = Path(folder) / "registry", size == SIZES[0]
            generate(root, size)
            cold = _find(FIND, root, env)
            how = f"{size:,} cards, whole process, no index yet; {cold.processor:.1f} s of processor time"
            yield Figure(f"find, cold, {size:,}", cold.seconds, "s", how, 5.0 if small else None)
            [index] = (root / ".git/modelbook/index").iterdir()
            yield Figure(f"index of {size:,}", index.stat().st_size / 2**20, "MiB", "the file")
            warm = _warm(FIND, root, env)
            yield _figure(f"find, warm, {size:,}", warm, 0.3 if small else 1.0)
            yield _figure(f"find with arithmetic, warm, {size:,}", _warm(SLOW, root, env), None)
            yield _figure(f"find, one more commit, {size:,}", _one_more(root, env, size), 1.0)
            if small:
                for rival in (gto_show(Path(folder), size), mlflow_search(Path(folder), size, TIMES)):
                    yield rival
                    times = rival.value / _median(warm)
                    yield Figure(f"{rival.name}: times that of find", times, "x", "medians of the same run")


def generate(root: Path, versions: int) -> None:
    """A registry of so many versions in as many commits, with differing accuracies; nothing of it is checked out."""
    subprocess.run(["git", "init", "--quiet", "-b", "main", str(root)], check=True)
    command = ["git", "fast-import", "--quiet", "--date-format=raw"]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE) as importing:
        assert importing.stdin is not None  # noqa: S101 - it is a pipe
        for number, files in enumerate(_commits(versions)):
            importing.stdin.write(commit_of(number, files))
    if importing.returncode:
        raise RuntimeError("git fast-import failed")
    # The registry's folder is looked for on the disk.
    subprocess.run(["git", "checkout", "--quiet", "main", "--", "registry/policy.yaml"], cwd=root, check=True)


def _commits(versions: int) -> Iterator[dict[str, bytes]]:
    yield {path: (EXAMPLE / path).read_bytes() for path in (layout.POLICY, layout.TRUST)}
    for number in range(versions):
        yield version_files(number)


def version_files(number: int) -> dict[str, bytes]:
    """The files of the version with this number, from 0."""
    model, version = f"model-{number // VERSIONS_A_MODEL:04d}", number % VERSIONS_A_MODEL + 1
    example, folder = EXAMPLE / "models/digits/versions/2", layout.version_folder(model, version)
    old = (example / "card.yaml").read_bytes()
    card = renamed(old, model, version)
    measured = renamed((example / "evaluations/default.yaml").read_bytes(), model, version)
    measured = measured.replace(digest_of(old).encode(), digest_of(card).encode(), 1)
    measured = measured.replace(
        b"value: 0.9666666666666667", f"value: {number * 7919 % 100_000 / 100_000!r}".encode(), 1
    )
    copies = {f"{folder}/{name}": (example / name).read_bytes() for name in _SIGNATURES}
    return {f"{folder}/card.yaml": card, f"{folder}/evaluations/default.yaml": measured, **copies}


def _find(arguments: list[str], root: Path, env: Mapping[str, str]) -> Cost:
    return run([*MODELBOOK, *arguments], cwd=root, env=env)


def _warm(arguments: list[str], root: Path, env: Mapping[str, str]) -> list[Cost]:
    _find(arguments, root, env)
    return [_find(arguments, root, env) for _ in range(TIMES)]


def _one_more(root: Path, env: Mapping[str, str], versions: int) -> list[Cost]:
    costs = []
    for number in range(versions, versions + TIMES):
        head = subprocess.run(["git", "rev-parse", "main"], cwd=root, check=True, capture_output=True).stdout.decode()
        stream = commit_of(number, version_files(number)).replace(b"\nM ", f"\nfrom {head}M ".encode(), 1)
        subprocess.run(["git", "fast-import", "--quiet", "--date-format=raw"], cwd=root, input=stream, check=True)
        costs.append(_find(FIND, root, env))
    return costs


def _median(costs: list[Cost]) -> float:
    return statistics.median(cost.seconds for cost in costs)


def _figure(name: str, costs: list[Cost], goal: float | None) -> Figure:
    processor = statistics.median(cost.processor for cost in costs)
    how = f"median of {len(costs)} whole processes; {processor:.2f} s of processor time"
    return Figure(name, _median(costs), "s", how, goal)
