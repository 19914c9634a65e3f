"""The message of COMMITS: a transaction, whole or absent.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from wicketgate.base.shapes import about, shape
from wicketgate.commits.errata import ErrataTaken, ErratumSaid, ErratumSent, HitCorrected
from wicketgate.commits.handovers import HandedOver
from wicketgate.commits.hits import ListStood
from wicketgate.commits.people import Passkey, PasskeyWithdrawn, PeopleOpened
from wicketgate.ledger.second import SecondClosed
from wicketgate.regime.admitted import Admitted, Stood, WitnessingStood
from wicketgate.regime.keepers.values import LinkEvent
from wicketgate.regime.obligations.values import CustodyCheckpoint, Disclosure, Receipt
from wicketgate.regime.searches.values import SearchEvent

MAX_FACTS_BYTES = 3 * 1024 * 1024
"""Facts of one second: they are committed again when it is closed, in the clear and sealed."""


CAMERA_ID = r"[\w.:-](?:[\w.: -]{0,62}[\w.:-])?"
CAMERA_GROUP = r"[\w.:-]{1,64}"
MAX_ALIASES = 8
MAX_ALIAS = 64
MAX_CAMERA_NAME = 120


class CameraSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A camera as its source registers it."""

    id: Annotated[str, shape(pattern=f"^{CAMERA_ID}$")]
    name: Annotated[
        str | None,
        about(
            "Where it is, for people: shown to recipients with the field `place`. The id where it is left out.",
            minLength=1,
            maxLength=MAX_CAMERA_NAME,
        ),
    ] = None
    groups: Annotated[
        tuple[Annotated[str, shape(pattern=f"^{CAMERA_GROUP}$")], ...], about("What authorities name.")
    ] = ()
    latitude: Annotated[
        float | None, about("WGS 84, degrees; never 0 with longitude 0.", minimum=-90, maximum=90)
    ] = None
    longitude: Annotated[
        float | None, about("WGS 84, degrees; there if `latitude` is.", minimum=-180, maximum=180)
    ] = None
    heading: Annotated[float | None, about("Where it looks, degrees from north.", minimum=0, maximum=360)] = (
        None
    )
    zone: Annotated[
        str | None,
        about("Of its clock, as the IANA database names it; for payloads that give no zone."),
    ] = None
    aliases: Annotated[
        tuple[Annotated[str, shape(minLength=1, maxLength=MAX_ALIAS)], ...],
        about("What payloads call it, such as a serial number; no other camera's.", maxItems=MAX_ALIASES),
    ] = ()
    ignore_offset: Annotated[bool, about("Its time is local in `zone`, whatever offset it sends.")] = False
    words: Annotated[bool, about("Plates without a digit are issued where it stands.")] = False


class FeedBatch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch for one feed, as delivered.

    `again` of its rows bring an image of a read released before; `images` is how many its rows name. `errata` of them
    correct an earlier row.
    """

    feed: str
    number: int
    rows: int
    data: bytes
    again: int = 0
    images: int = 0
    errata: int = 0


class HitRaised(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A hit at its release.

    What the authority's fields do not allow is None.

    Attributes
    ----------
    id : str
        The `ref` of its row in the feed.
    place : str
        The camera as `source/camera`, whatever the fields: for figures and for journeys, never shown to a recipient.
    camera_name : str or None
        The camera's name, under an authority that shows it.
    latitude, longitude : float or None
        The camera's position as registered.
    priority : int
        1 (most urgent) to 4.
    listed : str
        The plate as it is listed; `plate` as it was read.
    clone : str
        Why one of two plates must be false, in words; empty where nothing says so.
    lane, direction, vehicle : str or None
        JSON texts.
    patch, overview : str or None
        References to images (`images.references.make_ref`).
    entry : mapping
        What the list says of the vehicle.
    """

    id: str
    authority: str
    version: int
    seq: int
    voi: str
    kind: str
    priority: int
    quality: Literal["exact", "possible"]
    raised_us: int
    due_us: int
    place: str
    taken_us: int
    listed: str
    late: bool = False
    clone: str = ""
    plate: str | None = None
    confidence: float | None = None
    captured_us: int | None = None
    source: str | None = None
    camera: str | None = None
    camera_name: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    heading: float | None = None
    lane: str | None = None
    direction: str | None = None
    vehicle: str | None = None
    patch: str | None = None
    overview: str | None = None
    marks: tuple[str, ...] = ()
    entry: dict[str, str] = {}


class HitImaged(msgspec.Struct, frozen=True, kw_only=True):
    """An image behind the read of a hit."""

    hit: str
    patch: str | None
    overview: str | None


class HitLooked(msgspec.Struct, frozen=True, kw_only=True):
    """A look at the image of a hit, and whose it was."""

    hit: str
    by: str


