"""The table of the operations by which people ask the past, approve, and see who asked."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from wicketgate.base.shapes import about, shape
from wicketgate.history.forms import CSV, GEOJSON, PARQUET
from wicketgate.http.openapi.bodies import AnswerErratum, AnswerRow, ErasedRow, RowFeatures
from wicketgate.http.openapi.operation import NDJSON, OFFICER, PAGE, Bytes, Content, Operation, Sample, tagged
from wicketgate.http.openapi.v1 import IMAGES, STOPS
from wicketgate.http.parameters import Parameter
from wicketgate.http.requests import FORM, MAX_MEMBERS
from wicketgate.http.site.approving import MOST_REASON
from wicketgate.http.site.ask_form import MOST_FORM, MOST_LINE, MOST_TEXT, MOST_WORDS
from wicketgate.pages.answers import FORMS

_REF = Parameter(name="ref", words="As the row says.")
_ID = Parameter(name="id", words="A question's id.")
_NAME = Parameter(name="authority", place="query", words="An authority's name.")
_KIND = Parameter(name="kind", place="query", words="A kind of question.")
_DRAFT = Parameter(name="draft", place="query", words="What was written, and not sent yet.")
_SENT = Parameter(name="sent", place="query", words="`yes`: it was sent just now.")
_DONE = Parameter(name="done", place="query", words="`approved` or `refused`: it was recorded just now.")
_LET = Parameter(name="done", place="query", words="`let`: a right was given back just now.")
_AFTER = Parameter(
    name="after",
    place="query",
    words="The cursor of a page.",
    schema={"type": "integer", "minimum": 0, "default": 0},
)
_FORM_OF = Parameter(
    name="form", words="The form of the file.", schema={"type": "string", "enum": list(FORMS)}
)
_SIGN_IN: dict[int, tuple[str, Content]] = {
    303: ("Nobody is signed in: a browser is sent to `/sign-in`.", {})
}
_ON: dict[int, tuple[str, Content]] = {303: ("On to what comes next. Or nobody is signed in.", {})}
_PRESENT: dict[int, tuple[str, Content]] = {
    303: (
        "Recorded: on to what waits. Or a fresh proof of presence is needed first, or nobody is signed in.",
        {},
    )
}

_Line = Annotated[str, shape(maxLength=MOST_LINE)]
_List = Annotated[str, shape(maxLength=MOST_TEXT)]
_Words = Annotated[str, shape(maxLength=MOST_WORDS)]


class QuestionForm(Struct, frozen=True, kw_only=True):
    """A question as a person writes it; with kind `scenes` also `scene-N-group` and so on, N from 0."""

    form_key: str
    authority: _Line
    kind: _Line
    do: Annotated[str, about("`more` for one more place and time.")] = "check"
    draft: Annotated[str, about("What is changed.")] = ""
    plate: _Line = ""
    plates: _List = ""
    pattern: _Line = ""
    make: _Line = ""
    colour: _Line = ""
    body: _Line = ""
    group: _Line = ""
    cameras: _List = ""
    area: Annotated[str, about("Corners, a line each, or a GeoJSON polygon.", maxLength=MOST_TEXT)] = ""
    from_day: _Line = ""
    from_time: _Line = ""
    to_day: _Line = ""
    to_time: _Line = ""
    clock: Annotated[str, about("`utc`, or nothing for the clock of the place.")] = ""
    at_least: _Line = ""
    offence: _Line = ""
    case: _Line = ""
    reason: _Words = ""
    emergency: Annotated[str, about("`yes` where life is threatened.")] = ""
    emergency_reason: _Words = ""


class DraftForm(Struct, frozen=True, kw_only=True):
    """Which draft is sent."""

    form_key: str
    draft: str


class ApproveForm(Struct, frozen=True, kw_only=True):
    """An approval of one run."""

    form_key: str
    vehicles: Annotated[str, about("The number that was counted, where one was.")] = ""


class LetForm(Struct, frozen=True, kw_only=True):
    """Which unit may say again that life is threatened."""

    form_key: str
    unit: Annotated[str, shape(minLength=1, maxLength=130)]


class RefuseForm(Struct, frozen=True, kw_only=True):
    """Why a question is not to be answered."""

    form_key: str
    reason: Annotated[str, shape(minLength=1, maxLength=MOST_REASON)]


# A table: one operation after another, as short as it can be said.
# fmt: off

_FORM = "malformed form-refused unsupported-media-type"
_ASKS = "not-entitled person-needed"
QUESTIONS = tagged(
    "duty", (OFFICER,),
    Operation(
        "showQuestions", "GET /questions", "One's own questions to the past, and how they stand", gives=PAGE,
        also=_SIGN_IN, as_page=True, codes=_ASKS,
    ),
    Operation(
        "showAskForm", "GET /questions/ask", "What to ask by; with an authority and a kind the form",
        parameters=(_NAME, _KIND, _DRAFT), gives=PAGE, also=_ON, as_page=True, codes=_ASKS,
    ),
    Operation(
        "writeQuestion", "POST /questions/ask", "Write a question, to check it before it is sent",
        "Nothing is recorded. It waits for half an hour, for this session alone.", takes={FORM: QuestionForm},
        most=MOST_FORM, gives=PAGE, also=_ON, as_page=True, codes=f"{_ASKS} {_FORM} question-kind",
    ),
    Operation(
        "checkQuestion", "GET /questions/check", "How broad a question is, and who must approve it",
        "Nothing is recorded.", parameters=(_DRAFT,), gives=PAGE, also=_ON, as_page=True,
        codes=f"{_ASKS} not-found malformed question-kind",
    ),
    Operation(
        "sendQuestion", "POST /questions/check", "Send a question that was checked, once", takes={FORM: DraftForm},
        most=MAX_MEMBERS, gives=PAGE, also=_ON, as_page=True, commits=True,
        codes=f"{_ASKS} {_FORM} not-found question-kind history-unavailable",
    ),
    Operation(
        "showQuestion", "GET /questions/{id}", "One's own question: how it stands, and what was asked",
        parameters=(_ID, _SENT), gives=PAGE, also=_SIGN_IN, as_page=True, codes=f"{_ASKS} unknown-search", commits=True,
    ),
    Operation(
        "showAnswer", "GET /questions/{id}/answer", "A page of an answer, as a list and on the map",
        "Each page is a look, committed before it is shown.", parameters=(_ID, _AFTER), gives=PAGE, also=_SIGN_IN,
        as_page=True, codes=f"{_ASKS} {STOPS} unknown-search not-answered answer-ended malformed", commits=True,
    ),
    Operation(
        "downloadAnswer", "GET /questions/{id}/answer/{form}", "A part of an answer as a file",
        "At most 10,000 rows; recorded before the first byte.", parameters=(_ID, _FORM_OF, _AFTER),
        gives={
            NDJSON: (AnswerRow, ErasedRow, AnswerErratum),
            CSV: Sample("seq,authority,captured_at,plate\r\n"), PARQUET: Bytes,
            GEOJSON: RowFeatures,
        },
        meaning="The rows.", also=_SIGN_IN, as_page=True, commits=True,
        codes=f"{_ASKS} {STOPS} unknown-search not-answered answer-ended not-found malformed",
    ),
    Operation(
        "showAnswerImage", "GET /questions/{id}/images/{ref}", "An image of a read that an answer showed",
        parameters=(_ID, _REF), gives=IMAGES, also=_SIGN_IN, as_page=True,
        meaning="The image; that it was fetched is committed.",
        codes=f"{_ASKS} {STOPS} not-found unknown-search not-answered answer-ended", commits=True,
    ),
    Operation(
        "showApprovals", "GET /approvals", "What waits for one's approval", parameters=(_DONE,), gives=PAGE,
        also=_SIGN_IN, as_page=True, codes="not-entitled", commits=True,
    ),
    Operation(
        "showApproval", "GET /approvals/{id}", "A question that waits: what is asked, why, how broadly",
        parameters=(_ID,), gives=PAGE, also=_SIGN_IN, as_page=True, codes="not-entitled unknown-search", commits=True,
    ),
    Operation(
        "approveQuestion", "POST /approvals/{id}/approve", "Approve one run, quoting the number that was counted",
        parameters=(_ID,), takes={FORM: ApproveForm}, most=MAX_MEMBERS, gives=PAGE, also=_PRESENT, as_page=True,
        codes=f"not-entitled unknown-search self-approval approver-twice count-differs approval-spent presence-needed "
        f"{_FORM}", commits=True,
    ),
    Operation(
        "refuseQuestion", "POST /approvals/{id}/refuse", "Let a question not be answered", parameters=(_ID,),
        takes={FORM: RefuseForm}, most=MAX_MEMBERS, gives=PAGE, also=_PRESENT, as_page=True,
        codes=f"not-entitled unknown-search self-approval approval-spent reason-missing presence-needed {_FORM}",
        commits=True,
    ),
    Operation(
        "showSourceQuestions", "GET /source/questions", "Who asked the past of a source's reads, and how broadly",
        "Never what was asked for.", gives=PAGE, also=_SIGN_IN, as_page=True, codes="not-entitled", commits=True,
    ),
    Operation(
        "showEmergencies", "GET /emergencies", "Emergencies nobody approved, and units whose right stopped",
        "Never what was asked for.", parameters=(_LET,), gives=PAGE, also=_SIGN_IN, as_page=True, codes="not-entitled",
        commits=True,
    ),
    Operation(
        "letEmergency", "POST /emergencies/let", "Let a unit say again that life is threatened",
        takes={FORM: LetForm}, most=MAX_MEMBERS, gives=PAGE, also=_PRESENT, as_page=True,
        codes=f"not-entitled not-stopped presence-needed malformed {_FORM}", commits=True,
    ),
)
# fmt: on
