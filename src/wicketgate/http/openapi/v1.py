"""The table of the operations below `/v1`, and `/metrics`.

Sources, recipients, overseers and the admin call them.
"""

from __future__ import annotations

from typing import Annotated

from wicketgate.base.shapes import shape
from wicketgate.base.signing import ENVELOPE_TYPE, MAX_ENVELOPE_BYTES
from wicketgate.commits.transactions import CameraSet
from wicketgate.feeds.evidence import EvidenceGiven
from wicketgate.gateway.filing.cameras import MAX_CAMERAS
from wicketgate.gateway.filing.hotlists import ListTaken
from wicketgate.hotlists.forms import CSV, MOST_FAULTS, HotlistLine
from wicketgate.http import answers, codes, token_answers
from wicketgate.http.api.disclosures import Deleted, Disclosed
from wicketgate.http.api.errata import TakenThrough, WrongRead
from wicketgate.http.api.hits import STATES, OutcomeSaid
from wicketgate.http.api.hotlists import MAX_UPLOAD_BYTES
from wicketgate.http.api.sources import LISTS
from wicketgate.http.api.why import Asked
from wicketgate.http.forms import FORM, MAX_FORM, MAX_PARTS
from wicketgate.http.openapi.bodies import (
    BatchHeader,
    EnvelopeBody,
    ErasedRow,
    ErratumRowBody,
    ReadsForm,
    RowBody,
)
from wicketgate.http.openapi.examples import BATCH_EVENT, HOTLIST_CSV, METRICS
from wicketgate.http.openapi.operation import (
    EVENTS,
    JSON,
    NDJSON,
    TEXT,
    TOKENS,
    Bytes,
    Operation,
    Sample,
    tagged,
)
from wicketgate.http.parameters import (
    AFTER,
    AFTER_BATCH,
    BATCH,
    BATCHES,
    LINES,
    QUARANTINED,
    WAIT,
    Parameter,
)
from wicketgate.http.requests import MAX_MEMBERS, MAX_NAME, size_words
from wicketgate.reads.adapters import ADAPTERS, MAX_PAYLOAD
from wicketgate.reads.images.references import MAX_BYTES
from wicketgate.reads.images.several import MOST_BYTES, MOST_REFS, ImageGone, ImagesAsked, ImageSent
from wicketgate.reads.parse import ARROW, MAX_ID, MAX_POST_BYTES, RawRead
from wicketgate.regime.documents.document import KINDS
from wicketgate.regime.obligations.disclosures import DISCLOSURES_KEPT
from wicketgate.regime.standing import STOPPED

STOPS = f"{' '.join(sorted(STOPPED))} person-needed"
FEED = f"{STOPS} cursor-past-term malformed streams-unavailable"
IMAGES = {"image/jpeg": Bytes, "image/png": Bytes}
CameraList = Annotated[list[CameraSet], shape(maxItems=MAX_CAMERAS)]

_TEXT = {"type": "string"}
_READ_ID = Parameter(
    name="id", words="The read's own `id`.", schema=_TEXT | {"minLength": 1, "maxLength": MAX_ID}
)
_IMAGE = Parameter(name="kind", words="Which image.", schema=_TEXT | {"enum": sorted(MAX_BYTES)})
_MAKER = Parameter(
    name="adapter",
    words=f"The maker: {', '.join(sorted(ADAPTERS))}, or an adapter of the operator's own.",
    schema=_TEXT | {"minLength": 1, "maxLength": 40, "pattern": "^[a-z0-9][a-z0-9-]*$"},
)
_CAMERA = Parameter(
    name="camera",
    place="query",
    words="Which camera it is, by its id or an alias; goes before what the payload says.",
)
AUTHORITY = Parameter(name="authority", words="The authority's name, without a version.")
_OF_AUTHORITY = Parameter(name="authority", place="query", words="Of this authority alone.")
_REF = Parameter(name="ref", words="As the row says.")
_RESUMED = Parameter(
    name="Last-Event-ID",
    place="header",
    words="Goes before `after`, where it is a number: browsers send it by themselves.",
)
_REVISION = Parameter(
    name="If-Match",
    place="header",
    words='The revision that the change was made for, in quotation marks, as `ETag` has it: `"7"`.',
)
_KIND = Parameter(
    name="kind", place="query", words="Of every row of a CSV, where the authority allows several."
)
HIT = Parameter(name="id", words="The hit's `id`: the `ref` of its row in the feed.")
_STATE = Parameter(
    name="state",
    place="query",
    words="`queue`: not ended, live before late, then by deadline. `recent`: the newest first.",
    schema=_TEXT | {"enum": list(STATES), "default": STATES[0]},
)
CONSULTATION = Parameter(name="id", words="The consultation's id.")

