from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tests.oracles.power_oracle import equivalent
from tests.vectors import make_documents as world
from wicketgate.base.clock import DAY_US
from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.charter import Charter, parse_charter
from wicketgate.regime.documents.authority import Authority, parse_authority
from wicketgate.regime.powers import (
    EVERYTHING,
    NOTHING,
    NOWHERE,
    Box,
    Power,
    Powers,
    describe,
    grid,
    of_authority,
    region,
)
from wicketgate.regime.powers.sides import EVERY_HOUR, Names, Spans, Tree, Week

Document = dict[str, Any]
Change = Callable[[Document], object]

CHARTER = parse_charter(world.example("charter"))
CT: Document = world.example("authority")
MATCH: Document = world.example("authority-match")
UNLISTED: Document = world.example("authority-unlisted")
OWN: Document = world.example("authority-own-use")
CT_HEAD = "met/national-security-units, for national-security/terrorism in bulk: "
CT_READS = "of every read from up to 1,544 cameras of tfl in the group ccz-boundary"


def changed(document: Document, *changes: Change) -> Document:
    document = copy.deepcopy(document)
    for change in changes:
        change(document)
    return document


def put(table: str, **members: Any) -> Change:
    return lambda document: document.setdefault(table, {}).update(members)


def searching(**terms: Any) -> Document:
    terms = {"max_age": "P28D", "tiers": [{"older_than": "P7D", "approver": "met/superintendent"}]} | terms
    return changed(CT, put("authority", mode="search"), put("search", **terms))


def authority(document: Document) -> Authority:
    return parse_authority(document)


def powers(document: Document, cameras: int | None = 1544) -> Powers:
    return of_authority(authority(document), cameras)


def one(**members: Any) -> Powers:
    """Everything, but for some members."""
    return Powers.of([EVERYTHING._replace(**members)])


def named(*names: str) -> Names:
    return Names(frozenset(names))


AREA = {"south": 51.3, "west": -0.5, "north": 51.6, "east": 0.3}


KEEPER: Document = {
    "causes": ["unpaid-charge"],
    "registers": ["dvla"],
    "per_day": 500,
    "not_before": "P3D",
}
LINKED = changed(MATCH, put("keeper", **KEEPER))


# --- every member of an authority -------------------------------------------------------------------------

