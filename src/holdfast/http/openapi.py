"""The description of the interface, made from the route table and the models (OpenAPI 3.1)."""

import re
from collections.abc import Iterable
from inspect import getdoc
from typing import Any, Final

import orjson
import yaml
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from holdfast import __version__
from holdfast.domain.values import ID_REGEX
from holdfast.http import openapi_about as about
from holdfast.http import openapi_texts as texts
from holdfast.http.access import rule_of
from holdfast.http.as_of import AS_OF, SEQUENCE_HEADER
from holdfast.http.endpoint import Endpoint, Reply, operation_id
from holdfast.http.lanes import Lane
from holdfast.http.openapi_headers import HEADERS
from holdfast.http.openapi_links import LINKS
from holdfast.http.problems import KINDS, PROBLEM_JSON
from holdfast.http.routes import ENDPOINTS
from holdfast.http.schemas.outputs import Problem
from holdfast.http.schemas.rows import ROWS

Schema = dict[str, Any]
_Models = dict[Any, Schema]

_PATH_PARAM: Final = re.compile(r"{(\w+)}")


def openapi_yaml() -> str:
    """Return the description as the text of `openapi.yaml`."""
    # Copied, so that what is shared in memory is written out instead of as a YAML alias.
    description = orjson.loads(orjson.dumps(build_openapi()))
    return yaml.safe_dump(description, sort_keys=False, allow_unicode=True, width=100)


def build_openapi(endpoints: Iterable[Endpoint] = ENDPOINTS) -> Schema:
    """Return the description of these endpoints."""
    endpoints = list(endpoints)
    models, schemas = _schemas(endpoints)
    paths: dict[str, Schema] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, models)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast",
            "version": __version__,
            "summary": about.SUMMARY,
            "description": about.DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": about.SERVERS,
        "tags": [{"name": name, "description": text} for name, text in texts.TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": HEADERS,
            "parameters": _parameters(),
            "responses": {code: _problem_response(code) for code in KINDS},
            "securitySchemes": texts.SECURITY_SCHEMES,
        },
    }


def _schemas(endpoints: list[Endpoint]) -> tuple[_Models, dict[str, Schema]]:
    bodies: set[type[BaseModel]] = {each.body for each in endpoints if each.body is not None}
    bodies.update(ROWS.values())
    answers = {reply.model for each in endpoints for reply in each.replies.values() if reply.model}
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in bodies),
        *((model, "serialization") for model in answers | {Problem}),
    ]
    wanted.sort(key=lambda pair: pair[0].__name__)
    found, definitions = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    refs: _Models = {model: schema for (model, _), schema in found.items()}
    schemas: dict[str, Schema] = dict(sorted(definitions["$defs"].items()))
    return refs, schemas


def _operation(endpoint: Endpoint, models: _Models) -> Schema:
    summary, _, description = (getdoc(endpoint.handler) or "").partition("\n")
    operation: Schema = {
        "operationId": operation_id(endpoint),
        "tags": [endpoint.tag],
        "summary": summary.rstrip("."),
    }
    if description.strip():
        operation["description"] = description.strip()
    parameters = _operation_parameters(endpoint)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None or endpoint.raw_body:
        operation["requestBody"] = _request_body(endpoint, models)
    operation["responses"] = _responses(endpoint, models)
    operation["security"] = _security(endpoint)
    return operation


def _security(endpoint: Endpoint) -> list[Schema]:
    """Say what may be shown to be let in, with `AUTH_MODE=jwt`; `{}` is nothing."""
    rule = rule_of(endpoint)
    shown: list[Schema] = [{}] if rule.guests else []
    if rule.looks:
        shown.append({"bearer": []})
    if rule.looks and rule.guests and "{orderId}" in endpoint.path:
        shown[0] = {"orderToken": []}
    return shown


def _operation_parameters(endpoint: Endpoint) -> list[Schema]:
    listed: list[Schema] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": texts.PATH_PARAMS[name],
            "schema": {"type": "string", "pattern": f"^{ID_REGEX}$"},
            "example": texts.PATH_EXAMPLES[name],
        }
        for name in _PATH_PARAM.findall(endpoint.path)
    ]
    listed.extend(
        {"name": each.name, "in": "query", "description": each.description, "schema": each.schema}
        for each in endpoint.query
    )
    listed.extend({"$ref": f"#/components/parameters/{name}"} for name in _headers_of(endpoint))
    return listed


def _headers_of(endpoint: Endpoint) -> list[str]:
    names = ["TenantId"] if endpoint.tenant else []
    if endpoint.writes:
        names.append("IdempotencyKey")
    if endpoint.precondition:
        names.append("IfMatch")
    if 304 in endpoint.replies:
        names.append("IfNoneMatch")
    names.append("RequestId")
    return names


