"""A document as an officer reads it before signing: its words, and the digest of them. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from wicketgate.base.signing import Envelope, canonical, pae
from wicketgate.clients.officer.appraisal import Appraisal, appraise, founding
from wicketgate.clients.officer.beside import beside
from wicketgate.clients.officer.from_register import ShownRegister
from wicketgate.pages.officer import DocumentShown
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.binding import describe_log
from wicketgate.regime.documents.document import SignedDocument, describe_document

_SIGNED = "Has signed: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A document in words.

    Attributes
    ----------
    appraisal : Appraisal or None
        Its effect; None where there is nothing to hold it against.
    says, stands : tuple of str
        What it says, and what is in force beside it.
    digest : str
        Of the document and of all these words.
    at_us : int
        The moment for which it was read.
    """

    name: str
    document: SignedDocument
    appraisal: Appraisal | None
    says: tuple[str, ...]
    stands: tuple[str, ...]
    digest: str
    at_us: int

    @property
    def wanting(self) -> str:
        """Whose signatures are missing, as a sentence; empty where none are, or nobody knows."""
        faults = () if self.appraisal is None else self.appraisal.faults
        missing = [one.detail for one in faults if one.code == "signature-missing"]
        if not missing and self.appraisal is not None and not self.document.envelope.signatures:
            return "Nobody has signed it yet."
        return f"{missing[0][:1].upper()}{missing[0][1:]}." if missing else ""

    @property
    def refused(self) -> bool:
        """Whether it would be refused whoever else signs."""
        return self.appraisal is not None and bool(self.appraisal.refusals)

    def office_of(self, public: bytes) -> str:
        """Return the office whose key this is among those who must sign, or an empty text."""
        needed = () if self.appraisal is None else self.appraisal.needed
        return next((office.id for office in needed if office.public == public), "")

    def shown(self, *, can_send: bool, mine: bool) -> DocumentShown:
        """Return what the page shows of it."""
        words = () if self.appraisal is None else self.appraisal.words[len(self.says) :]
        faults = () if self.appraisal is None else self.appraisal.refusals
        signed = [one for one in words if one.startswith(_SIGNED)]
        if not signed:
            signed = [f"A key has signed: {one.key_id[:16]}…" for one in self.document.envelope.signatures]
        log = describe_log(self.document)
        effect = [one for one in words if not one.startswith(_SIGNED)]
        return DocumentShown(
            name=self.name,
            kind=self.document.kind,
            digest=self.digest,
            read_at_us=self.at_us,
            effect=[*effect, log],
            says=self.says if self.appraisal is not None else [*self.says, log],
            stands=self.stands,
            warnings=() if self.appraisal is None else self.appraisal.warnings,
            # The powers themselves stand among what it changes.
            faults=[
                f"It would be refused: {one.detail.partition(': ')[0] if one.powers else one.detail} ({one.code})"
                for one in faults
            ],
            signed=signed,
            wanting=self.wanting,
            known=self.appraisal is not None,
            can_send=can_send,
            mine=mine,
        )


def read(
    name: str, document: SignedDocument, known: ShownRegister | None, *, at_us: int, cameras: int | None
) -> Reading:
    """Read a document, against what is in force where that is known.

    Raises
    ------
    DocumentRefused, InputError
        If it is no document at all.
    """
    value = document.value
    appraisal: Appraisal | None = None
    stands: tuple[str, ...] = ("That is not known here.",)
    if known is not None:
        appraisal = appraise(document, known, at_us=at_us, cameras=cameras)
        stands = tuple(beside(value, known, at_us))
    elif isinstance(value, Charter):
        appraisal, stands = founding(document, value), ("Nothing: this charter is read as the first.",)
    says = tuple(describe_document(value, None if known is None else known.charter))
    words = (*says, *stands) if appraisal is None else (*appraisal.words, *stands)
    faults = () if appraisal is None else tuple(fault.detail for fault in appraisal.faults)
    signed = [one.key_id for one in document.envelope.signatures]
    told = canonical({"words": list(words), "faults": list(faults), "signed": signed})
    message = pae(document.envelope.payload_type, document.envelope.payload)
    digest = hashlib.sha256(hashlib.sha256(message).digest() + told).hexdigest()
    return Reading(
        name=name,
        document=document,
        appraisal=appraisal,
        says=says,
        stands=stands,
        digest=digest,
        at_us=at_us,
    )


def with_envelope(document: SignedDocument, envelope: Envelope) -> SignedDocument:
    """Return a document with another envelope of the same payload."""
    return SignedDocument(kind=document.kind, payload=document.payload, envelope=envelope)
