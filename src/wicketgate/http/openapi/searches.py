"""The table of the operations on questions to the past."""

from __future__ import annotations

from dataclasses import replace

from wicketgate.feeds.evidence import EvidenceGiven
from wicketgate.gateway.searching.values import AskedDocument, SearchDetail, SearchPreview, SearchShown
from wicketgate.history.forms import CSV, GEOJSON, PARQUET
from wicketgate.http import answers, codes
from wicketgate.http.api.searches import (
    MAX_SEARCH,
    SearchApproval,
    SearchesShown,
    SearchRefusal,
    SourceSearchesShown,
    StoppedUnits,
    UnitNamed,
)
from wicketgate.http.openapi.bodies import AnswerErratum, AnswerRow, ErasedRow, RowFeatures
from wicketgate.http.openapi.operation import NDJSON, Bytes, Operation, Sample, tagged
from wicketgate.http.parameters import AFTER_ROW, ROWS, Parameter
from wicketgate.http.requests import MAX_MEMBERS
from wicketgate.regime.standing import STOPPED

SEARCH_ID = Parameter(name="id", words="The question's id.")
_ZONE = (replace(codes.SEARCH["zone-missing"], status=422),)
_REF = Parameter(name="ref", words="As the row says.")
_STOPS = " ".join(sorted(STOPPED))
_APPROVAL = (
    "unknown-search self-approval approver-twice approval-spent presence-needed person-needed malformed"
)

# fmt: off

SEARCHES = (
    *tagged(
        "recipients", ("recipient",),
        Operation(
            "askPast", "POST /v1/searches", "Ask the past",
            "By a named person, with offence, case number and reason. It is committed before anything is shown, also "
            "where it is refused. `status` is then `refused`, with a `code`; `counted` or `awaiting-approval` where "
            "people must approve first; or `answered`. Every question but one exact plate is told first how many "
            "vehicles it means (9 for nine or fewer), and its rows once an approval quoted the number. With "
            "`emergency`, where the charter lets it, the answer comes at once and must be approved afterwards. "
            "docs/spec/searches.md.",
            takes=AskedDocument, most=MAX_SEARCH, gives=SearchShown, status=201, commits=True,
            codes="malformed question-kind too-many-searches history-unavailable person-needed "
            "revision-differs", refusals=_ZONE,
        ),
        Operation(
            "previewSearch", "POST /v1/searches/preview", "What would become of a question",
            "How broad it is and who must approve it. Nothing is recorded, and the history is not asked.",
            takes=AskedDocument, most=MAX_SEARCH, gives=SearchPreview,
            codes="malformed question-kind too-many-searches person-needed revision-differs", refusals=_ZONE,
        ),
        Operation(
            "listSearches", "GET /v1/searches", "One's own questions", "Of the last 31 days, the newest first.",
            gives=SearchesShown, codes="person-needed",
        ),
        Operation(
            "getSearch", "GET /v1/searches/{id}", "How one's own question stands", parameters=(SEARCH_ID,),
            gives=SearchShown, codes="unknown-search person-needed",
        ),
        Operation(
            "getQuestion", "GET /v1/searches/{id}/question", "What was asked, and why",
            "For whoever asked it, and for whoever may approve it: their look is committed.",
            who=("recipient", "overseer"), parameters=(SEARCH_ID,), gives=SearchDetail, commits=True,
            codes="unknown-search person-needed",
        ),
        Operation(
            "getAnswerRows", "GET /v1/searches/{id}/rows", "A page of an answer",
            "Rows in the order of time. Each page is a look, committed before it goes; another form than NDJSON is an "
            "export, and the fact says so. `Wicketgate-After` is the cursor of the next page, missing behind the last "
            "row. A row that is past its source's retention, or was erased, has its leaf hash instead. Behind a "
            "row that is known to be wrong stands a line with `erratum`, which is no row, and under no root.",
            parameters=(SEARCH_ID, AFTER_ROW, ROWS),
            gives={
                NDJSON: (AnswerRow, ErasedRow, AnswerErratum),
                CSV: Sample("seq,authority,captured_at,plate\r\n"), PARQUET: Bytes,
                GEOJSON: RowFeatures,
            },
            meaning="The rows.", commits=True,
            codes=f"unknown-search not-answered answer-ended person-needed malformed {_STOPS}",
        ),
        Operation(
            "getAnswerImage", "GET /v1/searches/{id}/images/{ref}", "An image that a row of an answer names",
            "By the `ref` of the row. Each fetch is committed before it goes.",
            parameters=(SEARCH_ID, _REF), gives={"image/jpeg": Bytes, "image/png": Bytes}, meaning="The image.",
            codes=f"unknown-search not-answered answer-ended not-found person-needed {_STOPS}", commits=True,
        ),
        Operation(
            "getSearchProof", "GET /v1/searches/{id}/proof", "The way from a run to the ledger",
            "The run's fact is made again from `header`; from its hash to the root of its second, and from that "
            "entry to a checkpoint.", parameters=(SEARCH_ID,), gives=answers.RunProof,
            codes="unknown-search not-answered not-due person-needed", commits=True,
        ),
        Operation(
            "getSearchEvidence", "GET /v1/searches/{id}/evidence", "What an evidence pack of an answer is made of",
            "The run with its proof, the question with the salt that its fact commits to, and the facts of what came "
            "of it and of who looked. Its rows are those of `rows`. That this is asked for is such a fact too.",
            parameters=(SEARCH_ID,), gives=EvidenceGiven, commits=True,
            codes=f"unknown-search not-answered answer-ended not-due too-large person-needed {_STOPS}",
        ),
        Operation(
            "listApprovals", "GET /v1/approvals", "Questions that wait for one's approval",
            who=("recipient", "overseer"), gives=SearchesShown, codes="person-needed",
        ),
        Operation(
            "approveSearch", "POST /v1/searches/{id}/approve", "Approve one run of a question",
            "By another person than whoever asked, for a unit or an office that it needs, quoting the number of "
            "vehicles that was told. The last approval that is needed runs it.",
            who=("recipient", "overseer"), parameters=(SEARCH_ID,), takes=SearchApproval, most=MAX_MEMBERS,
            gives=SearchShown, codes=f"{_APPROVAL} count-differs", commits=True,
        ),
        Operation(
            "refuseSearch", "POST /v1/searches/{id}/refuse", "End a question that is not to be answered",
            who=("recipient", "overseer"), parameters=(SEARCH_ID,), takes=SearchRefusal, most=MAX_MEMBERS,
            gives=SearchShown, codes=f"{_APPROVAL} reason-missing", commits=True,
        ),
    ),
    *tagged(
        "sources", ("source",),
        Operation(
            "listSourceSearches", "GET /v1/cameras/searches", "Questions on the source's cameras",
            "Who asked, under what, how broadly and how much came back, in the last 31 days; never what they ask for.",
            gives=SourceSearchesShown,
        ),
    ),
    *tagged(
        "overseers", ("overseer",),
        Operation(
            "listEmergencies", "GET /v1/emergencies", "Units that may not say that life is threatened",
            "Because nobody approved an emergency of theirs in time.", gives=StoppedUnits,
        ),
        Operation(
            "letEmergencies", "POST /v1/emergencies/let", "Let a unit say again that life is threatened",
            "The word of the office that the charter names.", takes=UnitNamed, most=MAX_MEMBERS, gives=StoppedUnits,
            codes="not-stopped presence-needed malformed", commits=True,
        ),
    ),
)

# fmt: on
