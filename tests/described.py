"""Holds what a gateway answers to the API's description: status, media type, code, and every member and no other."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from functools import cache
from typing import Any

import httpx
from jsonschema_rs import Draft202012Validator

from wicketgate.http.openapi import document
from wicketgate.http.openapi.operation import EVENTS, NDJSON, Operation
from wicketgate_demo.site import addition

OPERATIONS = (*document.OPERATIONS, *addition.OPERATIONS)
"""Those of a demonstration, as the gateways of the tests are."""
OPENAPI = document.describe(OPERATIONS)

_LINES = 50
"""Lines of an answer that are looked at, of its beginning and of its end."""


def hold(answer: httpx.Response) -> None:
    """Assert that an answer is one that its operation describes; its body must be read."""
    method, path = answer.request.method, answer.request.url.path
    known = [one for one in OPERATIONS if pattern_of(one.path).fullmatch(path)]
    literal = [one for one in known if one.path == path]
    asked = [one for one in literal or known if one.method == ("GET" if method == "HEAD" else method)]
    if known and not asked and method.isalpha():  # another method the server itself refuses
        assert answer.status_code in {401, 403, 405}, f"{method} {path}: {answer.status_code}"
    if asked:
        media_type = answer.headers.get("content-type", "")
        hold_to(asked[0], method, answer.status_code, media_type, answer.content)


def hold_to(operation: Operation, method: str, status: int, content_type: str, body: bytes) -> None:
    """Assert that an answer is one of an operation."""
    described = OPENAPI["paths"][operation.path][operation.method.lower()]["responses"]
    where = f"{operation.at}: {status}"
    assert str(status) in described, f"{where} is not described: {body[:300]!r}"
    content = described[str(status)].get("content", {})
    media_type = content_type.split(";")[0]
    if method == "HEAD" or not (content or body):
        return
    given = next(
        (one for one in (media_type, re.sub("/.*", "/*", media_type), "*/*") if one in content), None
    )
    assert given is not None, f"{where} is not described as {media_type}"
    if media_type == EVENTS or "json" not in media_type or "schema" not in content[given]:
        return
    validator = validator_of(operation, status, given)
    lines = body.splitlines() if media_type == NDJSON else [body]
    for line in lines if len(lines) <= 2 * _LINES else lines[:_LINES] + lines[-_LINES:]:
        error = next(iter(validator.iter_errors(json.loads(line))), None)
        assert error is None, f"{where}: {error}"


@cache
def pattern_of(path: str) -> re.Pattern[str]:
    """Return what the paths look like that a template means."""
    parts = re.split(r"\{(\w+)\}", path)
    texts = [
        re.escape(part) if n % 2 == 0 else "(.+)" if part == "path" else "([^/]+)"
        for n, part in enumerate(parts)
    ]
    return re.compile("".join(texts))


@cache
def validator_of(operation: Operation, status: int, media_type: str) -> Draft202012Validator:
    """Return what holds one answer to its schema, and refuses members that the schema does not name."""
    answer = OPENAPI["paths"][operation.path][operation.method.lower()]["responses"][str(status)]
    return validator_for(answer["content"][media_type]["schema"])


def validator_for(schema: dict[str, Any]) -> Draft202012Validator:
    """Return what holds a value to a schema of the description, and refuses members that it does not name."""
    whole = {**schema, "components": {"schemas": OPENAPI["components"]["schemas"]}}
    return Draft202012Validator(closed(deepcopy(whole)), validate_formats=True)


def closed(schema: Any) -> Any:
    """Return a schema that allows no member but those named."""
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        closed(inner)
    # What stands beside a reference adds to it.
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict) and "$ref" not in schema:
        schema.setdefault("additionalProperties", False)
    return schema