WIDER: dict[str, tuple[Document, Change, str]] = {
    "recipient": (CT, put("authority", recipient="tfl"), "tfl/national-security-units, for"),
    "unit": (CT, put("authority", unit="serious-crime"), "met/serious-crime, for"),
    "purpose": (
        CT,
        put("authority", purpose="national-security"),
        "for national-security (but not national-security/terrorism) in bulk",
    ),
    "other purpose": (CT, put("authority", purpose="crime/serious"), "for crime/serious in bulk"),
    "mode bulk": (
        searching(tiers=[]),
        lambda document: (document["authority"].update(mode="bulk"), document.pop("search")),
        "in bulk (beyond search and match)",
    ),
    "retention": (
        CT,
        put("authority", recipient_retention="P90D"),
        "kept for more than 28 days and up to 90 days",
    ),
    "retention by a day": (
        CT,
        put("authority", recipient_retention="P29D"),
        "kept for more than 28 days and up to 29",
    ),
    "onward": (CT, put("authority", onward=["home-office"]), "passed on to home-office"),
    "sources": (
        CT,
        put("scope", sources=["tfl", "westminster"]),
        "cameras of westminster in the group ccz-boundary",
    ),
    "groups": (CT, put("scope", groups=["ccz-boundary", "ulez"]), "cameras of tfl in the group ulez"),
    "every group": (CT, put("scope", groups=[]), "cameras of tfl outside the group ccz-boundary"),
    "fields": (
        CT,
        put("scope", fields=["plate", "time", "place", "overview-image"]),
        ": the overview image of every",
    ),
    "hours": (
        OWN,
        lambda document: document["scope"]["hours"][0].update(until="19:00"),
        "mon to fri 18:00 to 19:00 (Europe/London)",
    ),
    "another zone": (
        OWN,
        lambda document: document["scope"]["hours"][1].update(zone="Europe/Paris"),
        "sat and sun 12:00 to 18:00 (Europe/Paris)",
    ),
    "every hour": (
        OWN,
        put("scope", hours=[]),
        "at any hour but mon to fri 07:00 to 18:00, sat and sun 12:00 to 18:00 (Europe/London)",
    ),
    "area": (
        changed(CT, put("scope", area=AREA)),
        put("scope", area=AREA | {"north": 51.7}),
        "at latitudes above 51.6 to 51.7",
    ),
    "anywhere": (
        changed(CT, put("scope", area=AREA)),
        lambda document: document["scope"].pop("area"),
        "at latitudes below 51.3 and above 51.6 or without a position",
    ),
    "max_cameras": (
        changed(CT, put("scope", max_cameras=1000)),
        put("scope", max_cameras=1200),
        "from more than 1,000 and up to 1,200 cameras of tfl",
    ),
    "max_age": (
        searching(),
        lambda document: document["search"].update(max_age="P90D"),
        "looking back more than 28 days and up to 90 days, with the approval of met/superintendent",
    ),
    "a later tier": (
        searching(),
        lambda document: document["search"]["tiers"][0].update(older_than="P14D"),
        "looking back more than 7 days and up to 14 days, without the approval of met/superintendent",
    ),
    "no tier": (
        searching(),
        put("search", tiers=[]),
        "looking back more than 7 days and up to 28 days, without the approval of met/superintendent",
    ),
    "another approver": (
        searching(),
        lambda document: document["search"]["tiers"][0].update(approver="met/inspector"),
        "looking back more than 7 days and up to 28 days, with the approval of met/inspector",
    ),
    "questions": (
        searching(tiers=[]),
        put("search", questions=["plate", "pattern", "scenes"]),
        "asked by part of a plate or several places and times",
    ),
    "camera-days": (
        searching(tiers=[], breadth={"camera_days": 300, "plates": 10}),
        put("search", breadth={"camera_days": 400, "plates": 10}),
        "more than 300 and up to 400 camera-days without a second approver",
    ),
    "plates of a question": (
        searching(tiers=[]),
        put("search", breadth={"camera_days": 0, "plates": 10}),
        "more than 0 and up to 10 plates without a second approver",
    ),
    "answers kept": (
        searching(tiers=[]),
        put("search", answer_retention="P1D"),
        "answers kept for more than 1 hour and up to 1 day",
    ),
    "hours of searches": (
        changed(searching(tiers=[]), put("search", hours=OWN["scope"]["hours"][:1])),
        put("search", hours=OWN["scope"]["hours"]),
        "sat and sun 12:00 to 18:00 (Europe/London)",
    ),
    "links": (
        MATCH,
        put("keeper", **KEEPER),
        "with the keeper alone of one row at a time, for unpaid-charge, as dvla says, up to 500 links a day, "
        "asked for from 3 days on after the read",
    ),
    "another cause": (
        LINKED,
        put("keeper", causes=["unpaid-charge", "stolen"]),
        "with the keeper alone of one row at a time, for stolen, as dvla says",
    ),
    "another register": (LINKED, put("keeper", registers=["dvla", "kba"]), "for unpaid-charge, as kba says"),
    "links a day": (LINKED, put("keeper", per_day=600), "more than 500 and up to 600 links a day"),
    "links sooner": (
        LINKED,
        put("keeper", not_before="P1D"),
        "asked for from 1 day on and before 3 days after the read",
    ),
    "kinds": (
        MATCH,
        put("match", kinds=["murder", "robbery", "kidnap", "theft"]),
        "of vehicles listed for theft,",
    ),
    "max_entries": (
        MATCH,
        put("match", max_entries=9000),
        "more than 5,000 and up to 9,000 listed at a time",
    ),
    "plate in alerts": (
        MATCH,
        put("match", alerts={"plate": True}),
        "the plate in alerts of every read",
    ),
    "entry_life": (
        MATCH,
        put("match", entry_life="P1M"),
        "each listed for more than 28 days and up to 31 days",
    ),
    "fewer lists": (
        changed(UNLISTED, put("unlisted", lists=["exempt", "paid"])),
        put("unlisted", lists=["exempt"]),
        "by exclusion: the plate, time and place of every read of vehicles listed as paid,",
    ),
    "fewer entries": (
        UNLISTED,
        put("unlisted", min_entries=50_000),
        "more than 49,999 and up to 99,999 listed at a time",
    ),
    "a staler list": (
        UNLISTED,
        put("unlisted", stale_after="P7D"),
        "by lists put more than 2 days and up to 7 days ago",
    ),
    "a list that shrank": (
        UNLISTED,
        put("unlisted", max_shrink=0.125),
        "shrunk by more than 5 % and up to 12.5 %",
    ),
    "all instead of all but some": (
        UNLISTED,
        lambda document: (document["authority"].update(mode="bulk"), document.pop("unlisted")),
        "in bulk (beyond unlisted)",
    ),
    "no demands": (
        changed(MATCH, put("authority", demands=["viewer", "confirmer"])),
        lambda document: document["authority"].pop("demands"),
        "by machines that confirm and machines that see it",
    ),
    "fewer demands": (
        changed(CT, put("authority", demands=["viewer"], mode="bulk")),
        lambda document: document["authority"].pop("demands"),
        "by machines that see it",
    ),
}


