"""Structs for the API's description: the register, as built from the state.

`register` builds it.

Only the description uses these structs; `tests/unit/http/test_openapi.py` holds registers that were built to them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from wicketgate.base.shapes import Count, Hash, Time, about, shape
from wicketgate.http import codes
from wicketgate.http.openapi.registered_witnesses import RegisteredWitnessing
from wicketgate.regime.stance import End, Footing, Phase, Stop
from wicketgate.regime.standing import ConsultationStatus, Status

Document = Annotated[dict[str, Any], about("The signed document, in full.")]
Entry = Annotated[Count, about("Where the envelope stands in the ledger.")]
Cell = Annotated[Count | None, about("Null: suppressed.")]
Stepped = Annotated[
    Count | None, about("At least so many, and fewer than a `step` more; null: fewer than one step.")
]
Cells = dict[str, Count | None]


class EnvelopeSignature(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signature of a DSSE envelope."""

    keyid: Annotated[Hash, about("SHA-256 of the raw public key.")]
    sig: Annotated[str, about("Base64 of the Ed25519 signature over the DSSE encoding.")]


class RegisteredCharter(Struct, frozen=True, kw_only=True):
    """One version of the charter."""

    document: Document
    entry: Entry
    at: Time
    wider: Annotated[list[str], about("What it was wider in, in words.")]
    signatures: list[EnvelopeSignature]


class TargetingSinceReview(Struct, frozen=True, kw_only=True):
    """The vehicles with hits and outcomes of the published months, each number at least so many."""

    from_: Time = field(name="from")
    until: Time
    months: Count
    hits: dict[str, Count]
    outcomes: dict[str, Count]
    suppressed: Count
    searches: Annotated[
        dict[str, Count] | Literal["unknown"] | UnsetType,
        about(
            "Where its recipient looks back by questions alone: at least how many, by what became of them. Of bulk "
            "without custody nobody knows."
        ),
    ] = UNSET
    custody: Annotated[
        dict[str, Count] | Literal["unknown"] | UnsetType,
        about(
            "Of bulk, out of its recipient's custody: at least so many rows that were `looked` at; `rows` of answers, "
            "which mode search would have released; and `listed` of these, which mode match would have."
        ),
    ] = UNSET
    unlisted: Annotated[
        dict[str, Count] | UnsetType,
        about(
            "Of an authority of mode unlisted: at least how many rows left, and stayed because they are listed."
        ),
    ] = UNSET


class SinceReview(Struct, frozen=True, kw_only=True):
    """What an authority cost, and what came of it, since its last review."""

    since: Time
    from_: Time | None = field(name="from")
    until: Time | None
    periods: Count
    decided: Count
    released: Annotated[Count | None, about("Null where a list decides what leaves.")]
    hits: Annotated[dict[str, Count], about("By figures of 0.3.")]
    outcomes: Annotated[dict[str, Count], about("By figures of 0.3.")]
    searches: Count
    left_ppm: Annotated[
        Count | None,
        about(
            "Of a million reads decided, how many left; null where none was decided, or a list decides what leaves."
        ),
    ]
    suppressed: Annotated[Count, about("Cells that were too small to be published, and are in no sum.")]
    compared: Annotated[Count, about("Reads held against its list.")] | UnsetType = UNSET
    targeting: TargetingSinceReview | UnsetType = UNSET


class RegisteredAct(Struct, frozen=True, kw_only=True):
    """A review, a suspension, a challenge, an objection, or what ended the authority."""

    kind: str
    id: str
    at: Time
    entry: Entry
    reason: str
    document: Document
    signatures: list[EnvelopeSignature]
    figures: Annotated[SinceReview, about("Of a review.")] | UnsetType = UNSET


class StandingTold(Struct, frozen=True, kw_only=True):
    """How an authority stood from when on."""

    status: Status
    at: Time
    entry: Count


class Consulted(Struct, frozen=True, kw_only=True):
    """What was consulted on of a version."""

    need: Annotated[
        Literal["covered", "notice", "marked", "within", "urgent"],
        about("`covered` by consultations, or what stands in for one."),
    ]
    wider: Annotated[list[str], about("The powers that no consultation covered, in words.")]
    by: Annotated[list[str], about("The consultations that cover the rest.")]
    due: Annotated[Time | None, about("Where one must come: by when.")]
    since: Annotated[Time | None, about("When one did.")]


