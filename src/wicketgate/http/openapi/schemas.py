"""The shapes of the API's description (`openapi`): JSON Schema 2020-12, as OpenAPI 3.1 takes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from wicketgate.commits.transactions import IMAGE_CODES
from wicketgate.hotlists import MAX_TEXT, TEXTS
from wicketgate.http import codes
from wicketgate.regime.standing import ConsultationStatus, Status

_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SALT = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_TIME = {"type": "string", "format": "date-time"}
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}


def _object(
    members: dict[str, Any], description: str = "", *, optional: Iterable[str] = (), closed: bool = False
) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "object"}
    if description:
        shape["description"] = description
    shape["properties"] = members
    shape["required"] = [name for name in members if name not in set(optional)]
    if closed:
        shape["additionalProperties"] = False
    return shape


def _list(items: dict[str, Any], description: str = "") -> dict[str, Any]:
    return {"type": "array", "items": items, **({"description": description} if description else {})}


def _said(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


def _or_null(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"], "description": description}


_PROOF = {
    "leaf": _said(_HASH, "The fact's leaf hash."),
    "index": _said(_COUNT, "Its place among the second's leaves."),
    "size": _said(_COUNT, "How many leaves the second has, padding included."),
    "path": _list(_HASH, "RFC 6962 audit path to the second's root, lowest first."),
    "root": _said(_HASH, "The second's root, as its entry shows it."),
    "second": _said(_TIME, "The second."),
    "entry": _said(_COUNT, "The index of its entry in the ledger, from 0."),
}

SCHEMAS: dict[str, Any] = {
    "Problem": _object(
        {
            "type": _said(_TEXT, "Where the code is documented."),
            "title": _TEXT,
            "status": {"type": "integer"},
            "code": {"type": "string", "enum": sorted({*codes.REQUEST, *codes.DOCUMENT, *codes.HOTLIST})},
            "detail": _said(_TEXT, "What was wrong here, in words; never a plate."),
            "lines": _list(
                _object({"line": _COUNT, "code": _TEXT, "detail": _TEXT}),
                "Of a hotlist: which lines are wrong, and why; at most 100.",
            ),
        },
        "An error, RFC 9457. `/docs` and docs/spec/codes.md list the codes.",
        optional=("lines",),
    ),
    "Read": _object(
        {
            "id": _said({**_TEXT, "minLength": 1, "maxLength": 64}, "The source's own, once for each read."),
            "camera": _said(_TEXT, "As registered."),
            "captured_at": _said(_TIME, "With a zone; kept to the microsecond."),
            "plate": _said(_TEXT, "As read; case and separators do not matter."),
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "lane": {"type": ["integer", "string"], "description": "-999 to 9999, or at most 32 characters."},
            "direction": {"type": "string", "enum": ["towards", "away"]},
            "vehicle": _object(
                {name: {**_TEXT, "maxLength": 256} for name in ("make", "model", "colour", "kind")},
                optional=("make", "model", "colour", "kind"),
                closed=True,
            ),
            "image": {
                "description": "The names of the form's parts that hold its images; a text names the patch.",
                "anyOf": [
                    _TEXT,
                    _object({"patch": _TEXT, "overview": _TEXT}, optional=("patch", "overview"), closed=True),
                ],
            },
        },
        "One observation of a plate. A member that is not listed quarantines the read.",
        optional=("id", "lane", "direction", "vehicle", "image"),
        closed=True,
    ),
    "Taken": _object(
        {
            "accepted": _said(_COUNT, "Stored for the first time, and durable."),
            "repeated": _said(_COUNT, "Known already."),
            "quarantined": _list(
                _object(
                    {
                        "index": _said(_COUNT, "Which read of the post, from 0."),
                        "code": {"type": "string", "enum": sorted(codes.READ)},
                        "detail": _TEXT,
                    }
                )
            ),
            "held": _said(
                _COUNT, "Durable, of a vehicle that the device still follows: they become one read."
            ),
            "images": _list(
                _object(
                    {
                        "part": _said(
                            _COUNT, "Which part of the form, or observation of the payload, from 0."
                        ),
                        "code": {"type": "string", "enum": sorted(IMAGE_CODES)},
                        "detail": _TEXT,
                    }
                ),
                "Images in the quarantine; they are no reads.",
            ),
        },
        "What became of a post: what was sent is accepted, repeated, quarantined or held.",
        optional=("held", "images"),
    ),
    "Joined": _object(
        {
            "image": {"type": "string", "enum": ["patch", "overview"]},
            "sha256": _TEXT,
            "repeated": {"type": "boolean", "description": "The read had this image already."},
        },
        "The read has the image.",
    ),
    "Camera": _object(
        {
            "id": {
                "type": "string",
                "pattern": r"^[\w.:-]([\w.: -]{0,62}[\w.:-])?$",
            },
            "groups": _list({"type": "string", "pattern": r"^[\w.:-]{1,64}$"}, "What authorities name."),
            "latitude": {"type": "number", "description": "WGS 84, degrees; never 0 with longitude 0."},
            "longitude": {"type": "number", "description": "WGS 84, degrees."},
            "heading": {"type": "number", "description": "Where it looks, degrees from north."},
            "zone": _said(
                _TEXT, "Of its clock, as the IANA database names it; for payloads that give no zone."
            ),
            "aliases": _list(
                {**_TEXT, "minLength": 1, "maxLength": 64},
                "What payloads call it, such as a serial number; at most 8, and no other camera's.",
            ),
        },
        "A camera of a source.",
        optional=("groups", "latitude", "longitude", "heading", "zone", "aliases"),
        closed=True,
    ),
    "Cameras": _object(
        {
            "cameras": _list(
                {
                    "allOf": [
                        {"$ref": "#/components/schemas/Camera"},
                        _object(
                            {
                                "counts": {"type": "object", "description": "Reads by what became of them."},
                                "judged": {
                                    "type": "object",
                                    "description": "Hits on its reads that a person judged: "
                                    "`exact-confirmed`, `exact-misread`, `possible-confirmed`, "
                                    "`possible-misread`.",
                                },
                            }
                        ),
                    ]
                }
            ),
            "source": _said(_TEXT, "Whose cameras these are."),
            "unknown": {
                "type": "object",
                "description": "The same for reads of cameras that are not registered.",
            },
        }
    ),
    "Quarantined": _object(
        {
            "number": _said(_COUNT, "For `after`."),
            "at": _said(_TIME, "When it was posted."),
            "camera": _or_null(_TEXT, "Null where the source has registered no such camera."),
            "code": {"type": "string", "enum": sorted(codes.READ)},
            "detail": _TEXT,
            "read": {"type": "object", "description": "As it was posted."},
        },
        "A read that was not taken.",
    ),
    "Envelope": _object(
        {
            "payloadType": _said(_TEXT, "`application/vnd.wicketgate.KIND+json`."),
            "payload": _said(_TEXT, "Base64 of the document's canonical JSON (RFC 8785)."),
            "signatures": _list(
                _object(
                    {
                        "keyid": _said(_HASH, "SHA-256 of the raw public key."),
                        "sig": _said(_TEXT, "Base64 of the Ed25519 signature over the DSSE encoding."),
                    }
                )
            ),
        },
        "A DSSE v1 envelope.",
        closed=True,
    ),
    "Effect": _object(
        {
            "entry": _said(_COUNT, "Where it stands in the ledger."),
            "in_force_from": _said(_TIME, "From when."),
        }
    ),
    "Feeds": _object(
        {
            "feeds": _list(
                _object(
                    {
                        "authority": _TEXT,
                        "version": _COUNT,
                        "status": {
                            "type": "string",
                            "enum": [one for one in get_args(Status) if one != "superseded"],
                        },
                        "batches": _said(_COUNT, "The number of the last batch."),
                    }
                )
            )
        }
    ),
    "Promise": _object(
        {
            "salt": _said(_SALT, "The salt of the release's fact."),
            "second": _said(_TIME, "The second under whose entry it will be."),
            "merge_by": _said(_TIME, "From when that can be proved."),
            "signature": _said(_TEXT, "Base64, Ed25519 by the log's key. docs/spec/ledger.md has the bytes."),
        }
    ),
    "BatchHeader": _object(
        {
            "batch": _said(_COUNT, "Counts from 1."),
            "commit": _said(_COUNT, "The transaction of COMMITS."),
            "authority": _said(_TEXT, "`name@version`."),
            "rows": _said({"type": "integer", "minimum": 1}, "How many lines follow."),
            "root": _said(_HASH, "RFC 6962 tree hash over the rows' lines without LF."),
            "sha256": _said(_HASH, "Over the rows' lines with their LFs."),
            "released_at": _TIME,
            "promise": {"$ref": "#/components/schemas/Promise"},
        },
        "The first line of a batch. The lines behind it are rows.",
    ),
    "Row": _object(
        {
            "seq": _said(_COUNT, "Counts the feed's rows, from 1."),
            "salt": _said(_SALT, "Random: without it the row's hash could be guessed."),
            "authority": _said(_TEXT, "`name@version`: what let the row go."),
            "read": {
                "type": "object",
                "description": "The fields that the authority allows, and nothing else.",
            },
            "late": {"const": True, "description": "There if it came later than the charter's `late_after`."},
            "erased": _said(_HASH, "In place of all but `seq`, where the row was erased: its leaf hash."),
        },
        "A line of a batch.",
        optional=("salt", "authority", "read", "late", "erased"),
    ),
    "FactProof": _object(_PROOF, "From a fact to the ledger entry of its second."),
    "BatchProof": _object(
        {
            "batch": _COUNT,
            "fact": {"type": "object", "description": "The release's fact, whose canonical JSON was hashed."},
            **_PROOF,
            "entry_proof": _list(_HASH, "RFC 6962 audit path from the entry to the checkpoint's root."),
            "checkpoint": _said(_TEXT, "The signed checkpoint."),
        },
        "From a batch to a checkpoint.",
    ),
    "Opening": _object(
        {
            "number": _said(_COUNT, "Counts closed seconds, from 1."),
            "sealed": _said(_TEXT, "Base64 of an age file."),
        }
    ),
    "TokenName": _object(
        {
            "name": _said(
                _TEXT,
                "`source:<organisation>`, `recipient:<organisation>/<unit>`, `overseer:<office>` or `admin`.",
            )
        }
    ),
    "Register": _object(
        {
            "origin": _said(_TEXT, "The log's name."),
            "demonstration": _said({"type": "boolean"}, "Invented vehicles."),
            "as_of": _TIME,
            "log_key": _said(_TEXT, "The log's verifier key."),
            "checkpoint": _said(_TEXT, "It covers every entry named here."),
            "charter": {"type": "object", "description": "The one in force: as in `charters`."},
            "charters": _list(
                {"type": "object"},
                "Every version: `document`, `entry`, `at`, `signatures`, what it was `wider` in.",
            ),
            "authorities": _list(
                {"$ref": "#/components/schemas/RegisteredAuthority"}, "Every version ever in effect."
            ),
            "consultations": _list(
                {"$ref": "#/components/schemas/RegisteredConsultation"}, "Every one ever opened."
            ),
            "figures": _list({"$ref": "#/components/schemas/Figures"}, "Every closed period."),
            "small_cells": _said(_COUNT, "Counts from 1 to one less than this are null."),
        }
    ),
    "RegisteredAuthority": _object(
        {
            "name": _TEXT,
            "version": _COUNT,
            "status": {
                "type": "string",
                "enum": list(get_args(Status)),
            },
            "mode": _TEXT,
            "document": {"type": "object", "description": "The signed document, in full."},
            "signatures": _list({"type": "object"}),
            "entry": _said(_COUNT, "Where the envelope stands in the ledger."),
            "committed_at": _TIME,
            "in_force_from": _TIME,
            "in_force_until": _said(_TIME, "As things stand: the end, or the review that is due."),
            "review_due": _or_null(_TIME, "Null where none is demanded."),
            "cameras": _said(_COUNT, "Cameras that it may use now."),
            "camera_cap": _or_null(_COUNT, "The most that it may use; null: any number."),
            "cameras_withheld": _said(_COUNT, "Cameras in its scope beyond that."),
            "ended_by": _or_null(_TEXT, "`revocation`, `quashed` or `objection`."),
            "consulted": {
                "type": "object",
                "description": "`need`: `covered` by consultations (`by`), or what stands in for one (`notice`, "
                "`marked`, `within` until `due`, `urgent`); `wider`: the powers that none covered, in words; "
                "`since`: when one did.",
            },
            "standings": _list({"type": "object"}, "How it stood from when on: `status`, `at`, `entry`."),
            "redactions": _said(_COUNT, "Members that are withheld from the public."),
            "acts": _list(
                {"type": "object"},
                "Reviews with their `figures`, suspensions, challenges, objections, what ended it.",
            ),
            "words": _list(_TEXT, "The document in plain words."),
        }
    ),
    "RegisteredConsultation": _object(
        {
            "id": _TEXT,
            "title": _TEXT,
            "kind": {"type": "string", "enum": ["authority", "charter"]},
            "status": {"type": "string", "enum": sorted(get_args(ConsultationStatus))},
            "opens_at": _TIME,
            "closes_at": _TIME,
            "committed_at": _TIME,
            "at": _TIME,
            "assessment": _TEXT,
            "document": {"type": "object", "description": "The signed document, with the draft in full."},
            "signatures": _list({"type": "object"}),
            "entry": _said(_COUNT, "Where the envelope stands in the ledger."),
            "words": _list(_TEXT, "The draft in plain words."),
            "wider": _list(_TEXT, "What it would widen, in words."),
            "cameras": _said(_COUNT, "Cameras in the draft's scope when it was published."),
            "camera_cap": _or_null(_COUNT, "The most that its decision can cover; null: any number."),
            "objections": _list({"type": "object"}, "`id`, `organisation`, `reason`, `document`, `entry`."),
            "decision": {
                "type": ["object", "null"],
                "description": "`outcome`, `reasons`, `answers`, `covered_until`, `document`, `entry`.",
            },
            "quashed_at": _or_null(_TIME, "When a court ended what it covers."),
            "void_at": _or_null(
                _TIME, "When a charter did, by which a key ended that had signed its decision."
            ),
            "responses": _or_null(_COUNT, "Null until it has closed."),
            "responses_withheld": _or_null(_COUNT, "Of those, at the respondents' wish."),
        }
    ),
    "Figures": _object(
        {
            "kind": {"const": "figures"},
            "from": _TIME,
            "until": _TIME,
            "entry": _said(_COUNT, "Where they stand in the ledger."),
            **{
                name: _or_null(_COUNT, "Null: suppressed.")
                for name in ("taken", "repeated", "quarantined", "decided", "withheld")
            },
            "released": {"type": "object", "description": "Rows by authority; null: suppressed."},
            "refused": _list(
                _object(
                    {
                        "authority": _TEXT,
                        "reason": {"type": "string", "enum": sorted(codes.REFUSAL)},
                        "rows": _or_null(_COUNT, "Null: suppressed."),
                    }
                )
            ),
            "disclosures": {
                "type": "object",
                "description": "Rows passed on by recipients, by authority and to whom; null: suppressed.",
            },
            "disclosures_refused": {
                "type": "object",
                "description": "Attempts by authority; null: suppressed.",
            },
            "receipts": {
                "type": "object",
                "description": "By authority: until when its recipient attests to have deleted what left, until "
                "when it must have, and what is missing.",
            },
        },
        "The counts of a period; docs/spec/ledger.md says what they mean.",
    ),
    "HotlistEntry": _object(
        {
            "plate": _said(_TEXT, "Case and separators do not matter."),
            "kind": _said(_TEXT, "One that the authority's `[match]` names."),
            "priority": {
                "type": ["integer", "string"],
                "description": "1 to 4, or `critical`, `high`, `medium`, `low`: how soon a hit must be answered.",
            },
            "reason": _said(_TEXT, "Why it is listed; the duty officer reads it."),
            "id": _said(_TEXT, "The unit's own; drawn where there is none."),
            "expires_at": _said(
                _TIME, "Not beyond what the authority allows, which is also what stands where it is left out."
            ),
            "review_at": _said(
                _TIME, "Until then it must be reviewed and listed again; otherwise it lapses."
            ),
            "listed_at": _said(_TIME, "As `GET` shows it; not read."),
            "remove": {"type": "boolean", "description": "In a change: the plate is taken off the list."},
            **{name: {**_TEXT, "maxLength": MAX_TEXT} for name in TEXTS},
        },
        "A vehicle of interest. docs/spec/hotlist.md says what each member means.",
        optional=(
            "kind",
            "priority",
            "reason",
            "id",
            "expires_at",
            "review_at",
            "listed_at",
            "remove",
            *TEXTS,
        ),
        closed=True,
    ),
    "ListTaken": _object(
        {
            "revision": _said(_COUNT, "Counts up with each change; also the `ETag`."),
            "entries": _said(_COUNT, "In the list from now on."),
            "added": _COUNT,
            "changed": _COUNT,
            "removed": _COUNT,
        },
        "What a change of a hotlist came to.",
    ),
    "Hit": _object(
        {
            "id": _said(_TEXT, "The `ref` of its row in the feed."),
            "authority": _said(_TEXT, "`name@version`, under which it was released."),
            "seq": _said(_COUNT, "The row's number in the feed."),
            "voi": _said(_TEXT, "The entry's `id`."),
            "kind": _TEXT,
            "priority": {"type": "integer", "minimum": 1, "maximum": 4},
            "quality": {"type": "string", "enum": ["exact", "possible"]},
            "late": {"type": "boolean", "description": "The read came late: it is not live."},
            "clone": {
                "type": "boolean",
                "description": "Read elsewhere too soon: one of two plates is false.",
            },
            "raised_at": _TIME,
            "due_at": _said(_TIME, "By then it must have an outcome."),
            "overdue": {"type": "boolean"},
            "status": {"type": "string", "enum": ["open", "confirmed", "ended", "unanswered"]},
            "actionable": {
                "type": "boolean",
                "description": "Somebody has confirmed it, and it has not ended.",
            },
            "cannot_confirm": _or_null(_TEXT, "The code with which `confirmed` would be refused now."),
            "read": {
                "type": "object",
                "description": "What the authority's fields allow: `plate`, `confidence`, `captured_at`, `source`, "
                "`camera`, `latitude`, `longitude`, `heading`, `lane`, `direction`, `vehicle`, `marks`, and "
                "`patch_image` and `overview_image`, each with `ref` and `href`.",
            },
            "listed": {"type": "object", "description": "`plate`, and what else the entry says."},
            "outcomes": _list(
                _object({"outcome": _TEXT, "reason": _TEXT, "by": _TEXT, "at": _TIME}), "The oldest first."
            ),
        },
        "A read that matched a vehicle of interest, and what became of it.",
        optional=("late", "clone"),
    ),
    "Hits": _list({"$ref": "#/components/schemas/Hit"}),
    "Said": _object(
        {
            "outcome": {"type": "string", "enum": ["confirmed", "misread", "acted", "not-acted"]},
            "reason": {**_TEXT, "maxLength": 1000},
            "by": {**_TEXT, "maxLength": 80, "description": "Who says so: a name or number."},
        },
        "An outcome.",
        optional=("reason", "by"),
        closed=True,
    ),
}