@pytest.mark.parametrize("name", WIDER)
def test_widening_a_member_is_a_difference_that_names_it(name: str) -> None:
    document, change, words = WIDER[name]
    covered, draft = powers(document), powers(changed(document, change))
    assert not draft <= covered
    for said in (describe(draft - covered), describe(draft - covered, within=draft)):
        assert words in said[0], said
        assert len(said) == (2 if name == "anywhere" else 1)  # in latitude, and in longitude


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in WIDER
        if name not in ("recipient", "unit", "other purpose", "another zone", "another approver")
    ],
)
def test_what_was_narrower_is_contained(name: str) -> None:
    document, change, _ = WIDER[name]
    assert powers(document) <= powers(changed(document, change))


def test_every_member_of_a_box_is_widened_by_some_test() -> None:
    apart = set()
    for document, change, _ in WIDER.values():
        for box in (powers(changed(document, change)) - powers(document)).boxes:
            apart |= {
                name
                for name in Box._fields
                if any(getattr(box, name) != getattr(other, name) for other in powers(document).boxes)
            }
    assert apart == set(Box._fields)


@pytest.mark.parametrize(
    "change",
    [
        put("authority", version=2, title="Another"),
        put("authority", name="another-name"),
        put("authority", valid_until="2026-08-04T00:00:00Z"),
        put("authority", review_every="P1Y"),
        put("authority", necessity="Other reasons.", proportionality="Other reasons."),
        put("authority", instrument={"kind": "statute", "citation": "An Act"}),
        put("authority", controller="westminster"),
        put("scope", fields=["place", "time", "plate"]),
    ],
)
def test_what_is_no_power_makes_no_difference(change: Change) -> None:
    assert powers(changed(CT, change)) == powers(CT)


# --- meaning ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one_text", "other"), [("P1M", "P31D"), ("P1Y", "P366D"), ("P12M", "P1Y"), ("P4W", "P28D")]
)
def test_lengths_that_last_as_long_at_most_are_equal_powers(one_text: str, other: str) -> None:
    first, second = (
        powers(changed(CT, put("authority", recipient_retention=text))) for text in (one_text, other)
    )
    assert first == second


def test_a_shorter_retention_of_the_history_is_no_bulk() -> None:
    search = searching(max_age="P90D")
    assert not powers(search) <= powers(CT)
    assert powers(search) <= powers(changed(CT, put("authority", recipient_retention="P90D")))


def test_bulk_with_terms_of_searches_has_less_and_what_it_lacks_is_said() -> None:
    free, custody = powers(CT), powers(changed(CT, put("search", max_age="P28D", questions=["plate"])))
    assert custody <= free
    assert not free <= custody
    said = describe(free - custody)
    assert any("asked by anything but what a list hits or one exact plate" in one for one in said)
    assert powers(searching(tiers=[])) <= custody


def test_hours_that_no_scope_has_hide_no_powers() -> None:
    paris = {"zone": "Europe/Paris", "days": ["mon"], "from": "00:00", "until": "24:00"}
    odd = changed(searching(hours=[paris]), put("scope", hours=OWN["scope"]["hours"]))
    assert powers(odd) == powers(changed(searching(), put("scope", hours=OWN["scope"]["hours"])))


