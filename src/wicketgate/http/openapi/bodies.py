"""Structs for the API's description: bodies without a struct of their own.

No struct of their own decodes or encodes them.

Lines of feeds are written in columns (`batches`), envelopes and responses read strictly by hand, forms by parsers.
Only the description uses these structs; the tests hold what runs to them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from msgspec import UNSET, Struct, UnsetType, field

from wicketgate.base.shapes import Count, Hash, Salt, Time, about, shape
from wicketgate.base.signing import MAX_SIGNATURES
from wicketgate.commits.errata import Ground
from wicketgate.gateway.filing.responses import MOST_NAME, MOST_ORGANISATION, MOST_TEXT
from wicketgate.hotlists.hits import MOST_REASON
from wicketgate.hotlists.outcomes import Said
from wicketgate.http.openapi.register import EnvelopeSignature
from wicketgate.http.sessions import MOST_OFFICER
from wicketgate.regime.documents.document import KINDS

# --- feeds --------------------------------------------------------------------------------------------------------


class Promise(Struct, frozen=True, kw_only=True):
    """That a batch will be under the entry of its second."""

    salt: Annotated[Salt, about("The salt of the release's fact.")]
    second: Annotated[Time, about("The second under whose entry it will be.")]
    merge_by: Annotated[Time, about("From when that can be proved.")]
    signature: Annotated[str, about("Base64, Ed25519 by the log's key. docs/spec/ledger.md has the bytes.")]


class BatchHeader(Struct, frozen=True, kw_only=True):
    """The first line of a batch. The lines behind it are rows."""

    batch: Annotated[Count, about("Counts from 1.")]
    commit: Annotated[Count, about("The transaction of COMMITS.")]
    authority: Annotated[str, about("`name@version`.")]
    rows: Annotated[int, about("How many lines follow.", minimum=1)]
    root: Annotated[Hash, about("RFC 6962 tree hash over the rows' lines without LF.")]
    sha256: Annotated[Hash, about("Over the rows' lines with their LFs.")]
    released_at: Time
    promise: Promise


class RowImage(Struct, frozen=True, kw_only=True):
    """An image of a row."""

    ref: Annotated[str, about("For `GET /v1/feeds/{authority}/images/{ref}`.")]
    sha256: Hash
    type: Literal["image/jpeg", "image/png"]
    bytes: Count


class RowRead(Struct, frozen=True, kw_only=True):
    """The fields that the authority allows, and nothing else."""

    plate: str | UnsetType = UNSET
    confidence: Annotated[float | None, about("Null where the device does not say.")] | UnsetType = UNSET
    marks: list[str] | UnsetType = UNSET
    captured_at: Time | UnsetType = UNSET
    source: str | UnsetType = UNSET
    camera: str | UnsetType = UNSET
    camera_name: (
        Annotated[str, about("With `camera`, but under an authority of version 0.3.")] | UnsetType
    ) = UNSET
    position: (
        Annotated[tuple[float, float], about("Longitude and latitude, degrees (WGS 84), where known.")]
        | UnsetType
    ) = UNSET
    lane: int | str | UnsetType = UNSET
    direction: str | UnsetType = UNSET
    vehicle: dict[str, str | None] | UnsetType = UNSET
    patch_image: RowImage | UnsetType = UNSET
    overview_image: RowImage | UnsetType = UNSET


class RowHit(Struct, frozen=True, kw_only=True):
    """The hit that a row is, under an authority of mode match."""

    id: str
    voi: Annotated[str, about("The entry's `id`.")]
    quality: Literal["exact", "possible"]
    kind: str
    priority: Annotated[int, shape(minimum=1, maximum=4)]
    due: Time
    clone: Annotated[bool, shape(const=True)] | UnsetType = UNSET


class RowBody(Struct, frozen=True, kw_only=True):
    """A line of a batch."""

    seq: Annotated[Count, about("Counts the feed's rows, from 1.")]
    salt: Annotated[Salt, about("Random: without it the row's hash could be guessed.")]
    authority: Annotated[str, about("`name@version`: what let the row go.")]
    read: RowRead
    ref: Annotated[str, about("The same whenever the read comes.")] | UnsetType = UNSET
    again: Annotated[bool, about("It was released before, without this image.", const=True)] | UnsetType = (
        UNSET
    )
    hit: RowHit | UnsetType = UNSET
    late: Annotated[bool, about("It came later than the charter's `late_after`.", const=True)] | UnsetType = (
        UNSET
    )


class RowErratum(Struct, frozen=True, kw_only=True):
    """What was wrong with an earlier row."""

    seq: Annotated[Count, about("That row.")]
    ground: Annotated[str, shape(enum=list(get_args(Ground)))]
    read: (
        Annotated[RowRead, about("The read with its right plate, where the authority would release that.")]
        | UnsetType
    ) = UNSET


class ErratumRowBody(Struct, frozen=True, kw_only=True):
    """A line of a batch that corrects an earlier row."""

    seq: Count
    salt: Salt
    authority: Annotated[str, about("`name@version`: what let it go.")]
    erratum: RowErratum


class FirstRow(Struct, frozen=True, kw_only=True):
    """An earlier row of the same answer."""

    from_: Annotated[Count, about("Its `seq`.")] = field(name="from")


class AnswerRow(Struct, frozen=True, kw_only=True):
    """A row of an answer to a question."""

    seq: Annotated[Count, about("Counts the answer's rows, from 1.")]
    salt: Annotated[Salt, about("Random: without it the row's hash could be guessed.")]
    authority: Annotated[str, about("`name@version`: what let the row be shown.")]
    read: RowRead
    quality: (
        Annotated[
            Literal["exact", "possible"], about("Whether its plate is one asked for, or looks like one.")
        ]
        | UnsetType
    ) = UNSET
    impossible: (
        Annotated[FirstRow, about("No one vehicle can have made both reads in the time between them.")]
        | UnsetType
    ) = UNSET


class AnswerErratum(Struct, frozen=True, kw_only=True):
    """A line that is no row of the answer: the row before it, of the same number, was wrong."""

    seq: Count
    authority: Annotated[str, about("`name@version` that stands now.")]
    erratum: RowErratum


class RowFeature(Struct, frozen=True, kw_only=True):
    """A row of an answer as a feature (RFC 7946)."""

    type: Literal["Feature"]
    id: Annotated[Count, about("The row's `seq`.")]
    geometry: Annotated[dict[str, Any] | None, about("Where it was read; null where that is not shown.")]
    properties: Annotated[dict[str, Any], about("The columns of CSV that have a value.")]


class RowFeatures(Struct, frozen=True, kw_only=True):
    """Rows of an answer as a collection of features (RFC 7946)."""

    type: Literal["FeatureCollection"]
    features: list[RowFeature]


class ErasedRow(Struct, frozen=True, kw_only=True):
    """A line of a batch whose row was erased."""

    seq: Count
    erased: Annotated[Hash, about("The row's leaf hash.")]


# --- what is posted -----------------------------------------------------------------------------------------------


class EnvelopeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A DSSE v1 envelope."""

    payloadType: Annotated[  # noqa: N815 - as DSSE names it
        str, shape(enum=[f"application/vnd.wicketgate.{kind}+json" for kind in sorted(KINDS)])
    ]
    payload: Annotated[str, about("Base64 of the document's canonical JSON (RFC 8785).")]
    signatures: Annotated[list[EnvelopeSignature], shape(maxItems=MAX_SIGNATURES)]


