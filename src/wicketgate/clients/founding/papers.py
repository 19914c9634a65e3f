"""The papers of a founding: charter and first authorities, each as TOML and in the words that `check` says. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.signing import dump_envelope
from wicketgate.clients.founding.answers import FoundingAnswers
from wicketgate.clients.founding.drafts import first_authorities
from wicketgate.clients.founding.templates import OfficeKeys, charter_document
from wicketgate.clients.officer.appraisal import Appraisal, appraise, founding
from wicketgate.clients.officer.from_register import ShownRegister
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.document import SignedDocument, open_either
from wicketgate.regime.documents.toml import dump_toml
from wicketgate.regime.fold import Regime
from wicketgate.regime.parsed import Parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundingPaper:
    """One document to be signed.

    Attributes
    ----------
    name : str
        `charter`, or the authority's name.
    toml : str
        The document.
    words : sequence of str
        What `check` says of it, beside the charter.
    signers : sequence of str
        The offices that must sign it, all of them.
    """

    name: str
    toml: str
    words: Sequence[str]
    signers: Sequence[str]


def papers_of(
    answers: FoundingAnswers, keys: Mapping[str, OfficeKeys], at_us: int
) -> tuple[FoundingPaper, ...]:
    """Return the charter, and then the first authorities.

    Raises
    ------
    DocumentRefused, InputError
        If a document would be refused, or the charter traps its authors, with what is wrong.
    """
    text = dump_toml(
        charter_document(answers, keys, at_us),
        f"The charter of {answers.home.name}, from the template `{answers.template}`.",
        "Read it, change what is not so, and run `wicketgate check` again before anybody signs.",
    )
    document = open_either(text.encode())
    charter = document.value
    assert isinstance(charter, Charter)
    appraisal = founding(document, charter)
    _refuse("the charter", appraisal)
    known = _under(document, at_us)
    papers = [_paper("charter", text, appraisal)]
    for name, draft in first_authorities(answers, at_us).items():
        text = dump_toml(draft, "A draft. Its reasons are the officers' to write: read every line.")
        papers.append(_paper(name, text, _judged(text, known, at_us, answers.cameras)))
    return tuple(papers)


def _judged(text: str, known: ShownRegister, at_us: int, cameras: int) -> Appraisal:
    appraisal = appraise(open_either(text.encode()), known, at_us=at_us + SECOND_US, cameras=cameras)
    _refuse("an authority", appraisal)
    return appraisal


def _under(document: SignedDocument, at_us: int) -> ShownRegister:
    """Return the register as it would be once the charter is in force."""
    regime, parsed = Regime(), Parsed()
    envelope = dump_envelope(document.envelope)
    parsed.keep(envelope, document)
    regime.apply(document, envelope, entry=0, at_us=at_us, admitted=Admitted())
    nothing: dict[str, Any] = {}
    return ShownRegister(register=nothing, regime=regime, parsed=parsed, entries=1)


def _refuse(what: str, appraisal: Appraisal) -> None:
    wrong: list[DocumentRefused] = list(appraisal.refusals)
    if wrong:
        raise InputError(
            f"{what} that these answers come to would be refused ({wrong[0].code}): {wrong[0].detail}"
        )
    if appraisal.warnings:
        raise InputError(f"{what} that these answers come to traps its authors: {appraisal.warnings[0]}")


def _paper(name: str, text: str, appraisal: Appraisal) -> FoundingPaper:
    signers = tuple(office.id for office in appraisal.needed)
    return FoundingPaper(name=name, toml=text, words=appraisal.words, signers=signers)
