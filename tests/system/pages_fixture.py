"""An invented register, and a tiny web server over the pages: no gateway behind it, the same HTML."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from wicketgate.base.clock import HOUR_US, parse_rfc3339, rfc3339
from wicketgate.pages.public import HEADERS, Pages, assets_of
from wicketgate_demo.site import same_day
from wicketgate_demo.site.addition import PACKAGE

ASSETS = assets_of(PACKAGE).by_path
NOW = "2026-09-12T15:04:10Z"
_NIGHTS = {"from": "22:00", "until": "05:00", "zone": "Europe/London", "days": ["fri", "sat"]}
NOW_US = parse_rfc3339(NOW)
EXHIBIT = {
    "reads": 1_204_331,
    "cameras": 1_500,
    "wanted": 41,
    "questions": 16,
    "sampling": "1,204,331 reads stand for a day of about 17 million",
    "modes": {
        "bulk": {
            "reads_left": 1_204_331,
            "share": 1.0,
            "innocent_vehicles": 388_120,
            "noticed": 41,
            "missed": 0,
        }
        | {"false_hits": 212, "median_notice_s": 0.4},
        "match": {"reads_left": 312, "share": 0.00026, "innocent_vehicles": 9, "noticed": 39, "missed": 2}
        | {"false_hits": 11, "median_notice_s": 0.4},
        "search": {
            "reads_left": 1_810,
            "share": 0.0015,
            "innocent_vehicles": 140,
            "noticed": 25,
            "missed": 16,
        }
        | {"false_hits": 0, "median_notice_s": 15_400},
    },
}
"""What a demonstration may write as `exhibit.json`."""


def office_key(office: str) -> tuple[str, str]:
    """Return an invented public key as documents write it, and its key id."""
    raw = hashlib.sha256(office.encode()).digest()
    return f"ed25519:{base64.b64encode(raw).decode()}", hashlib.sha256(raw).hexdigest()


def _office(office: str, title: str, holder: str) -> dict[str, str]:
    return {"id": office, "title": title, "holder": holder, "key": office_key(office)[0]}


def _signatures(*offices: str) -> list[dict[str, str]]:
    return [{"keyid": office_key(office)[1], "sig": "c2lnbmF0dXJl"} for office in offices]


def _authority(name: str, version: int, status: str, **more: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "log": "tfl.example/wicketgate",
        "name": name,
        "version": version,
        "title": "Congestion-charge cameras for counter-terrorism",
        "controller": "tfl",
        "recipient": "met",
        "unit": "national-security-units",
        "purpose": "national-security/terrorism",
        "mode": "bulk",
        "instrument": {
            "kind": "ministerial-certificate",
            "citation": "Data Protection Act 1998, section 28",
            "url": "https://ico.example/certificates/2026-07",
            "exempts": ["DPA 1998 principle 2 (tfl, met)"],
            "laid": "HC 2026-07-03",
        },
        "valid_from": "2026-07-04T00:00:00Z",
        "valid_until": "2027-07-04T00:00:00Z",
        "review_every": "P3M",
        "recipient_retention": "P28D",
        "necessity": "Vehicle movements in central London are needed in real time to detect attacks in "
        "preparation.\n\nThe units have no other means of learning of a vehicle that nobody has yet named.",
        "proportionality": "The feed is confined to boundary cameras, three fields and one unit, and is "
        "reviewed every three months.",
        "why_not_match": "A list can hold only vehicles that are already known. Hostile reconnaissance is "
        "found by patterns in the reads of vehicles that are not.",
        "why_not_search": "A search answers after the event. The purpose is to prevent it.",
        "onward": [],
        "assessment": {"url": "https://tfl.example/dpia.pdf", "sha256": "ab" * 32},
    }
    document |= more.pop("document", {})
    redacted = {"redactions": more.pop("redacted")} if "redacted" in more else {}
    scope = {"sources": ["tfl"], "groups": ["ccz-boundary"], "fields": ["plate", "time", "place"]}
    item = {
        "name": name,
        "version": version,
        "status": status,
        "mode": document["mode"],
        "document": {"authority": document, "scope": scope | more.pop("scope", {}), **redacted},
        "signatures": _signatures("home-office/secretary-of-state", "tfl/data-protection-officer"),
        "entry": 2,
        "committed_at": "2026-07-03T16:20:01Z",
        "in_force_from": "2026-07-04T00:00:00Z",
        "in_force_until": "2027-07-04T00:00:00Z",
        "review_due": "2026-10-04T00:00:00Z",
        "cameras": 1187,
        "acts": [],
        "consulted": {"need": "covered", "wider": [], "due": None, "by": []},
        "ended_by": "",
        "camera_cap": None,
        "cameras_withheld": 0,
        "redactions": 0,
        "words": [
            "Transport for London gives the National Security Units of the Metropolitan Police Service every "
            "read of the cameras in group ccz-boundary.",
            "Each read is released with its number plate, time and place, and nothing else.",
        ],
        **more,
    }
    return {**item, "stance": _stance(item)}


def _stance(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stance that fits the status and the need of a made authority."""
    status, consulted = item["status"], item["consulted"]
    over = {"expired": "expired", "superseded": "superseded", "revoked": item["ended_by"] or "revocation"}
    stops = {"suspended": "suspension"}.get(status, status)
    missed = status == "consultation-overdue"
    footings = {"within": "consultation-missed" if missed else "consultation-due"}
    return {
        "phase": "over" if status in over else "pending" if status == "pending" else "running",
        "begun": status != "pending",
        "stops": [stops] if stops in {"suspension", "review-overdue", "consultation-overdue"} else [],
        "end": over.get(status),
        "footing": footings.get(consulted["need"], consulted["need"]),
        "part": bool(consulted["by"]) and consulted["need"] != "covered",
        "since": None,
        "by": consulted["by"],
    }