def test_search_beyond_a_tier_needs_the_approval_and_up_to_it_none() -> None:
    had = powers(searching())
    power = a_power()
    assert power._replace(age=7 * DAY_US) in had
    assert power._replace(age=7 * DAY_US + 1) not in had
    assert power._replace(age=7 * DAY_US + 1, approval="met/superintendent") in had
    assert power._replace(age=28 * DAY_US, approval="met/superintendent") in had
    assert power._replace(age=28 * DAY_US + 1, approval="met/superintendent") not in had
    assert power._replace(age=7 * DAY_US, mode="bulk") not in had


def test_of_several_tiers_the_last_that_is_passed_counts() -> None:
    tiers = [
        {"older_than": "P7D", "approver": "met/inspector"},
        {"older_than": "P14D", "approver": "met/superintendent"},
        {"older_than": "P90D", "approver": "met/nobody"},
    ]
    had = powers(searching(tiers=tiers))
    assert len(had.boxes) == 3
    old = a_power()._replace(age=15 * DAY_US)
    assert old._replace(approval="met/superintendent") in had
    assert old._replace(approval="met/inspector") not in had


def a_power() -> Power:
    return Power(
        unit="met/national-security-units",
        purpose="national-security/terrorism",
        mode="search",
        source="tfl",
        group="ccz-boundary",
        latitude=NOWHERE,
        longitude=0,
        cameras=1,
        field="plate",
        hours=("UTC", 0),
        age=0,
        approval="",
        retention=0,
        onward="",
        kind="any",
        entries=10**9,
        entry_life=0,
        list_age=0,
        shrink=0,
        doer="",
        question="",
        camera_days=0,
        plates=0,
        answer_retention=0,
        cause="",
        register="any",
        links=0,
        linked_after=0,
    )


def test_an_area_has_its_edges_and_no_camera_without_a_position() -> None:
    had = powers(changed(searching(), put("scope", area=AREA)))
    power = a_power()
    assert power in powers(searching())
    assert power not in had
    assert power._replace(latitude=51_300_000, longitude=-500_000) in had
    assert power._replace(latitude=51_600_000, longitude=300_000) in had
    assert power._replace(latitude=51_600_001, longitude=0) not in had
    assert power._replace(latitude=51_500_000, longitude=300_001) not in had


def test_of_two_numbers_of_cameras_the_smaller_counts() -> None:
    capped = changed(CT, put("scope", max_cameras=1000))
    assert powers(capped, None) == powers(CT, 1000) == powers(capped, 2000)
    assert powers(capped, 10) == powers(CT, 10)
    assert powers(CT, 10) <= powers(CT, None)
    assert not powers(CT, None) <= powers(CT, 10**9)


def test_without_any_camera_an_authority_has_powers_still() -> None:
    nobody = powers(CT, 0)
    assert nobody
    assert not nobody <= powers(changed(CT, put("scope", fields=["plate"])), 0)
    assert nobody <= powers(CT, 1)


def test_hours_that_are_a_whole_week_are_every_hour() -> None:
    week = {
        "zone": "Asia/Tokyo",
        "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        "from": "08:00",
        "until": "08:00",
    }
    assert powers(changed(CT, put("scope", hours=[week]))) == powers(CT)
    short = week | {"until": "07:59"}
    assert not powers(CT) <= powers(changed(CT, put("scope", hours=[short])))


def test_hours_past_the_end_of_the_week_begin_it() -> None:
    night = {"zone": "UTC", "days": ["sun"], "from": "22:00", "until": "06:00"}
    (box,) = powers(changed(CT, put("scope", hours=[night]))).boxes
    assert [minute for minute in (0, 359, 360, 9_959, 9_960, 10_079) if ("UTC", minute) in box.hours] == [
        0, 359, 9_960, 10_079,
    ]  # fmt: skip
    assert ("Europe/London", 0) not in box.hours


def test_terms_that_are_not_there_bound_nothing() -> None:
    search = dataclasses.replace(authority(searching()), search=None)
    match = dataclasses.replace(authority(MATCH), match=None)
    assert powers(searching(max_age="P100Y")) <= of_authority(search, 1544)
    assert powers(MATCH) <= of_authority(match, 1544)
    assert not of_authority(match, 1544) <= powers(MATCH)


