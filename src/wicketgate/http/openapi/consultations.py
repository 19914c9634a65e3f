"""The API's description: consultations, and what the public says to them."""

from __future__ import annotations

from typing import Any

from wicketgate.gateway.filing.responses import MOST_NAME, MOST_ORGANISATION, MOST_TEXT
from wicketgate.http.openapi.pieces import HTML, JSON, NDJSON, content, operation, page, parameter

_FORM = "application/x-www-form-urlencoded"
_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_ID = parameter("id", "The consultation's id.", _TEXT, place="path")


def _said(publish: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "text": {**_TEXT, "minLength": 1, "maxLength": MOST_TEXT},
            "name": {**_TEXT, "maxLength": MOST_NAME},
            "organisation": {**_TEXT, "maxLength": MOST_ORGANISATION},
            "publish": publish,
        },
        "required": ["text"],
        "additionalProperties": False,
    }


_RECEIPT = {
    "type": "object",
    "properties": {
        "id": {**_TEXT, "description": "By which it is published."},
        "received_at": _TIME,
        "fact": {**_HASH, "description": "The leaf hash of `opening`: `/log/fact/{leaf}` proves it."},
        "opening": {
            "type": "object",
            "description": "What the log commits to, as canonical JSON (RFC 8785); `sha256` is of what was said.",
        },
    },
    "required": ["id", "received_at", "fact", "opening"],
}
_PUBLISHED = {
    "type": "object",
    "description": "One line. `name` and `organisation` are there if they were given.",
    "properties": {
        "id": _TEXT,
        "received_on": {"type": "string", "format": "date"},
        "text": _TEXT,
        "name": _TEXT,
        "organisation": _TEXT,
    },
    "required": ["id", "received_on", "text"],
}

CONSULTATIONS: dict[str, Any] = {
    "/consultations": page("The consultations, as a page"),
    "/consultations/{id}": page(
        "One consultation, with its form while it is open and its responses afterwards",
        parameters=[
            _ID,
            parameter("page", "Which fifty responses.", {"type": "integer", "minimum": 1, "default": 1}),
        ],
        refused=["not-found"],
        description="Where there is no such consultation the 404 is a page as well.",
    ),
    "/consultations/{id}/responses": {
        "get": operation(
            "public",
            "What the public said, once the consultation has closed",
            {200: ("In the order in which they came.", content(NDJSON, _PUBLISHED))},
            parameters=[_ID],
            refused=["unknown-consultation", "consultation-not-closed"],
            description="Without those whose writers asked that they are not published; the register counts them. "
            "What reads as a number plate, an e-mail address or a phone number is masked.",
        ),
        "post": operation(
            "public",
            "Respond to a consultation",
            {201: ("It is stored.", {**content(JSON, _RECEIPT), **content(HTML)})},
            parameters=[_ID],
            body={
                **content(
                    JSON,
                    _said({"type": "boolean", "default": True}),
                    {
                        "text": "I pass this camera each day, and object.",
                        "name": "A. Driver",
                        "publish": True,
                    },
                ),
                **content(_FORM, _said({"type": "string", "enum": ["yes", "no"], "default": "yes"})),
            },
            refused=[
                "unknown-consultation",
                "consultation-not-open",
                "consultation-closed",
                "malformed",
                "too-large",
                "unsupported-media-type",
                "too-many-responses",
                "busy",
                "streams-unavailable",
            ],
            description="Anybody, without a credential, while it is open. Another member is `malformed`, an e-mail "
            "address too. A form is answered with a page, whatever came of it. No address is stored or logged.\n\n"
            "Ten from one address (of IPv6 a /64), then one a minute; a hundred from all together, then two a second.",
        ),
    },
    "/v1/consultations/{id}/responses": {
        "get": operation(
            "overseers",
            "All responses to a closed consultation, as they were written",
            {
                200: (
                    "`id`, `received_at`, `publish`, `text`, `name` and `organisation`, a line each.",
                    content(NDJSON, {"type": "object"}),
                )
            },
            parameters=[_ID],
            token=["overseer"],
            refused=["unknown-consultation", "consultation-not-closed"],
        )
    },
    "/drift": page(
        "How powers grew: every document in the order of the log, with what it widened and narrowed"
    ),
}