def _figures(hours: int) -> list[dict[str, Any]]:
    start = parse_rfc3339("2026-09-12T15:00:00Z") - hours * HOUR_US
    figures: list[dict[str, Any]] = []
    for hour in range(hours):
        taken = 610_000 + 7919 * (hour * 37 % 23)
        charged = taken * 3 // 5
        met = taken // 2
        figures.append(
            {
                "from": rfc3339(start + hour * HOUR_US),
                "until": rfc3339(start + (hour + 1) * HOUR_US),
                "entry": 900 + hour * 3600,
                "taken": taken,
                "withheld": None if hour == hours - 3 else taken // 7,
                "repeated": 1200 + hour,
                "quarantined": None if hour % 5 == 0 else 40 + hour,
                "released": {"tfl-charging": charged, "tfl-met-ct": None if hour == hours - 2 else met},
                "refused": [
                    {"authority": "tfl-charging@1", "reason": "out-of-scope", "rows": taken - charged},
                    {"authority": "tfl-met-ct@2", "reason": "out-of-scope", "rows": taken - met},
                    {"authority": "tfl-met-crime@1", "reason": "revoked", "rows": taken},
                    {"authority": "tfl-met-ct@2", "reason": "error", "rows": None},
                ],
            }
        )
    return figures


def _consulted(need: str, *wider: str, due: str | None = None, by: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"need": need, "wider": list(wider), "due": due, "by": list(by)}


MARKED = _consulted(
    "marked",
    "The National Security Units get every read of the cameras in `ccz-boundary`, for national security.",
)
WITHIN = _consulted("within", "Cameras at the river ports, at night.", due="2026-12-01T00:00:00Z")


