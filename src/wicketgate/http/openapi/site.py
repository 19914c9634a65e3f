"""The table of the public operations and the duty officers' pages.

Anybody may call the public ones.
"""

from __future__ import annotations

from wicketgate.http.answers import Health, HitShown, Ready, ResponseShown, ResponseTaken
from wicketgate.http.openapi.bodies import OutcomeForm, ResponseForm, ResponseSaid
from wicketgate.http.openapi.desks import DESKS
from wicketgate.http.openapi.examples import CHECKPOINT, VKEY
from wicketgate.http.openapi.operation import (
    EVENTS,
    HTML,
    JSON,
    NDJSON,
    OFFICER,
    PAGE,
    TEXT,
    Bytes,
    Content,
    Operation,
    Sample,
    tagged,
)
from wicketgate.http.openapi.people import PEOPLE
from wicketgate.http.openapi.questions import QUESTIONS
from wicketgate.http.openapi.register import FiguresOfMonthBody, RegisterBody
from wicketgate.http.openapi.v1 import AUTHORITY, CONSULTATION, HIT, IMAGES, STOPS
from wicketgate.http.openapi.witnesses import WITNESSES
from wicketgate.http.parameters import PAGE_OF_RESPONSES, Parameter
from wicketgate.http.requests import FORM, MAX_MEMBERS, MAX_RESPONSE
from wicketgate.ledger.facts import FactAnswer

_NAME = Parameter(name="name", words="The authority's name.")
_VERSION = Parameter(name="version", words="Its version.", schema={"type": "integer", "minimum": 1})
_LEAF = Parameter(
    name="leaf",
    words="The leaf hash, 64 lower-case hexadecimal digits.",
    schema={"type": "string", "pattern": "^[0-9a-f]{64}$"},
)
_ASSET = Parameter(name="path", words="As the pages name it.")
_MONTH = Parameter(name="month", words="As in `2026-11`.")
_TILE = Parameter(
    name="path",
    words="`L/N` for hashes of level L, `entries/N` for entries; the last, while it is not full, with `.p/W`.",
)
_REFRESH = Parameter(
    name="refresh",
    place="query",
    words="`off`: a browser without JavaScript does not load it again by itself.",
)
_RECORDED = Parameter(name="recorded", place="query", words="A hit whose outcome the page confirms.")
_FILTER = tuple(
    Parameter(name=name, place="query", words=words)
    for name, words in (
        ("authority", "The hits of one authority."),
        ("camera", "Those of one camera, as `source/camera`."),
        ("priority", "Those of one priority."),
        ("state", "`open` or `confirmed`."),
        ("since", "`15m`, `1h`, `8h` or `24h`: those raised since then."),
    )
)
_REF = Parameter(name="ref", words="As the page has it.")
_IN = Parameter(
    name="in", place="query", words="`queue`: it is shown small among others, which is no look at it."
)
_NONE = {404: ("A page that says that there is no such thing.", PAGE)}
_SIGN_IN: dict[int, tuple[str, Content]] = {
    303: ("Nobody is signed in: a browser is sent to `/sign-in`.", {})
}

# A table: one operation after another, as short as it can be said.
# fmt: off

_PUBLIC = tagged(
    "public", (),
    Operation("showRegister", "GET /", "What left, what stayed, and on what law, as a page", gives=PAGE),
    Operation("showAuthorities", "GET /authorities", "Every authority, as a page", gives=PAGE),
    Operation("showFigures", "GET /figures", "The published figures, as a page", gives=PAGE),
    Operation(
        "showAuthority", "GET /authorities/{name}/{version}", "One version of an authority, in full",
        parameters=(_NAME, _VERSION), gives=PAGE, also=_NONE,
    ),
    Operation("showModes", "GET /why-not-less", "The modes side by side, as a page", gives=PAGE),
    Operation("showYourRead", "GET /your-read", "What happens to a driver's read, as a page", gives=PAGE),
    Operation(
        "showAbout", "GET /about", "Whom to ask, the privacy notice and the accessibility statement, as a page",
        gives=PAGE,
    ),
    Operation(
        "showNothing", "GET /not-found", "What a browser is shown where there is nothing", gives=PAGE, also=_NONE,
    ),
    Operation("showChecks", "GET /verify", "How to check all of it", gives=PAGE),
    Operation("showApi", "GET /docs", "This description, as a page", gives=PAGE),
    Operation(
        "getAsset", "GET /assets/{path}", "Style sheet and pictures of the pages", parameters=(_ASSET,),
        gives={"*/*": None}, meaning="The asset; it may be kept for ever.", codes="not-found",
    ),
    Operation(
        "getRegister", "GET /register.json", "The register, as data",
        "Made at most twice a second. Counts come from closed periods alone, so that nothing here moves with the "
        "traffic. `wicketgate verify` compares it with the log.", gives=RegisterBody,
    ),
    Operation(
        "getFiguresOfMonth", "GET /figures/{month}.json", "The figures of a closed month, as data",
        "The register names the closed months, with the tree hash over their entries of the log. It never changes, and "
        "may be kept for ever.", parameters=(_MONTH,), gives=FiguresOfMonthBody, codes="not-found",
    ),
    Operation(
        "getDescription", "GET /openapi.json", "This description, as data", gives={JSON: None}, meaning="OpenAPI 3.1.",
    ),
    Operation(
        "getHealth", "GET /healthz", "Liveness",
        "503 once no second has closed for 10 s, or reads have waited for 10 s and none was decided.", gives=Health,
        codes="stalled",
    ),
    Operation(
        "getReadiness", "GET /readyz", "Readiness",
        "503 while anything has been behind for 10 s, and during a start; `behind` says what: `seconds` of the log, "
        "`reads` to be decided, `projections` (feeds, log, hits), or at a start `streams`, `commits`, `hotlists` or "
        "`repeats`. A start answers here and at `/healthz` from its first second on, and everywhere else with 503 and "
        "the code `starting`.", gives=Ready, codes="not-ready",
    ),
    Operation("showConsultations", "GET /consultations", "The consultations, as a page", gives=PAGE),
    Operation(
        "showConsultation", "GET /consultations/{id}",
        "One consultation, with its form while it is open and its responses afterwards",
        parameters=(CONSULTATION, PAGE_OF_RESPONSES), gives=PAGE, also=_NONE,
    ),
    Operation(
        "getResponses", "GET /consultations/{id}/responses", "What the public said, once the consultation has closed",
        "Without those whose writers asked that they are not published; the register counts them. What reads as a "
        "number plate, an e-mail address or a phone number is masked.", parameters=(CONSULTATION,),
        gives={NDJSON: ResponseShown}, meaning="In the order in which they came.",
        codes="unknown-consultation consultation-not-closed responses-past-term",
    ),
    Operation(
        "respond", "POST /consultations/{id}/responses", "Respond to a consultation",
        "Anybody, without a credential, while it is open. Another member is `malformed`, an e-mail address too. A form "
        "is answered with a page, whatever came of it. No address is stored or logged.\n\nTen from one address (of "
        "IPv6 a /64), then one a minute; a hundred from all together, then two a second.", parameters=(CONSULTATION,),
        takes={JSON: ResponseSaid, FORM: ResponseForm}, most=MAX_RESPONSE, status=201,
        gives={JSON: ResponseTaken, HTML: None}, commits=True, as_page=True,
        codes="unknown-consultation consultation-not-open consultation-closed malformed unsupported-media-type "
        "too-many-responses form-refused stream-full",
    ),
    Operation(
        "showDrift", "GET /drift",
        "How powers grew: every document in the order of the log, with what it widened and narrowed", gives=PAGE,
    ),
)

