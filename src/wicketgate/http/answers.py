"""The structs of the API's answers.

The handlers encode them, and the description shows them.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import UNSET, Raw, Struct, UnsetType

from wicketgate.base.shapes import Count, Day, Hash, Time, about, shape
from wicketgate.commits.errata import Ground
from wicketgate.gate.answered import AuthorityAnswer
from wicketgate.hotlists.hits import Status as HitStatus
from wicketgate.http import codes
from wicketgate.reads.observations import ImageKind
from wicketgate.regime.publishing import IMAGE_CODES
from wicketgate.regime.standing import Status

Standing = Annotated[str, shape(enum=list(get_args(Status)))]
ReadCode = Annotated[str, shape(enum=sorted(codes.READ))]

# --- sources ------------------------------------------------------------------------------------------------------


class RefusedRead(Struct, frozen=True, kw_only=True):
    """A read of a post that was not taken."""

    index: Annotated[Count, about("Which read of the post, from 0.")]
    code: ReadCode
    detail: str


class RefusedImage(Struct, frozen=True, kw_only=True):
    """An image that was not taken; it is no read."""

    part: Annotated[Count, about("Which part of the form, or observation of the payload, from 0.")]
    code: Annotated[str, shape(enum=sorted(IMAGE_CODES))]
    detail: str


class ReadsTaken(Struct, frozen=True, kw_only=True):
    """What became of a post: what was sent is accepted, repeated, quarantined or held."""

    accepted: Annotated[Count, about("Stored for the first time, and durable.")]
    repeated: Annotated[Count, about("Known already.")]
    quarantined: list[RefusedRead]
    held: (
        Annotated[Count, about("Durable, of a vehicle that the device still follows: they become one read.")]
        | UnsetType
    ) = UNSET
    images: Annotated[list[RefusedImage], about("Images in the quarantine.")] | UnsetType = UNSET


class ImageTaken(Struct, frozen=True, kw_only=True):
    """The read has the image."""

    image: ImageKind
    sha256: Hash
    repeated: Annotated[bool, about("The read had this image already.")]


class Registered(Struct, frozen=True, kw_only=True):
    """The source's cameras are registered."""

    entry: Annotated[Count, about("The entry of the ledger that counts them.")]
    cameras: Count


class CameraShown(Struct, frozen=True, kw_only=True):
    """A camera as it is registered, with what became of its reads."""

    id: str
    name: Annotated[str | None, about("As its source registered it; null: recipients are shown the id.")]
    groups: tuple[str, ...]
    latitude: float | None
    longitude: float | None
    heading: float | None
    zone: str | None
    aliases: tuple[str, ...]
    ignore_offset: bool
    words: bool
    signs: Annotated[Count, about("Signs of life since the gateway's start.")]
    sign_at: Annotated[Time | None, about("When the last of them came; null where none has.")]
    counts: Annotated[dict[str, Count], about("Reads by what became of them: `accepted`, or a code.")]
    judged: Annotated[
        dict[str, Count | None],
        about(
            "Vehicles with hits on its reads that a person judged, in the last published period of targeting and in "
            "its steps: `exact-confirmed`, `exact-misread`, `possible-confirmed`, `possible-misread`. Null: fewer "
            "than a step, none included."
        ),
    ]


class CamerasShown(Struct, frozen=True, kw_only=True):
    """The cameras of a source."""

    cameras: list[CameraShown]
    source: Annotated[str, about("Whose cameras these are.")]
    judged_from: Annotated[Time | None, about("The period of `judged`; null before the first is published.")]
    judged_until: Annotated[Time | None, about("Its end: a month's, and it is shown a week later.")]
    unknown_signs: Annotated[Count, about("Signs of life that name no registered camera.")]
    unknown: Annotated[
        dict[str, Count], about("The same counts for reads of cameras that are not registered.")
    ]
    unkept: Annotated[
        Count,
        about(
            "Of what was quarantined, how much was counted alone and not kept: beyond the quota of an hour, or of "
            "an excluded place."
        ),
    ]