# A table: one operation after another, as short as it can be said.
# fmt: off

_SOURCES = tagged(
    "sources", ("source",),
    Operation(
        "postReads", "POST /v1/reads", "Post reads",
        f"One read, a JSON array, NDJSON, or an Arrow stream with the members of a read as columns (plain buffers, no "
        f"compression); at most {size_words(MAX_POST_BYTES)}.\n\nOr a form of at most {MAX_PARTS:,} parts and "
        f"{size_words(MAX_FORM)}: a part `reads` of one of these types, and parts that hold images, named by the "
        "reads' `image`. A part that no read names, or more than one, goes to the quarantine.\n\nThe same `id` from "
        "the same source, or the same camera, plate and time, is a repeat; repeats are known for as long as `too_old` "
        "of the charter, over restarts too. What cannot be taken goes to the quarantine with its code. Sent = accepted "
        "+ repeated + quarantined.\n\nAfter no answer, or 503 or 507, post the same again: what was stored is then "
        "found to be repeated. Keep to one connection, and post several reads at once where you can.",
        takes={JSON: (RawRead, list[RawRead]), NDJSON: RawRead, ARROW: Bytes, FORM: ReadsForm},
        gives=answers.ReadsTaken,
        codes="malformed unsupported-media-type stream-full", commits=True,
    ),
    Operation(
        "putImage", "PUT /v1/reads/{id}/images/{kind}", "Send an image after its read",
        "For a read of this source with this `id` that was accepted within the last ten minutes. JPEG or PNG; a patch "
        f"of at most {size_words(MAX_BYTES['patch'])}, an overview of at most {size_words(MAX_BYTES['overview'])}. The "
        "read's first image of each kind stays. What cannot be joined goes to the quarantine, and never to another "
        "read.", parameters=(_READ_ID, _IMAGE), takes=IMAGES, gives=answers.ImageTaken,
        codes="not-found image-unbound image-conflict image-unreadable stream-full", commits=True,
    ),
    Operation(
        "pushPayload", "POST /v1/push/{adapter}", "What a device pushes by itself",
        "In the format of its maker, packed by gzip or not. What the adapter cannot read goes to the quarantine with "
        "its beginning; a body with nothing in it is a sign of life. Some devices are answered as they expect, in XML "
        "or JSON. Beside a bearer token, HTTP Basic (source id, token) and `?key=` are taken, here alone; Digest is "
        "not.\n\nA vehicle that the device follows over several messages becomes one read: at the last message, or "
        "three seconds after the first.",
        parameters=(_MAKER, _CAMERA), takes={"*/*": None}, most=MAX_PAYLOAD, by_device=True,
        gives={JSON: answers.ReadsTaken, "application/xml": None, "text/xml": None},
        codes="malformed not-found stream-full", commits=True,
    ),
    Operation(
        "probePush", "GET /v1/push/{adapter}", "What a device asks or says in an address",
        "Many devices look whether an address is there before they post to it: that is a sign of life. An adapter "
        "whose values stand in the address reads them there.",
        parameters=(_MAKER, _CAMERA), by_device=True,
        gives={JSON: answers.ReadsTaken, "application/xml": None, "text/xml": None},
        codes="malformed not-found stream-full", commits=True,
    ),
    Operation(
        "putCameras", "PUT /v1/cameras", "Register the source's cameras",
        f"The whole list: a camera that is not in it takes no more reads. At most {MAX_CAMERAS:,} cameras. Groups are "
        "what authorities name in their scope. The entry shows how many cameras there are and how many of each group; "
        "the list itself is sealed to the overseer. The list that the source has already changes nothing and does "
        f"not count; of others it may send {LISTS.burst} at once, and then one in five minutes.",
        takes={JSON: CameraList}, most=MAX_POST_BYTES, gives=answers.Registered,
        codes="malformed too-large too-many-lists", commits=True,
    ),
    Operation(
        "getCameras", "GET /v1/cameras", "The source's cameras, with what became of their reads",
        gives=answers.CamerasShown,
    ),
    Operation(
        "getQuarantine", "GET /v1/quarantine", "What of the source's own could not be taken",
        "Kept for as long as `too_old` of the charter, up to a quota in an hour: beyond it the counts go on alone "
        "(`unkept` of `GET /v1/cameras`). Ask again behind the last `number`; where there is more now, `Link` with "
        "`rel=\"next\"` says where, also behind an empty answer.",
        parameters=(AFTER, QUARANTINED), gives={NDJSON: answers.Quarantined}, meaning="A line for each, oldest first.",
        codes="malformed streams-unavailable", commits=True,
    ),
)