_LOG = tagged(
    "log", (),
    Operation(
        "getLogKey", "GET /log/key", "The log's verifier key",
        "Whoever runs the gateway chose what is shown here: compare it with the key got another way.",
        gives={TEXT: Sample(VKEY)}, meaning="A C2SP vkey and a newline.",
    ),
    Operation(
        "getCheckpoint", "GET /log/checkpoint", "The log's signed head", gives={TEXT: Sample(CHECKPOINT)},
        meaning="A C2SP tlog-checkpoint.",
    ),
    Operation(
        "getTile", "GET /log/tile/{path}", "A tile of hashes or a bundle of entries", parameters=(_TILE,),
        gives={"application/octet-stream": Bytes}, meaning="Bytes as C2SP tlog-tiles says; they may be kept for ever.",
        codes="not-found",
    ),
    Operation(
        "getFact", "GET /log/fact/{leaf}", "From the hash of a release's fact to the ledger entry of its second",
        "The hash can be computed only by those who hold the batch: the fact holds a random salt. So a recipient needs "
        "no token to have its batch proved, and nobody learns anything by asking.\n\nThe fact of a batch is the "
        "canonical JSON (RFC 8785) of its header's `authority`, `batch`, `commit`, `released_at`, `root` and `rows`, "
        "with `kind` set to `release` and `salt` to the promise's salt. Its leaf hash is SHA-256 over a zero byte and "
        "those bytes.", parameters=(_LEAF,), gives=FactAnswer, codes="not-found not-due",
    ),
)

_DUTY = tagged(
    "duty", (OFFICER,),
    Operation(
        "showQueue", "GET /duty", "The queue of hits", parameters=(_REFRESH, _RECORDED, *_FILTER), gives=PAGE,
        also=_SIGN_IN, commits=True,
    ),
    Operation(
        "showQueuePart", "GET /duty/queue", "The part of the queue's page that changes", parameters=_FILTER,
        gives=PAGE, also=_SIGN_IN, commits=True,
    ),
    Operation(
        "followQueue", "GET /duty/events", "That the queue has changed", parameters=_FILTER,
        gives={EVENTS: None}, also=_SIGN_IN, meaning="Server-sent events `changed`, and `end` with the session.",
        codes="busy",
    ),
    Operation(
        "showHit", "GET /duty/hits/{id}", "One hit, with the last places where its vehicle was read", parameters=(HIT,),
        gives=PAGE, also=_SIGN_IN, as_page=True, codes=f"not-entitled {STOPS} not-a-match-authority unknown-hit",
        commits=True,
    ),
    Operation(
        "sayOutcome", "POST /duty/hits/{id}/outcome", "Say what became of a hit, by a form", parameters=(HIT,),
        takes={FORM: OutcomeForm}, most=MAX_MEMBERS, gives=HitShown, meaning="For a script, which asks for JSON.",
        also={303: ("Recorded: back to the queue. Or nobody is signed in.", {})}, commits=True, as_page=True,
        codes=f"not-entitled {STOPS} form-refused presence-needed unknown-hit not-confirmed needs-image needs-look "
        "seen-missing seen-differs already-ended reason-missing malformed unsupported-media-type",
    ),
    Operation(
        "showImage", "GET /duty/images/{authority}/{ref}", "An image of a released read",
        parameters=(AUTHORITY, _REF, _IN), gives=IMAGES, meaning="The image; that it was fetched is committed.",
        also=_SIGN_IN, as_page=True,
        codes=f"not-entitled {STOPS} not-found", commits=True,
    ),
)

# fmt: on

SITE = (*PEOPLE, *_DUTY, *DESKS, *QUESTIONS, *_PUBLIC, *_LOG, *WITNESSES)
