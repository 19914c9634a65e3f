"""The sums of the first page and of `/why-not-less`: what has left stays counted, whatever became of the authority."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.registers import Chancery
from tests.unit.pages.test_pages import Reader
from tests.unit.pages.test_sentences import CT, OWN_OFFICES, act
from tests.vectors.make_documents import CT_OFFICES, changed, example, put
from wicketgate.base.clock import DAY_US, HOUR_US, rfc3339
from wicketgate.pages.public import Pages

PAGES = Pages(base_url="https://gate.example/")
OWN = "tfl-charging"


@pytest.fixture
def chancery() -> Chancery:
    """Return a bulk authority to others and one for the owner's own use, with figures of their first hour."""
    made = Chancery(let_lists_decide)
    made.submit(example("authority-own-use"), OWN_OFFICES)
    short = put("authority.valid_until", rfc3339(made.at_us + 30 * DAY_US))
    made.submit(changed(example("authority"), short), CT_OFFICES)
    publish(made, released={CT: 8_000, OWN: 10_000})
    return made


def let_lists_decide(charter: dict[str, Any]) -> None:
    """Let a minister's certificate have a list too."""
    rule = next(
        one for one in charter["signatures"] if "ministerial-certificate" in one.get("instruments", ())
    )
    rule["modes"] = ["bulk", "match"]


def publish(chancery: Chancery, *, released: dict[str, Any], compared: dict[str, Any] | None = None) -> None:
    """Publish the figures of the hour that ends now, with 10,000 reads."""
    chancery.at_us += HOUR_US
    from_us, until_us = chancery.at_us - HOUR_US, chancery.at_us
    figures = {"kind": "figures", "form": 2, "from": rfc3339(from_us), "until": rfc3339(until_us)}
    figures |= {"taken": 10_000, "decided": 10_000, "repeated": None, "quarantined": None, "refused": []}
    figures |= {"again": {}, "images": {}, "fetched": {}, "receipts": {}}
    chancery.publish(figures | {"released": released, "compared": compared or {}}, from_us, until_us)


def front(chancery: Chancery) -> str:
    return Reader(PAGES.front(chancery.register(), chancery.at_us)).text


def by_list(chancery: Chancery, *, at_us: int) -> None:
    """Put a later version in the place of the bulk authority, by which a list decides."""
    chancery.submit(
        changed(
            example("authority"),
            put("authority.version", 2),
            put("authority.mode", "match"),
            put("authority.valid_from", rfc3339(at_us)),
            put("match", {"kinds": ["terrorism"], "max_entries": 5000, "entry_life": "P28D"}),
        ),
        CT_OFFICES,
    )


def end_by_revocation(chancery: Chancery) -> None:
    act(chancery, "revocation", CT, ("tfl/data-protection",))


def end_by_term(chancery: Chancery) -> None:
    chancery.at_us += 40 * DAY_US


@pytest.mark.parametrize(
    ("end", "status"),
    [(end_by_revocation, "Revoked: nothing leaves"), (end_by_term, "Expired: nothing new leaves")],
)
def test_what_left_stays_counted_when_its_authority_has_ended(
    chancery: Chancery, end: Callable[[Chancery], None], status: str
) -> None:
    before = front(chancery)
    assert "Left in bulk 8,000" in before
    assert "Stayed with those who own the cameras at least 2,000" in before
    end(chancery)
    after = front(chancery)
    assert "Left in bulk 8,000" in after
    assert "Stayed with those who own the cameras at least 2,000" in after
    assert f"for Preventing and investigating terrorism {status} 8,000" in after
    assert "Nothing: no authority lets any read go to others." in after


def test_an_own_use_that_has_ended_is_none_that_left(chancery: Chancery) -> None:
    act(chancery, "revocation", OWN, ("tfl/data-protection",))
    text = front(chancery)
    assert "Left in bulk 8,000" in text
    assert "Stayed with those who own the cameras at least 2,000" in text


def test_what_never_let_anything_go_has_no_row_once_it_is_over(chancery: Chancery) -> None:
    end_by_revocation(chancery)
    for _ in range(24):
        publish(chancery, released={CT: None, OWN: 10_000})
    text = front(chancery)
    assert "National security units" not in text
    assert "Left in bulk 0" in text
    assert "at least 240,000" in text


def test_what_left_in_bulk_is_counted_when_a_list_decides_now(chancery: Chancery) -> None:
    by_list(chancery, at_us=chancery.at_us)
    publish(chancery, released={OWN: 10_000}, compared={CT: 10_000})
    text = front(chancery)
    assert "Left in bulk 8,000" in text
    assert "Stayed with those who own the cameras at least 12,000" in text
    modes = Reader(PAGES.why_not_less(chancery.register())).text
    unknown = f"not known of {CT}: no custody"
    assert f"{CT} Not consulted on 8,000 – {unknown} Match {CT} Not consulted on – – –" in modes
    assert "which does not leave" in modes
    assert f"{OWN} Published, not consulted on 20,000 – –" in modes


def test_what_leaves_in_bulk_untold_is_not_said_to_stay(chancery: Chancery) -> None:
    """A list that is to come hides what leaves in bulk until then: it may be all that was compared."""
    by_list(chancery, at_us=chancery.at_us + 5 * DAY_US)
    publish(chancery, released={OWN: 10_000}, compared={CT: 10_000})
    text = front(chancery)
    assert "Left in bulk at least 8,000" in text
    assert "Stayed with those who own the cameras at least 2,000" in text
    assert "at least 8,000, not told apart since" in text
    assert f"{CT} Not consulted on at least 8,000" in Reader(PAGES.why_not_less(chancery.register())).text