class Quarantined(Struct, frozen=True, kw_only=True):
    """A read, or an image, that was not taken."""

    number: Annotated[Count, about("For `after`.")]
    at: Annotated[Time, about("When it was posted.")]
    camera: Annotated[str | None, about("Null where the source has registered no such camera.")]
    code: ReadCode
    detail: str
    read: Annotated[Raw, about("As it was posted; of a large one its beginning.", type="object")]


# --- documents ----------------------------------------------------------------------------------------------------


class Effect(Struct, frozen=True, kw_only=True):
    """A document took effect."""

    entry: Annotated[Count, about("Where it stands in the ledger.")]
    in_force_from: Annotated[Time, about("From when.")]


# --- recipients ---------------------------------------------------------------------------------------------------


class FeedShown(Struct, frozen=True, kw_only=True):
    """One feed of a unit, as it stands now."""

    authority: str
    version: Count
    status: Status
    batches: Annotated[Count, about("The number of the last batch.")]


class Feeds(Struct, frozen=True, kw_only=True):
    """The feeds of a unit."""

    feeds: list[FeedShown]


class RunProof(Struct, frozen=True, kw_only=True):
    """From the run of a question to a checkpoint."""

    fact: Annotated[Raw, about("The fact, whose canonical JSON was hashed.", type="object")]
    leaf: Annotated[Hash, about("The fact's leaf hash.")]
    index: Annotated[Count, about("Its place among the second's leaves.")]
    size: Annotated[Count, about("How many leaves the second has, padding included.")]
    path: Annotated[list[Hash], about("RFC 6962 audit path to the second's root, lowest first.")]
    root: Annotated[Hash, about("The second's root, as its entry shows it.")]
    second: Annotated[Time, about("The second.")]
    entry: Annotated[Count, about("The index of its entry in the ledger, from 0.")]
    entry_proof: Annotated[list[Hash], about("RFC 6962 audit path from the entry to the checkpoint's root.")]
    checkpoint: Annotated[str, about("The signed checkpoint.")]


class BatchProof(Struct, frozen=True, kw_only=True):
    """From a batch to a checkpoint; its members stand in the order of version 0.3, so it inherits none."""

    batch: Count
    fact: Annotated[Raw, about("The release's fact, whose canonical JSON was hashed.", type="object")]
    leaf: Annotated[Hash, about("The fact's leaf hash.")]
    index: Annotated[Count, about("Its place among the second's leaves.")]
    size: Annotated[Count, about("How many leaves the second has, padding included.")]
    path: Annotated[list[Hash], about("RFC 6962 audit path to the second's root, lowest first.")]
    root: Annotated[Hash, about("The second's root, as its entry shows it.")]
    second: Annotated[Time, about("The second.")]
    entry: Annotated[Count, about("The index of its entry in the ledger, from 0.")]
    entry_proof: Annotated[list[Hash], about("RFC 6962 audit path from the entry to the checkpoint's root.")]
    checkpoint: Annotated[str, about("The signed checkpoint.")]


class ImageLink(Struct, frozen=True, kw_only=True):
    """An image of a released read."""

    ref: str
    href: str


class HitRead(Struct, frozen=True, kw_only=True):
    """What the authority's fields allow of the read."""

    plate: str | UnsetType = UNSET
    confidence: float | UnsetType = UNSET
    captured_at: Time | UnsetType = UNSET
    source: str | UnsetType = UNSET
    camera: str | UnsetType = UNSET
    camera_name: (
        Annotated[str, about("Not under an authority of version 0.3, which names no log.")] | UnsetType
    ) = UNSET
    latitude: float | UnsetType = UNSET
    longitude: float | UnsetType = UNSET
    heading: float | UnsetType = UNSET
    lane: Annotated[Raw, shape(type=["integer", "string"])] | UnsetType = UNSET
    direction: Annotated[Raw, shape(type="string")] | UnsetType = UNSET
    vehicle: Annotated[Raw, shape(type="object")] | UnsetType = UNSET
    patch_image: ImageLink | UnsetType = UNSET
    overview_image: ImageLink | UnsetType = UNSET
    marks: tuple[str, ...] | UnsetType = UNSET


class OutcomeShown(Struct, frozen=True, kw_only=True):
    """What somebody said of a hit."""

    outcome: str
    reason: str
    by: str
    at: Time


