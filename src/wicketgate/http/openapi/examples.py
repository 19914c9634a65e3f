"""Examples for the API's description (`openapi`). Vehicles, tokens and hashes are invented."""

from __future__ import annotations

import json
from typing import Any

_READ = {
    "id": "7f3a-000001",
    "camera": "ccz-0001",
    "captured_at": "2026-07-08T12:00:00.250Z",
    "plate": "AB12 CDE",
    "confidence": 0.94,
    "lane": 2,
    "direction": "towards",
    "vehicle": {"colour": "blue", "kind": "van"},
}
_OTHER_READ = {
    "camera": "ccz-0002",
    "captured_at": "2026-07-08T13:00:01+01:00",
    "plate": "AA51 AAA",
    "confidence": 0.97,
}
_HEADER = {
    "batch": 1,
    "commit": 62,
    "authority": "tfl-met-ct@1",
    "rows": 1,
    "root": "193fec3a46f1f96b932677428802dfc61d06612f5bcf99408ba41b512eac7b99",
    "sha256": "73c1217055d5afc2228e0dc3387d0834bb6007c5e136e0222d9c4c4f7ff00d37",
    "released_at": "2026-07-08T12:00:00.615033Z",
    "promise": {
        "salt": "0cc5d9bcf271c97cddcf5776105b4957",
        "second": "2026-07-08T12:00:00Z",
        "merge_by": "2026-07-08T12:00:06Z",
        "signature": "WosN9RVnhc/0m0ChjQaTnqAXWeuvhzdl5D3fTpw9mj5qRxzMm89o1wEkZ0OKJGvyd2t5U0TPgOKgby6cgBhgBg==",
    },
}
_ROW = {
    "seq": 1,
    "salt": "2035cc36a9aac6bc2537093e475f4a8b",
    "authority": "tfl-met-ct@1",
    "read": {
        "plate": "AB12CDE",
        "confidence": 0.94,
        "captured_at": "2026-07-08T12:00:00.250Z",
        "source": "tfl",
        "camera": "ccz-0001",
        "lane": 2,
        "direction": "towards",
    },
}
_FACT = {
    "leaf": "fff991777242a990fb99f79640cbcf0a0f3739e0e22c5ffa77085cf1d6c465c0",
    "index": 255,
    "size": 256,
    "path": [
        "ff823062c6a02b82abf34df04d1b8eb32d1c54e6c8d03606ccbd567383323bf7",
        "95936daf956ad4bd3c0faf6b3761730baca74a1b3bd546fd3bd1f117a7ca491f",
        "1a3f564e735990f949167b46eff613e8714a63ee34a965a1efc8bc9ba33693ce",
        "975748a84d4c551f922eab5ee33d43350fb5d6d52062e618d6e23f0d06488afe",
        "10976ef4d6d75da195c752bfa35382b3e3b6879bec3d6a185e6d8723dfce6f67",
        "e142bc87c188f4f45c4d15d80562a90e214511d145b7a2762d64c6bc441d18e1",
        "e63810697aa7297416543d742e0dd607b24c3a79600cf764ad5a6ef5f4ce2e61",
        "2f61e73e34492f816d6886e7f7caead87b117a46d67f9c256161f4890b969ba0",
    ],
    "root": "0bd430c622b8faf6bc8e174a09b75d9b3a86c57367725c52be6a0c8beda01502",
    "second": "2026-07-08T12:00:00Z",
    "entry": 57,
}
_CHECKPOINT = (
    "log.example/wicketgate\n257\niu5gV/oiTUiLnFOHw7CIvBjcAgdrDo+0cftKlPBwxIQ=\n\n"
    "— log.example/wicketgate "
    "t1TJX1JgO/M5AreskmMwQai39iRi4InclB8g2W7q2Cwu8hR3ttxWFMAgDSnfk5ygFnCEMs4gvztxWs+OsXXAPKPLFgw=\n"
)
_VKEY = "log.example/wicketgate+911b0db2+AVPO+Hf7+e/jnLrFLiNvAKotyqOZSITD1nScJ3iXc3hQ"


def _lines(*values: object) -> str:
    return "".join(json.dumps(value, separators=(",", ":")) + "\n" for value in values)