class ShownStance(Struct, frozen=True, kw_only=True):
    """Why a version stands as it does, all of it: every sentence of the pages is chosen by it."""

    phase: Phase
    begun: Annotated[bool, about("Whether it ever took effect.")]
    stops: Annotated[list[Stop], about("All that stop it now.")]
    end: Annotated[End | None, about("What ended it first, once it is over.")]
    footing: Annotated[Footing, about("On what consultation it stands, or what stands in for one.")]
    part: Annotated[bool, about("Whether consultations covered some of it when it was signed, and not all.")]
    since: Annotated[Time | None, about("With the footing `consulted-since`: since when all is covered.")]
    by: Annotated[list[str], about("The consultations that cover it, or some of it.")]


class RegisteredAuthority(Struct, frozen=True, kw_only=True):
    """One version of an authority, as it stands."""

    name: str
    version: Count
    status: Status
    mode: str
    document: Document
    signatures: list[EnvelopeSignature]
    entry: Entry
    committed_at: Time
    in_force_from: Time
    in_force_until: Annotated[Time, about("As things stand: the end, or the review that is due.")]
    review_due: Annotated[Time | None, about("Null where none is demanded.")]
    cameras: Annotated[Count, about("Cameras that it may use now.")]
    cameras_withheld: Annotated[Count, about("Cameras in its scope beyond `camera_cap`.")]
    camera_cap: Annotated[Count | None, about("The most that it may use; null: any number.")]
    ended_by: Literal["revocation", "quashed", "objection"] | None
    consulted: Consulted
    stance: ShownStance
    redactions: Annotated[Count, about("Members that are withheld from the public.")]
    custody: Annotated[
        bool | None,
        about(
            "Of mode bulk: whether its recipient may look back by approved questions alone, in custody. Copies taken "
            "around custody are not seen. Null of another mode."
        ),
    ]
    standings: list[StandingTold]
    acts: list[RegisteredAct]
    words: Annotated[list[str], about("The document in plain words.")]


class RegisteredObjection(Struct, frozen=True, kw_only=True):
    """An objection to a proposal."""

    id: str
    organisation: str
    reason: str
    entry: Entry
    at: Time
    document: Document
    signatures: list[EnvelopeSignature]


class AnswerToObjection(Struct, frozen=True, kw_only=True):
    """What a decision answers to an objection."""

    objection: str
    answer: str


class RegisteredDecision(Struct, frozen=True, kw_only=True):
    """What was decided after a consultation."""

    id: str
    outcome: Literal["approved", "rejected"]
    reasons: str
    answers: list[AnswerToObjection]
    covered_until: Time | None
    entry: Entry
    at: Time
    document: Document
    signatures: list[EnvelopeSignature]


class RegisteredPeople(Struct, frozen=True, kw_only=True):
    """One version of who an organisation's people are, as it stands; names are commitments."""

    organisation: str
    version: Count
    status: Literal["pending", "in-force", "superseded", "expired"]
    in_force_from: Time
    in_force_until: Time
    words: Annotated[list[str], about("What it allows, in words.")]
    entry: Annotated[Count, about("Where it stands in the ledger.")]
    at: Time
    document: dict[str, Any]
    signatures: list[EnvelopeSignature]


class RegisteredScheme(Struct, frozen=True, kw_only=True):
    """One version of a charging scheme, as it stands."""

    name: str
    version: int
    status: Literal["pending", "in-force", "superseded", "expired"]
    in_force_from: Time
    in_force_until: Time
    words: Annotated[list[str], about("What it charges, in words.")]
    entry: Annotated[Count, about("Where it stands in the ledger.")]
    at: Time
    document: dict[str, Any]
    signatures: list[EnvelopeSignature]


class RegisteredWaiver(Struct, frozen=True, kw_only=True):
    """What is waived of what a charging scheme charges."""

    id: str
    scheme: str
    words: Annotated[list[str], about("What is waived, in words.")]
    entry: Annotated[Count, about("Where it stands in the ledger.")]
    at: Time
    document: dict[str, Any]
    signatures: list[EnvelopeSignature]