def test_a_purpose_is_more_than_its_children_and_has_those_to_come() -> None:
    parent = region(purposes=["crime"])
    children = region(purposes=["crime/serious", "crime/other"])
    assert children <= parent
    assert not parent <= children
    assert region(purposes=["crime/serious/split-later"]) <= region(purposes=["crime/serious"])
    assert not region(purposes=["crimes"]) <= parent
    assert describe(parent - children)[0].startswith(
        "any recipient, for crime (but not crime/other and crime/serious) in bulk"
    )


def test_a_region_is_what_its_selectors_name() -> None:
    had = powers(CT)
    assert had <= region()
    assert had & region(modes=["match", "search", "unlisted", "bulk"]) == had
    assert region(modes=["bulk"]) & region(modes=["search"]) == NOTHING
    assert had & region(modes=["bulk"]) == had - region(modes=["match", "search", "unlisted"])
    assert had <= region(
        units=["met"],
        purposes=["national-security"],
        sources=["tfl", "x"],
        groups=["ccz-boundary"],
        cameras=1544,
    )
    assert not had <= region(cameras=1543)
    assert not had <= region(fields=["plate", "time"])
    assert powers(changed(CT, put("scope", groups=[]))) & region(groups=["ulez"])
    assert region(purposes=[]) == NOTHING == region(modes=["unheard-of"])
    assert region(units=["met/a", "met"]) == region(units=["met"])


# --- too many ---------------------------------------------------------------------------------------------


def tangle(count: int) -> Powers:
    """Return boxes that all overlap, each narrower than the example in two members."""
    found = NOTHING
    for number in range(count):
        found |= powers(
            changed(
                CT,
                put("scope", groups=["ccz-boundary", f"group-{number}"]),
                put("authority", recipient_retention=f"P{20 - number}D"),
            ),
            1000 + number,
        )
    return found


def draft_over(count: int) -> Powers:
    return powers(
        changed(CT, put("scope", groups=["ccz-boundary", *(f"group-{n}" for n in range(count))])), 1300
    )


def test_a_draft_against_many_that_overlap() -> None:
    covered, draft = tangle(20), draft_over(20)
    wider = draft - covered
    assert wider.all_maximal
    assert equivalent(wider | (draft & covered), draft)
    assert wider.maximal() is wider
    assert len(describe(wider)) > 1


def test_where_the_maximal_boxes_are_too_many_the_difference_is_exact_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    covered, draft = tangle(4), draft_over(4)
    wider, closed = draft - covered, (draft - covered).maximal()
    monkeypatch.setattr(grid, "MOST_MAXIMAL", 2)
    other = draft - covered
    assert not other.all_maximal
    assert equivalent(other, wider)
    assert other.maximal() is other
    assert not other & covered
    assert describe(other)
    monkeypatch.undo()
    assert other.maximal() == closed
    assert describe(other) == describe(wider)


def test_what_cannot_be_compared_is_refused_and_never_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    covered, draft = tangle(4), draft_over(4)
    whole = draft - covered
    monkeypatch.setattr(grid, "MOST_BOXES", 1)
    with pytest.raises(DocumentRefused) as refused:
        draft.__le__(covered | whole)
    assert refused.value.code == "unsupported"
    monkeypatch.setattr(grid, "MOST_MAXIMAL", 1)
    with pytest.raises(DocumentRefused):
        draft.__sub__(covered)


# --- words ------------------------------------------------------------------------------------------------


def test_nothing_is_said_of_nothing() -> None:
    assert describe(NOTHING) == []
    assert describe(powers(CT) - powers(CT), CHARTER) == []


def test_an_authority_of_mode_bulk_in_words() -> None:
    assert describe(powers(CT)) == [f"{CT_HEAD}the plate, time and place {CT_READS}, kept for up to 28 days"]


def test_an_authority_of_mode_match_in_words() -> None:
    assert describe(powers(MATCH, None)) == [
        "met/serious-crime, for crime/serious by match: the plate, time, place, vehicle and patch image of every read "
        "of vehicles listed for kidnap, murder or robbery, from cameras of tfl in the group ccz-boundary, up to 5,000 "
        "listed at a time, each listed for up to 28 days, kept for up to 28 days"
    ]


def test_an_authority_of_mode_search_in_words() -> None:
    assert describe(powers(searching(), None)) == [
        "met/national-security-units, for national-security/terrorism by search: the plate, time and place of the "
        "reads that answer its questions, from cameras of tfl in the group ccz-boundary, looking back up to "
        f"{tier}, asked by what a list hits or one exact plate, no camera-days without a second approver, no plates "
        "without a second approver, answers kept for up to 1 hour, kept for up to 28 days"
        for tier in ("7 days", "28 days, with the approval of met/superintendent")
    ]