def example_consultations() -> list[dict[str, Any]]:
    """Return a consultation in every state, one of them on a charter."""
    draft = _authority("tfl-met-ports", 2, "", document={"title": "Cameras at the river ports, for longer"})[
        "document"
    ]
    draft["authority"]["version"] = 2

    def one(name: str, title: str, status: str, entry: int, **more: Any) -> dict[str, Any]:
        said = {
            "id": name,
            "title": title,
            "at": "2026-08-01T09:00:00Z",
            "opens_at": more.pop("opens_at", "2026-08-10T00:00:00Z"),
            "closes_at": more.pop("closes_at", "2026-11-02T00:00:00Z"),
            "assessment": "Every driver who passes is recorded.\n\nNobody is told at the camera.",
        }
        document = {"consultation": said, "draft": more.pop("draft", draft)}
        return {
            "id": name,
            "title": title,
            "status": status,
            "kind": "authority",
            "opens_at": said["opens_at"],
            "closes_at": said["closes_at"],
            "entry": entry,
            "committed_at": "2026-08-01T09:00:01Z",
            "cameras": 12,
            "document": document,
            "signatures": _signatures("tfl/data-protection-officer"),
            "words": ["The National Security Units would get every read of `river-ports`."],
            "wider": ["Reads of `river-ports` by day, which nothing covers yet."],
            "objections": [],
            "decision": None,
            **more,
        }

    objection = {
        "id": "o-1",
        "organisation": "home-office",
        "reason": "It goes further than the certificate.\n\nNo other means was tried.",
        "entry": 4_000_100,
        "at": "2026-08-20T10:00:00Z",
        "document": {},
        "signatures": _signatures("home-office/secretary-of-state"),
    }
    approved = {
        "id": "d-1",
        "outcome": "approved",
        "reasons": "The night is enough.",
        "answers": [{"objection": "o-1", "answer": "The hours were shortened."}],
        "covered_until": "2028-01-01T00:00:00Z",
        "entry": 3_000_200,
        "at": "2026-07-01T10:00:00Z",
        "document": {"covered": draft},
        "signatures": _signatures("home-office/secretary-of-state", "tfl/data-protection-officer"),
    }
    rejected = approved | {
        "outcome": "rejected",
        "covered_until": None,
        "document": {},
        "entry": 3_000_201,
        "answers": [],
    }
    charter = {
        "charter": {"title": "A longer retention", "version": 2},
        "limits": {"longest_validity": "P2Y"},
    }
    early = {"opens_at": "2026-03-01T00:00:00Z", "closes_at": "2026-06-01T00:00:00Z"}
    return [
        one(
            "c-2026-003", "Cameras at the river ports, for longer", "open", 4_000_001, objections=[objection]
        ),
        one(
            "c-2026-004",
            "A longer retention at the source",
            "announced",
            4_000_002,
            kind="charter",
            draft=charter,
            opens_at="2026-10-01T00:00:00Z",
            closes_at="2027-01-01T00:00:00Z",
        ),
        one("c-2026-002", "Pictures of vehicles", "closed", 2_000_001, responses=3, **early),
        one(
            "c-2026-001",
            "The congestion charge",
            "approved",
            900_001,
            responses=312,
            objections=[objection],
            decision=approved,
            **early,
        ),
        one("c-2025-009", "General crime", "rejected", 800_001, responses=2, decision=rejected, **early),
        one(
            "c-2020-001",
            "The trial of boundary cameras",
            "coverage-ended",
            700_001,
            responses=1,
            decision=approved | {"document": {}, "entry": 3_000_202, "covered_until": "2024-01-01T00:00:00Z"},
            **early,
        ),
        one("c-2020-002", "Schools", "quashed", 600_001, responses=0, **early),
    ]


RESPONSES = {
    "count": 120,
    "withheld": 7,
    "page": 2,
    "pages": 3,
    "shown": [
        {
            "id": "ab" * 16,
            "received_on": "2026-05-02",
            "text": "I drive [number plate].\n\nNo.",
            "name": "",
            "organisation": "",
        },
        {
            "id": "cd" * 16,
            "received_on": "2026-05-03",
            "text": "Yes.",
            "name": "A Person",
            "organisation": "A Union",
        },
    ],
}
"""What the public said, as a page of it is shown."""
RECEIPT = {
    "id": "ab" * 16,
    "received_at": "2026-09-12T15:04:09Z",
    "fact": "0f" * 32,
    "opening": '{"consultation":"c-2026-003","id":"abab","kind":"response","salt":"00","sha256":"11"}',
}


