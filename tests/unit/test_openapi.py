# SPDX-License-Identifier: GPL-2.0-or-later
"""The description of the API, against OpenAPI's own schema, and against what a door really takes and answers: openapi_samples.c asks it."""
import json
import os
import subprocess
import sys

SCHEMA = "/usr/share/openapi-specification/schemas/v3.0/schema.json"

try:
    import jsonschema
except ImportError:
    print("1..0 # SKIP no python3-jsonschema")
    sys.exit(0)
if not os.path.exists(SCHEMA):
    print("1..0 # SKIP no openapi-specification: " + SCHEMA)
    sys.exit(0)

told = json.loads(subprocess.run([sys.argv[1]], stdout=subprocess.PIPE, check=True).stdout)
description, samples = told["description"], told["samples"]


def operations():
    for path, item in description["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def plain(schema):
    """OpenAPI's schema as one of JSON Schema: nullable is a type of its own there, and references are looked up from the root."""
    if isinstance(schema, list):
        return [plain(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: plain(value) for key, value in schema.items() if key != "nullable"}
    if schema.get("nullable"):
        made["type"] = [schema["type"], "null"]
    return made


def check_value(value, schema, what):
    whole = {**plain(schema), "components": plain(description["components"])}
    errors = list(jsonschema.Draft7Validator(whole).iter_errors(value))
    assert not errors, f"{what}: {errors[0].message} at {list(errors[0].absolute_path)}"


def operation_of(sample):
    return description["paths"][sample["path"]][sample["method"].lower()]


def response_of(sample):
    response = operation_of(sample)["responses"].get(str(sample["status"]))
    assert response, f"{sample['method']} {sample['asked']} answered {sample['status']}, which is not described: {sample['said']}"
    if "$ref" in response:
        response = description["components"]["responses"][response["$ref"].rsplit("/", 1)[-1]]
    return response


def it_is_openapi():
    with open(SCHEMA, encoding="utf-8") as f:
        schema = json.load(f)
    errors = list(jsonschema.Draft4Validator(schema).iter_errors(description))
    assert not errors, f"{errors[0].message[:500]} at {list(errors[0].absolute_path)}"


def every_operation_has_a_name_of_its_own():
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names), sorted(names)


def every_place_of_a_path_is_a_parameter():
    for path, method, operation in operations():
        places = [part.split("}")[0] for part in path.split("{")[1:]]
        named = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
        assert places == named, f"{method} {path}: {places} {named}"
        keys = [(p["in"], p["name"]) for p in operation["parameters"]]
        assert len(set(keys)) == len(keys), f"{method} {path}: {keys}"


def every_reference_leads_somewhere():
    def walk(value):
        if isinstance(value, dict):
            if "$ref" in value:
                at = description
                for key in value["$ref"].removeprefix("#/").split("/"):
                    assert key in at, value["$ref"]
                    at = at[key]
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                walk(item)
    walk(description)


def what_takes_a_role_takes_credentials():
    for path, method, operation in operations():
        is_open = operation.get("security") == []
        assert is_open == ("x-portwall-role" not in operation), f"{method} {path}"
    schemes = {name for entry in description["security"] for name in entry}
    assert schemes == {"basic", "token"} == set(description["components"]["securitySchemes"]), schemes
    assert description["paths"]["/healthz"]["get"]["security"] == []


def what_is_answered_is_as_described():
    assert len(samples) > 20, samples
    for sample in samples:
        content = response_of(sample).get("content", {})
        what = f"{sample['method']} {sample['asked']}: {sample['status']}"
        kind = sample["type"].split(";")[0]
        if sample["status"] == 204:
            assert not content, what
            continue
        assert kind in content, f"{what} is {kind}, described are {list(content)}"
        if kind != "text/event-stream":
            check_value(sample["said"], content[kind]["schema"], what)


def what_is_taken_is_as_described():
    n = 0
    for sample in samples:
        if not sample["body"] or sample["status"] >= 300:
            continue
        n += 1
        check_value(json.loads(sample["body"]), operation_of(sample)["requestBody"]["content"]["application/json"]["schema"], sample["asked"])
    assert n >= 5, n


def every_field_of_an_answer_is_described_and_every_described_one_is_answered():
    n = 0
    for sample in samples:
        path = sample["path"]
        if sample["method"] != "GET" or sample["status"] != 200 or not path.endswith("/{id}"):
            continue
        for key, value in sample["said"].items():
            name = "".join(word.capitalize() for word in key.split("_"))
            described = set(description["components"]["schemas"][name]["properties"])
            assert described == set(value), f"{name}: {described ^ set(value)}"
            n += 1
    assert n == 4, n


def a_body_that_the_description_refuses_is_refused():
    schema = description["paths"]["/v2.0/security-group-rules"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    for body in ({}, {"security_group_rule": {"direction": "ingress"}}, {"security_group_rules": {}},
                 {"security_group_rule": {"direction": "ingress", "security_group_id": "x", "id": "y"}}):
        try:
            check_value(body, schema, "")
        except AssertionError:
            continue
        raise AssertionError(f"{body} is taken")


CASES = [it_is_openapi, every_operation_has_a_name_of_its_own, every_place_of_a_path_is_a_parameter, every_reference_leads_somewhere,
         what_takes_a_role_takes_credentials, what_is_answered_is_as_described, what_is_taken_is_as_described,
         every_field_of_an_answer_is_described_and_every_described_one_is_answered, a_body_that_the_description_refuses_is_refused]
print(f"1..{len(CASES)}")
n_failed = 0
for number, case in enumerate(CASES, 1):
    try:
        case()
        print(f"ok {number} - {case.__name__}")
    except (AssertionError, LookupError) as e:
        n_failed += 1
        print(f"# {type(e).__name__} {e}"[:2000].replace("\n", " "))
        print(f"not ok {number} - {case.__name__}")
sys.exit(n_failed != 0)