def test_a_draft_of_which_several_members_are_wider_has_a_sentence_for_each() -> None:
    draft = powers(
        changed(
            CT,
            put(
                "scope", groups=["ccz-boundary", "ulez"], fields=["plate", "time", "place", "overview-image"]
            ),
            put("authority", recipient_retention="P90D"),
        )
    )
    reads, groups = "of every read from cameras of tfl in", "the groups ccz-boundary and ulez"
    everything = "the plate, time, place and overview image"
    assert sorted(describe(draft - powers(CT), within=draft)) == sorted(
        [
            f"{CT_HEAD}the overview image {reads} {groups}",
            f"{CT_HEAD}{everything} {reads} {groups}, kept for more than 28 days and up to 90 days",
            f"{CT_HEAD}{everything} {reads} the group ulez",
        ]
    )


def test_bulk_beyond_match_is_said_once_and_a_new_field_besides() -> None:
    bulk = changed(MATCH, put("authority", mode="bulk", why_not_match="x", why_not_search="y"))
    del bulk["match"]
    said = describe(powers(bulk, None) - powers(MATCH, None), within=powers(bulk, None))
    assert said == [
        "met/serious-crime, for crime/serious in bulk (beyond match): the plate, time, place, vehicle and patch image "
        "of every read from cameras of tfl in the group ccz-boundary"
    ]
    more = changed(
        bulk, put("scope", fields=["plate", "time", "place", "vehicle", "patch-image", "overview-image"])
    )
    said = describe(powers(more) - powers(MATCH))
    assert len(said) == 2
    assert "in bulk: the overview image of every read" in said[0]


def test_two_sentences_never_leave_each_other_out() -> None:
    old = EVERYTHING._replace(age=Spans(((5, 9),)))
    pair = [
        old._replace(mode=named("bulk"), retention=Spans(((0, 9),))),
        old._replace(retention=Spans(((5, 9),))),
    ]
    assert len(Powers.of(pair).maximal().boxes) == 2
    assert describe(Powers.of(pair))


def test_a_stronger_mode_is_never_left_out_for_a_weaker_one() -> None:
    bulk = EVERYTHING._replace(mode=named("bulk"), approval=named("met/superintendent"))
    said = describe(Powers.of([bulk, EVERYTHING._replace(mode=named("match", "search"))]))
    assert any("in bulk" in one for one in said)
    assert any("by search" in one for one in said)


def test_names_are_those_of_the_charter() -> None:
    draft = changed(CT, put("authority", onward=["home-office", "unheard-of"]))
    assert describe(powers(draft, None), CHARTER) == [
        "National security units of Metropolitan Police Service, for “Preventing and investigating terrorism” in bulk: "
        "the plate, time and place of every read from cameras of Transport for London in the group ccz-boundary, kept "
        "for up to 28 days, passed on to Home Office and `unheard-of` too"
    ]
    assert describe(region(units=["met"]) - region(units=["met/serious-crime"]), CHARTER)[0].startswith(
        "any unit of Metropolitan Police Service (but not Serious crime command of Metropolitan Police Service), for "
        "any purpose in bulk"
    )


def test_what_a_charter_calls_alike_has_its_id_beside_it() -> None:
    document = world.example("charter")
    for organisation in document["organisations"]:
        if organisation["id"] == "met":
            organisation["units"][0]["name"] = "Serious  Crime Command"
        if organisation["id"] == "home-office":
            organisation["name"] = "transport for london"
    charter: Charter = parse_charter(document)
    (said,) = describe(powers(CT), charter)
    assert said.startswith(
        "Serious Crime Command of Metropolitan Police Service (met/national-security-units), for "
    )
    assert "cameras of Transport for London (tfl) in" in said