_FEEDS = tagged(
    "recipients", ("recipient",),
    Operation("listFeeds", "GET /v1/feeds", "The unit's feeds", gives=answers.Feeds),
    Operation(
        "getFeed", "GET /v1/feeds/{authority}", "The next batches of a feed",
        "Each batch is a header line and then exactly `rows` lines of rows. Batches count from 1, on over versions of "
        "the authority. Ask again with `after` set to the last batch that you keep: nothing is lost and nothing comes "
        "twice.\n\nAfter expiry the backlog can be read until its term; after a revocation, and while suspended, it "
        "cannot.", parameters=(AUTHORITY, AFTER_BATCH, BATCHES, WAIT),
        gives={NDJSON: (BatchHeader, RowBody, ErasedRow, ErratumRowBody)},
        meaning="Batches in order; empty if there is nothing new.", codes=FEED, commits=True,
    ),
    Operation(
        "getProof", "GET /v1/feeds/{authority}/proofs", "From a batch's root to the ledger",
        parameters=(AUTHORITY, BATCH), gives=answers.BatchProof,
        codes=f"{FEED} not-found not-due",
    ),
    Operation(
        "getImage", "GET /v1/feeds/{authority}/images/{ref}", "An image of a released read",
        "By the `ref` of `patch_image` or `overview_image` in a row; it is good for this authority alone. Compare its "
        "SHA-256 with the row's. 404 once the image is past its source's retention.", parameters=(AUTHORITY, _REF),
        gives=IMAGES, meaning="The image; that it was fetched is committed.", codes=f"{STOPS} not-found", commits=True,
    ),
    Operation(
        "getImages", "POST /v1/feeds/{authority}/images", "Many images of released reads",
        f"At most {MOST_REFS} references of this authority. A line answers each, in their order: the image, or that it "
        f"cannot be had any more. The answer ends behind {size_words(MOST_BYTES)} of images at most, and has one line "
        "at least: ask again for the references behind its last line. That they were fetched is one fact.",
        parameters=(AUTHORITY,), takes=ImagesAsked, most=MAX_MEMBERS,
        gives={NDJSON: (ImageSent, ImageGone)},
        meaning="A line for each reference, in order, until the answer is full.",
        codes=f"{STOPS} malformed", commits=True,
    ),
    Operation(
        "followFeed", "GET /v1/feeds/{authority}/events", "A feed as server-sent events",
        "`id` is the batch; `data` is its header and rows, a line each. A comment comes every 15 seconds. When the "
        "authority is stopped, an event `end` names the code and the answer ends.",
        parameters=(AUTHORITY, AFTER_BATCH, _RESUMED), gives={EVENTS: Sample(BATCH_EVENT)},
        meaning="An event for each batch, without end.", codes=FEED, commits=True,
    ),
)

