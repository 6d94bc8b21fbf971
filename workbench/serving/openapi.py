"""The gateway told to programs, as an OpenAPI document, and to people, as a page that loads nothing.

Both are made of the signatures that are loaded, so that they say what is answered now.

>>> from workbench.serving.schema import Schema
>>> told = document({"lending": Schema.of("lending 2", {"house": "boolean"})})
>>> told["components"]["schemas"]["lending.row"]["properties"]
{'house': {'type': 'boolean'}}
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from typing import Any

from workbench import __version__
from workbench.serving.http import Reply
from workbench.serving.schema import Kind, Schema

EXAMPLES = {"number": 1.5, "integer": 1, "boolean": True, "string": "text"}


def document(schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """An OpenAPI 3.1 document of the models that answer now.

    Args:
        schemas: What each takes, by model.
    """
    paths: dict[str, Any] = {}
    rows: dict[str, Any] = {}
    for number, (model, schema) in enumerate(sorted(schemas.items())):
        name = (
            f"{model}.row" if model.replace("-", "").replace("_", "").isalnum() and model.isascii() else f"row{number}"
        )
        rows[name] = row_schema(schema)
        for form, answer in (("predict", "Answer"), ("invocations", "Plain")):
            paths[f"/v1/models/{_escaped(model)}/{form}"] = _asked(model, form, number, name, answer)
        paths[f"/v1/models/{_escaped(model)}/held/{{id}}"] = _held(model, number)
    paths["/v1/labels"] = {
        "post": {
            "operationId": "labels",
            "summary": "What turned out to be true of earlier answers",
            "requestBody": _body({"$ref": "#/components/schemas/Labels"}),
            "responses": _responses({"type": "object"}, 404, 408, 413, 422, 429, 503),
        }
    }
    paths["/v1/alerts"] = {
        "post": {
            "operationId": "alerts",
            "summary": "What Alertmanager tells (its webhook, version 4); needs the token, or a key for alerts",
            "requestBody": _body({"$ref": "#/components/schemas/Alerts"}),
            "responses": _responses({"type": "object"}, 403, 404, 408, 413, 422, 503),
        }
    }
    for path, told in (
        ("/v1/models", "Who answers"), ("/healthz", "Alive"), ("/readyz", "Every champion loaded, and the log written"),
    ):  # fmt: skip
        paths[path] = {
            "get": {
                "operationId": path.strip("/").replace("/", "_"),
                "summary": told,
                "responses": _responses({"type": "object"}, *((503,) if path == "/readyz" else ())),
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "workbench gateway", "version": __version__},
        "servers": [{"url": "./"}],  # beside this document, whatever prefix a proxy puts before both
        "paths": paths,
        "components": {
            "schemas": {**rows, **_SHARED},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}, {}],
    }


def documents_together(documents: Mapping[str, Any]) -> dict[str, Any]:
    """One OpenAPI document of several, each of one model, with names that do not collide.

    >>> one = {"openapi": "3.1.0", "paths": {"/v1/models/a/predict": {"post": {"operationId": "predict0"}}},
    ...     "components": {"schemas": {"a.row": {}}}}
    >>> documents_together({"a": one})["paths"]["/v1/models/a/predict"]["post"]["operationId"]
    'predict0'
    """
    whole: dict[str, Any] = {}
    for number, one in enumerate(documents.values()):
        for path, item in one["paths"].items():
            if path.startswith("/v1/models/"):
                for operation in item.values():
                    operation["operationId"] = f"{operation['operationId'].rstrip('0123456789')}{number}"
        if not whole:
            whole = one
        whole["paths"].update(one["paths"])
        whole["components"]["schemas"].update(one["components"]["schemas"])
    return whole


def row_schema(schema: Schema) -> dict[str, Any]:
    """The JSON Schema of one row."""
    return {
        "type": "object",
        "properties": {
            name: {"anyOf": [dict(kind.json), {"type": "null"}]} if name in schema.optional else dict(kind.json)
            for name, kind in schema.kinds.items()
        },
        "required": [name for name in schema.kinds if name not in schema.optional],
        "additionalProperties": False,
    }


def docs_page(models: Iterable[Mapping[str, Any]]) -> Reply:
    """A page in HTML: each model with its fields, and a request that can be copied.

    Args:
        models: What `GET /v1/models` says of each.
    """
    parts = [_HEAD]
    for told in models:
        owner = html.escape(f"{told['model']} {told['version']}")
        parts.append(f"<h2>{html.escape(told['model'])}</h2><p>{owner}</p>")
        parts.append("<table><tr><th>field<th>takes<th>training saw")
        for field, words in told["fields"].items():
            low_high = told["ranges"].get(field)
            seen = f"{low_high[0]:.6g} to {low_high[1]:.6g}" if low_high else ""
            free = ", or null" if field in told["optional"] else ""
            parts.append(f"<tr><td>{html.escape(field)}<td>{html.escape(words)}{free}<td>{seen}")
        body = html.escape(json.dumps({"rows": [told["example"]]}))
        parts.append(f"</table><pre>POST {html.escape(told['predict'])}\n\n{body}</pre>")
    if len(parts) == 1:
        parts.append("<p>No model has a champion yet.</p>")
    policy = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")
    return Reply(200, "".join(parts).encode(), b"text/html; charset=utf-8", (policy,))


def example(schema: Schema) -> dict[str, Any]:
    """A row that the schema takes; its numbers are such as training saw."""
    return {field: _example(kind, schema.ranges.get(field)) for field, kind in schema.kinds.items()}


def _asked(model: str, form: str, number: int, row: str, answer: str) -> dict[str, Any]:
    rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{row}"}, "minItems": 1}
    forms = [
        {"type": "object", "properties": {name: rows}, "required": [name], "additionalProperties": False}
        for name in ("rows", "dataframe_records")
    ]
    return {
        "post": {
            "operationId": f"{form}{number}",
            "summary": f"Answers of {model}" + (" in MLflow's form" if form == "invocations" else ""),
            "parameters": [_UNIT],
            "requestBody": _body({"anyOf": forms}),
            "responses": {
                **_responses(
                    {"$ref": f"#/components/schemas/{answer}"}, 400, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503
                ),
                "202": {
                    "description": "People look at an answer first; each row that is held says where to ask for it",
                    "content": {"application/json": {"schema": {"type": "object"}}},
                },
            },
        }
    }


def _held(model: str, number: int) -> dict[str, Any]:
    told = {"application/json": {"schema": {"$ref": "#/components/schemas/Held"}}}
    return {
        "get": {
            "operationId": f"held{number}",
            "summary": f"What became of an answer of {model} that people look at first",
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "responses": {
                **_responses({"$ref": "#/components/schemas/Held"}, 404, 503),
                "202": {"description": "It is not decided yet", "content": told},
            },
        }
    }


def _body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _responses(schema: Mapping[str, Any], *problems: int) -> dict[str, Any]:
    told = {str(status): _REFERENCE for status in sorted({*problems, 400, 401, 405})}
    return {"200": {"description": "Done", "content": {"application/json": {"schema": schema}}}, **told}


def _escaped(model: str) -> str:
    from urllib.parse import quote

    return quote(model, safe="")


def _example(kind: Kind, seen: tuple[float, float] | None) -> Any:
    if seen is not None:
        return int(_middle(*seen)) if kind.dtype.startswith("int") else _middle(*seen)
    if kind.json.get("format") == "date-time":
        return "2026-01-01T00:00:00"
    return EXAMPLES[kind.json["type"]]


def _middle(low: float, high: float) -> float:
    """A number in the middle of a range, with as few digits as may be.

    >>> _middle(0.0, 1.0), _middle(18.0, 75.0), _middle(0.123451, 0.123459)
    (0.5, 50.0, 0.123455)
    """
    middle = low / 2 + high / 2
    rounded = (float(f"{middle:.{digits}g}") for digits in range(1, 17))
    return next((value for value in rounded if low <= value <= high), middle)


_REFERENCE = {
    "description": "What is wrong, and the way out",
    "content": {"application/json": {"schema": {"type": "object"}}},
}
_UNIT = {
    "name": "x-workbench-unit",
    "in": "header",
    "required": False,
    "description": "What a canary's share is given by: one unit always meets the same variant",
    "schema": {"type": "string", "maxLength": 200},
}
_NUMBER = {"anyOf": [{"type": "number"}, {"type": "null"}]}
_SHARED: dict[str, Any] = {
    "Answer": {
        "type": "object",
        "properties": {
            "model": {"type": "string"},
            "version": {"type": "integer"},
            "generation": {"type": "integer"},
            "variant": {"type": "string"},
            "request": {"type": "string"},
            "predictions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "string"},
                        "score": _NUMBER,
                        "answer": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
                        "error": {"type": "string"},
                        "held": {"const": True},
                        "poll": {"type": "string", "format": "uri-reference"},  # from the address that was asked
                    },
                    "required": ["id", "score", "answer"],
                },
            },
            "warnings": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["model", "version", "generation", "request", "predictions"],
    },
    "Held": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "state": {"enum": ["held", "answered", "refused"]},
            "score": _NUMBER,
            "answer": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        },
        "required": ["id", "model", "version", "generation", "state", "score", "answer"],
    },
    "Plain": {
        "type": "object",
        "properties": {"predictions": {"type": "array", "items": _NUMBER}},
        "required": ["predictions"],
    },
    "Labels": {
        "type": "object",
        "properties": {
            "labels": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "string", "minLength": 1, "maxLength": 100},
                        "label": {"anyOf": [{"type": "number"}, {"type": "boolean"}]},
                    },
                    "required": ["id", "label"],
                    "additionalProperties": False,
                },
            },
            "source": {"type": "string", "minLength": 1, "maxLength": 200},
        },
        "required": ["labels", "source"],
        "additionalProperties": False,
    },
}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_SHARED["Alerts"] = {
    "type": "object",
    "properties": {
        "version": {"const": "4"},
        "alerts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "status": {"enum": ["firing", "resolved"]},
                    "labels": _TEXTS,
                    "annotations": _TEXTS,
                    "startsAt": {"type": "string", "format": "date-time"},
                    "fingerprint": {"type": "string", "pattern": "^[0-9a-fA-F]{1,64}$"},
                },
                "required": ["status", "labels", "startsAt", "fingerprint"],
            },
        },
    },
    "required": ["version", "alerts"],
}
_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>workbench gateway</title>
<meta name="viewport" content="width=device-width"><style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse } th, td { text-align: left;
  padding: .2rem 1rem .2rem 0; border-bottom: 1px solid #ddd }
pre { background: #f5f5f5; padding: 1rem; overflow-x: auto; white-space: pre-wrap }
</style><h1>workbench gateway</h1>
<p>Send a key as <code>Authorization: Bearer KEY</code>. Programs read
<a href="openapi.json"><code>openapi.json</code></a>.</p>"""