EXAMPLES: dict[str, Any] = {
    "read": _READ,
    "reads_ndjson": _lines(_READ, _OTHER_READ),
    "taken": {
        "accepted": 1,
        "repeated": 0,
        "quarantined": [
            {
                "index": 1,
                "code": "unknown-camera",
                "detail": "this source has registered no such camera",
            }
        ],
    },
    "cameras": [
        {
            "id": "ccz-0001",
            "groups": ["ccz-boundary"],
            "latitude": 51.5166,
            "longitude": -0.1183,
            "heading": 90.0,
            "zone": "Europe/London",
            "aliases": ["ACCC8ED3290D"],
        },
        {"id": "ccz-0002", "groups": ["ccz"]},
    ],
    "registered": {"entry": 56, "cameras": 2},
    "joined": {
        "image": "patch",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "repeated": False,
    },
    "camera_list": {
        "cameras": [
            {
                "id": "ccz-0002",
                "groups": ["ccz"],
                "latitude": None,
                "longitude": None,
                "heading": None,
                "zone": None,
                "aliases": [],
                "counts": {"accepted": 120, "repeated": 3, "plate-unreadable": 2},
            }
        ],
        "unknown": {"unknown-camera": 1},
    },
    "quarantined": _lines(
        {
            "number": 2,
            "at": "2026-07-08T12:00:00.685341Z",
            "camera": None,
            "code": "unknown-camera",
            "detail": "this source has registered no such camera",
            "read": {**_OTHER_READ, "camera": "ccz-9999"},
        }
    ),
    "envelope": {
        "payloadType": "application/vnd.wicketgate.revocation+json",
        "payload": "eyJyZXZvY2F0aW9uIjp7fX0=",
        "signatures": [
            {
                "keyid": "193fec3a46f1f96b932677428802dfc61d06612f5bcf99408ba41b512eac7b99",
                "sig": "WosN9RVnhc/0m0ChjQaTnqAXWeuvhzdl5D3fTpw9mj5qRxzMm89o1wEkZ0OKJGvyd2t5U0TPgOKgby6cgBhgBg==",
            }
        ],
    },
    "effect": {"entry": 55, "in_force_from": "2026-07-08T12:00:00.239147Z"},
    "feeds": {"feeds": [{"authority": "tfl-met-ct", "version": 1, "status": "in-force", "batches": 4}]},
    "batch": _lines(_HEADER, _ROW),
    "events": "id: 1\n" + "".join(f"data: {line}\n" for line in _lines(_HEADER, _ROW).splitlines()) + "\n",
    "fact": _FACT,
    "batch_proof": {
        "batch": 1,
        "fact": {
            "authority": "tfl-met-ct@1",
            "batch": 1,
            "commit": 62,
            "kind": "release",
            "released_at": _HEADER["released_at"],
            "root": _HEADER["root"],
            "rows": 1,
            "salt": "0cc5d9bcf271c97cddcf5776105b4957",
        },
        **_FACT,
        "entry_proof": ["5003350c78b71022d2b554e7d20cc5e88b0e5a0147ebd431735cb1d481093a86"],
        "checkpoint": _CHECKPOINT,
    },
    "opening": _lines({"number": 58, "sealed": "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSA…"}),
    "token_name": {"name": "source:tfl"},
    "token": {"name": "source:tfl", "token": "Zq3nQmC2hJ0K6sVw9yYtD1xR8uB5pF7eL4gA-invented"},
    "metrics": 'wicketgate_reads_total{became="accepted"} 5.0\nwicketgate_projection_lag 0.0\n',
    "vkey": _VKEY + "\n",
    "checkpoint": _CHECKPOINT,
    "register": {
        "origin": "log.example/wicketgate",
        "demonstration": False,
        "as_of": "2026-07-08T12:00:02Z",
        "log_key": _VKEY,
        "checkpoint": _CHECKPOINT,
        "charter": {"document": {"charter": {"name": "london"}}, "entry": 0, "signatures": []},
        "charters": [],
        "authorities": [],
        "consultations": [],
        "figures": [
            {
                "kind": "figures",
                "from": "2026-07-08T11:00:00Z",
                "until": "2026-07-08T12:00:00Z",
                "taken": 655200,
                "repeated": 312,
                "quarantined": None,
                "decided": 655200,
                "withheld": 0,
                "released": {"tfl-met-ct": 436800},
                "refused": [{"authority": "tfl-met-ct@1", "reason": "out-of-scope", "rows": 218400}],
                "disclosures": {},
                "disclosures_refused": {},
                "receipts": {
                    "tfl-met-ct": {
                        "attested_until": None,
                        "due_until": None,
                        "missing": False,
                        "missing_since": None,
                        "overdue_rows": 0,
                    }
                },
                "entry": 3661,
            }
        ],
        "small_cells": 10,
    },
    "hotlist": '{"plate":"AB12CDE","kind":"robbery","priority":1,"reason":"seen at two robberies",'
    '"expires_at":"2026-07-31T23:00:00Z","make":"Ford","colour":"blue"}\n',
    "hotlist_csv": "AB12CDE,Ford,,blue,STOP,,seen at two robberies,,,MPS,31/07/2026,,,,call first,\r\n",
    "list_taken": {"revision": 7, "entries": 1204, "added": 3, "changed": 1, "removed": 0},
    "said": {"outcome": "not-acted", "reason": "no car was free", "by": "PC 4711"},
    "hit": {
        "id": "3f6c2a9be81d4470aa52c913",
        "authority": "tfl-met-wanted@1",
        "seq": 812,
        "voi": "b0f5d5c2a1e94f77",
        "kind": "robbery",
        "priority": 1,
        "quality": "exact",
        "raised_at": "2026-07-08T12:00:00.412Z",
        "due_at": "2026-07-08T12:15:00.412Z",
        "overdue": False,
        "status": "confirmed",
        "actionable": True,
        "cannot_confirm": None,
        "read": {
            "plate": "AB12CDE",
            "confidence": 0.93,
            "captured_at": "2026-07-08T11:59:59.871Z",
            "source": "tfl",
            "camera": "ccz-0001",
            "latitude": 51.5166,
            "longitude": -0.1183,
            "vehicle": {"make": "Ford", "colour": "white"},
        },
        "listed": {"plate": "AB12CDE", "reason": "seen at two robberies", "make": "Ford", "colour": "blue"},
        "outcomes": [
            {"outcome": "confirmed", "reason": "", "by": "PC 4711", "at": "2026-07-08T12:01:30.5Z"},
        ],
    },
}