def example_register(hours: int = 48) -> dict[str, Any]:
    """Return a register with an authority in every state, and figures of some hours."""
    offices = [
        _office("home-office/secretary-of-state", "Secretary of State", "Rt Hon Alex Invented MP"),
        _office("tfl/data-protection-officer", "Data Protection Officer", "Sam Madeup"),
        _office("tfl/director-of-charging", "Director of Charging", "Robin Fictional"),
    ]
    charging = {
        "title": "The congestion charge and the low emission zone",
        "recipient": "tfl",
        "unit": "road-user-charging",
        "purpose": "road-user-charging",
        "instrument": {"kind": "own-purpose", "citation": "Greater London Authority Act 1999, section 295"},
        "valid_until": "2026-12-31T00:00:00Z",
        "review_every": "P1Y",
        "consultation": "c-2026-001",
    }
    revocation = {
        "kind": "revocation",
        "at": "2026-08-20T09:31:07Z",
        "entry": 4_060_812,
        "reason": "No published instrument covers general crime.",
    }
    review = {
        "kind": "review",
        "at": "2026-07-28T11:00:00Z",
        "entry": 2_112_004,
        "reason": "Still necessary.",
        "figures": {
            "from": "2026-07-04T00:00:00Z",
            "until": "2026-07-28T00:00:00Z",
            "decided": 14_000_000,
            "released": 7_000_000,
            "since": "2026-07-04T00:00:00Z",
            "periods": 576,
            "hits": {"exact": 12, "possible": 30},
            "outcomes": {"confirmed": 11, "misread": 1},
            "searches": 0,
            "left_ppm": 500_000,
            "suppressed": 2,
        },
    }
    challenge = {
        "kind": "challenge",
        "at": "2026-08-02T11:00:00Z",
        "entry": 2_500_000,
        "document": {
            "challenge": {"court": "Information Tribunal", "claim": "It is not proportionate.", "stay": False}
        },
    }
    annulled = {
        "kind": "objection",
        "at": "2026-08-21T11:00:00Z",
        "entry": 4_070_000,
        "reason": "The House objects.",
        "document": {
            "objection": {"organisation": "parliament", "annul": True, "reason": "The House objects."}
        },
    }
    redaction = {
        "member": "necessity",
        "commitment": "ef" * 32,
        "reason": "An operation",
        "until": "2027-01-01T00:00:00Z",
    }
    suspension = {
        "kind": "suspension",
        "at": "2026-09-01T08:00:00Z",
        "entry": 5_000_001,
        "reason": "The Information Commissioner asked for an explanation.",
    }
    return {
        "origin": "tfl.example/wicketgate",
        "demonstration": True,
        "log_key": "tfl.example/wicketgate+0f3b9a6c+AYxPNDQ0bGV0dGVyc29mYmFzZTY0a2V5bWF0ZXJpYWwxMjM0NTY3",
        "checkpoint": "tfl.example/wicketgate\n6102345\nvT3Yz7n0dY1lQh7D4kq3xq2rZs5Vd6o0cO0e8wq1x9E=\n\n"
        "\u2014 tfl.example/wicketgate Dzuab3NpZ25hdHVyZXNpZ25hdHVyZXNpZ25hdHVyZQ==\n",
        "as_of": "2026-09-12T15:04:08Z",
        "charter": {
            "document": {
                "charter": {"title": "Charter of the invented London gateway", "operator": "ops"},
                "limits": {"longest_validity": "P1Y"},
                "organisations": [
                    {"id": "tfl", "name": "Transport for London", "roles": ["source", "recipient"]}
                    | {"units": [{"id": "road-user-charging", "name": "Road User Charging"}]},
                    {"id": "met", "name": "Metropolitan Police Service", "roles": ["recipient"]}
                    | {"units": [{"id": "national-security-units", "name": "National Security Units"}]},
                    {"id": "ops", "name": "Invented Operations Ltd", "roles": ["operator"]},
                    {"id": "home-office", "name": "Home Office", "roles": [], "units": []},
                ],
                "offices": offices,
                "purposes": [
                    {"id": "national-security", "title": "National security"},
                    {"id": "national-security/terrorism", "title": "Counter-terrorism"},
                    {"id": "road-user-charging", "title": "Charging road users"},
                    {"id": "crime", "title": "Crime in general"},
                ],
                "signatures": [],
            },
            "entry": 0,
            "signatures": _signatures("home-office/secretary-of-state"),
        },
        "authorities": [
            _authority(
                "tfl-charging",
                1,
                "in-force",
                document=charging,
                scope={"groups": ["ccz-boundary", "ulez"], "fields": ["plate", "time", "place", "vehicle"]},
                cameras=1500,
                entry=1,
                signatures=_signatures("tfl/director-of-charging"),
                consulted=_consulted("covered", by=("c-2026-001",)),
                in_force_until="2026-12-31T00:00:00Z",
                review_due="2027-07-04T00:00:00Z",
            ),
            _authority("tfl-met-ct", 1, "superseded", consulted=MARKED),
            _authority(
                "tfl-met-ct",
                2,
                "in-force",
                entry=2_112_003,
                committed_at="2026-07-27T10:00:00Z",
                in_force_from="2026-07-27T10:00:00Z",
                acts=[review, challenge],
                document={"review_every": "P1M15D"},
                consulted=MARKED,
                camera_cap=1187,
                cameras_withheld=13,
                challenges=[challenge],
            ),
            _authority(
                "tfl-met-crime",
                1,
                "revoked",
                document={"title": "Central London cameras for general crime", "purpose": "crime"},
                acts=[revocation],
                in_force_until="2026-08-20T09:31:07Z",
                review_due=None,
            ),
            _authority(
                "tfl-met-ports",
                1,
                "suspended",
                document={"title": "Cameras at the river ports"},
                scope={"hours": [_NIGHTS]},
                acts=[suspension],
                cameras=12,
                consulted=WITHIN,
            ),
            _authority(
                "tfl-met-ring",
                1,
                "review-overdue",
                document={"title": "Cameras of the inner ring road", "urgent": True},
                consulted=_consulted("urgent", "The inner ring road."),
            ),
            _authority(
                "tfl-met-river",
                1,
                "consultation-overdue",
                document={"title": "Cameras of the river bridges"},
                consulted=_consulted("within", "The bridges.", due="2026-09-01T00:00:00Z"),
            ),
            _authority(
                "tfl-met-quays",
                1,
                "revoked",
                document={"title": "Cameras of the quays"},
                ended_by="objection",
                acts=[annulled],
                redactions=1,
                redacted=[redaction],
                review_due=None,
            ),
            _authority("tfl-met-old", 1, "expired", document={"title": "Trial of boundary cameras"}),
            _authority("tfl-met-next", 1, "pending", document={"title": "Boundary cameras from 2027"}),
        ],
        "consultations": example_consultations(),
        "figures": _figures(hours),
        "small_cells": 10,
    }


