"""The API's description: hotlists, hits, and the duty officer's pages."""

from __future__ import annotations

from typing import Any

from wicketgate.http import codes
from wicketgate.http.openapi.examples import EXAMPLES as EG
from wicketgate.http.openapi.pieces import (
    EVENTS,
    HTML,
    JSON,
    NDJSON,
    Answers,
    content,
    number,
    operation,
    parameter,
    shape,
)
from wicketgate.regime.standing import STOPPED

CSV, FORM = "text/csv", "application/x-www-form-urlencoded"
_STOPS = tuple(sorted(STOPPED))
_AUTHORITY = parameter(
    "authority", "The authority's name, without a version.", {"type": "string"}, place="path"
)
_HIT = parameter("id", "The hit's `id`: the `ref` of its row in the feed.", {"type": "string"}, place="path")
_IF_MATCH = parameter(
    "If-Match",
    'The revision that the change was made for, in quotation marks, as `ETag` has it: `"7"`.',
    {"type": "string"},
    place="header",
)
_KIND = parameter("kind", "Of every row of a CSV, where the authority allows several.", {"type": "string"})
_TEXT = {"type": "string"}


def _change(summary: str, description: str) -> dict[str, Any]:
    return operation(
        "recipients",
        summary,
        {200: ("In force, with `ETag`.", content(JSON, "ListTaken", EG["list_taken"]))},
        description=description
        + " The body is at most 64 MiB, and taken or refused as a whole: the 422 has in `lines` which lines are wrong "
        "and why, at most 100, and nothing that they say.",
        parameters=[_AUTHORITY, _IF_MATCH, _KIND],
        body={
            **content(NDJSON, "HotlistEntry", EG["hotlist"]),
            **content(JSON, {"type": "array", "items": shape("HotlistEntry")}),
            **content(CSV, _TEXT, EG["hotlist_csv"]),
        },
        token=["recipient"],
        refused=[
            *_STOPS,
            "expired",
            "not-a-match-authority",
            "revision-differs",
            "too-large",
            "unsupported-media-type",
            "busy",
            "streams-unavailable",
            *codes.HOTLIST.values(),
        ],
    )


MATCH: dict[str, Any] = {
    "/v1/hotlists/{authority}": {
        "put": _change("Send the whole list", "What is not in it is on the list no longer."),
        "patch": _change(
            "Send what changes of the list",
            "A line lists a vehicle, instead of what was listed for its plate; in NDJSON "
            '`{"plate","remove":true}` takes it off.',
        ),
        "get": operation(
            "recipients",
            "The unit's own list",
            {
                200: (
                    "The list, with its revision as `ETag`.",
                    {
                        **content(NDJSON, "HotlistEntry", EG["hotlist"]),
                        **content(CSV, _TEXT, EG["hotlist_csv"]),
                    },
                )
            },
            description="`Accept: text/csv` gives the UK 16-field form, which has no field for kind, id and review.",
            parameters=[_AUTHORITY],
            token=["recipient"],
            refused=[*_STOPS, "not-a-match-authority"],
        ),
    },
    "/v1/hits": {
        "get": operation(
            "recipients",
            "The unit's hits",
            {
                200: (
                    "The hits.",
                    content(
                        JSON, {"type": "object", "properties": {"hits": shape("Hits")}}, {"hits": [EG["hit"]]}
                    ),
                )
            },
            parameters=[
                parameter("authority", "Of this authority alone.", _TEXT),
                parameter(
                    "state",
                    "`queue`: not ended, live before late, then by deadline. `recent`: the newest first.",
                    {"type": "string", "enum": ["queue", "recent"], "default": "queue"},
                ),
                number("limit", "At most so many.", least=1, default=100, maximum=1000),
            ],
            token=["recipient"],
            refused=[*_STOPS, "not-a-match-authority", "malformed"],
        )
    },
    "/v1/hits/{id}": {
        "get": operation(
            "recipients",
            "One hit",
            {200: ("The hit.", content(JSON, "Hit", EG["hit"]))},
            parameters=[_HIT],
            token=["recipient"],
            refused=[*_STOPS, "unknown-hit"],
        )
    },
    "/v1/hits/{id}/outcome": {
        "post": operation(
            "recipients",
            "Say what became of a hit",
            {200: ("The hit as it stands then.", content(JSON, "Hit", EG["hit"]))},
            description="`confirmed`, and then `acted` or `not-acted`; `misread` and `not-acted` also at once. "
            "`not-acted` needs a reason. A `possible` hit is confirmed only once it has an image, or the same listed "
            "vehicle was read a second time within half an hour. Only a confirmed hit is actionable.",
            parameters=[_HIT],
            body=content(JSON, "Said", EG["said"]),
            token=["recipient"],
            refused=[
                *_STOPS,
                "unknown-hit",
                "not-confirmed",
                "needs-image",
                "already-ended",
                "reason-missing",
                "malformed",
                "too-large",
                "busy",
                "streams-unavailable",
            ],
        )
    },
}


