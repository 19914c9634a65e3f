"""Errors as RFC 9457 problem documents with a stable code."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from wicketgate.errors import (
    DocumentRefused,
    FencedError,
    InputError,
    NotEntitled,
    StreamError,
    WicketgateError,
)

CODES: dict[str, tuple[int, str]] = {
    "unauthorised": (401, "No credential, or one that is not known"),
    "not-entitled": (403, "This credential is not entitled to that"),
    "revoked": (403, "The authority is revoked"),
    "suspended": (403, "The authority is suspended"),
    "review-overdue": (403, "The authority is suspended: its review did not come"),
    "not-found": (404, "There is nothing here"),
    "not-due": (404, "The proof is not due yet"),
    "method-not-allowed": (405, "That cannot be done here"),
    "cursor-past-term": (410, "What stood behind this cursor is past its term"),
    "too-large": (413, "The body is too large"),
    "unsupported-media-type": (415, "The body's media type is not taken here"),
    "malformed": (400, "What was sent cannot be read"),
    "busy": (503, "Too much is waiting"),
    "stream-full": (507, "The store is full"),
    "internal": (500, "Something is wrong with the gateway"),
    "streams-unavailable": (503, "The store does not answer"),
}
"""Codes of the API itself, beside those of documents and of reads; `/docs` lists them."""


def problem(code: str, detail: str, *, status: int | None = None) -> Response:
    """Return the response for a code."""
    default, title = CODES.get(code, (400, code))
    number = status or default
    body = {"type": f"/docs#code-{code}", "title": title, "status": number, "code": code, "detail": detail}
    headers = {"WWW-Authenticate": "Bearer"} if number == 401 else {}
    if number in {503, 507}:
        headers["Retry-After"] = "1"
    return Response(
        msgspec.json.encode(body), status_code=number, media_type="application/problem+json", headers=headers
    )


def problem_of(error: WicketgateError) -> Response:
    """Return the response for an error of ours."""
    match error:
        case DocumentRefused():
            return problem(error.code, error.detail, status=422)
        case NotEntitled():
            return problem(error.code, error.detail, status=401 if error.code == "unauthorised" else 403)
        case FencedError():
            return problem("streams-unavailable", "this gateway stops: another one has taken over")
        case StreamError():
            return problem(error.code if error.code in CODES else "streams-unavailable", error.detail)
        case InputError():
            return problem(error.code if error.code in CODES else "malformed", error.detail, status=None)
        case _:
            return problem("internal", "something is wrong with the gateway", status=500)
