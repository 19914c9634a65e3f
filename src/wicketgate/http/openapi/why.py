"""The API's description: what overseers ask."""

from __future__ import annotations

from typing import Any

from wicketgate.http.openapi.pieces import JSON, content, operation

_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_TIME = {"type": "string", "format": "date-time"}
_TEXTS = {"type": "array", "items": _TEXT}


def _object(required: tuple[str, ...], **members: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": members,
        "required": list(required),
        "additionalProperties": False,
    }


_QUESTION = _object(
    ("read",),
    read=_object(
        ("source", "camera", "captured_at"),
        source=_TEXT,
        camera={**_TEXT, "description": "The camera's id at its source."},
        captured_at=_TIME,
        received_at={
            **_TIME,
            "description": "When the gateway took it; without it nothing is said of lateness.",
        },
        plate={**_TEXT, "description": "Here and nowhere else. Without it nothing is said of hotlists."},
    ),
    authority={**_TEXT, "description": "An authority's name, or else `recipient`."},
    recipient={**_TEXT, "description": "`organisation/unit`: all authorities that it has."},
    as_of_entry={
        "type": "integer",
        "minimum": 0,
        "description": "The state after this entry of the ledger, at its time; of a second at its end.",
    },
    as_of={**_TIME, "description": "Or the state at a time that is past. Without either: now."},
)
_ANSWER = _object(
    ("authority", "allowed", "words"),
    authority={
        **_TEXT,
        "description": "`name@version`, the version that counted; the name alone where there was none.",
    },
    recipient=_MAYBE,
    purpose=_MAYBE,
    mode=_MAYBE,
    allowed={
        "type": ["boolean", "null"],
        "description": "Null where it depends on a hotlist that cannot be asked about.",
    },
    reason={
        **_MAYBE,
        "description": "Why it was refused: a reason of the gate, `no-authority` or `unknown-camera`.",
    },
    fields={**_TEXTS, "description": "What leaves of it, if it does."},
    listed={
        "type": ["boolean", "null"],
        "description": "Whether its hotlist has an entry for it; null where none was looked at.",
    },
    words={**_TEXTS, "description": "The same in sentences, with the documents that it rests on."},
)
_ANSWERED = _object(
    ("at", "answers"),
    at={**_TIME, "description": "The moment of the decision."},
    as_of_entry={"type": ["integer", "null"]},
    read=_object((), source=_TEXT, camera=_TEXT, captured_at=_TIME),
    late={"type": ["boolean", "null"]},
    answers={"type": "array", "items": _ANSWER},
    notes={**_TEXTS, "description": "What cannot be said of that moment."},
)

WHY: dict[str, Any] = {
    "/v1/why": {
        "post": operation(
            "overseers",
            "Ask why a read was let go, or was not",
            {
                200: (
                    "What each authority concerned says.",
                    content(
                        JSON,
                        _ANSWERED,
                        {
                            "at": "2026-07-08T12:00:00.999999Z",
                            "as_of_entry": 812,
                            "read": {
                                "source": "tfl",
                                "camera": "ccz-0003",
                                "captured_at": "2026-07-08T11:59:58Z",
                            },
                            "late": None,
                            "answers": [
                                {
                                    "authority": "tfl-met-ct@1",
                                    "recipient": "met/national-security-units",
                                    "purpose": "national-security/terrorism",
                                    "mode": "bulk",
                                    "allowed": False,
                                    "reason": "suspended",
                                    "fields": [],
                                    "listed": None,
                                    "words": [
                                        "`tfl-met-ct@1` did not let it go: it is suspended since "
                                        "2026-07-08T11:00:00Z by the suspension `s-1` (entry 640, signed by "
                                        "ico/commissioner)."
                                    ],
                                }
                            ],
                            "notes": [],
                        },
                    ),
                )
            },
            description="Decides the read as it is described, as of now or of a past moment; whether there was such a "
            "read is for the openings to say. The question is committed as a fact before it is answered: who asked, "
            "about which camera, time and authority, and whether with a plate, never which.",
            body=content(
                JSON,
                _QUESTION,
                {
                    "read": {"source": "tfl", "camera": "ccz-0003", "captured_at": "2026-07-08T11:59:58Z"},
                    "authority": "tfl-met-ct",
                    "as_of_entry": 812,
                },
            ),
            token=["overseer"],
            refused=["malformed", "unknown-moment", "too-large", "busy", "streams-unavailable"],
        )
    }
}
