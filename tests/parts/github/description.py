"""GitHub's published OpenAPI description as validators of requests and answers.

The description is the npm package `@octokit/openapi` (13 MB of JSON). The operations that this server answers
and the schemas they reach are kept in a small cache file, so that a server start does not read the whole.
"""

import hashlib
import json
import os
import re
import tempfile
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

Json = dict[str, Any]
Operation = tuple[str, str]  # method in lower case, path template as the description writes it

NODE_MODULES = Path(__file__).resolve().parents[2] / "node" / "node_modules"
_HOME = "urn:github-description"


class DescriptionMissing(RuntimeError):
    """The npm package with GitHub's OpenAPI description is not installed."""


class Description:
    """Validators for `operations`; an operation that GitHub does not publish is a KeyError at the start."""

    def __init__(self, operations: list[Operation]) -> None:
        self._excerpt = _cached_excerpt(sorted(operations))
        self._validators: dict[tuple[str, str, str], Draft202012Validator | None] = {}

    def request_errors(self, operation: Operation, body: Any) -> list[str]:
        """What is wrong with a request's body; empty when nothing is."""
        return self._errors((*operation, "request"), body)

    def answer_errors(self, operation: Operation, status: int, body: Any) -> list[str]:
        """What is wrong with an answer's body; a status that the description does not know is not checked."""
        return self._errors((*operation, str(status)), body)

    def knows_answer(self, operation: Operation, status: int) -> bool:
        """Whether the description lists this status for this operation."""
        return str(status) in self._excerpt["operations"][" ".join(operation)]

    def _errors(self, key: tuple[str, str, str], body: Any) -> list[str]:
        if key not in self._validators:
            method, template, part = key
            schema = self._excerpt["operations"][f"{method} {template}"].get(part)
            self._validators[key] = schema and Draft202012Validator(
                schema, registry=self._registry, format_checker=_FORMATS
            )
        validator = self._validators[key]
        if validator is None:
            return []
        return [
            f"{'/'.join(map(str, error.absolute_path)) or 'body'}: {error.message[:300]}"
            for error in validator.iter_errors(body)
        ]

    @cached_property
    def _registry(self) -> Registry[Any]:
        resource = DRAFT202012.create_resource(self._excerpt["components"])
        registry: Registry[Any] = Registry().with_resource(_HOME, resource)
        return registry


def _cached_excerpt(operations: list[Operation]) -> Json:
    package = NODE_MODULES / "@octokit" / "openapi"
    try:
        version = json.loads((package / "package.json").read_text())["version"]
    except FileNotFoundError as error:
        raise DescriptionMissing(
            f"{package} is not there: `npm ci` in {NODE_MODULES.parent} installs GitHub's API description"
        ) from error
    digest = hashlib.sha256(json.dumps([operations, Path(__file__).read_text()]).encode()).hexdigest()[:16]
    cache = Path(tempfile.gettempdir()) / f"github-description-{version}-{digest}-{os.getuid()}.json"
    if cache.exists() and cache.stat().st_uid == os.getuid():
        return _read(cache)
    excerpt = _excerpt(_read(package / "generated" / "api.github.com.json"), operations)
    with tempfile.NamedTemporaryFile("w", dir=cache.parent, delete=False) as file:
        json.dump(excerpt, file)
    Path(file.name).replace(cache)  # two servers may start at once: each puts a whole file in place
    return excerpt


def _read(path: Path) -> Json:
    document: Json = json.loads(path.read_bytes())
    return document


def _excerpt(whole: Json, operations: list[Operation]) -> Json:
    kept: Json = {}
    for method, template in operations:
        operation = whole["paths"][template][method]
        parts: Json = {}
        body = _follow(whole, operation.get("requestBody", {}))
        parts["request"] = _json_schema(body)
        for status, answer in operation["responses"].items():
            parts[status] = _json_schema(_follow(whole, answer))
        kept[f"{method} {template}"] = parts
    components: Json = {}
    waiting = _references(kept)
    while waiting:
        name = waiting.pop()
        if name not in components:
            components[name] = _converted(whole["components"]["schemas"][name])
            waiting |= _references(components[name])
    return {"operations": kept, "components": {"components": {"schemas": components}}}


def _follow(whole: Json, node: Json) -> Json:
    while "$ref" in node:
        target: Any = whole
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def _json_schema(node: Json) -> Any:
    content = node.get("content", {})
    media = content.get("application/json")
    return _converted(media["schema"]) if media and "schema" in media else None


def _references(schema: Any) -> set[str]:
    found = re.findall(rf'"{_HOME}#/components/schemas/([^"]+)"', json.dumps(schema))
    return set(found)


def _converted(schema: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema 2020-12: `nullable`, boolean exclusive bounds, no examples."""
    if isinstance(schema, list):
        return [_converted(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:  # in OpenAPI 3.0 whatever stands beside a reference is ignored
        return {"$ref": _HOME + schema["$ref"]}
    result: Json = {}
    for key, value in schema.items():
        if key == "properties":
            result[key] = {name: _converted(part) for name, part in value.items()}
        elif key in {"items", "additionalProperties", "allOf", "anyOf", "oneOf", "not"}:
            result[key] = _converted(value)
        elif key in {"exclusiveMinimum", "exclusiveMaximum"} and isinstance(value, bool):
            if value:
                result[key] = schema["minimum" if key == "exclusiveMinimum" else "maximum"]
        elif key in _PLAIN:
            result[key] = value
    return {"anyOf": [result, {"type": "null"}]} if schema.get("nullable") else result


_PLAIN = frozenset(
    [
        "type",
        "enum",
        "format",
        "pattern",
        "required",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "multipleOf",
    ]
)
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    # GitHub itself answers an empty string for an address that nobody gave (a deployment status's target_url)
    return not isinstance(value, str) or value == "" or re.match(r"^[a-z][a-z0-9+.-]*:[^\s]+$", value) is not None
