"""The pieces that the API's description is built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wicketgate.http import codes

JSON, NDJSON, TEXT, HTML = "application/json", "application/x-ndjson", "text/plain", "text/html"
ARROW, BINARY, EVENTS = "application/vnd.apache.arrow.stream", "application/octet-stream", "text/event-stream"
FORM = "multipart/form-data"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
ANY_TOKEN = ("source", "recipient", "overseer", "admin")

Content = dict[str, Any]
Answers = Mapping[int, tuple[str, Content]]


def shape(name: str) -> dict[str, str]:
    """Return a reference to a shape of `schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def content(media_type: str, schema: Any = None, example: Any = None) -> Content:
    """Return a body in a media type; `schema` is a shape or the name of one."""
    inner = {} if schema is None else {"schema": shape(schema) if isinstance(schema, str) else schema}
    return {media_type: inner if example is None else {**inner, "example": example}}


def parameter(
    name: str, description: str, schema: Mapping[str, Any], *, place: str = "query", required: bool = False
) -> dict[str, Any]:
    """Return a parameter; one in the path is required."""
    return {
        "name": name,
        "in": place,
        "required": required or place == "path",
        "description": description,
        "schema": dict(schema),
    }


def number(name: str, description: str, *, least: int = 0, **schema: int) -> dict[str, Any]:
    """Return a whole number of the query, required unless it has a default."""
    required = "default" not in schema
    return parameter(name, description, {"type": "integer", "minimum": least, **schema}, required=required)


def refusals(given: Sequence[str | codes.Code]) -> dict[str, Any]:
    """Return the answers of a list of codes: a problem document for each status, in their order."""
    answers: dict[str, Any] = {}
    known_codes = [codes.REQUEST[one] if isinstance(one, str) else one for one in given]
    for one in sorted(known_codes, key=lambda one: one.status or 0):
        words = f"`{one.code}`: {one.meaning.removesuffix('.')}."
        known = answers.get(str(one.status))
        if known:
            known["description"] += f" {words}"
            continue
        answers[str(one.status)] = {
            "description": words,
            "content": content("application/problem+json", "Problem"),
        }
    return answers


def operation(
    tag: str,
    summary: str,
    answers: Answers,
    *,
    description: str = "",
    parameters: Sequence[Mapping[str, Any]] = (),
    body: Content | None = None,
    token: Sequence[str] = (),
    session: bool = False,
    refused: Sequence[str | codes.Code] = (),
) -> dict[str, Any]:
    """Return an operation.

    `token` names the kinds of token that may call it, `session` lets duty officers who are signed in; neither makes it
    public.
    """
    if session:
        description = f"{description}\n\nFor duty officers who are signed in.".strip()
        refused = ["unauthorised", *refused]
    if token:
        anybody = len(token) == len(ANY_TOKEN)
        who = "any known token" if anybody else " or ".join(f"`{kind}`" for kind in token)
        description = f"{description}\n\nToken: {who}.".strip()
        refused = ["unauthorised", *([] if anybody else ["not-entitled"]), *refused]
    operation: dict[str, Any] = {
        "tags": [tag],
        "summary": summary,
        "description": description,
        "security": [{"bearer": []}] if token else [{"session": []}] if session else [],
        "parameters": list(parameters),
        "responses": {
            **{
                str(status): {"description": words, **({"content": content} if content else {})}
                for status, (words, content) in answers.items()
            },
            **refusals(refused),
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def page(summary: str, **more: Any) -> dict[str, Any]:
    """Return what a public page answers."""
    return {"get": operation("public", summary, {200: ("The page.", content(HTML))}, **more)}
