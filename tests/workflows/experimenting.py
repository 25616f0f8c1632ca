"""The chapter of the story in which users are asked: what an experiment found is recorded, and gates are watched."""

import io
import zipfile

from tests.parts.web_host import web_host
from tests.workflows.team import NAME, Team

TABLE = b"version,metric,n,count,assigned\n1,satisfaction,990,700,1000\n2,satisfaction,985,600,1000\n"
WHEN = {"started": "2026-10-01", "ended": "2026-10-14"}


def an_experiment_is_recorded_and_watched(acme: Team, number: int) -> str:
    """An earlier job of the same run left its results as an artifact; merged, they are looked at by a job that may
    write issues and nothing else. Returns the branch.
    """
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
    assert acme.pull(number)["issue"]["title"] == "Add what the experiment spring found of digits"
    acme.verify_and_expect(number, passed=True)
    acme.accept(number)
    watched, _ = acme.follow("watch.yml", "promote.yml")
    watched.assert_jobs({"watch": "success"})  # two versions are too few to say anything
    assert acme.state["issues"] == []
    (again,) = acme.follow("verify.yml")  # a gate could have asked for it: the refused promotion is judged again
    again.assert_jobs({"verify": "failure"})
    return str(acme.pull(number)["head_ref"])