class ImagesFetched(msgspec.Struct, frozen=True, kw_only=True):
    """How many images of an authority's rows a recipient fetched."""

    authority: str
    images: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a hit.

    `by` says who said so, `unanswered` is the gateway's own word. `token` says whose token it was, where no person
    signed in.
    """

    hit: str
    outcome: Literal["confirmed", "misread", "acted", "not-acted", "unanswered"]
    reason: str
    by: str
    at_us: int
    token: str = ""


class HotlistChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A hotlist's next revision.

    The entries lie in the vault under their hash.

    Attributes
    ----------
    blob : str
        SHA-256 of the change, in hexadecimal.
    whole : bool
        It is the whole list; otherwise changes to the one before.
    entries : int
        In the list from now on.
    lists : mapping of str to ListStood
        How each list stands from now on, under an authority that withholds what is listed; else empty.
    """

    authority: str
    revision: int
    blob: str
    whole: bool
    entries: int
    lists: dict[str, ListStood] = {}


class QuarantinedRead(msgspec.Struct, frozen=True, kw_only=True):
    """A read in quarantine, with its reason.

    Of a large `read` only the beginning is kept.
    """

    source: str
    camera: str
    code: str
    detail: str
    at_us: int
    read: bytes


MOST_QUARANTINED = 1_000
"""Reads of one batch of the quarantine."""
_BATCH_BYTES = 512 * 1024


class QuarantineBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Reads of one source in quarantine, as the quarantine keeps them together.

    `first` is the number of the first of them; the others follow on it.
    """

    first: int
    reads: tuple[QuarantinedRead, ...]


def quarantine_batches(first: int, reads: Sequence[QuarantinedRead]) -> list[QuarantineBatch]:
    """Return reads in batches, each of one source and of a bounded size.

    The same reads always make the same batches. `first` is the number of the first of them.
    """
    batches: list[QuarantineBatch] = []
    begin, size = 0, 0
    for n, read in enumerate(reads):
        full = n - begin >= MOST_QUARANTINED or size >= _BATCH_BYTES
        if n > begin and (full or read.source != reads[begin].source):
            batches.append(QuarantineBatch(first=first + begin, reads=tuple(reads[begin:n])))
            begin, size = n, 0
        size += len(read.read)
    if begin < len(reads):
        batches.append(QuarantineBatch(first=first + begin, reads=tuple(reads[begin:])))
    return batches


class IntakeCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The intake of what was taken together.

    A further transaction may carry it on. `accepted`, `repeated`: reads by camera, as `source/camera`;
    `quarantined`: by that and code; `unkept`: by source, how many of these were not kept, beyond its quota.
    """

    accepted: dict[str, int] = {}
    repeated: dict[str, int] = {}
    quarantined: dict[str, dict[str, int]] = {}
    unkept: dict[str, int] = {}


class DocumentTaken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A signed document and the findings of its admission.

    It is in force from this transaction on, and has its place in the ledger.
    """

    envelope: bytes
    entry: int
    admitted: Admitted = Admitted()


class CamerasRegistered(msgspec.Struct, frozen=True, kw_only=True):
    """The cameras of a source, in full."""

    source: str
    cameras: tuple[CameraSet, ...]


class TokenIssued(msgspec.Struct, frozen=True, kw_only=True):
    """A credential: its name and the SHA-256 of the token.

    An empty hash withdraws the name's tokens.
    """

    name: str
    sha256: str


class FiguresClosed(msgspec.Struct, frozen=True, kw_only=True):
    """A period of published figures of traffic, and their place.

    Attributes
    ----------
    due : mapping
        When the recipient of each authority under which rows can have left must have deleted them.
    targeted_until_us : int
        The end of the period of targeting that counts of this one belong to; 0 in the first form, which published
        them all at once.
    """

    from_us: int
    until_us: int
    entry: int
    due: dict[str, int] = {}
    targeted_until_us: int = 0


class TargetingClosed(msgspec.Struct, frozen=True, kw_only=True):
    """A period of published figures of targeting, and their place."""

    from_us: int
    until_us: int
    entry: int


class ResponseGiven(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A public response to a consultation.

    The fold keeps the number of them alone.

    Attributes
    ----------
    number : int
        Counts the responses to one consultation, from 1.
    id : str
        Random: it tells nothing of how many there are.
    publish : bool
        Whether it may be shown once the consultation has closed.
    """

    consultation: str
    number: int
    id: str
    received_us: int
    text: str
    name: str = ""
    organisation: str = ""
    publish: bool = True


