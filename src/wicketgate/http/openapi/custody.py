"""The table of the operations of custody: checkpoints, questions that it answers, and looks."""

from __future__ import annotations

from wicketgate.gateway.searching.custody import CustodyQuestions
from wicketgate.gateway.searching.values import SearchShown
from wicketgate.http import answers
from wicketgate.http.api.custody import CountSaid, JournalSaid, LookSaid, RunSaid
from wicketgate.http.openapi.operation import Operation, tagged
from wicketgate.http.openapi.searches import SEARCH_ID
from wicketgate.http.openapi.v1 import AUTHORITY
from wicketgate.http.requests import MAX_MEMBERS
from wicketgate.regime.standing import STOPPED

_STOPS = " ".join(sorted(STOPPED))

# fmt: off

CUSTODY = tagged(
    "recipients", ("recipient",),
    Operation(
        "postCustodyCheckpoint", "POST /v1/custody/{authority}/checkpoints", "Say how far custody has come",
        "A checkpoint of the journal of the unit's custody of a feed of mode bulk: it goes on from the last one, or is "
        "refused. docs/spec/custody.md.", parameters=(AUTHORITY,), takes=JournalSaid, most=MAX_MEMBERS,
        gives=answers.CustodyTaken, status=201,
        codes="custody-not-extended more-than-released malformed", commits=True,
    ),
    Operation(
        "getCustodyCheckpoint", "GET /v1/custody/{authority}/checkpoints", "The last checkpoint of custody",
        "As it was recorded.", parameters=(AUTHORITY,), gives=answers.CustodyLast,
    ),
    Operation(
        "listCustodySearches", "GET /v1/custody/{authority}/searches", "What custody is to count or run",
        "Questions under the unit's authority of mode bulk that wait for its custody. Who asks, and why, is not told.",
        parameters=(AUTHORITY,), gives=CustodyQuestions,
    ),
    Operation(
        "postCustodyCount", "POST /v1/custody/{authority}/searches/{id}/count", "Say what custody counted",
        "It is committed before anybody is told.", parameters=(AUTHORITY, SEARCH_ID), takes=CountSaid, most=MAX_MEMBERS,
        gives=SearchShown, codes="unknown-search approval-spent revision-differs malformed", commits=True,
    ),
    Operation(
        "postCustodyRun", "POST /v1/custody/{authority}/searches/{id}/run", "Say what custody answers",
        "The run is committed before the first page; where the law has come to refuse it, `status` is `refused`.",
        parameters=(AUTHORITY, SEARCH_ID), takes=RunSaid, most=MAX_MEMBERS,
        gives=SearchShown, codes="unknown-search approval-spent not-answered revision-differs malformed",
        commits=True,
    ),
    Operation(
        "postCustodyLook", "POST /v1/searches/{id}/looks", "Commit a look at a page that custody shows",
        "By the person who asked; custody shows the page once it is committed, and never before.",
        parameters=(SEARCH_ID,), takes=LookSaid, most=MAX_MEMBERS, gives=SearchShown, status=201,
        codes=f"{_STOPS} unknown-search not-answered answer-ended person-needed malformed", commits=True,
    ),
)

# fmt: on