class HitErratum(Struct, frozen=True, kw_only=True):
    """The read of a hit was wrong."""

    ground: Annotated[str, shape(enum=list(get_args(Ground)))]
    at: Time
    plate: Annotated[str, about("The right one, where the authority would release it.")] | UnsetType = UNSET


class HitShown(Struct, frozen=True, kw_only=True):
    """A read that matched a vehicle of interest, and what became of it."""

    id: Annotated[str, about("The `ref` of its row in the feed.")]
    authority: Annotated[str, about("`name@version`, under which it was released.")]
    seq: Annotated[Count, about("The row's number in the feed.")]
    voi: Annotated[str, about("The entry's `id`.")]
    kind: str
    priority: Annotated[int, shape(minimum=1, maximum=4)]
    quality: Literal["exact", "possible"]
    late: Annotated[bool, about("The read came late: it is not live.", const=True)] | UnsetType = UNSET
    clone: (
        Annotated[bool, about("Read elsewhere too soon: one of two plates is false.", const=True)] | UnsetType
    ) = UNSET
    raised_at: Time
    due_at: Annotated[Time, about("By then it must have an outcome.")]
    overdue: bool
    status: HitStatus
    actionable: Annotated[bool, about("Somebody has confirmed it, and it has not ended.")]
    cannot_confirm: Annotated[str | None, about("The code with which `confirmed` would be refused now.")]
    read: HitRead
    listed: Annotated[dict[str, str], about("`plate`, and what else the entry says.")]
    outcomes: Annotated[list[OutcomeShown], about("The oldest first.")]
    errata: (
        Annotated[list[HitErratum], about("Its read was wrong; `read` stays as it was. The oldest first.")]
        | UnsetType
    ) = UNSET


class StoppedHit(Struct, frozen=True, kw_only=True):
    """A hit of an authority that is stopped: its outcome is taken, its read is shown no longer."""

    id: str
    authority: str
    status: HitStatus
    outcomes: list[OutcomeShown]


class HitsShown(Struct, frozen=True, kw_only=True):
    """The hits of a unit."""

    hits: list[HitShown]


class DisclosureTaken(Struct, frozen=True, kw_only=True):
    """A disclosure is recorded."""

    id: str
    commit: Count
    version: Count
    status: Annotated[Standing, about("How that version stands.")]


class DisclosureShown(Struct, frozen=True, kw_only=True):
    """What a recipient said of one disclosure."""

    id: str
    authority: Annotated[str, about("`name@version`.")]
    unit: Annotated[str, about("`organisation/unit`.")]
    to: str
    law: str
    rows: Count
    at: Time
    said_at: Time
    status: Standing
    refused: Annotated[bool, about("The authority does not let it be passed on to them.")]
    commit: Count


class Disclosures(Struct, frozen=True, kw_only=True):
    """What was passed on."""

    disclosures: list[DisclosureShown]


class ReceiptTaken(Struct, frozen=True, kw_only=True):
    """A receipt is recorded."""

    commit: Count
    counts_until: Annotated[Time, about("The last midnight (UTC) before: as far as it counts.")]


class ReceiptShown(Struct, frozen=True, kw_only=True):
    """One receipt of deletion."""

    deleted_until: Time
    counts_until: Time
    rows: Count | None
    method: str
    by: str
    said_at: Time
    commit: Count


class NextDeletion(Struct, frozen=True, kw_only=True):
    """What must be deleted next."""

    until: Time
    by: Time
    rows: Annotated[Count | None, about("Null where a part of them is suppressed.")]


class OwedShown(Struct, frozen=True, kw_only=True):
    """What the recipient of an authority must have deleted, and what it attests."""

    authority: str
    unit: str
    attested_until: Annotated[Time | None, about("What left before it is attested to be deleted.")]
    due_until: Annotated[Time | None, about("What left before it must be deleted by now.")]
    missing: Annotated[bool, about("Something is due and not attested.")]
    missing_since: Annotated[Time | None, about("Since when; null where nothing is missing.")]
    overdue_rows: Annotated[
        Count | None,
        about("Rows that are due and not attested; null where a part of them is suppressed."),
    ]
    next: NextDeletion | None
    attested: Annotated[list[ReceiptShown], about("The last receipts, the newest first.")]


