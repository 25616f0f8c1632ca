"""The workflow `retention` as GitHub runs it: a plan as a pull request, verified, merged, carried out, brought back."""

import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.workflows.founding import BUCKET
from tests.workflows.team import Team, team

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(200)]
OLD = "runs/nobodys/artifacts/model.safetensors"


@pytest.fixture
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with team(tmp_path_factory.mktemp("team")) as made:
        clone = made.clone("alice")
        policy = clone / "registry/policy.yaml"
        policy.write_text(policy.read_text() + "keep: {share: 1.0}\n")
        for command in (["commit", "-qam", "Rules of retention"], ["push", "-q"]):
            subprocess.run(
                ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *command], cwd=clone, check=True
            )
        then = {"mtime": str(time.time() - 400 * 86400)}  # rclone's own way to say when an object was written
        made.s3.client.put_object(Bucket=BUCKET, Key=f"registry/{OLD}", Body=b"w" * 1000, Metadata=then)
        made.leave("promote.yml")  # the push of the policy started it, and nothing waits
        yield made


def test_a_plan_is_proposed_verified_merged_and_carried_out(acme: Team) -> None:
    before = acme.objects()
    run = acme.dispatch("retention.yml")
    run.assert_jobs({"plan": "success"})
    assert acme.objects() == before
    pull = acme.pull(1)
    assert "Delete 1 object, 1 kB," in pull["issue"]["title"]
    assert acme.changed(pull["head_sha"]) == ["A\tregistry/prune.json"]
    acme.verify(1).assert_jobs({"verify": "success"})
    acme.accept(1)
    acme.leave("promote.yml", "retention.yml")
    keys = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
    given = acme.secrets | {f"MODELBOOK_DELETE_{name}": acme.secrets[f"AWS_{name}"] for name in keys}
    apply = acme.run(acme.events("push")[-1], "retention.yml", secrets=given)
    apply.assert_jobs({"apply": "success"})
    after = acme.objects()
    assert {key for key in before if key not in after} == {OLD}
    (plan,) = {key.split("/")[-1].removesuffix(".json") for key in after if key.startswith("trash/plans/")}
    restored = acme.run("workflow_dispatch", "retention.yml", inputs={"restore": plan}, secrets=given)
    restored.assert_jobs({"restore": "success"})
    assert acme.objects()[OLD] == 1000
    # A month later: what no plan needs any more goes for good, and what was brought back stays.
    over = {"Bucket": BUCKET, "Key": f"registry/trash/ended/{plan}.json"}
    acme.s3.client.delete_object(**over)
    acme.s3.client.put_object(**over, Body=b"{}", Metadata={"mtime": str(time.time() - 30 * 86400)})
    weekly = acme.run("schedule", "retention.yml", secrets=given)
    weekly.assert_jobs({"plan": "success", "purge": "success"})
    after = acme.objects()
    assert after[OLD] == 1000
    assert not [key for key in after if key.startswith("trash/")]
    acme.assert_no_secret_in_any_log()
