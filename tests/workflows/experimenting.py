"""The chapter of the story in which users are asked: what an experiment found is recorded, and gates are watched."""

import io
import zipfile

from tests.parts.web_host import web_host
from tests.workflows.team import CHECK, NAME, Team

TABLE = b"version,metric,n,count,assigned\n1,satisfaction,990,700,1000\n2,satisfaction,985,600,1000\n"
WHEN = {"started": "2026-10-01", "ended": "2026-10-14"}


def record_an_experiment(acme: Team, number: int) -> None:
    """An earlier job of the same run left its results as an artifact."""
    with io.BytesIO() as held, web_host(None) as host:
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr("results.csv", TABLE)
        host.files = {"/results": held.getvalue()}
        left = {"name": "results", "run": acme.act.next_run, "url": f"{host.url}/results"}
        acme.github.configure(NAME, artifacts=[left])
        asked = {"model": "digits", "experiment": "spring", "artifact": "results", **WHEN}
        run = acme.run("workflow_call", "online.yml", inputs=asked)
        run.assert_jobs({"record": "success"})
        assert host.asked == ["/results"]
    pull = acme.pull(number)
    assert pull["issue"]["title"] == "Add what the experiment spring found of digits"
    acme.verify(number).assert_jobs({"verify": "success"})
    assert acme.checks(number)[-1] == (CHECK, "success")
    acme.merged(number)


def gates_are_watched(acme: Team) -> None:
    """Two versions are too few to say anything, and one job that may write no more than issues says so."""
    run = acme.run(acme.events("push")[-1], "watch.yml")
    run.assert_jobs({"watch": "success"})
    assert acme.state["issues"] == []