class Receipts(Struct, frozen=True, kw_only=True):
    """What is due, what is missing, and what was attested last."""

    receipts: list[OwedShown]


class ErratumTaken(Struct, frozen=True, kw_only=True):
    """What a source said of its read is recorded. Who got the read is not said."""

    id: Annotated[str, about("The erratum's own.")]
    ground: Annotated[str, shape(enum=list(get_args(Ground)))]
    at: Time
    repeated: Annotated[bool, about("It was said before: this says nothing new.")]


class ErratumShown(Struct, frozen=True, kw_only=True):
    """A notice that a row which the unit got was wrong."""

    authority: Annotated[str, about("The authority's name, without a version.")]
    number: Annotated[Count, about("Counts the authority's notices, from 1.")]
    seq: Annotated[Count, about("The row that was wrong.")]
    ground: Annotated[str, shape(enum=list(get_args(Ground)))]
    at: Time
    taken_at: Annotated[Time | None, about("When the unit said that it has it.")]
    row: Annotated[Count, about("The erratum's own row in the feed, where it has one.")] | UnsetType = UNSET
    search: Annotated[str, about("The question whose answer has that row.")] | UnsetType = UNSET


class ErrataShown(Struct, frozen=True, kw_only=True):
    """Notices, the oldest first."""

    errata: list[ErratumShown]
    more: Annotated[bool, about("There are more behind the last of these.")]


class ErrataTakenUp(Struct, frozen=True, kw_only=True):
    """That the unit has them is recorded."""

    authority: str
    through: Count


class CustodyTaken(Struct, frozen=True, kw_only=True):
    """What a recipient's custody says is recorded."""

    commit: Count


class CustodyLast(Struct, frozen=True, kw_only=True):
    """The last checkpoint of a custody's journal that was recorded."""

    size: Annotated[Count, about("0 where there is none.")]
    root: Hash | None
    batch: Annotated[Count, about("Up to which batch it had kept.")]
    at: Time | None
    commit: Count | None


# --- overseers and the admin --------------------------------------------------------------------------------------


class Opening(Struct, frozen=True, kw_only=True):
    """What a second was, for the overseers."""

    number: Annotated[Count, about("Counts closed seconds, from 1.")]
    sealed: Annotated[str, about("Base64 of an age file.")]


class QuestionRead(Struct, frozen=True, kw_only=True):
    """The read that was asked about, without its plate."""

    source: str
    camera: str
    captured_at: Time


class Answered(Struct, frozen=True, kw_only=True):
    """What each authority concerned says to a read."""

    at: Annotated[Time, about("The moment of the decision.")]
    as_of_entry: Count | None
    read: QuestionRead
    late: Annotated[bool | None, about("Null where it was not said when the gateway took the read.")]
    answers: tuple[AuthorityAnswer, ...]
    notes: Annotated[list[str], about("What cannot be said of that moment.")]


class ResponseHeld(Struct, frozen=True, kw_only=True):
    """A response as it was written."""

    id: str
    received_at: Time
    publish: bool
    text: str
    name: str
    organisation: str


# --- anybody ------------------------------------------------------------------------------------------------------


class Health(Struct, frozen=True, kw_only=True):
    """Seconds close, and reads that wait are decided."""

    status: Literal["ok"] = "ok"


class Ready(Struct, frozen=True, kw_only=True):
    """Nothing is behind."""

    status: Literal["ready"] = "ready"


class ResponseTaken(Struct, frozen=True, kw_only=True):
    """A response is stored."""

    id: Annotated[str, about("By which it is published.")]
    received_at: Time
    fact: Annotated[Hash, about("The leaf hash of `opening`: `/log/fact/{leaf}` proves it.")]
    opening: Annotated[
        Raw,
        about(
            "What the log commits to, as canonical JSON (RFC 8785); `sha256` is of what was said.",
            type="object",
        ),
    ]


class ResponseShown(Struct, frozen=True, kw_only=True):
    """A response as anybody may read it."""

    id: str
    received_on: Day
    text: str
    name: str | UnsetType = UNSET
    organisation: str | UnsetType = UNSET