_CHANGED = (
    "It is taken or refused as a whole: the 422 has in `lines` which lines are wrong and why, at most "
    f"{MOST_FAULTS}, and nothing that they say."
)
_MATCH = tagged(
    "recipients", ("recipient",),
    *(
        Operation(
            name, f"{method} /v1/hotlists/{{authority}}", summary, f"{words} {_CHANGED}",
            parameters=(AUTHORITY, _REVISION, _KIND), most=MAX_UPLOAD_BYTES, gives=ListTaken,
            takes={NDJSON: HotlistLine, JSON: list[HotlistLine], CSV: Sample(HOTLIST_CSV)}, commits=True,
            codes=f"{STOPS} expired not-a-match-authority revision-differs unsupported-media-type malformed",
            refusals=codes.HOTLIST.values(),
        )
        for name, method, summary, words in (
            ("putHotlist", "PUT", "Send the whole list", "What is not in it is on the list no longer."),
            (
                "changeHotlist",
                "PATCH",
                "Send what changes of the list",
                "A line lists a vehicle, instead of what was listed for its plate; in NDJSON "
                '`{"plate","remove":true}` takes it off.',
            ),
        )
    ),
    Operation(
        "getHotlist", "GET /v1/hotlists/{authority}", "The unit's own list",
        "`Accept: text/csv` gives the UK 16-field form, which has no field for kind, id and review.",
        parameters=(AUTHORITY,), gives={NDJSON: HotlistLine, CSV: Sample(HOTLIST_CSV)},
        meaning="The list, with its revision as `ETag`.", codes=f"{STOPS} not-a-match-authority", commits=True,
    ),
    Operation(
        "listHits", "GET /v1/hits", "The unit's hits", parameters=(_OF_AUTHORITY, _STATE, LINES),
        gives=answers.HitsShown,
        codes=f"{STOPS} not-a-match-authority malformed", commits=True,
    ),
    Operation(
        "getHit", "GET /v1/hits/{id}", "One hit", parameters=(HIT,), gives=answers.HitShown,
        codes=f"{STOPS} unknown-hit", commits=True,
    ),
    Operation(
        "getHitEvidence", "GET /v1/hits/{id}/evidence", "What an evidence pack of a hit is made of",
        "Its rows with their proofs, the entries of the documents behind them, the facts of what came of it and of who "
        "looked. That this is asked for is such a fact, committed before the answer. `wicketgate evidence` makes the "
        "pack.", parameters=(HIT,), gives=EvidenceGiven,
        codes=f"{STOPS} unknown-hit evidence-past-term erased not-due too-large streams-unavailable", commits=True,
    ),
    Operation(
        "recordOutcome", "POST /v1/hits/{id}/outcome", "Say what became of a hit",
        "`confirmed`, and then `acted` or `not-acted`; `misread` and `not-acted` also at once. `not-acted` needs a "
        "reason. A `possible` hit is confirmed only once it has an image, or the same listed vehicle was read a second "
        "time within half an hour; where it has an image, the unit has fetched that first (patch or overview); and "
        "`plate_seen`, the plate as it is seen there, is the one on the list. Only a confirmed hit is actionable.",
        parameters=(HIT,), takes=OutcomeSaid,
        most=MAX_MEMBERS, gives=(answers.HitShown, answers.StoppedHit),
        meaning="The hit as it stands then; of an authority that is stopped without its read.",
        codes="presence-needed unknown-hit not-confirmed needs-image needs-look seen-missing seen-differs "
        "already-ended reason-missing malformed", commits=True,
    ),
)

_ATTESTED = tagged(
    "recipients", ("recipient",),
    Operation(
        "postDisclosure", "POST /v1/disclosures", "Say that rows were passed on",
        "To whom, under which law, and how many rows. `to` is an organisation of `onward` of the version under which "
        "the rows were released; another unit of the recipient's own organisation is none. What `onward` does not "
        "allow is refused, and recorded and counted all the same: the 422 has its `id` and `commit`. That an authority "
        "was revoked, or has expired, ends nobody's duty to tell. An `id` that came before, for the same authority, is "
        "answered as it was.", takes=Disclosed, most=MAX_MEMBERS, gives=answers.DisclosureTaken, status=201,
        codes="onward-not-allowed more-than-released clock-ahead id-conflict malformed", commits=True,
    ),
    Operation(
        "listDisclosures", "GET /v1/disclosures", "What was passed on",
        "A unit's own; every unit's, for an overseer. A source officer is shown those of authorities over their "
        "cameras that hang on no list; a data protection officer those, and their own units'. `case` and `reason` "
        "are in the openings.",
        who=("recipient", "overseer"), parameters=(_OF_AUTHORITY, LINES), gives=answers.Disclosures, codes="malformed",
        meaning=f"The newest first, the refused among them; the last {DISCLOSURES_KEPT} of each authority.",
        commits=True,
    ),
    Operation(
        "postReceipt", "POST /v1/receipts", "Attest that rows are deleted",
        "Everything that the authority released before `deleted_until`, under whichever version, is deleted. What left "
        "must be deleted, and that attested, when `recipient_retention` and a day have passed.", takes=Deleted,
        most=MAX_MEMBERS, gives=answers.ReceiptTaken, status=201, codes="clock-ahead already-attested malformed",
        commits=True,
    ),
    Operation(
        "listReceipts", "GET /v1/receipts", "What must be deleted, and what is attested",
        "A unit's own; every unit's, for an overseer. A source officer is shown those of authorities over their "
        "cameras, without rows where they hang on a list; a data protection officer those, and their own units'.",
        who=("recipient", "overseer"), parameters=(_OF_AUTHORITY,),
        gives=answers.Receipts, commits=True,
    ),
)

