"""The signed documents of an evidence pack, judged by the charters in it. Pure.

Held are signatures, each by the charter that was in force then, and the authority's standing by its own versions and
acts. Whether it widened anything, and was consulted on, a whole log alone can tell: `verify URL` looks at that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import VerificationError
from wicketgate.base.signing import canonical, key_id
from wicketgate.clients.evidence.proved import DocumentProved, SignedBy
from wicketgate.clients.verify.logged import Logged, apply
from wicketgate.clients.verify.members import open_logged, parse_time
from wicketgate.regime.admission.amending import require_amendment_signed, stopped_by
from wicketgate.regime.admission.comparing import compare
from wicketgate.regime.admission.limits import act_requirements, requirements
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.binding import log_named, refuse_other_log
from wicketgate.regime.documents.consultations import Objection
from wicketgate.regime.documents.document import SignedDocument
from wicketgate.regime.documents.signatures import good_keys, require_signed, signers, verify_charter
from wicketgate.regime.fold import Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

_ACTS = frozenset({"revocation", "suspension", "resumption", "review", "challenge", "quashed"})


class PackedDocuments:
    """The documents of a pack, taken in the order of their entries.

    Attributes
    ----------
    logged : list of Logged
        As `ReleaseRight` takes them.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self.parsed = Parsed()
        self._regime = Regime()
        self.logged: list[Logged] = []
        self.proved: list[DocumentProved] = []

    def take(self, name: str, entry: int, body: Mapping[str, Any]) -> None:
        """Take the document of an entry that is under the checkpoint.

        Raises
        ------
        DocumentRefused, InputError, VerificationError
            If it does not follow on those before it, or those who must have signed it did not.
        """
        at_us = parse_time(body, "at")
        document = open_logged(body)
        if self.logged and (entry <= self.logged[-1].entry or at_us < self.logged[-1].at_us):
            raise VerificationError("it stands behind an earlier one")
        signed, admitted = self._judged(entry, at_us, document, body)
        envelope = canonical(body["envelope"])
        self.parsed.keep(envelope, document)
        logged = Logged(entry=entry, at_us=at_us, document=document, envelope=envelope, admitted=admitted)
        try:
            apply(self._regime, logged)
        except (KeyError, IndexError) as error:
            raise VerificationError("it is about a document that the pack does not hold") from error
        self.logged.append(logged)
        self.proved.append(
            DocumentProved(
                name=name,
                entry=entry,
                at=rfc3339(at_us),
                kind=document.kind,
                payload=document.payload,
                signed=signed,
            )
        )

    @property
    def charter(self) -> Charter:
        """The last charter; there is one behind the first document."""
        return self.parsed.charter(self._regime)

    def charter_at(self, at_us: int) -> Charter:
        """Return the charter in force at a time; VerificationError where the pack holds none."""
        if not self._regime.charters:
            raise VerificationError("the pack holds no charter that can be checked")
        before = [one for one in self._regime.charters if one.at_us <= at_us] or self._regime.charters[:1]
        return self.parsed.charter_of(before[-1].envelope)

    def _judged(
        self, entry: int, at_us: int, document: SignedDocument, body: Mapping[str, Any]
    ) -> tuple[tuple[SignedBy, ...], Admitted]:
        value = document.value
        if not self.logged:
            if entry != 0 or not isinstance(value, Charter):
                raise VerificationError("a pack's first document is the charter in entry 0 of the log")
            charter = verify_charter(document.envelope)
            if charter.origin != self._origin:
                raise VerificationError(f"the charter is of the log `{charter.origin}`")
            return _signed(document, charter), Admitted()
        charter = self.charter
        refuse_other_log(document, charter.origin, needed=log_named(document) is not None)
        match value:
            case Charter():
                keys = good_keys(document.envelope, (charter, value))
                require_amendment_signed(charter, value, compare(charter, value), keys)
                stops = stopped_by(RegimeAt(self._regime, self.parsed, at_us), value)
                return _signed(document, charter, value), Admitted(stops=stops)
            case Authority():
                require_signed(requirements(value, charter), document.envelope, charter)
                self._refuse_ended(entry, document)
                return _signed(document, charter), Admitted(
                    cameras=body.get("cameras", 0),
                    need=str(body.get("consulted", "covered")),
                    wider=tuple(body.get("wider", ())),
                )
            case Objection():
                if all(one.organisation != value.organisation for one in signers(document.envelope, charter)):
                    raise VerificationError(f"no office of `{value.organisation}` signed the objection")
                return _signed(document, charter), Admitted()
            case _ if document.kind in _ACTS:
                named = self._regime.authorities.get(value.authority)  # type: ignore[union-attr]
                if named is None:
                    raise VerificationError("an act on an authority that the pack does not hold")
                about = self.parsed.authority(named.versions[-1])
                kind = document.kind
                if kind == "resumption" and value.suspension in named.stays:  # type: ignore[union-attr]
                    kind = "challenge"  # what a court stopped a court resumes
                require_signed(act_requirements(kind, about, charter), document.envelope, charter)
                return _signed(document, charter), Admitted()
            case _:
                raise VerificationError(f"a {document.kind}, which is in no pack")

    def _refuse_ended(self, entry: int, document: SignedDocument) -> None:
        """Refuse what was signed by a key that a charter had ended before."""
        keys = {one.key_id for one in document.envelope.signatures}
        for ended in self.charter.keys_ended:
            if key_id(ended.public) in keys and entry >= ended.from_entry:
                raise VerificationError(f"a key of `{ended.office}` that had ended signed it")


def _signed(document: SignedDocument, *charters: Charter) -> tuple[SignedBy, ...]:
    keys = {one.key_id for one in document.envelope.signatures}
    found = {}
    for charter in charters:
        for office in charter.offices.values():
            if key_id(office.public) in keys:
                found[key_id(office.public)] = SignedBy(
                    office=office.id, title=office.title, holder=office.holder, key=key_id(office.public)
                )
    return tuple(found.values())