def example_openapi() -> dict[str, Any]:
    """Return a small OpenAPI document with one of everything that `/docs` renders."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Wicketgate",
            "version": "0.1.0",
            "description": "The API of one gateway.\n\nErrors are `application/problem+json` (RFC 9457).",
        },
        "security": [{"token": []}],
        "tags": [{"name": "reads", "description": "What sources send."}, {"name": "feeds"}],
        "paths": {
            "/v1/reads": {
                "post": {
                    "tags": ["reads"],
                    "summary": "Send reads",
                    "description": "Answers once durable: `sent = accepted + repeated + quarantined`.",
                    "security": [{"token": []}],
                    "requestBody": {
                        "required": True,
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Read"}},
                            "application/vnd.apache.arrow.stream": {
                                "schema": {"type": "string", "format": "binary"}
                            },
                        },
                    },
                    "responses": {
                        "200": {
                            "description": "What became of each read",
                            "content": {
                                "application/json": {"schema": {"$ref": "#/components/schemas/Taken"}}
                            },
                        },
                        "400": {"description": "Unparseable; nothing was taken", "content": problem},
                        "413": {"$ref": "#/components/responses/TooLarge"},
                    },
                }
            },
            "/v1/feeds/{authority}": {
                "parameters": [{"$ref": "#/components/parameters/authority"}],
                "get": {
                    "tags": ["feeds"],
                    "summary": "Read a feed",
                    "parameters": [
                        {
                            "name": "after",
                            "in": "query",
                            "description": "The last batch that you have.",
                            "schema": {"type": "integer", "minimum": 0, "default": 0},
                        },
                        {"name": "wait", "in": "query", "schema": {"type": "number", "maximum": 30}},
                    ],
                    "responses": {
                        "200": {"description": "Batches", "content": {"application/x-ndjson": {}}},
                        "410": {"description": "A cursor past its term"},
                    },
                },
            },
            "/healthz": {
                "get": {"summary": "Liveness", "security": [], "responses": {"200": {"description": "Up"}}}
            },
            "/duty": {
                "get": {
                    "summary": "The queue",
                    "security": [{"session": []}],
                    "responses": {"200": {"description": "The page"}},
                }
            },
        },
        "components": {
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "session"}},
            "parameters": {
                "authority": {
                    "name": "authority",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string"},
                    "description": "The name of an authority, such as `tfl-met-ct`.",
                }
            },
            "responses": {"TooLarge": {"description": "Over 8 MiB"}},
            "schemas": {
                "Read": {
                    "type": "object",
                    "required": ["camera", "captured_at", "plate"],
                    "properties": {
                        "camera": {"type": "string", "description": "Its id in the camera register."},
                        "captured_at": {"type": "string", "format": "date-time"},
                        "plate": {"type": "string"},
                        "direction": {"enum": ["towards", "away"]},
                        "lane": {"type": ["integer", "null"]},
                        "vehicle": {
                            "type": "object",
                            "properties": {"make": {"type": "string"}, "colour": {"type": "string"}},
                        },
                    },
                },
                "Taken": {
                    "type": "object",
                    "properties": {
                        "accepted": {"type": "integer"},
                        "quarantined": {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}},
                    },
                },
                "Problem": {
                    "type": "object",
                    "properties": {
                        "code": {"type": "string"},
                        "inner": {"anyOf": [{"$ref": "#/components/schemas/Problem"}, {"type": "null"}]},
                    },
                },
            },
        },
    }


NO_WITNESSES: Mapping[str, Any] = {
    "needed": 0,
    "size": 9,
    "cosigned": 0,
    "behind": 0,
    "witnesses": [],
    "by": [],
    "stopped": [],
    "refusals": [],
}


def rendered(pages: Pages, register: Mapping[str, Any], openapi: Mapping[str, Any]) -> dict[str, str]:
    """Return every page by its path."""
    site = {
        "/authorities": pages.authorities(register, NOW_US),
        "/figures": pages.figures(register),
        "/": pages.front(register, NOW_US),
        "/why-not-less": pages.why_not_less(register, same_day.part_of(EXHIBIT)),
        "/verify": pages.how_to_verify(register),
        "/about": pages.about(register, contact="Data protection, data@council.example", history=True),
        "/your-read": pages.your_read(register, history=True),
        "/docs": pages.docs(openapi),
        "/witnesses": pages.witnesses(register, NO_WITNESSES),
        "/problem": pages.problem(503, "The register cannot be read now", "the streams do not answer"),
    }
    for one in register["authorities"]:
        html = pages.authority(register, one["name"], one["version"])
        assert html is not None
        site[f"/authorities/{one['name']}/{one['version']}"] = html
    site["/consultations"] = pages.consultations(register, NOW_US)
    site["/drift"] = pages.drift(register)
    for one in register["consultations"]:
        shown = RESPONSES if one["status"] not in {"announced", "open"} else None
        html = pages.consultation(register, one["id"], NOW_US, responses=shown)
        assert html is not None
        site[f"/consultations/{one['id']}"] = html
    return site


def _handler(site: Mapping[str, str], missing: str, seen: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            seen.append(path)
            asset = ASSETS.get(path)
            if asset is not None:
                self._answer(200, asset.media_type, asset.content, {"Cache-Control": asset.cache_control})
            else:
                body = site.get(path, missing).encode()
                self._answer(200 if path in site else 404, "text/html; charset=utf-8", body, HEADERS)

        def _answer(self, status: int, media_type: str, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {
                "Content-Type": media_type,
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def serving(make_site: Callable[[Pages], Mapping[str, str]], seen: list[str] | None = None) -> Iterator[str]:
    """Serve the pages on a free local port and yield the base URL; `seen` collects the paths asked for."""
    pages = Pages(demonstration=True, package=PACKAGE)
    site = make_site(pages)
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), _handler(site, pages.not_found(), [] if seen is None else seen)
    )
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