_ERRATA = (
    *tagged(
        "sources", ("source",),
        Operation(
            "sayErratum", "POST /v1/errata", "Say that a read was wrong",
            "A read of the source's own, by the `id` that it gave it, as long as its repeats are known. What is said "
            "goes to everyone who got the read: the ground always, the right plate where their authority would release "
            "that read. Nothing is overwritten. Said again it is answered as it was. Who got the read is never told.",
            takes=WrongRead, most=MAX_MEMBERS, gives=answers.ErratumTaken, status=201,
            also={200: ("It was said before.", {JSON: answers.ErratumTaken})},
            codes="unknown-read too-many-errata malformed", commits=True,
        ),
    ),
    *tagged(
        "recipients", ("recipient",),
        Operation(
            "listErrata", "GET /v1/errata", "What of the unit's rows was wrong",
            "Notices of corrections, also of authorities that have ended or are stopped. A notice says which row was "
            "wrong and the ground; the right plate stands in the erratum's own row of the feed alone. It ends with the "
            "row's term. `after` counts the notices of one authority.", parameters=(_OF_AUTHORITY, AFTER, LINES),
            gives=answers.ErrataShown, meaning="The oldest first.", codes="malformed", commits=True,
        ),
        Operation(
            "takeErrata", "POST /v1/errata/taken", "Say that the unit has its errata",
            "Up to a notice of an authority: how soon is counted.", takes=TakenThrough, most=MAX_MEMBERS,
            gives=answers.ErrataTakenUp, codes="malformed", commits=True,
        ),
    ),
)

_OFFICERS = tagged(
    "documents", TOKENS,
    Operation(
        "submitDocument", "POST /v1/documents", "Submit a signed document",
        "A DSSE envelope, whose payload is the canonical JSON of the document. The signatures are what counts, not who "
        f"submits: the admin hands in what a court or an overseer without a token has signed. "
        f"Kinds: {', '.join(sorted(KINDS))}.", takes={ENVELOPE_TYPE: EnvelopeBody}, most=MAX_ENVELOPE_BYTES,
        gives=answers.Effect, status=201, refusals=codes.DOCUMENT.values(),
        codes="too-many-documents presence-needed", commits=True,
    ),
)

_OVERSEERS = tagged(
    "overseers", ("overseer",),
    Operation(
        "askWhy", "POST /v1/why", "Ask why a read was let go, or was not",
        "Decides the read as it is described, as of now or of a past moment; whether there was such a read is for the "
        "openings to say. The question is committed as a fact before it is answered: who asked, about which camera, "
        "time and authority, and whether with a plate, never which.", takes=Asked, most=MAX_MEMBERS,
        gives=answers.Answered, codes="malformed unknown-moment presence-needed", commits=True,
    ),
    Operation(
        "getOpenings", "GET /v1/openings", "The sealed openings of seconds",
        "`sealed` is base64 of an age file to the opening keys of the charter. Opened it is the second, its `entry`, "
        "its `seed` and its `facts`, from which the root in the ledger can be built again.", parameters=(AFTER, LINES),
        gives={NDJSON: answers.Opening}, meaning="A line for each second, by number.",
        codes="malformed presence-needed", commits=True,
    ),
    Operation(
        "getAllResponses", "GET /v1/consultations/{id}/responses",
        "All responses to a closed consultation, as they were written", parameters=(CONSULTATION,),
        gives={NDJSON: answers.ResponseHeld}, codes="unknown-consultation consultation-not-closed responses-past-term",
        commits=True,
    ),
)

_OPERATORS = tagged(
    "operators", ("admin",),
    Operation(
        "getTokens", "GET /v1/tokens", "The names that have tokens", gives=token_answers.TokensShown,
        meaning="How many tokens each name has; never a token.",
    ),
    Operation(
        "issueToken", "POST /v1/tokens", "Issue a token",
        "A name may have several tokens, so that one can be exchanged without a gap. The charter must know the source, "
        "the recipient's unit or the overseer.", takes=token_answers.TokenName, most=MAX_NAME,
        gives=token_answers.Token, status=201, codes="malformed", commits=True,
    ),
    Operation(
        "withdrawTokens", "POST /v1/tokens/withdraw", "Withdraw every token of a name", takes=token_answers.TokenName,
        most=MAX_NAME, gives=token_answers.TokenName, meaning="They are worthless from now on.", codes="malformed",
        commits=True,
    ),
    Operation(
        "getMetrics", "GET /metrics", "Metrics for Prometheus",
        "Not public: figures by the second would betray what the ledger folds into seconds.",
        gives={TEXT: Sample(METRICS)}, meaning="Text format 0.0.4.",
    ),
)

# fmt: on

V1 = (*_SOURCES, *_FEEDS, *_MATCH, *_ERRATA, *_ATTESTED, *_OFFICERS, *_OVERSEERS, *_OPERATORS)
