"""What a lenient rule of the charter reaches: never more than it names of units, onward recipients and retention."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors import make_documents as documents
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.signing import dump_envelope
from wicketgate.regime.admission.widening import Judged, compare_powers, judge
from wicketgate.regime.charter import parse_charter
from wicketgate.regime.documents.authority import Authority, parse_authority
from wicketgate.regime.fold import CharterTaken, Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

AT_US = documents.AT_US


def judged(rule: dict[str, Any], **members: Any) -> str:
    charter = documents.example("charter")
    charter["consultations"] = [rule]
    parse_charter(charter)
    envelope = dump_envelope(documents.sign_document(charter, documents.keys_of(["tfl/commissioner"])))
    regime = Regime(charters=[CharterTaken(envelope=envelope, entry=0, at_us=0)])
    draft = documents.example("authority")
    draft["authority"] |= members
    try:
        return footing(regime, parse_authority(draft)).need
    except DocumentRefused as error:
        return error.code


def footing(regime: Regime, authority: Authority) -> Judged:
    moment = RegimeAt(regime, Parsed(), AT_US)
    compared = compare_powers(authority, moment, cameras=10, previous_cap=None)
    return judge(compared, authority, moment)


MARKED = {"need": "marked", "instruments": ["ministerial-certificate"]}


@pytest.mark.parametrize(
    ("rule", "members", "answer"),
    [
        (MARKED, {}, "marked"),
        (MARKED, {"onward": ["home-office"]}, "widening"),
        ({**MARKED, "onward": ["home-office"]}, {"onward": ["home-office"]}, "marked"),
        ({**MARKED, "onward": ["home-office"]}, {"onward": ["home-office", "ico"]}, "widening"),
        ({**MARKED, "units": ["met/national-security-units"]}, {}, "marked"),
        ({**MARKED, "units": ["met"]}, {}, "marked"),
        ({**MARKED, "units": ["met/serious-crime"]}, {}, "widening"),
        ({**MARKED, "units": ["met/national-security-units"]}, {"unit": "serious-crime"}, "widening"),
        ({**MARKED, "longest_retention": "P28D"}, {}, "marked"),
        ({**MARKED, "longest_retention": "P27D"}, {}, "widening"),
        ({**MARKED, "max_cameras": 10}, {}, "marked"),
        ({**MARKED, "max_cameras": 9}, {}, "widening"),
        ({"need": "before"}, {"onward": ["home-office"]}, "widening"),
    ],
)
def test_a_lenient_rule_reaches_no_further_than_it_says(
    rule: dict[str, Any], members: dict[str, Any], answer: str
) -> None:
    assert judged(rule, **members) == answer


def test_the_strictest_rule_counts() -> None:
    charter = documents.example("charter")
    charter["consultations"] = [MARKED, {"need": "before", "fields": ["place"]}]
    envelope = dump_envelope(documents.sign_document(charter, documents.keys_of(["tfl/commissioner"])))
    regime = Regime(charters=[CharterTaken(envelope=envelope, entry=0, at_us=0)])
    authority = parse_authority(documents.example("authority"))
    with pytest.raises(DocumentRefused) as caught:
        footing(regime, authority)
    assert caught.value.code == "widening"
    assert len(caught.value.powers) == 1
    assert "place" in caught.value.powers[0]
    assert "plate" not in caught.value.powers[0]
