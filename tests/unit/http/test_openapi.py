"""The description is made from the route table, and the committed file is the description."""

from typing import Any

import yaml

from holdfast.http.endpoint import operation_id
from holdfast.http.openapi import build_openapi, openapi_yaml
from holdfast.http.problems import KINDS
from holdfast.http.routes import ENDPOINTS
from tests.conftest import ROOT

DESCRIPTION = build_openapi()


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in DESCRIPTION["paths"].items()
        for method, operation in methods.items()
    ]


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(each) for each in value.values()))
    if isinstance(value, list):
        return set().union(*(references(each) for each in value))
    return set()


def test_the_committed_file_is_what_the_server_says() -> None:
    committed = (ROOT / "openapi.yaml").read_text("utf-8")
    assert committed == openapi_yaml(), "write it again: uv run holdfast openapi > openapi.yaml"
    assert yaml.safe_load(committed) == DESCRIPTION
    assert "&id" not in committed


def test_every_route_is_described_and_nothing_else() -> None:
    served = {(each.path, each.method.lower()) for each in ENDPOINTS}
    assert len(served) == len(ENDPOINTS)
    assert {(path, method) for path, method, _ in operations()} == served


def test_every_operation_has_a_name_of_its_own_and_a_summary() -> None:
    names = [operation_id(endpoint) for endpoint in ENDPOINTS]
    assert len(set(names)) == len(names)
    for _, _, operation in operations():
        assert operation["summary"]
        assert operation["tags"][0] in {tag["name"] for tag in DESCRIPTION["tags"]}


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DESCRIPTION):
        found: Any = DESCRIPTION
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]


def test_every_answer_of_json_has_a_schema_and_every_problem_an_example() -> None:
    for path, method, operation in operations():
        for status, response in operation["responses"].items():
            told = response
            if "$ref" in told:
                told = DESCRIPTION["components"]["responses"][told["$ref"].rsplit("/", 1)[1]]
            assert told["description"], (path, method, status)
            assert "X-Request-ID" in told["headers"]
            if int(status) >= 400 and path != "/health/readiness":
                problem = told["content"]["application/problem+json"]
                assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert problem["examples"]


def test_every_code_is_explained() -> None:
    assert set(DESCRIPTION["components"]["responses"]) == set(KINDS)


def test_bodies_refuse_what_they_do_not_know() -> None:
    schemas = DESCRIPTION["components"]["schemas"]
    for name, schema in schemas.items():
        if name.endswith(("Body", "Row")):
            assert schema["additionalProperties"] is False, name
    assert schemas["ReserveBody"]["properties"]["qty"]["maximum"] == 2**53 - 1
    assert set(schemas["ReserveBody"]["properties"]) == {
        "qty",
        "expectedVersion",
        "ttlSeconds",
        "userId",
    }