class RegisteredConsultation(Struct, frozen=True, kw_only=True):
    """One consultation, as it stands."""

    id: str
    title: str
    kind: Literal["authority", "charter"]
    status: ConsultationStatus
    opens_at: Time
    closes_at: Time
    assessment: str
    cameras: Annotated[Count, about("Cameras in the draft's scope when it was published.")]
    camera_cap: Annotated[Count | None, about("The most that its decision can cover; null: any number.")]
    wider: Annotated[list[str], about("What it would widen, in words.")]
    words: Annotated[list[str], about("The draft in plain words.")]
    entry: Entry
    at: Time
    document: Document
    signatures: list[EnvelopeSignature]
    committed_at: Time
    objections: list[RegisteredObjection]
    decision: RegisteredDecision | None
    void_at: Annotated[
        Time | None, about("When a charter ended what it covers, with a key that had signed its decision.")
    ]
    quashed_at: Annotated[Time | None, about("When a court ended what it covers.")]
    responses: Annotated[Count | None, about("Null until it has closed.")]
    responses_withheld: Annotated[Count | None, about("Of those, at the respondents' wish.")]


class RefusedRows(Struct, frozen=True, kw_only=True):
    """Rows that one authority refused for one reason."""

    authority: str
    reason: Annotated[str, shape(enum=sorted(codes.REFUSAL))]
    rows: Cell


class Deletions(Struct, frozen=True, kw_only=True):
    """Until when a recipient attests to have deleted what left, and what is missing."""

    attested_until: Time | None
    due_until: Time | None
    missing: bool
    missing_since: Time | None
    overdue_rows: Cell


class Figures(Struct, frozen=True, kw_only=True):
    """The traffic of a period; docs/spec/ledger.md says what it means, and of logs that began with 0.3.

    A null is suppressed: fewer than `least_traffic`, 0 included.
    """

    kind: Literal["figures"]
    from_: Time = field(name="from")
    until: Time
    taken: Count | None
    repeated: Count | None
    quarantined: Count | None
    decided: Count | None
    released: Annotated[Cells, about("Rows by authority of mode `bulk`.")]
    refused: list[RefusedRows]
    again: Annotated[Cells, about("Rows that came again with an image, by authority of mode `bulk`.")]
    receipts: Annotated[dict[str, Deletions], about("By authority.")]
    images: (
        Annotated[
            Cells, about("Images that rows name, by authority of mode `bulk`. Absent in figures of 0.3.")
        ]
        | UnsetType
    ) = UNSET
    fetched: (
        Annotated[
            Cells,
            about("Images that recipients fetched, each as often as it was. Absent in figures of 0.3."),
        ]
        | UnsetType
    ) = UNSET
    entry: Annotated[Count, about("Where they stand in the ledger.")]
    form: Annotated[Literal[2], about("Absent in figures of 0.3.")] | UnsetType = UNSET
    compared: (
        Annotated[
            Cells, about("Reads held against a list, by authority that has one, whether listed or not.")
        ]
        | UnsetType
    ) = UNSET
    withheld: Annotated[Count | None, about("In figures of 0.3.")] | UnsetType = UNSET
    hits: Annotated[dict[str, Cells], about("In figures of 0.3.")] | UnsetType = UNSET
    outcomes: Annotated[dict[str, Cells], about("In figures of 0.3.")] | UnsetType = UNSET
    disclosures: Annotated[dict[str, Cells], about("In figures of 0.3.")] | UnsetType = UNSET
    disclosures_refused: Annotated[Cells, about("In figures of 0.3.")] | UnsetType = UNSET


class FiguresOfMonth(Struct, frozen=True, kw_only=True):
    """A closed month of figures of traffic (UTC); `/figures/{month}.json` has its periods."""

    month: Annotated[str, about("As in `2026-11`: that of the last moment of each of its periods.")]
    from_: Time = field(name="from")
    until: Time
    periods: Count
    first_entry: Count
    last_entry: Count
    root: Annotated[str, about("The RFC 6962 tree hash over their entries of the log, in order.")]
    sums: Annotated[
        dict[str, Any],
        about(
            "By the members of figures, `refused` by authority and reason: of each count `sum`, over the periods that "
            "show it, and `hidden`, how many do not."
        ),
    ]


class FiguresOfMonthBody(Struct, frozen=True, kw_only=True):
    """The figures of a closed month, which never change."""

    origin: Annotated[str, about("The log's name.")]
    month: str
    root: Annotated[str, about("As the register shows it.")]
    figures: list[Figures]


