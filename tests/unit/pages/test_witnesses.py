"""The page on witnesses: who cosigns, what one refused, and what stops."""

from __future__ import annotations

from typing import Any

from wicketgate.pages.public import Pages

NOTE = "log.example\n7\nAAAA\n\n— log.example key\n— w1.example cosigned\n"
WITNESS = {
    "id": "w1",
    "title": "A <b>university</b>",
    "url": "https://w1.example",
    "size": 5,
    "at": "2026-12-01T12:00:00Z",
    "heard": "2026-12-01T12:00:01Z",
    "said": "cosigned",
    "is_well": True,
    "refusals": 0,
}
SEEN: dict[str, Any] = {
    "needed": 2,
    "witnesses": [
        WITNESS,
        {**WITNESS, "id": "w2", "heard": None, "at": None, "said": "", "is_well": False, "size": 0},
    ],
    "size": 9,
    "cosigned": 5,
    "behind": 4,
    "by": ["w1", "w3"],
    "stopped": [],
    "refusals": [],
}
REGISTER: dict[str, Any] = {
    "origin": "log.example",
    "witnesses": ["w1.example+00+AA"],
    "witnessing": {
        "needed": 2,
        "named": [],
        "after_s": {"bulk": 60, "search": 3600, "match": 5},
        "stopped": [],
        "told": [{"stopped": [], "cosigned": 5, "at": "2026-12-01T12:00:00Z", "entry": 8}],
    },
}


def page(**more: Any) -> str:
    return Pages(demonstration=False).witnesses(REGISTER, {**SEEN, **more})


def test_who_cosigns_and_how_far_they_are_is_shown() -> None:
    text = page()
    assert "Cosigned" in text
    assert "2 of 2" in text
    assert "Not heard yet" in text
    assert "A &lt;b&gt;university" in text
    assert "after 1 minute" in text
    assert "after 1 hour" in text
    assert "nothing: all of it went on" in text
    assert "no witness has said that this log forked" in text


def test_what_stopped_and_what_one_refused_is_shown_with_the_logs_own_signature() -> None:
    refusal = {
        "witness": "w1",
        "at": "2026-12-01T12:00:00Z",
        "said": "it answers 422: <i>no</i>",
        "old": 3,
        "note": NOTE,
        "other": NOTE.replace("AAAA", "BBBB"),
    }
    bad = {**WITNESS, "is_well": False, "refusals": 2, "said": "it answers 422"}
    text = page(stopped=["bulk"], refusals=[refusal], witnesses=[bad])
    assert "Too few cosign" in text
    assert "stopped now" in text
    assert "Says that the log forked" in text
    assert "It answers 422: &lt;i&gt;no" in text
    assert "AAAA" in text
    assert "BBBB" in text
    assert "— log.example key" in text
    assert "— w1.example cosigned" not in text


def test_a_charter_without_witnesses_is_said_to_have_none() -> None:
    text = Pages(demonstration=False).witnesses(
        {"origin": "log.example"}, {**SEEN, "needed": 0, "witnesses": [], "cosigned": 0, "by": []}
    )
    assert "The charter names no witness" in text
