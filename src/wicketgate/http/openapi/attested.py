"""The API's description: what recipients attest."""

from __future__ import annotations

from typing import Any

from wicketgate.http.openapi.pieces import JSON, content, number, operation, parameter

_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_COUNT = {"type": "integer", "minimum": 0}
_STANDING = {
    "attested_until": {
        "type": ["string", "null"],
        "description": "What left before it is attested to be deleted.",
    },
    "due_until": {"type": ["string", "null"], "description": "What left before it must be deleted by now."},
    "missing": {"type": "boolean", "description": "Something is due and not attested."},
    "missing_since": {
        "type": ["string", "null"],
        "description": "Since when; null where nothing is missing.",
    },
    "overdue_rows": {
        "type": ["integer", "null"],
        "description": "Rows that are due and not attested; null where a part of them is suppressed.",
    },
}
_AUTHORITY = parameter("authority", "Of this authority alone.", _TEXT)
_MAY_COMMIT = ("too-large", "busy", "streams-unavailable", "malformed")


def _body(required: tuple[str, ...], **members: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": members,
        "required": list(required),
        "additionalProperties": False,
    }


def _line(most: int, description: str) -> dict[str, Any]:
    return {**_TEXT, "maxLength": most, "description": description}


def _listed(name: str, **members: Any) -> dict[str, Any]:
    items = {"type": "object", "properties": members}
    return {"type": "object", "properties": {name: {"type": "array", "items": items}}}


ATTESTED: dict[str, Any] = {
    "/v1/disclosures": {
        "post": operation(
            "recipients",
            "Say that rows were passed on",
            {
                201: (
                    "Recorded. `status` is how that version stands.",
                    content(
                        JSON,
                        {
                            "type": "object",
                            "properties": {"id": _TEXT, "commit": _COUNT, "version": _COUNT, "status": _TEXT},
                        },
                        {"id": "d-2026-014", "commit": 8112, "version": 1, "status": "in-force"},
                    ),
                )
            },
            description="To whom, under which law, and how many rows. `to` is an organisation of `onward` of the "
            "version under which the rows were released; another unit of the recipient's own organisation is none. "
            "What `onward` does not allow is refused, and recorded and counted all the same: the 422 has its `id` and "
            "`commit`. That an authority was revoked, or has expired, ends nobody's duty to tell. An `id` that came "
            "before, for the same authority, is answered as it was.",
            body=content(
                JSON,
                _body(
                    ("authority", "to", "law", "rows"),
                    authority=_line(64, "The authority's name, without a version."),
                    to=_line(64, "An organisation of the charter."),
                    law=_line(200, "Under which law; no plate."),
                    rows={"type": "integer", "minimum": 1, "description": "How many rows."},
                    version={
                        "type": "integer",
                        "minimum": 1,
                        "description": "That released them; if left out the one that counts now.",
                    },
                    case=_line(200, "For the overseers alone."),
                    reason=_line(1000, "For the overseers alone."),
                    at={**_TIME, "description": "When it was passed on; now, if left out."},
                    id={
                        "type": "string",
                        "pattern": "^[A-Za-z0-9_.:-]{1,64}$",
                        "description": "The unit's own.",
                    },
                ),
                {
                    "authority": "tfl-met-ct",
                    "to": "gchq",
                    "law": "Counter-Terrorism Act 2008, section 19",
                    "rows": 120,
                    "id": "d-2026-014",
                },
            ),
            token=["recipient"],
            refused=["onward-not-allowed", "more-than-released", "clock-ahead", "id-conflict", *_MAY_COMMIT],
        ),
        "get": operation(
            "recipients",
            "What was passed on",
            {
                200: (
                    "The newest first, the refused among them; the last 500 of each authority.",
                    content(
                        JSON,
                        _listed(
                            "disclosures",
                            id=_TEXT,
                            authority=_TEXT,
                            unit=_TEXT,
                            to=_TEXT,
                            law=_TEXT,
                            rows=_COUNT,
                            at=_TIME,
                            said_at=_TIME,
                            status=_TEXT,
                            refused={"type": "boolean"},
                            commit=_COUNT,
                        ),
                    ),
                )
            },
            description="A unit's own; every unit's, for an overseer. `case` and `reason` are in the openings.",
            parameters=[_AUTHORITY, number("limit", "At most so many.", least=1, default=100, maximum=1000)],
            token=["recipient", "overseer"],
            refused=["malformed"],
        ),
    },
    "/v1/receipts": {
        "post": operation(
            "recipients",
            "Attest that rows are deleted",
            {
                201: (
                    "Recorded. It counts, and is published, until the last midnight (UTC) before.",
                    content(
                        JSON,
                        {"type": "object", "properties": {"commit": _COUNT, "counts_until": _TIME}},
                        {"commit": 8113, "counts_until": "2026-07-08T00:00:00Z"},
                    ),
                )
            },
            description="Everything that the authority released before `deleted_until`, under whichever version, is "
            "deleted. What left must be deleted, and that attested, when `recipient_retention` and a day have passed.",
            body=content(
                JSON,
                _body(
                    ("authority", "deleted_until", "method", "by"),
                    authority=_line(64, "The authority's name, without a version."),
                    deleted_until={
                        **_TIME,
                        "description": "Neither ahead of the clock nor before an earlier one.",
                    },
                    method=_line(500, "How it was deleted."),
                    by=_line(200, "Who says so."),
                    rows={**_COUNT, "description": "How many, where that is known."},
                ),
                {
                    "authority": "tfl-met-ct",
                    "deleted_until": "2026-07-08T12:00:00Z",
                    "method": "daily purge of store and backups",
                    "by": "information manager",
                },
            ),
            token=["recipient"],
            refused=["clock-ahead", "already-attested", *_MAY_COMMIT],
        ),
        "get": operation(
            "recipients",
            "What must be deleted, and what is attested",
            {
                200: (
                    "By authority. `next` is what must be deleted next; `attested` has the last 50 receipts.",
                    content(
                        JSON,
                        _listed(
                            "receipts",
                            authority=_TEXT,
                            unit=_TEXT,
                            **_STANDING,
                            next={
                                "type": ["object", "null"],
                                "properties": {
                                    "until": _TIME,
                                    "by": _TIME,
                                    "rows": {"type": ["integer", "null"]},
                                },
                            },
                            attested={"type": "array", "items": {"type": "object"}},
                        ),
                    ),
                )
            },
            description="A unit's own; every unit's, for an overseer.",
            parameters=[_AUTHORITY],
            token=["recipient", "overseer"],
        ),
    },
}