class VehiclesHit(Struct, frozen=True, kw_only=True):
    """Vehicles with hits under one authority, each counted once."""

    vehicles: Stepped
    exact: Stepped
    possible: Annotated[Stepped, about("Null where `exact` is, and the other way round.")]
    late: Stepped
    clone: Stepped


class UnlistedRows(Struct, frozen=True, kw_only=True):
    """What came of reads held against lists of what stays, in steps of `least_traffic`."""

    released: Annotated[Stepped, about("Rows that left: on none of its lists.")]
    withheld: Annotated[
        Stepped, about("Rows that stayed: all that were compared less `released`, rounded down.")
    ]
    share: Annotated[Stepped, about("How many of a hundred of these stayed; null where both are null.")]


class Targeting(Struct, frozen=True, kw_only=True):
    """What lists and recipients did in a calendar month (UTC), published a week after it.

    The rows are the same whatever happened; docs/spec/ledger.md says what they mean.
    """

    kind: Literal["targeting"]
    form: Literal[1, 2, 3]
    from_: Time = field(name="from")
    until: Time
    step: Count
    hits: Annotated[dict[str, VehiclesHit], about("By authority of mode match.")]
    outcomes: Annotated[dict[str, dict[str, Stepped]], about("Vehicles, by authority and outcome.")]
    disclosures: Annotated[
        dict[str, Cells], about("Rows passed on, in steps of `least_traffic`, by authority and to whom.")
    ]
    disclosures_refused: Annotated[dict[str, Stepped], about("Attempts by authority.")]
    searches: (
        Annotated[
            dict[str, dict[str, Stepped]],
            about(
                "What became of questions to the past, by authority and kind; figures of form 1 have none."
            ),
        ]
        | UnsetType
    ) = UNSET
    custody: (
        Annotated[
            dict[str, dict[str, Stepped]],
            about(
                "Rows of answers in custody, in steps of `least_traffic`, by authority of mode bulk; from form 3."
            ),
        ]
        | UnsetType
    ) = UNSET
    entry: Annotated[Count, about("Where they stand in the ledger.")]
    errata: (
        Annotated[
            dict[str, dict[str, Stepped]],
            about("Vehicles with errata, by authority and kind. Absent in the first form."),
        ]
        | UnsetType
    ) = UNSET
    unlisted: (
        Annotated[
            dict[str, UnlistedRows],
            about(
                "Rows that left and that stayed, by authority of mode unlisted. Absent in earlier forms than 3."
            ),
        ]
        | UnsetType
    ) = UNSET
    links: (
        Annotated[
            dict[str, dict[str, Stepped]],
            about("Keepers that were asked for, by authority and cause. Absent before form 3."),
        ]
        | UnsetType
    ) = UNSET


class RegisterBody(Struct, frozen=True, kw_only=True):
    """What anybody may see of the state."""

    form: Annotated[Count, about("How the register is written: a later one must not be taken for this.")]
    origin: Annotated[str, about("The log's name.")]
    demonstration: Annotated[bool, about("Invented vehicles.")]
    as_of: Time
    log_key: Annotated[str, about("The log's verifier key.")]
    checkpoint: Annotated[str, about("It covers every entry named here.")]
    charter: Annotated[RegisteredCharter, about("The one in force.")]
    charters: Annotated[list[RegisteredCharter], about("Every version.")]
    authorities: Annotated[list[RegisteredAuthority], about("Every version ever in effect.")]
    consultations: Annotated[list[RegisteredConsultation], about("Every one ever opened.")]
    people: Annotated[list[RegisteredPeople], about("Every version, by organisation.")]
    schemes: Annotated[list[RegisteredScheme], about("Every version of every charging scheme, by name.")]
    waivers: Annotated[list[RegisteredWaiver], about("Every waiver, by scheme.")]
    witnesses: Annotated[list[str], about("The verifier keys of the witnesses that the charter names.")]
    witnessing: RegisteredWitnessing
    figures: Annotated[
        list[Figures],
        about("The closed periods of the present month, and in its first day those of the month before."),
    ]
    months: Annotated[list[FiguresOfMonth], about("The months before, in order.")]
    targeting: Annotated[list[Targeting], about("Every published month; in a demonstration every period.")]
    small_cells: Annotated[Count, about("The charter's.")]
    least_traffic: Annotated[Count, about("Counts of traffic below this are null.")]
    step: Annotated[Count, about("Counts of targeting are multiples of this; fewer are null.")]
