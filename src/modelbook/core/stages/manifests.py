"""What a server reads to serve a version: a KServe InferenceService, or the arguments of vLLM, as YAML."""

import re
from pathlib import PurePosixPath

from modelbook.core import strict_yaml
from modelbook.core.card import ModelCard
from modelbook.core.stages.deployment import Payload
from modelbook.errors import BadInput

FORMATS = ("kserve", "vllm")
_SERVICE = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
LONGEST = 63  # characters of a name in Kubernetes


def folder_uri(card: ModelCard) -> str:
    """The one folder of the store that holds all files of a version. Raises BadInput where there is no such folder."""
    folders = {one.uri.removesuffix(one.path) if one.uri.endswith(f"/{one.path}") else "" for one in card.artifacts}
    if len(folders) != 1 or "" in folders:
        raise BadInput(
            f"the files of {card.model}@{card.version} lie in no single folder of the store",
            remedy="Bring them into one: `modelbook deploy … --target PATH`.",
        )
    return folders.pop().rstrip("/")


def manifest(kind: str, payload: Payload, card: ModelCard, *, model_format: str | None, path: str | None) -> bytes:
    """The manifest of `kind` for a version in a stage; `path` is the verified folder where there is one.

    Raises BadInput where it would not be one: a store that the server cannot read, a name that Kubernetes refuses.
    """
    if kind == "vllm":
        return _vllm(payload, card, path)
    return _kserve(payload, card, model_format)


def _vllm(payload: Payload, card: ModelCard, path: str | None) -> bytes:
    """For `vllm serve --config FILE`: each key is a long option."""
    arguments: dict[str, object] = {"model": path or _remote(card), "served-model-name": payload.model}
    if path is None:
        arguments["load-format"] = "runai_streamer"  # by which vLLM reads a bucket
    return _about(payload) + strict_yaml.write(arguments)


def _kserve(payload: Payload, card: ModelCard, model_format: str | None) -> bytes:
    name = f"{payload.model}-{payload.stage}"
    if len(name) > LONGEST or not _SERVICE.fullmatch(name):
        raise BadInput(
            f"{name!r} cannot name a service of Kubernetes",
            remedy=f"Such a name begins with a letter and has at most {LONGEST} characters.",
        )
    model = {"modelFormat": {"name": model_format or format_of(card)}, "storageUri": _remote(card)}
    annotations = {
        "modelbook/version": payload.name,
        "modelbook/stage": payload.stage,
        "modelbook/card": payload.card,
        "modelbook/pointer": payload.pointer,
    }
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"predictor": {"model": model}},
    }
    return strict_yaml.write(service)


def format_of(card: ModelCard) -> str:
    """KServe's name for the format of a model, by its files. Raises BadInput where they do not tell."""
    names = {PurePosixPath(one.path) for one in card.artifacts}
    if any(name.suffix == ".onnx" for name in names):
        return "onnx"
    if PurePosixPath("config.json") in names and any(name.suffix == ".safetensors" for name in names):
        return "huggingface"
    raise BadInput(
        f"the files of {card.model}@{card.version} do not tell their format", remedy="Name it: `--model-format NAME`."
    )


def _remote(card: ModelCard) -> str:
    uri = folder_uri(card)
    if not uri.startswith("s3://"):
        raise BadInput(
            "a server elsewhere cannot read a store that is a folder of this machine",
            where=uri,
            remedy="Keep the weights in a bucket, or, for vLLM, bring them to it: `--target PATH`.",
        )
    return uri


def _about(payload: Payload) -> bytes:
    return f"# {payload.name} in {payload.stage}, card {payload.card}, pointer {payload.pointer}\n".encode()
