"""What each role lets a person do, by operation: the one table, from which handlers, description and tests go.

What is not in it is for machines. A role gives nothing that an authority does not let besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VIEW: Final = ("viewer",)
"""Of a unit: its rows."""
SEE: Final = ("viewer", "confirmer")
"""Of a unit: its hits and their images."""
CONFIRM: Final = ("confirmer",)
"""Of a unit: what came of a hit."""
KEEP: Final = ("hotlist-keeper",)
"""Of a unit: its hotlists."""
SOURCE: Final = ("source-officer",)
"""Of a source: its cameras, its quarantine, and what became of what it gave."""
DUE: Final = ("data-protection-officer",)
"""Of an office: what is due."""
APPROVE: Final = ("approver",)
"""Of a unit or an office: what others ask."""
ASK: Final = ("asker",)
"""Of a unit: the past."""
OVERSEE: Final = ("overseer",)
"""Of an overseer's office: why, and openings."""
SETTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "recipient": ("confirmer", "hotlist-keeper"),
    "office": ("data-protection-officer", "overseer", "approver"),
    "source": ("source-officer",),
}
"""Of a unit, an office, a source: the rules by which it is told."""

_UNIT_VIEWS: Final = {"recipient": VIEW}
_UNIT_SEES: Final = {"recipient": SEE}
_KEEPS: Final = {"recipient": KEEP}
_ATTESTED: Final = {"overseer": OVERSEE, "source": SOURCE, "office": DUE}
_ASKS: Final = {"recipient": ASK}
_APPROVES: Final = {"recipient": APPROVE, "office": APPROVE, "overseer": APPROVE}
_SETS: Final = {**SETTERS, "overseer": OVERSEE}

ROLES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "listFeeds": _UNIT_VIEWS,
    "getFeed": _UNIT_VIEWS,
    "followFeed": _UNIT_VIEWS,
    "getProof": _UNIT_VIEWS,
    "getImage": _UNIT_SEES,
    "askPast": _ASKS,
    "previewSearch": _ASKS,
    "listSearches": _ASKS,
    "getSearch": _ASKS,
    "getAnswerRows": _ASKS,
    "postCustodyLook": _ASKS,
    "getSearchProof": _ASKS,
    "getSearchEvidence": _ASKS,
    "getAnswerImage": _ASKS,
    "getQuestion": {"recipient": (*ASK, *APPROVE), "office": APPROVE, "overseer": APPROVE},
    "listApprovals": _APPROVES,
    "approveSearch": _APPROVES,
    "refuseSearch": _APPROVES,
    "listSourceSearches": {"source": SOURCE},
    "listEmergencies": {"overseer": OVERSEE},
    "letEmergencies": {"overseer": OVERSEE},
    "linkKeeper": _ASKS,
    "listLinks": {"source": SOURCE, "overseer": OVERSEE},
    "listHits": _UNIT_SEES,
    "getHit": _UNIT_SEES,
    "getHitEvidence": _UNIT_SEES,
    "recordOutcome": {"recipient": CONFIRM},
    "getHotlist": _KEEPS,
    "putHotlist": _KEEPS,
    "changeHotlist": _KEEPS,
    "getCameras": {"source": SOURCE},
    "getQuarantine": {"source": SOURCE},
    "listErrata": _UNIT_VIEWS,
    "listDisclosures": _ATTESTED,
    "listReceipts": _ATTESTED,
    "askWhy": {"overseer": OVERSEE},
    "getOpenings": {"overseer": OVERSEE},
    "getAllResponses": {"overseer": OVERSEE},
    "showQueue": _UNIT_SEES,
    "showQueuePart": _UNIT_SEES,
    "followQueue": _UNIT_SEES,
    "showHit": _UNIT_SEES,
    "showImage": _UNIT_SEES,
    "sayOutcome": {"recipient": CONFIRM},
    "showHandover": _UNIT_SEES,
    "handOver": _UNIT_SEES,
    "showLists": _KEEPS,
    "showList": _KEEPS,
    "uploadList": _KEEPS,
    "showListChange": _KEEPS,
    "confirmList": _KEEPS,
    "showSource": {"source": SOURCE},
    "getCameraTable": {"source": SOURCE},
    "showProtection": {"office": DUE},
    "showSuspend": {"office": DUE},
    "draftSuspension": {"office": DUE},
    "showQuestions": _ASKS,
    "showAskForm": _ASKS,
    "writeQuestion": _ASKS,
    "checkQuestion": _ASKS,
    "sendQuestion": _ASKS,
    "showQuestion": _ASKS,
    "showAnswer": _ASKS,
    "showAnswerImage": _ASKS,
    "downloadAnswer": _ASKS,
    "showApprovals": _APPROVES,
    "showApproval": _APPROVES,
    "approveQuestion": _APPROVES,
    "refuseQuestion": _APPROVES,
    "showSourceQuestions": {"source": SOURCE},
    "showEmergencies": {"overseer": OVERSEE},
    "letEmergency": {"overseer": OVERSEE},
    "changeAlerts": _SETS,
    "testAlerts": _SETS,
    "putAlerts": _SETS,
    "testAlert": _SETS,
}
"""Roles by operation and kind of place (`gatekeeper.person_of`); of a person one of them is needed."""
ANYBODY: Final = frozenset(
    {
        "submitDocument",
        "signOut",
        "showAlerts",
        "getAlerts",
        "showMe",
        "workAt",
        "withdrawOwnPasskey",
        "showPresence",
        "beginPresence",
        "provePresence",
        "provePresenceWith",
        "showDevice",
        "answerDevice",
    }
)
"""Operations for any person who is signed in: on themselves, or where signatures are what counts."""