def test_long_lists_of_the_draft_are_counted_and_what_is_new_is_named() -> None:
    old = [f"group-{number}" for number in range(40)]
    kinds = [f"kind-{number}" for number in range(10)]
    before = changed(MATCH, put("scope", groups=old), put("match", kinds=kinds))
    draft = changed(
        before, put("scope", groups=[*old, "new-group"]), put("match", kinds=[*kinds, "new-kind"])
    )
    said = describe(powers(draft) - powers(before), within=powers(draft))
    assert len(said) == 2
    assert any("for its 11 reasons, from cameras of tfl in the group new-group" in one for one in said)
    assert any("listed for new-kind, from cameras of tfl in its 41 groups" in one for one in said)
    assert all(group in describe(powers(draft))[0] for group in old)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"unit": Tree.below(["met/a", "ico"])}, "any unit of ico and met/a, for"),
        ({"unit": EVERYTHING.unit - Tree.below(["met"])}, "any recipient but any unit of met, for"),
        (
            {"purpose": EVERYTHING.purpose - (Tree.below(["a"]) - Tree.below(["a/b"]))},
            "for any purpose but a (though a/b) in bulk",
        ),
        ({"mode": named("search")}, "by search (beyond match)"),
        ({"mode": named("bulk", "unlisted", "match")}, "in bulk (beyond search)"),
            ({"mode": named("bulk", "search", "match")}, "in bulk (beyond unlisted)"),
            ({"mode": named("unlisted")}, "by exclusion: everything of every read of any vehicle,"),
        ({"field": Names(frozenset({"plate"}), True)}, "everything but the plate of"),
        ({"field": named("keeper", "plate")}, "the plate and keeper of"),
        ({"source": Names(frozenset({"tfl"}), True)}, "from cameras of anybody but tfl"),
        ({"group": named("")}, "in no group"),
        ({"group": named("", "a")}, "in the group a and in no group"),
        ({"group": Names(frozenset({""}), True)}, "in any group"),
        ({"group": Names(frozenset({"", "a", "b"}), True)}, "in any group but the groups a and b"),
        ({"cameras": Spans.up_to(1)}, "from up to 1 camera of"),
        ({"cameras": Spans(((11, 1 << 62),))}, "from more than 10 cameras of"),
        ({"latitude": Spans(((NOWHERE, NOWHERE + 1),))}, "without a position"),
        ({"latitude": Spans(((NOWHERE + 1, 90_000_001),))}, "with a position"),
        ({"latitude": Spans(((-5_000_000, 1_500_001),))}, "at latitudes -5 to 1.5"),
        ({"longitude": Spans(((-180_000_000, 250_000),))}, "at longitudes below 0.25"),
        ({"longitude": Spans(((-180_000_000, 250_001),))}, "at longitudes up to 0.25"),
        ({"longitude": Spans(((250_000, 180_000_001),))}, "at longitudes from 0.25 up"),
        ({"hours": Week.of({"UTC": Spans(())}, EVERY_HOUR.elsewhere)}, "at any hour but every day all day (UTC)"),
        ({"hours": Week.of({}, Spans(((0, 60),)))}, "mon 00:00 to 01:00 (anywhere)"),
        ({"hours": Week.of({"UTC": Spans(((1380, 1500),))}, Spans(()))}, "mon 23:00 to 24:00, tue 00:00 to 01:00 ("),
        ({"age": Spans.up_to(0)}, "live only"),
        ({"age": Spans(((1, 1 << 62),))}, "looking back but not live"),
        ({"age": Spans(((1, DAY_US + 1),))}, "looking back up to 1 day but not live"),
        ({"retention": Spans.up_to(DAY_US)}, "looking back without a limit, kept for up to 1 day"),
        ({"retention": Spans(((0, 1), (DAY_US + 1, 1 << 62)))}, "kept for up to 0 seconds or more than 1 day"),
        ({"approval": named("a/b", "a/c")}, "with the approval of a/b or a/c"),
        ({"onward": Names(frozenset({"", "met"}), True)}, "passed on to anybody but met"),
        ({"kind": Names(frozenset({"theft"}), True)}, "of vehicles listed for anything but theft"),
        ({"mode": named("match"), "kind": named("theft")}, "everything of every read of vehicles listed for theft,"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)  # fmt: skip
def test_a_box_in_words(members: dict[str, Any], words: str) -> None:
    (said,) = describe(one(**members))
    assert words in said


def test_the_modules_names_are_these() -> None:
    from wicketgate.regime import powers as module

    assert {"Powers", "NOTHING", "of_authority", "region", "describe"} <= set(module.__all__)