def _request_body(endpoint: Endpoint, models: _Models) -> Schema:
    if endpoint.body is not None:
        content: Schema = {"application/json": {"schema": models[endpoint.body]}}
        return {"required": not endpoint.body_optional, "content": content}
    row: Schema = {
        "description": "One line. Lines are separated by a newline.",
        "oneOf": [models[model] for model in ROWS.values()],
        "discriminator": {
            "propertyName": "op",
            "mapping": {op: models[model]["$ref"] for op, model in ROWS.items()},
        },
    }
    example = {"schema": row, "example": texts.BATCH_EXAMPLE}
    return {"required": True, "content": dict.fromkeys(endpoint.raw_body, example)}


def _responses(endpoint: Endpoint, models: _Models) -> Schema:
    responses: dict[str, Schema] = {
        str(status): _reply(endpoint, status, reply, models)
        for status, reply in endpoint.replies.items()
    }
    by_status: dict[str, list[str]] = {}
    for code in _codes(endpoint):
        by_status.setdefault(str(KINDS[code].status), []).append(code)
    for status, codes in by_status.items():
        responses[status] = _problems(codes, responses.get(status))
    return dict(sorted(responses.items()))


def _reply(endpoint: Endpoint, status: int, reply: Reply, models: _Models) -> Schema:
    headers: Schema = {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}}
    if reply.etag:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    if AS_OF in endpoint.query:
        headers[SEQUENCE_HEADER] = {"$ref": f"#/components/headers/{SEQUENCE_HEADER}"}
    if endpoint.writes:
        headers["Idempotent-Replayed"] = {"$ref": "#/components/headers/Idempotent-Replayed"}
    written: Schema = {"description": reply.description, "headers": headers}
    if reply.model is not None:
        written["content"] = {reply.media_type: {"schema": models[reply.model]}}
    if reply.text_types:
        for kind in reply.text_types:
            written.setdefault("content", {})[kind] = {"schema": {"type": "string"}}
    links = LINKS.get((operation_id(endpoint), status))
    if links is not None:
        written["links"] = links
    return written


def _codes(endpoint: Endpoint) -> list[str]:
    """Every code that this endpoint may answer with, by what it takes and does."""
    codes = ["validation_error", "request_timeout", "head_too_large"]
    if endpoint.tenant:
        codes += ["not_found", "tenant_suspended", "tenant_unavailable"]
    if endpoint.body is not None or endpoint.raw_body:
        codes += ["payload_too_large", "unsupported_media_type"]
    if endpoint.writes:
        codes += ["idempotency_mismatch", "read_only", "journal_unavailable", "lease_held"]
    if endpoint.lane is not Lane.FREE:
        codes += ["rate_limited", "overloaded"]
    if rule_of(endpoint).looks:
        codes += ["unauthorized", "forbidden"]
    codes += endpoint.problems
    codes.append("internal_error")
    return [code for code in KINDS if code in codes]


def _problems(codes: list[str], reply: Schema | None) -> Schema:
    if reply is None and len(codes) == 1:
        return {"$ref": f"#/components/responses/{codes[0]}"}
    listed = ", ".join(f"`{code}`" for code in codes)
    problem = _problem_response(codes[0])
    problem["content"][PROBLEM_JSON.decode()]["examples"] = {
        code: {"value": texts.problem_example(code)} for code in codes
    }
    problem["description"] = f"One of {listed}."
    if reply is not None:
        problem["description"] = f"{reply['description']} Or a problem: {listed}."
        problem["content"] = reply.get("content", {}) | problem["content"]
        problem["headers"] = reply.get("headers", {}) | problem["headers"]
    return problem


def _problem_response(code: str) -> Schema:
    kind = KINDS[code]
    headers: Schema = {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}}
    if kind.status in {429, 503}:
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    if kind.status == 429:
        for name in ("RateLimit", "RateLimit-Policy"):
            headers[name] = {"$ref": f"#/components/headers/{name}"}
    if code == "version_conflict":
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    schema: Schema = {"$ref": "#/components/schemas/Problem"}
    example: Schema = {"value": texts.problem_example(code)}
    return {
        "description": f"`{code}`: {kind.title}. {texts.CODES[code]}",
        "headers": headers,
        "content": {PROBLEM_JSON.decode(): {"schema": schema, "examples": {code: example}}},
    }


def _parameters() -> dict[str, Schema]:
    return {name: dict(parameter) for name, parameter in texts.PARAMETERS.items()}
