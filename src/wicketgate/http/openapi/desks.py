"""The table of the operations of people's desks, beside the duty officers' queue."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from wicketgate.base.shapes import about, shape
from wicketgate.gateway.filing.handovers import MOST_NOTE
from wicketgate.hotlists.forms import CSV
from wicketgate.http.forms import FORM as MULTIPART
from wicketgate.http.openapi.operation import OFFICER, PAGE, Content, Operation, tagged
from wicketgate.http.openapi.v1 import AUTHORITY, STOPS
from wicketgate.http.parameters import Parameter
from wicketgate.http.requests import FORM, MAX_MEMBERS
from wicketgate.http.site.lists import MOST_UPLOAD
from wicketgate.http.site.protection import MOST_REASON

_DONE = Parameter(name="done", place="query", words="Says that a note was recorded.")
_TAKEN = Parameter(name="taken", place="query", words="An upload that was confirmed.")
_NAME = Parameter(name="name", words="An authority's name.")
_PART = Parameter(
    name="page",
    place="query",
    words="Which part of the list, from 1.",
    schema={"type": "integer", "minimum": 1, "maximum": 1_000, "default": 1},
)
_FAULTY = Parameter(
    name="show", place="query", words="`faulty`: cameras that are silent or were never heard."
)
_SIGN_IN: dict[int, tuple[str, Content]] = {
    303: ("Nobody is signed in: a browser is sent to `/sign-in`.", {})
}
_ON: dict[int, tuple[str, Content]] = {
    303: ("Recorded: on to the page that says so. Or nobody is signed in.", {})
}


class NoteForm(Struct, frozen=True, kw_only=True):
    """A note to the next shift."""

    form_key: str
    note: Annotated[str, shape(maxLength=MOST_NOTE)] = ""


class UploadForm(Struct, frozen=True, kw_only=True):
    """A list, to see what it would change."""

    form_key: str
    file: Annotated[str, about("CSV of 16 fields, NDJSON or a JSON array.")]
    whole: Annotated[str, about("`no` for changes alone.")] = "yes"
    kind: Annotated[str, about("For CSV.")] = ""


class ConfirmForm(Struct, frozen=True, kw_only=True):
    """Which upload is confirmed."""

    form_key: str
    upload: str


class ReasonForm(Struct, frozen=True, kw_only=True):
    """Why something is done."""

    form_key: str
    reason: Annotated[str, shape(minLength=1, maxLength=MOST_REASON)]


# A table: one operation after another, as short as it can be said.
# fmt: off

_FORM = "malformed form-refused unsupported-media-type"
_LIST = f"not-entitled {STOPS} not-a-match-authority"
DESKS = tagged(
    "duty", (OFFICER,),
    Operation(
        "showHandover", "GET /duty/handover", "What is open, who took it, and the notes of the last shifts",
        parameters=(_DONE,), gives=PAGE, also=_SIGN_IN, as_page=True, codes="not-entitled", commits=True,
    ),
    Operation(
        "handOver", "POST /duty/handover", "Leave a note to the next shift",
        "The same note of the same person within ten minutes is the same hand-over.", takes={FORM: NoteForm},
        most=MAX_MEMBERS, gives=PAGE, also=_ON, as_page=True, codes=f"not-entitled {_FORM}", commits=True,
    ),
    Operation(
        "showLists", "GET /duty/lists", "The lists of one's unit", gives=PAGE, also=_SIGN_IN, as_page=True,
        codes="not-entitled",
    ),
    Operation(
        "showList", "GET /duty/lists/{authority}", "One list: what of it ends or must be reviewed, and a form",
        parameters=(AUTHORITY, _TAKEN), gives=PAGE, also=_SIGN_IN, as_page=True, codes=_LIST, commits=True,
    ),
    Operation(
        "uploadList", "POST /duty/lists/{authority}", "Hand a file in, to see what it would change",
        "Nothing changes. The upload waits for half an hour, for this session alone.", parameters=(AUTHORITY,),
        takes={MULTIPART: UploadForm}, most=MOST_UPLOAD, gives=PAGE,
        also={303: ("On to what would change. Or nobody is signed in.", {})},
        as_page=True, codes=f"{_LIST} {_FORM}", commits=True,
    ),
    Operation(
        "showListChange", "GET /duty/lists/{authority}/change", "What the session's upload would change",
        parameters=(AUTHORITY,), gives=PAGE, also={303: ("Nothing waits: to the list. Or nobody is signed in.", {})},
        as_page=True, codes=_LIST, commits=True,
    ),
    Operation(
        "confirmList", "POST /duty/lists/{authority}/confirm", "Make the change that was shown, once",
        "Where the list changed meanwhile nothing is done, and what would change now is shown.",
        parameters=(AUTHORITY,), takes={FORM: ConfirmForm}, most=MAX_MEMBERS, gives=PAGE, also=_ON, as_page=True,
        codes=f"{_LIST} {_FORM} not-found", commits=True,
    ),
    Operation(
        "showSource", "GET /source", "A source's cameras and their health, and who gets what they read",
        "For a source's officers. What is said of hits moves with the published figures of targeting alone.",
        parameters=(_PART, _FAULTY), gives=PAGE, also=_SIGN_IN, as_page=True, codes="not-entitled malformed",
        commits=True,
    ),
    Operation(
        "getCameraTable", "GET /source/cameras.csv", "The same cameras as CSV", gives={CSV: None}, also=_SIGN_IN,
        meaning="A row for each camera, behind a head.", as_page=True, codes="not-entitled", commits=True,
    ),
    Operation(
        "showProtection", "GET /protection", "What falls due for a data protection officer, and figures by authority",
        gives=PAGE, also=_SIGN_IN, as_page=True, codes="not-entitled", commits=True,
    ),
    Operation(
        "showSuspend", "GET /protection/suspend/{name}", "The form that prepares a suspension", parameters=(_NAME,),
        gives=PAGE, also=_SIGN_IN, as_page=True, codes="not-entitled not-found",
    ),
    Operation(
        "draftSuspension", "POST /protection/suspend/{name}", "A suspension, to be signed at home",
        "Nothing is committed, and nothing suspended.", parameters=(_NAME,), takes={FORM: ReasonForm}, most=MAX_MEMBERS,
        gives={"application/toml": None}, meaning="The document, unsigned.", also=_SIGN_IN, as_page=True,
        codes=f"not-entitled not-found {_FORM}",
    ),
)
# fmt: on
