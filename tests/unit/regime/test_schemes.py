"""Charging schemes: their days, and what `check` and the register say of them."""

from datetime import date
from pathlib import Path

import pytest

from tests.vectors import make_documents as world
from tests.vectors.cases_schemes import ONE, SCHEME_RULE, SIGNERS, WAIVER_RULE, charter
from tests.vectors.make_documents import Story, changed, put
from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.documents.document import describe_document, parse_payload, parse_toml
from wicketgate.regime.documents.scheme import parse_scheme
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

SCHEMES = sorted(Path(__file__).parents[2].joinpath("schemes").glob("*.toml"))


def london() -> Scheme:
    return parse_scheme(world.example("scheme"))


@pytest.mark.parametrize("path", SCHEMES, ids=lambda path: path.stem)
def test_each_scheme_of_the_tests_is_whole_and_has_words(path: Path) -> None:
    scheme = parse_payload("scheme", parse_toml(path.read_bytes()))
    assert describe_document(scheme)[0].startswith(f"{scheme.title} ({scheme.reference})")


def test_the_words_say_what_it_costs_when_and_until_when_it_is_paid() -> None:
    words = "\n".join(describe_document(london()))
    assert "Every vehicle: 18.00 GBP, Monday to Friday 07:00 to 18:00." in words
    assert "Paid until 24:00 on charging day 3 after it, 3.00 GBP more." in words
    assert "Electric cars: 25 % less, on account alone." in words
    assert "180.00 GBP; 90.00 GBP within 14 days, 270.00 GBP after 28." in words


def test_days_and_minutes_are_those_of_the_clock_on_the_wall() -> None:
    scheme = london()
    assert scheme.local(parse_rfc3339("2026-10-24T23:30:00Z")) == (date(2026, 10, 25), 30)
    assert scheme.local(parse_rfc3339("2026-10-25T23:30:00Z")) == (date(2026, 10, 25), 1410)
    begin, end = scheme.instant(date(2026, 10, 25)), scheme.instant(date(2026, 10, 25), 1440)
    assert (end - begin) // 3_600_000_000 == 25


@pytest.mark.parametrize(
    ("at", "amount"),
    [
        ("2026-07-13T05:59:59Z", 0),
        ("2026-07-13T06:00:00Z", 1800),
        ("2026-07-13T16:59:59.999999Z", 1800),
        ("2026-07-13T17:00:00Z", 0),
        ("2026-07-18T10:59:59Z", 0),
        ("2026-07-18T11:00:00Z", 1800),
        ("2026-08-31T10:00:00Z", 0),
        ("2026-08-31T11:00:00Z", 1800),
        ("2026-12-25T12:00:00Z", 0),
        ("2026-07-11T22:59:59Z", 0),
        ("2027-03-01T08:00:00Z", 0),
    ],
)
def test_the_tariff_of_a_moment(at: str, amount: int) -> None:
    assert london().tariff(parse_rfc3339(at), "centre", "vehicle") == amount


def test_a_deadline_in_charging_days_passes_over_those_without_charge() -> None:
    scheme = london()
    # From 25 December to New Year's Day nothing is charged: the third charging day after the 24th is 4 January.
    assert scheme.days_after(date(2026, 12, 24), 3, "charging") == date(2027, 1, 4)
    assert scheme.days_after(date(2026, 12, 24), 3, "calendar") == date(2026, 12, 27)


def test_versions_follow_one_another_at_the_edges_of_days() -> None:
    first, second = (
        world.example("scheme"),
        changed(
            world.example("scheme"),
            put("scheme.version", 2),
            put("scheme.valid_from", "2026-10-24T23:00:00Z"),
        ),
    )
    story = (
        Story.under(charter(SCHEME_RULE, WAIVER_RULE))
        .then(world.example("authority-own-use"), SIGNERS)
        .then(first, SIGNERS)
        .then(second, SIGNERS)
        .then(world.example("waiver"), ONE)
    )

    def statuses(at: str) -> list[str]:
        moment = RegimeAt(story.regime, Parsed(), parse_rfc3339(at))
        return [moment.scheme_status("london-congestion", number) for number in range(2)]

    assert statuses("2026-07-09T00:00:00Z") == ["pending", "pending"]
    assert statuses("2026-10-24T22:59:59Z") == ["in-force", "pending"]
    assert statuses("2026-10-24T23:00:00Z") == ["superseded", "in-force"]
    assert statuses("2027-03-01T00:00:00Z") == ["superseded", "expired"]
    assert [taken.at_us for taken in story.regime.waivers["london-congestion"]] == [world.AT_US]


def test_a_gap_and_an_overlap_name_their_hour() -> None:
    with pytest.raises(
        DocumentRefused, match=r"no `tariffs` at 07:00: `vehicle` in `centre`, season `none`, mon"
    ):
        parse_scheme(changed(world.example("scheme"), put("tariffs.0.from", "08:00")))
    with pytest.raises(DocumentRefused, match="two `tariffs` at 12:00"):
        parse_scheme(
            changed(world.example("scheme"), put("tariffs.1.days", ["fri", "sat", "sun", "holiday"]))
        )
