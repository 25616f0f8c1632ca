"""What one run of act did, read from its JSON log: jobs, steps, outputs, summaries, annotations and text."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
# A job's id (`caller/job` inside a called workflow) and its matrix as JSON with sorted keys, `{}` without one.
JobKey = tuple[str, str]
StepKey = tuple[str, str, str]


@dataclass(frozen=True)
class Annotation:
    """One `::error file=…::` of a step. `level` is error, warning or notice; `place` holds file, line, title, ….."""

    level: str
    message: str
    place: dict[str, str]


@dataclass
class ActRun:
    """One finished run.

    `steps`, `outputs` and `summaries` go by job, matrix and step: the step's id or its number, `/` between an
    action's step and those inside it. Skipped jobs and steps are absent. `log` holds what the steps printed.
    """

    exit_code: int
    records: list[Json]
    stderr: str
    jobs: dict[JobKey, str] = field(default_factory=dict)
    steps: dict[StepKey, str] = field(default_factory=dict)
    outputs: dict[StepKey, dict[str, str]] = field(default_factory=dict)
    summaries: dict[StepKey, str] = field(default_factory=dict)
    annotations: list[Annotation] = field(default_factory=list)
    log: str = ""

    @property
    def summary(self) -> str:
        """All steps' summaries, one after the other, as the run's page shows them."""
        return "\n".join(self.summaries.values())

    def output(self, job: str, step: str, name: str, matrix: Json | None = None) -> str:
        """One output of one step."""
        return self.outputs[*job_key(job, matrix), step][name]

    def assert_jobs(self, expected: Mapping[str | JobKey, str]) -> None:
        """Hold that exactly these jobs ran, with these results; a job without a matrix goes by its id alone."""
        wanted = {key if isinstance(key, tuple) else job_key(key): result for key, result in expected.items()}
        assert self.jobs == wanted, f"these jobs ran: {self.jobs}\nexpected: {wanted}\n{self.report()}"

    def assert_no_secret(self, secrets: Iterable[str], *others: str) -> None:
        """Hold that no secret, plain or in base64, stands in the log, summaries, outputs, or in `others` (other logs).

        act runs with its masking off, so that a secret which a step prints is seen here.
        """
        texts = {"act's log": json.dumps(self.records, ensure_ascii=False), "act's stderr": self.stderr}
        texts |= {f"text {number}": text for number, text in enumerate(others, 1)}
        found = [
            f"{secret[:4]}… ({len(secret)} characters) in {where}"
            for secret in secrets
            for form in _forms(secret)
            for where, text in texts.items()
            if form in text
        ]
        assert not found, "; ".join(found)

    def report(self) -> str:
        """What a failed test should show: results, errors, and the log's end."""
        failed = [key for key, result in self.steps.items() if result == "failure"]
        return f"exit code {self.exit_code}\nfailed steps: {failed}\n{self.stderr}\n{self.log[-6000:]}"


def job_key(job: str, matrix: Json | None = None) -> JobKey:
    return job, json.dumps(matrix or {}, sort_keys=True)


def read_run(exit_code: int, stdout: str, stderr: str, workflow_name: str) -> ActRun:
    """Parse act's output; `workflow_name` is the name under which act shows the jobs of the started workflow."""
    records = [json.loads(line) for line in stdout.splitlines() if line.startswith("{")]
    run = ActRun(exit_code, records, stderr)
    lines: list[str] = []
    for record in records:
        if "jobID" not in record:
            continue
        key = job_key(_job_id(record, workflow_name), record.get("matrix"))
        step = (*key, "/".join(record.get("stepID", [])))
        if "jobResult" in record:
            run.jobs[key] = record["jobResult"]
        if "stepResult" in record and record.get("stage") == "Main":
            run.steps[step] = record["stepResult"]
        if record.get("raw_output"):
            lines.append(record["msg"])
        _read_command(run, record, step)
    run.log = "".join(lines)
    return run


def _read_command(run: ActRun, record: Json, step: StepKey) -> None:
    match record.get("command"):
        case "set-output":
            run.outputs.setdefault(step, {})[record["name"]] = record["arg"]
        case "summary":
            # An action's step repeats what the steps inside it wrote before: each text is kept once, at its writer.
            if not any(writer[:2] == step[:2] and writer[2].startswith(f"{step[2]}/") for writer in run.summaries):
                run.summaries[step] = record["content"]
        case "error" | "warning" | "notice" as level:
            run.annotations.append(Annotation(level, record["arg"], record.get("kvPairs") or {}))


def _job_id(record: Json, workflow_name: str) -> str:
    """The job's own id, after its caller's name when it belongs to a called workflow (`caller/workflow/job`)."""
    shown: str = record["job"]
    if "/" not in shown.removeprefix(f"{workflow_name}/"):
        return str(record["jobID"])
    return f"{shown.partition('/')[0].strip()}/{record['jobID']}"


def _forms(secret: str) -> Iterable[str]:
    """The secret, and what base64 makes of it wherever it stands in a longer text."""
    yield secret
    for before in range(3):
        encoded = base64.b64encode(b" " * before + secret.encode()).decode()
        # The first characters mix with what stands before the secret, the last with what follows.
        yield encoded[(0, 2, 3)[before] : -4]