class Refused(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The rows refused by one authority for one reason."""

    authority: str
    reason: str
    rows: int


class ShownReads(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which read each row shows: private, and gone with the rows.

    Attributes
    ----------
    batches : tuple of bytes
        Of each batch, in their order, the read of each row: its row in `taken`, 2 bytes, little-endian.
    before : tuple of (int, int, int)
        Of each read that came again with an image: its row in `taken`, and the transaction and the row where it stood
        before. The row of an erratum shows read 0 of a transaction that took none, and that stood first there.
    """

    batches: tuple[bytes, ...] = ()
    before: tuple[tuple[int, int, int], ...] = ()


class RowErased(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A row that is to stand nowhere any more, and the read that it shows with it.

    Attributes
    ----------
    number : int
        Of its transaction.
    feed : str
        Empty for a read by itself, which need not have gone to any.
    row : int
        Its number in the feed; of a read its row in `taken`.
    """

    number: int
    feed: str
    row: int


class AlertRulesSet(msgspec.Struct, frozen=True, kw_only=True):
    """The rules by which a place is told, whole: `alerts.rules` reads them."""

    who: str
    revision: int
    rules: bytes


class AlertTold(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was sent to a target, or given up."""

    id: str
    who: str
    target: str
    what: str
    count: int
    became: Literal["delivered", "given-up"]


class Transaction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One transaction.

    Attributes
    ----------
    at_us : int
        When; never before the transaction it follows.
    taken : bytes
        The reads that were taken with it, which it decides (`reads.messages`). It stands last, for a source chose it.
    reads_to, reads_offset : int
        Where READS was decided up to, in which versions before 0.4 kept what was taken: every message up to
        `reads_to`, and that many rows of the one behind it. None if it did not move.
    reads : int
        Reads decided.
    withheld : int
        Of those, released to nobody.
    quarantine_from : int
        The ordinal of the first of `quarantined`, from 1.
    quarantine_batch : int
        The ordinal of the first of their batches (`quarantine_batches`), from 1. 0 where there are none, and in what
        version 0.3 wrote: it kept each read by itself.
    first_entry : int
        The ledger's index of the first of `entries`.
    opens_us : int or None
        At a start: the second that is open from now on. Those before it, back to the last one closed, are missing
        from the ledger, and the entry of the start says so.
    directory_form : int
        At the founding and at an upgrade: the form of the directory from now on. 0 elsewhere.
    shown : ShownReads or None
        Which read each row of `batches` shows; None where there is nothing to say, and in what version 0.3 wrote.
    erased : tuple of RowErased
        Rows of earlier transactions. Those may be rewritten without them from now on.
    erased_from : int
        COMMITS and what stands for it hold nothing below it any more: the fold forgets which rows were erased there.
    """

    at_us: int
    reads_to: int | None = None
    reads_offset: int = 0
    reads: int = 0
    withheld: int = 0
    intake: IntakeCounts | None = None
    refused: tuple[Refused, ...] = ()
    batches: tuple[FeedBatch, ...] = ()
    hits: tuple[HitRaised, ...] = ()
    imaged: tuple[HitImaged, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    hotlist: HotlistChanged | None = None
    quarantine_from: int = 0
    quarantined: tuple[QuarantinedRead, ...] = ()
    quarantine_batch: int = 0
    facts: tuple[bytes, ...] = ()
    first_entry: int = 0
    entries: tuple[bytes, ...] = ()
    document: DocumentTaken | None = None
    stood: tuple[Stood, ...] = ()
    cameras: CamerasRegistered | None = None
    token: TokenIssued | None = None
    second: SecondClosed | None = None
    opens_us: int | None = None
    figures: FiguresClosed | None = None
    targeting: TargetingClosed | None = None
    disclosure: Disclosure | None = None
    receipt: Receipt | None = None
    responses: tuple[ResponseGiven, ...] = ()
    looked: tuple[HitLooked, ...] = ()
    fetched: ImagesFetched | None = None
    people: PeopleOpened | None = None
    passkey: Passkey | PasskeyWithdrawn | None = None
    alert_rules: AlertRulesSet | None = None
    told: tuple[AlertTold, ...] = ()
    handover: HandedOver | None = None
    searches: tuple[SearchEvent, ...] = ()
    errata_said: tuple[ErratumSaid, ...] = ()
    errata: tuple[ErratumSent, ...] = ()
    corrected: tuple[HitCorrected, ...] = ()
    errata_taken: ErrataTaken | None = None
    custody: CustodyCheckpoint | None = None
    links: tuple[LinkEvent, ...] = ()
    witnessing: WitnessingStood | None = None
    directory_form: int = 0
    erased: tuple[RowErased, ...] = ()
    erased_from: int = 0
    shown: ShownReads | None = None
    taken: bytes = b""


Committed = tuple[int, Transaction]
"""A durable transaction, behind its sequence."""
