"""What a user would pick instead, with as many versions: GTO's tags in git, and MLflow's client over SQLite."""

import os
import sqlite3
import statistics
import subprocess
import sys
from pathlib import Path

from bench.measure import Figure, run

GTO = "gto==1.10.1"
_SEARCH = """\
from mlflow import MlflowClient
found = MlflowClient("sqlite:///mlflow.db").search_runs(
    ["0"], "metrics.accuracy >= 0.95 and tags.size = 'large'", order_by=["metrics.accuracy DESC"], max_results=20
)
assert len(found) == 20, len(found)
"""
_FILL = """\
from mlflow import MlflowClient
client = MlflowClient("sqlite:///mlflow.db")
run = client.create_run("0", tags={"size": "large"}).info.run_id
for number in range(16):
    client.log_metric(run, f"metric_{number}", 0.5)
client.log_metric(run, "accuracy", 0.5)
for number in range(5):
    client.log_param(run, f"param_{number}", "0.1")
print(run)
"""
_QUIET = {"MLFLOW_ALLOW_FILE_STORE": "true", "GIT_PYTHON_REFRESH": "quiet"}


def gto_show(folder: Path, versions: int) -> Figure:
    """`gto show` of a repository with a tag for each version, 50 a model; GTO is installed for it alone."""
    root, gto = folder / "gto", folder / "gto-environment"
    subprocess.run([sys.executable, "-m", "venv", str(gto)], check=True)
    subprocess.run([gto / "bin/python", "-m", "pip", "install", "--quiet", GTO], check=True)
    subprocess.run(["git", "init", "--quiet", "-b", "main", str(root)], check=True)
    who = "bench <bench@example.org> 1790000000 +0000"
    parts = [f"commit refs/heads/main\nmark :1\ncommitter {who}\ndata 1\nx\n"]
    for number in range(versions):
        name = f"model-{number // 50:04d}@v0.0.{number % 50 + 1}"
        parts.append(f"tag {name}\nfrom :1\ntagger {who}\ndata 10\nRegister x\n")
    stream = "".join(parts).encode()
    subprocess.run(["git", "fast-import", "--quiet", "--date-format=raw"], cwd=root, input=stream, check=True)
    cost = run([str(gto / "bin/gto"), "show"], cwd=root, env=os.environ)
    how = f"{GTO}, {versions:,} tags, one whole process; {cost.processor:.1f} s of processor time"
    return Figure(f"gto show, {versions:,}", cost.seconds, "s", how)


def mlflow_search(folder: Path, versions: int, times: int) -> Figure:
    """The same question to MLflow's client: runs with as many metrics and parameters, copied inside its database."""
    from importlib.metadata import version

    env = dict(os.environ) | _QUIET
    told = subprocess.run([sys.executable, "-c", _FILL], cwd=folder, env=env, check=True, stdout=subprocess.PIPE)
    first = told.stdout.decode().split()[-1]
    with sqlite3.connect(folder / "mlflow.db") as database:
        for number in range(1, versions):
            _copy(database, first, f"{number:032x}", number * 7919 % 100_000 / 100_000)
    command = [sys.executable, "-c", _SEARCH]
    run(command, cwd=folder, env=env)
    costs = [run(command, cwd=folder, env=env) for _ in range(times)]
    processor = statistics.median(cost.processor for cost in costs)
    how = f"mlflow {version('mlflow-skinny')}, {versions:,} runs, median of {times} whole processes"
    how += f"; {processor:.2f} s of processor time"
    return Figure(
        f"MLflow search_runs over SQLite, {versions:,}", statistics.median(c.seconds for c in costs), "s", how
    )


def _copy(database: sqlite3.Connection, first: str, name: str, accuracy: float) -> None:
    """Another run like the first one, with an accuracy of its own."""
    for table in ("runs", "latest_metrics", "metrics", "params", "tags"):
        columns = [str(row[1]) for row in database.execute(f"PRAGMA table_info({table})")]
        values = [_value(column, table) for column in columns]
        copied = f"SELECT {', '.join(values)} FROM {table} WHERE run_uuid = :first"  # noqa: S608 - its own columns
        query = f"INSERT INTO {table} ({', '.join(columns)}) {copied}"
        database.execute(query, {"first": first, "name": name, "accuracy": accuracy})


def _value(column: str, table: str) -> str:
    if column == "run_uuid":
        return ":name"
    if column == "value" and "metrics" in table:
        return "CASE key WHEN 'accuracy' THEN :accuracy ELSE value END"
    return column
