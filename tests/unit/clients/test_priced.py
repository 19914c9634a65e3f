"""Charging schemes as officers and checkers see them: `check`'s words, and the register beside the log."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.registers import Chancery, sign
from tests.vectors import make_documents as world
from tests.vectors.cases_schemes import ONE, SCHEME_RULE, SIGNERS, WAIVER_RULE
from tests.vectors.make_documents import changed, put
from wicketgate.base.clock import parse_rfc3339
from wicketgate.clients.officer.appraisal import Appraisal, appraise
from wicketgate.clients.officer.beside import beside
from wicketgate.clients.officer.from_register import learn
from wicketgate.clients.verify.logged import Logged
from wicketgate.clients.verify.priced import compare_schemes
from wicketgate.clients.verify.report import Findings
from wicketgate.regime.documents.document import describe_document, open_document
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver
from wicketgate.regime.moment import RegimeAt

IN_FORCE = parse_rfc3339("2026-08-01T12:00:00Z")
SECOND = changed(
    world.example("scheme"),
    put("scheme.version", 2),
    put("scheme.valid_from", "2026-10-24T23:00:00Z"),
    put("tariffs.0.amount", 2000),
)


@pytest.fixture
def chancery() -> Chancery:
    made = Chancery(lambda charter: charter["signatures"].extend([SCHEME_RULE, WAIVER_RULE]))
    made.submit(world.example("authority-own-use"), SIGNERS)
    made.submit(world.example("scheme"), SIGNERS)
    made.submit(world.example("waiver"), ONE)
    made.at_us = IN_FORCE
    return made


def told(chancery: Chancery, document: dict[str, Any]) -> Appraisal:
    return appraise(open_document(sign(document, SIGNERS)), learn(chancery.register()), at_us=chancery.at_us)


def test_check_says_what_a_version_changes_and_that_it_would_be_taken(chancery: Chancery) -> None:
    appraisal = told(chancery, SECOND)
    assert appraisal.faults == ()
    assert "It replaces `london-congestion@1`." in appraisal.words
    assert "New: Every vehicle: 20.00 GBP, Monday to Friday 07:00 to 18:00." in appraisal.words
    assert "Gone: Every vehicle: 18.00 GBP, Monday to Friday 07:00 to 18:00." in appraisal.words
    assert {office.id for office in appraisal.needed} == set(SIGNERS)


def test_check_says_why_a_scheme_would_be_refused(chancery: Chancery) -> None:
    late = told(chancery, changed(SECOND, put("scheme.valid_from", "2026-07-31T23:00:00Z")))
    assert [fault.code for fault in late.faults] == ["retroactive"]


def test_beside_a_waiver_stands_what_charges_now(chancery: Chancery) -> None:
    waiver = changed(world.example("waiver"), put("waiver.id", "another"))
    assert "`london-congestion@1` charges now." in told(chancery, waiver).words
    known, value = learn(chancery.register()), open_document(sign(waiver, ONE)).value
    assert beside(value, known, IN_FORCE)[0] == "`london-congestion@1` charges now."
    assert beside(value, known, world.AT_US)[0].startswith("Nothing:")


@dataclass(frozen=True)
class Said:
    moment: RegimeAt
    by_entry: dict[int, Logged]

    def words(self, value: Scheme | Waiver) -> list[str]:
        return describe_document(value, self.moment.charter)


def faults(chancery: Chancery, shown: dict[str, Any]) -> list[str]:
    regime = chancery.state.regime
    taken = [one for of in (regime.schemes, regime.waivers) for ones in of.values() for one in ones]
    logged = {
        one.entry: Logged(
            entry=one.entry,
            at_us=one.at_us,
            document=open_document(one.envelope),
            envelope=one.envelope,
        )
        for one in taken
    }
    found = Findings("register")
    compare_schemes(found, shown, Said(RegimeAt(regime, chancery.parsed, chancery.at_us), logged))
    return found.faults


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda shown: None, ""),
        (lambda shown: shown["schemes"].pop(), "0 schemes are shown, and the log has 1"),
        (lambda shown: shown["waivers"].pop(), "0 waivers are shown, and the log has 1"),
        (lambda shown: shown["schemes"][0].update(status="pending"), "status"),
        (lambda shown: shown["schemes"][0]["words"].pop(), "words"),
        (lambda shown: shown["schemes"][0]["document"]["tariffs"][0].update(amount=1), "document"),
        (lambda shown: shown["waivers"][0].update(words=["Nothing is waived."]), "words"),
        (lambda shown: shown["waivers"][0].update(more=1), "more"),
    ],
)
def test_a_register_that_says_otherwise_than_the_log_is_found(
    chancery: Chancery, change: Callable[[dict[str, Any]], object], fault: str
) -> None:
    shown = copy.deepcopy(chancery.register())
    change(shown)
    found = faults(chancery, shown)
    assert (fault in found[0]) if fault else found == []