def _page(summary: str, method: str = "get", **more: Any) -> dict[str, Any]:
    return {method: operation("duty", summary, {200: ("The page.", content(HTML))}, session=True, **more)}


_SENT: Answers = {303: ("Recorded: back to the queue.", {})}

DUTY: dict[str, Any] = {
    "/sign-in": {
        "get": operation("duty", "The page to sign in", {200: ("The page.", content(HTML))}),
        "post": operation(
            "duty",
            "Sign in",
            {303: ("Signed in: a cookie, and on to `/duty`.", {})},
            description="A form with `officer` and `token`, from this page alone. Where it does not let you in, the "
            "page says why. Ten failures from one address are free, then one every six seconds.",
            body=content(FORM, {"type": "object", "properties": {"officer": _TEXT, "token": _TEXT}}),
            refused=["malformed", "form-refused", "too-large", "unsupported-media-type", "too-many-failures"],
        ),
    },
    "/sign-out": {
        "post": operation(
            "duty",
            "Sign out",
            {303: ("The session has ended.", {})},
            body=content(FORM, {"type": "object", "properties": {"form_key": _TEXT}}),
            session=True,
            refused=["form-refused"],
        )
    },
    "/duty": _page(
        "The queue of hits",
        parameters=[
            parameter(
                "refresh", "`off`: a browser without JavaScript does not load it again by itself.", _TEXT
            ),
            parameter("recorded", "A hit whose outcome the page confirms.", _TEXT),
        ],
    ),
    "/duty/queue": _page("The part of the queue's page that changes"),
    "/duty/events": {
        "get": operation(
            "duty",
            "That the queue has changed",
            {200: ("Server-sent events `changed`, and `end` with the session.", content(EVENTS))},
            session=True,
            refused=["busy"],
        )
    },
    "/duty/hits/{id}": _page(
        "One hit, with the last places where its vehicle was read",
        parameters=[_HIT],
        refused=["not-entitled", *_STOPS, "unknown-hit"],
    ),
    "/duty/hits/{id}/outcome": {
        "post": operation(
            "duty",
            "Say what became of a hit, by a form",
            {200: ("For a script, which asks for JSON.", content(JSON, "Hit")), **_SENT},
            parameters=[_HIT],
            body=content(
                FORM,
                {
                    "type": "object",
                    "properties": {"form_key": _TEXT, "outcome": _TEXT, "reason": _TEXT},
                },
            ),
            session=True,
            refused=[
                "not-entitled",
                *_STOPS,
                "form-refused",
                "unknown-hit",
                "not-confirmed",
                "needs-image",
                "already-ended",
                "reason-missing",
            ],
        )
    },
    "/duty/images/{authority}/{ref}": {
        "get": operation(
            "duty",
            "An image of a released read",
            {200: ("The image; that the officer fetched it is committed.", content("image/*"))},
            parameters=[_AUTHORITY, parameter("ref", "As the page has it.", _TEXT, place="path")],
            session=True,
            refused=["not-entitled", *_STOPS, "not-found"],
        )
    },
}
