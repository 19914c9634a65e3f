"""What `schemathesis` is told besides the description; `tests/system/test_description.py` runs it."""

from __future__ import annotations

import json
from typing import Any

import schemathesis
from schemathesis.generation import GenerationMode

from tests.described import hold_to
from wicketgate.http.openapi.document import OPERATIONS

KEPT = ("source:tfl", "recipient:met/duty-desk", "overseer:ico/commissioner", "admin")
"""Names whose tokens the run goes on with."""
_BY_ID = {one.id: one for one in OPERATIONS}
_QUARANTINING = {"postReads", "probePush", "pushPayload"}
"""What takes a post as a whole, and puts what is wrong in it aside."""


@schemathesis.serializer("application/x-ndjson")
def as_line(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """Return a value as the one line of a body."""
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


@schemathesis.hook
def before_call(ctx: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Keep the tokens that the run goes on with from being withdrawn."""
    if case.path == "/v1/tokens/withdraw" and isinstance(case.body, dict) and case.body.get("name") in KEPT:
        case.body["name"] = "source:eastholm"


@schemathesis.check
def as_described(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """Hold the answer to its operation, more strictly than a schema alone could."""
    operation = _BY_ID[case.operation.definition.raw["operationId"]]
    if case.method.upper() != operation.method:
        return  # one that is not described: other checks look at that
    media_type = (response.headers.get("content-type") or [""])[0]
    hold_to(operation, operation.method, response.status_code, media_type, response.content)


@schemathesis.check
def bad_reads_are_put_aside(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """Where a post is taken although its body is not as described, nothing of it may have become a read."""
    operation = case.operation.definition.raw["operationId"]
    if operation not in _QUARANTINING or response.status_code >= 300 or case.meta is None:
        return
    body = case.meta.components.get("body")
    if body is not None and body.mode is GenerationMode.NEGATIVE and b'"accepted"' in response.content:
        assert response.json()["accepted"] == 0, "a read that is not as described was accepted"
