"""A version in the form of other tools, read by what their makers publish."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from huggingface_hub import ModelCard

from tests.commands.workbench import Workbench

DESCRIBED = """\
format: modelbook/model/v1
model: toy
description: "A toy <b>model</b>"
task: tabular-classification
tags: [small]
suites:
  default: {entry_point: evaluate.py, dataset: numbers@1}
"""


@pytest.fixture
def described(bench: Workbench) -> Workbench:
    """The workbench with a version that is evaluated, and a model.yaml that says more."""
    bench.commit({"registry/models/toy/model.yaml": DESCRIBED})
    bench.version(0.9)
    return bench


def test_a_version_leaves_as_other_tools_read_it(described: Workbench, tmp_path: Path) -> None:
    bench, hub = described, tmp_path / "hub"
    bench.ok("export", "hf", "toy@1", str(hub), "--license", "apache-2.0")
    found = ModelCard.load(hub / "README.md")
    assert (found.data.license, found.data.pipeline_tag) == ("apache-2.0", "tabular-classification")
    assert (found.data.datasets, found.data.tags) == (["numbers"], ["modelbook", "small"])
    [result] = found.data.eval_results or []
    # The loss that the training reported of itself is not among them.
    assert (result.metric_type, result.metric_value, result.dataset_name) == ("accuracy", 0.9, "numbers@1")
    assert result.metric_args == {"n": 100}
    assert "&#60;b&#62;model" in found.text
    assert "<b>" not in found.text
    for path in ("provenance.sigstore.json", "evaluations/default.yaml", "evaluations/default.sigstore.json"):
        assert (hub / "registry" / path).read_bytes() == (
            bench.root / "registry/models/toy/versions/1" / path
        ).read_bytes()
    # The command that its README names, with the key of trust.yaml.
    trust = yaml.safe_load((bench.root / "registry/trust.yaml").read_text())
    (tmp_path / "signer.pem").write_text(trust["signers"][0]["key"])
    [command] = [line for line in found.text.splitlines() if line.startswith("model_signing verify")]
    words = command.replace("signer.pem", str(tmp_path / "signer.pem")).split()
    check = [str(Path(sys.executable).parent / words[0]), *words[1:]]
    assert subprocess.run(check, cwd=hub, capture_output=True).returncode == 0
    (hub / "config.json").write_text("{}")
    assert subprocess.run(check, cwd=hub, capture_output=True).returncode != 0

    text = bench.ok("export", "cyclonedx", "toy@1")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == bench.ok("export", "cyclonedx", "toy")
    bom = json.loads(text)
    model = bom["metadata"]["component"]
    digest = json.loads(bench.ok("show", "toy@1", "--json"))["digest"]
    assert (model["type"], model["version"]) == ("machine-learning-model", "1")
    assert model["hashes"] == [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]
    assert {file["name"] for file in model["components"]} >= {"model.safetensors", "config.json"}
    assert model["modelCard"]["modelParameters"]["datasets"] == [{"ref": "numbers@1"}]
    [metric] = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert metric == {"type": "accuracy", "value": "0.9", "slice": "default: numbers@1"}
    assert len(model["pedigree"]["commits"][0]["uid"]) == 40
    packages = {one["purl"].partition("@")[0] for one in bom["formulation"][0]["components"]}
    assert "pkg:pypi/numpy" in packages


def test_nothing_leaves_that_does_not_verify(described: Workbench, tmp_path: Path) -> None:
    bench = described
    weights = bench.weights(json.loads(bench.ok("show", "toy@1", "--json"))["card"]["run"]["id"])
    good = weights.read_bytes()
    weights.chmod(0o644)
    weights.write_bytes(good[:-1] + b"\0")
    assert bench.run("export", "hf", "toy@1", str(tmp_path / "hub")).code == 1
    assert not (tmp_path / "hub").exists()
    weights.write_bytes(good)
    bench.ok("revoke", "toy@1", "--reason", "leaks")
    if branch := bench.git("for-each-ref", "--format=%(refname:short)", "refs/heads/revoke").strip():
        bench.git("merge", "--quiet", branch)
    for form in (["hf", "toy@1", str(tmp_path / "hub")], ["cyclonedx", "toy@1", "-o", str(tmp_path / "bom.json")]):
        done = bench.run("export", *form)
        assert (done.code, "toy@1 was revoked" in done.err) == (1, True)
    evaluation = "registry/models/toy/versions/1/evaluations/default.yaml"
    bench.commit({evaluation: (bench.root / evaluation).read_text().replace("0.9", "1.0")})
    done = bench.run("export", "cyclonedx", "toy@1")
    assert (done.code, done.out, "does not verify" in done.err) == (1, "", True)
    assert list(tmp_path.glob("hub*")) + list(tmp_path.glob("bom*")) == []
