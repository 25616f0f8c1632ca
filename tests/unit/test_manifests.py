"""What KServe and vLLM read to serve a version."""

import pytest
import yaml

from modelbook.core.card import ModelCard
from modelbook.core.stages.deployment import Payload
from modelbook.core.stages.manifests import folder_uri, format_of, manifest
from modelbook.errors import BadInput
from tests.made import record
from tests.made_fields import STORE, card_fields, digest

FOLDER = f"{STORE}/runs/r/artifacts"


def card(*paths: str, store: str = STORE) -> ModelCard:
    files = [
        {"path": path, "uri": f"{store}/runs/r/artifacts/{path}", "size": 1, "digest": digest(path)} for path in paths
    ]
    return record(ModelCard, card_fields() | {"artifacts": files})


def payload(model: str = "fraud", stage: str = "production") -> Payload:
    fields = {"model": model, "stage": stage, "version": 5, "card": digest("card"), "serial": 7}
    return record(Payload, fields | {"pointer": digest("pointer")})


def test_kserve_reads_the_stores_folder_and_says_what_it_serves() -> None:
    made = manifest("kserve", payload(), card("model.safetensors", "config.json"), model_format=None, path=None)
    assert yaml.safe_load(made) == {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "fraud-production",
            "annotations": {
                "modelbook/version": "fraud@5",
                "modelbook/stage": "production",
                "modelbook/card": digest("card"),
                "modelbook/pointer": digest("pointer"),
            },
        },
        "spec": {"predictor": {"model": {"modelFormat": {"name": "huggingface"}, "storageUri": FOLDER}}},
    }


def test_vllm_reads_the_verified_folder_where_there_is_one_and_else_the_bucket() -> None:
    files = card("model.safetensors", "config.json")
    local = manifest("vllm", payload(), files, model_format=None, path="/srv/fraud")
    assert yaml.safe_load(local) == {"model": "/srv/fraud", "served-model-name": "fraud"}
    assert local.startswith(f"# fraud@5 in production, card {digest('card')}".encode())
    remote = manifest("vllm", payload(), files, model_format=None, path=None)
    assert yaml.safe_load(remote) == {"model": FOLDER, "served-model-name": "fraud", "load-format": "runai_streamer"}


def test_the_format_is_told_by_the_files_or_by_a_person() -> None:
    assert format_of(card("graph.onnx")) == "onnx"
    with pytest.raises(BadInput, match="do not tell their format"):
        format_of(card("model.safetensors", "config/config.json"))
    made = manifest("kserve", payload(), card("model.safetensors"), model_format="sklearn", path=None)
    assert yaml.safe_load(made)["spec"]["predictor"]["model"]["modelFormat"] == {"name": "sklearn"}


def test_a_manifest_that_no_server_could_use_is_refused() -> None:
    files, local = card("graph.onnx"), card("graph.onnx", store="file:.modelbook/store")
    for kind in ("kserve", "vllm"):
        with pytest.raises(BadInput, match="cannot read a store that is a folder of this machine"):
            manifest(kind, payload(), local, model_format=None, path=None)
    for name in ("9lives", "f" * 60):
        with pytest.raises(BadInput, match="cannot name a service of Kubernetes"):
            manifest("kserve", payload(name), files, model_format=None, path=None)
    scattered = [one.model_dump() for one in files.artifacts]
    scattered.append({"path": "b", "uri": f"{STORE}/runs/other/artifacts/b", "size": 1, "digest": digest("b")})
    with pytest.raises(BadInput, match="lie in no single folder"):
        folder_uri(record(ModelCard, card_fields() | {"artifacts": scattered}))