class ReadsForm(Struct, frozen=True, kw_only=True):
    """Reads with their images."""

    reads: Annotated[Any, about("The reads, as they would be posted by themselves.")]


class ResponseSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody says to a consultation."""

    text: Annotated[str, shape(minLength=1, maxLength=MOST_TEXT)]
    name: Annotated[str | None, shape(maxLength=MOST_NAME)] = None
    organisation: Annotated[str | None, shape(maxLength=MOST_ORGANISATION)] = None
    publish: Annotated[
        bool | None, about("Whether it may be shown once the consultation has closed; if left out, yes.")
    ] = None


class ResponseForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same from the page's form."""

    text: Annotated[str, shape(minLength=1, maxLength=MOST_TEXT)]
    name: Annotated[str, shape(maxLength=MOST_NAME)] = ""
    organisation: Annotated[str, shape(maxLength=MOST_ORGANISATION)] = ""
    publish: Literal["yes", "no"] = "yes"


class SignInForm(Struct, frozen=True, kw_only=True):
    """Who signs in."""

    officer: Annotated[str, shape(minLength=1, maxLength=MOST_OFFICER)]
    token: Annotated[str, about("The token of the officer's unit.")]


class SignOutForm(Struct, frozen=True, kw_only=True):
    """That the form is of this session."""

    form_key: str


class OutcomeForm(Struct, frozen=True, kw_only=True):
    """What became of a hit."""

    form_key: str
    outcome: Said
    reason: Annotated[str, shape(maxLength=MOST_REASON)] = ""
    plate_seen: Annotated[str, shape(maxLength=32)] = ""
    filter: Annotated[
        str, shape(maxLength=720), about("The filter of the queue to go back to, as a query.")
    ] = ""
