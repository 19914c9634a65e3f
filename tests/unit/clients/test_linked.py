"""What the overseer's arithmetic finds wrong with opened links."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, HOUR_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.clients.verify.linked import LinkRight
from wicketgate.clients.verify.opened import fact_of_form
from wicketgate.gateway.filing.links import link_fact
from wicketgate.regime.documents.authority import Authority, parse_authority
from wicketgate.regime.keepers.values import LinkAsked, LinkEnded, LinkRefused

AT_US = parse_rfc3339("2026-07-08T12:00:00Z")
ASKED: dict[str, Any] = {
    "id": "a",
    "authority": "tfl-charging@1",
    "unit": "tfl/charging",
    "by": "person:x",
    "cause": "unpaid-charge",
    "case": "C-1",
    "register": "dvla",
    "seq": 7,
    "source": "tfl",
    "event_us": AT_US - 3 * DAY_US,
}


def version(reference: str) -> Authority:
    document = copy.deepcopy(documents.example("authority-own-use"))
    document["keeper"] = {
        "causes": ["unpaid-charge"],
        "registers": ["dvla"],
        "per_day": 2,
        "not_before": "P3D",
    }
    return parse_authority(document)


def opened(event: LinkAsked | LinkEnded | LinkRefused) -> Any:
    return fact_of_form(json.loads(link_fact(event, 5)))


def check(right: LinkRight, at_us: int = AT_US, **more: Any) -> None:
    right.check(opened(LinkAsked(**{**ASKED, **more})), at_us, version)


def test_what_the_desk_writes_has_its_form_and_is_let_be() -> None:
    right = LinkRight()
    check(right)
    check(right)  # asked again: the same link
    check(right, AT_US + DAY_US, seq=8, id="b", hit="h", image="r", decided="so")
    ended = LinkEnded(id="a", authority="tfl-charging@1", cause="unpaid-charge", seq=7, became="answered")
    refused = LinkRefused(
        authority="", unit="tfl/charging", by="x", cause="c", case="", code="cause-not-allowed"
    )
    for fact in (opened(ended), opened(refused)):
        right.check(fact, AT_US, version)


@pytest.mark.parametrize(
    "more",
    [
        {"cause": "stolen"},
        {"register": "elsewhere"},
        {"event_us": AT_US - 3 * DAY_US + 2_000_000},
        {"event_us": AT_US},
    ],
)
def test_what_no_version_lets_be_is_found(more: dict[str, Any]) -> None:
    with pytest.raises(VerificationError):
        check(LinkRight(), **more)


def test_a_day_beyond_its_number_and_a_second_link_of_a_row_are_found() -> None:
    right = LinkRight()
    check(right)
    check(right, AT_US + HOUR_US, seq=8, id="b")
    with pytest.raises(VerificationError, match="on a day"):
        check(right, AT_US + 2 * HOUR_US, seq=9, id="c")
    with pytest.raises(VerificationError, match="two links"):
        check(right, AT_US + DAY_US, id="d")


def test_a_fact_with_more_is_none() -> None:
    fact = json.loads(link_fact(LinkAsked(**ASKED), 5))
    for more in ({"plate": "AB12CDE"}, {"keeper": "N"}, {"became": "answered"}):
        with pytest.raises(InputError):
            fact_of_form({**fact, **more})
    assert rfc3339(ASKED["event_us"]) == fact["event_at"]
