"""Whether the laws held: an honest run breaks none, and each can be broken."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.base.signing import canonical, parse_json
from wicketgate.feeds.batches import Batch
from wicketgate_demo.judge import evidence as kept
from wicketgate_demo.judge.evidence import Attempt, Evidence, Sent, SentEntry
from wicketgate_demo.judge.hit_laws import confusions, hits_surely, must_hit
from wicketgate_demo.judge.laws import find_plates, judge
from wicketgate_demo.world import london
from wicketgate_demo.world.vehicles import misread, plate_of, spaced

START_US = parse_rfc3339("2026-07-08T12:00:00Z")


# --- the laws, each of which can be broken ----------------------------------------------------------------

CT, CHARGING, VOI = london.COUNTER_TERRORISM, london.CHARGING, london.OF_INTEREST
PLATES = ("AB85CDE", "CD90EFG", "U123ABC")
LISTED = (
    SentEntry(voi="voi-1", plate="AB85CDE", kind="stolen", priority=2),
    SentEntry(voi="voi-2", plate="CD9OEFG", kind="wanted", priority=1),
    SentEntry(voi="voi-3", plate="ZZ80AAA", kind="stolen", priority=4),
)
CHECKS = ("key", "log", "documents", "seconds", "figures", "fresh", "register", "feed-file", "proofs")
OFFICES = london.appoint()
IMAGE = {"ref": "i1", "sha256": "ab", "type": "image/jpeg", "bytes": 9}


CONSULTED = {
    CHARGING: {"need": "notice", "wider": ["every read"]},
    CT: {"need": "marked", "wider": ["every read at the boundary"]},
    VOI: {"need": "covered", "wider": []},
}
ATTEMPT = Attempt(what="images", wanted="widening", status=422, code="widening", powers=1)


def entry_of(document: dict[str, Any]) -> bytes:
    envelope = parse_json(london.signed(document, OFFICES, ("tfl/commissioner",)))
    said = CONSULTED[document["authority"]["name"]]
    members = {"cameras": 2, "consulted": said["need"], "wider": said["wider"]}
    return canonical({"kind": "document", "at": rfc3339(START_US), "envelope": envelope, **members})


def batch(reference: str, number: int, reads: list[dict[str, Any]]) -> Batch:
    lines = tuple(
        canonical({"seq": n, "salt": "0", "authority": reference, "read": read})
        for n, read in enumerate(reads)
    )
    header = {"batch": number, "authority": reference, "released_at": rfc3339(START_US + 20_000_000 + number)}
    return Batch(header=header, lines=lines)


def hit_row(number: int, read: dict[str, Any], entry: SentEntry, quality: str, **more: Any) -> bytes:
    hit = {
        "id": f"h{number}",
        "voi": entry.voi,
        "quality": quality,
        "kind": entry.kind,
        "priority": entry.priority,
        "due": rfc3339(START_US),
    }
    row = {"seq": number, "salt": "0", "authority": f"{VOI}@1", "ref": f"h{number}", "read": read, "hit": hit}
    return canonical({**row, **more})


def report(*failed: str, proved: int = 1) -> dict[str, Any]:
    checked = [{"name": name, "ok": name not in failed, "words": "w", "faults": []} for name in CHECKS]
    return {"ok": not failed, "checked": checked, "counts": {"proved": proved, "entries": 5}}


def good() -> Evidence:
    """Three reads: two of a boundary camera, one of a camera within the zone."""
    sent = [
        Sent(
            camera=camera, captured_at=rfc3339(START_US + n * 1000), plate=plate, became="accepted", at=at_us
        )
        for n, (camera, plate) in enumerate(zip(("b1", "b1", "z1"), PLATES, strict=True))
        for at_us in (START_US + 20_000_000,)
    ]
    sent.append(
        Sent(camera=None, captured_at=rfc3339(START_US), plate="ZZ99ZZZ", became="quarantined", at=START_US)
    )
    reads = [
        {"plate": s.plate, "captured_at": s.captured_at, "source": "tfl", "camera": s.camera}
        for s in sent[:3]
    ]
    papers = [london.PAPERS[name].draft(START_US) for name in (CHARGING, CT, VOI)]
    matched = Batch(
        header={"batch": 1, "authority": f"{VOI}@1", "released_at": rfc3339(START_US + 20_000_001)},
        lines=(
            hit_row(1, {**reads[0], "patch_image": dict(IMAGE)}, LISTED[0], "exact"),
            hit_row(2, reads[1], LISTED[1], "exact"),
        ),
    )
    return Evidence(
        cameras={"tfl": {"b1": ["ccz-boundary"], "z1": ["ccz"]}},
        sent=sent,
        tally={"sent": 4, "accepted": 3, "repeated": 0, "quarantined": 1, "unacknowledged": 0},
        feeds={
            CHARGING: [batch(f"{CHARGING}@1", 1, reads)],
            CT: [batch(f"{CT}@1", 1, [{**reads[0], "patch_image": dict(IMAGE)}, reads[1]])],
            VOI: [matched],
        },
        faults={},
        register={
            "authorities": [
                {
                    "name": paper["authority"]["name"],
                    "version": 1,
                    "document": paper,
                    "entry": 3 + n,
                    "in_force_from": rfc3339(START_US),
                    "in_force_until": rfc3339(START_US + 10**12),
                    "acts": [],
                    "consulted": CONSULTED[paper["authority"]["name"]],
                }
                for n, paper in enumerate(papers)
            ]
        },
        entries={
            1: b'{"kind":"operation","operation":"start"}',
            2: b'{"kind":"cameras"}',
            3: entry_of(papers[0]),
            4: entry_of(papers[1]),
            5: entry_of(papers[2]),
        },
        verified={CHARGING: report(), CT: report(), VOI: report()},
        opened={
            "ok": True,
            "checked": [{"name": "openings", "ok": True, "words": ""}],
            "counts": {"purged_history": 9},
        },
        at_rest=report(),
        starts=1,
        shown={
            f"/authorities/{CT}/1": b"<strong>Not consulted on</strong>",
            "/": b"nothing of the kind",
            "/log/tile": bytes(range(256)),
        },
        hotlists={VOI: LISTED},
        images={"i1": "ab"},
        kept={CT: frozenset({str(IMAGE["sha256"])})},
        attempts=(ATTEMPT,),
    )


def test_an_honest_run_breaks_no_law() -> None:
    findings = judge(good())
    assert {law: finding and finding.faults for law, finding in findings.items()} == {
        "1": [],
        "2": [],
        "3": [],
        "4": [],
        "5": [],
    }


def changed(**members: Any) -> Evidence:
    return dataclasses.replace(good(), **members)


def with_row(feed: str, change: Callable[[dict[str, Any]], None]) -> Evidence:
    """Change the last row of a feed."""
    evidence = good()
    old = evidence.feeds[feed][0]
    row = parse_json(old.lines[-1])
    change(row)
    new = Batch(header=old.header, lines=(*old.lines[:-1], canonical(row)))
    return dataclasses.replace(evidence, feeds={**evidence.feeds, feed: [new]})


def with_first(feed: str, change: Callable[[dict[str, Any]], None]) -> Evidence:
    """Change the first row of a feed."""
    evidence = good()
    old = evidence.feeds[feed][0]
    row = parse_json(old.lines[0])
    change(row)
    new = Batch(header=old.header, lines=(canonical(row), *old.lines[1:]))
    return dataclasses.replace(evidence, feeds={**evidence.feeds, feed: [new]})


def misread_called(quality: str) -> Evidence:
    """Return a run in which the first plate was misread, everywhere the same."""

    def change(row: dict[str, Any]) -> None:
        row["read"]["plate"] = "ABB5CDE"
        if "hit" in row:
            row["hit"]["quality"] = quality

    evidence = good()
    feeds = {name: with_first(name, change).feeds[name] for name in evidence.feeds}
    sent = [msgspec.structs.replace(evidence.sent[0], plate="ABB5CDE", truth="AB85CDE"), *evidence.sent[1:]]
    return dataclasses.replace(evidence, feeds=feeds, sent=sent)


def with_header(feed: str, **members: Any) -> Evidence:
    evidence = good()
    old = evidence.feeds[feed][0]
    new = Batch(header={**old.header, **members}, lines=old.lines)
    return dataclasses.replace(evidence, feeds={**evidence.feeds, feed: [new]})


def with_version(number: int, **members: Any) -> Evidence:
    evidence = good()
    versions = [dict(version) for version in evidence.register["authorities"]]
    versions[number] |= members
    return dataclasses.replace(evidence, register={"authorities": versions})


def with_lines(feed: str, pick: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> Evidence:
    evidence = good()
    old = evidence.feeds[feed][0]
    new = Batch(header=old.header, lines=pick(old.lines))
    return dataclasses.replace(evidence, feeds={**evidence.feeds, feed: [new]})


def with_attempt(**members: Any) -> Attempt:
    return dataclasses.replace(ATTEMPT, **members)


def suspended() -> dict[str, Any]:
    return {"kind": "suspension", "id": "s", "at": rfc3339(START_US + 1), "entry": 9, "document": {}}


BROKEN: list[tuple[str, str, Callable[[], Evidence]]] = [
    ("4", "an image that a row names and nobody has", lambda: changed(kept={CT: frozenset()})),
    ("4", "nothing ended", lambda: changed(opened=None)),
    ("4", "an end was not told", lambda: changed(opened={**(good().opened or {}), "counts": {}})),
    (
        "4",
        "what the overseer opens fails",
        lambda: changed(opened={"checked": [], "counts": {"purged_history": 1}}),
    ),
    ("4", "an image that no row names", lambda: changed(kept={CT: good().kept[CT] | {"cd"}})),
    ("1", "another authority in a row", lambda: with_row(CT, lambda row: row.update(authority=f"{CT}@2"))),
    ("1", "no read", lambda: with_row(CT, lambda row: row.pop("read"))),
    ("1", "a field too many", lambda: with_row(CT, lambda row: row["read"].update(vehicle={}))),
    ("1", "a member of no field", lambda: with_row(CT, lambda row: row["read"].update(keeper="x"))),
    ("1", "a camera out of scope", lambda: with_row(CT, lambda row: row["read"].update(camera="z1"))),
    ("1", "an unknown camera", lambda: with_row(CT, lambda row: row["read"].update(camera="x"))),
    ("1", "another source", lambda: with_row(CT, lambda row: row["read"].update(source="dvla"))),
    ("1", "an unknown version", lambda: with_header(CT, authority=f"{CT}@2")),
    ("1", "another feed's authority", lambda: with_header(CT, authority=f"{CHARGING}@1")),
    ("1", "released before its time", lambda: with_header(CT, released_at=rfc3339(START_US - 1))),
    ("1", "released at its end", lambda: with_header(CT, released_at=rfc3339(START_US + 10**12))),
    ("1", "released while suspended", lambda: with_version(1, acts=[suspended()])),
    ("1", "a feed file that fails", lambda: changed(verified={**good().verified, CT: report("feed-file")})),
    ("1", "a feed that nobody verified", lambda: changed(verified={CHARGING: report(), VOI: report()})),
    ("3", "a widening that its entry does not tell", lambda: with_version(1, consulted=CONSULTED[VOI])),
    ("3", "a widening on no footing", lambda: with_version(0, consulted={"need": "covered", "wider": ["x"]})),
    (
        "3",
        "a page that does not say so",
        lambda: changed(shown={"/": b"nothing", f"/authorities/{CT}/1": b""}),
    ),
    ("3", "a widening that was taken", lambda: changed(attempts=(with_attempt(status=201, code=""),))),
    (
        "3",
        "a widening refused for another reason",
        lambda: changed(attempts=(with_attempt(code="malformed"),)),
    ),
    ("3", "a widening that names no powers", lambda: changed(attempts=(with_attempt(powers=0),))),
    ("3", "nobody tried", lambda: changed(attempts=())),
    (
        "2",
        "an authority not in the log",
        lambda: changed(entries={k: v for k, v in good().entries.items() if k != 4}),
    ),
    ("2", "another document in its place", lambda: with_version(0, entry=4)),
    ("2", "an entry that is none", lambda: with_version(0, entry=2)),
    ("2", "an act not in the log", lambda: with_version(0, acts=[suspended()])),
    ("2", "a start not in the log", lambda: changed(starts=2)),
    (
        "2",
        "cameras not in the log",
        lambda: changed(entries={k: v for k, v in good().entries.items() if k != 2}),
    ),
    ("1", "a hit of no entry", lambda: with_row(VOI, lambda row: row["hit"].update(voi="voi-9"))),
    ("1", "a row without a hit", lambda: with_row(VOI, lambda row: row.pop("hit"))),
    ("1", "a hit of another vehicle", lambda: with_row(VOI, lambda row: row["hit"].update(voi="voi-3"))),
    ("1", "a hit of another kind", lambda: with_row(VOI, lambda row: row["hit"].update(kind="murder"))),
    ("1", "a hit of another priority", lambda: with_row(VOI, lambda row: row["hit"].update(priority=4))),
    ("1", "a hit in bulk", lambda: with_row(CT, lambda row: row.update(hit={"id": "x"}))),
    (
        "1",
        "an exact hit called possible",
        lambda: with_first(VOI, lambda row: row["hit"].update(quality="possible")),
    ),
    ("1", "a misread called exact", lambda: misread_called("exact")),
    (
        "1",
        "an image that is not allowed",
        lambda: with_row(CHARGING, lambda row: row["read"].update(patch_image=IMAGE)),
    ),
    (
        "1",
        "an overview that is not allowed",
        lambda: with_row(VOI, lambda row: row["read"].update(overview_image=IMAGE)),
    ),
    (
        "1",
        "an image without a reference",
        lambda: with_row(VOI, lambda row: row["read"].update(patch_image={})),
    ),
    ("1", "an image that came as another", lambda: changed(images={"i1": "cd"})),
    ("1", "late what came in time", lambda: with_row(VOI, lambda row: row.update(late=True))),
    ("1", "live what came late", lambda: changed(late_after_us=-50_000_000)),
    ("4", "a hit is missing", lambda: with_lines(VOI, lambda lines: lines[1:])),
    ("4", "a row that nobody sent", lambda: with_row(CT, lambda row: row["read"].update(plate="XX99XXX"))),
    ("2", "a batch without proof", lambda: changed(verified={**good().verified, CT: report(proved=0)})),
    ("2", "proofs that fail", lambda: changed(verified={**good().verified, CT: report("proofs")})),
    ("2", "what was left does not verify", lambda: changed(at_rest=report("log"))),
    ("2", "no report at all", lambda: changed(at_rest={"ok": False, "checked": [], "counts": {}})),
    ("4", "a row is missing", lambda: with_lines(CT, lambda lines: lines[1:])),
    ("4", "a row came twice", lambda: with_lines(CT, lambda lines: (*lines, lines[0]))),
    ("4", "a feed is empty", lambda: changed(feeds={**good().feeds, CHARGING: []})),
    ("4", "sent is not the sum", lambda: changed(tally={**good().tally, "sent": 5})),
    ("4", "counted and not recorded", lambda: changed(sent=good().sent[:3])),
    ("4", "never acknowledged", lambda: changed(tally={**good().tally, "unacknowledged": 1})),
    ("4", "a recipient saw a fault", lambda: changed(faults={CT: "batch 2 follows on batch 7"})),
    ("5", "an outsider's check fails", lambda: changed(verified={**good().verified, CT: report("seconds")})),
    ("5", "nobody verified", lambda: changed(verified={})),
    ("5", "the check did not end", lambda: changed(verified={"": {"ok": True, "checked": [], "counts": {}}})),
    ("5", "a plate on a page", lambda: changed(shown={"/": b"<td>AB85CDE</td>"})),
    ("5", "a quarantined plate in a log", lambda: changed(shown={"gateway.log": b"cannot read 'ZZ99 ZZZ'"})),
    ("5", "nothing was looked at", lambda: changed(shown={})),
]


@pytest.mark.parametrize(
    ("law", "make"), [(law, make) for law, _, make in BROKEN], ids=[b[1] for b in BROKEN]
)
def test_each_law_can_be_broken(law: str, make: Callable[[], Evidence]) -> None:
    finding = judge(make())[law]
    assert finding is not None
    assert not finding.held
    assert finding.faults
    assert not any(find_plates(fault.encode(), set(PLATES)) for fault in finding.faults)


def test_a_read_whose_first_answer_was_lost_is_expected_too() -> None:
    evidence = good()
    sent = [
        *evidence.sent[:2],
        msgspec.structs.replace(evidence.sent[2], became="repeated"),
        evidence.sent[3],
    ]
    tally = {**evidence.tally, "accepted": 2, "repeated": 1}
    finding = judge(dataclasses.replace(evidence, sent=sent, tally=tally))["4"]
    assert finding is not None
    assert finding.held
    lost = dataclasses.replace(evidence, sent=sent, tally=tally, feeds={**evidence.feeds, CHARGING: []})
    finding = judge(lost)["4"]
    assert finding is not None
    assert finding.faults == [f"`{CHARGING}`: 3 accepted reads are missing from the feed"]


@pytest.mark.parametrize(
    "members",
    [
        {"in_force_until": rfc3339(START_US + 21_000_000)},
        {"in_force_from": rfc3339(START_US + 20_100_000)},
        {"acts": [suspended()]},
    ],
    ids=["revoked soon after", "in force just then", "suspended"],
)
def test_nothing_is_expected_of_an_authority_that_was_not_surely_in_force(members: dict[str, Any]) -> None:
    assert not kept.expected(with_version(0, **members), CHARGING)
    assert len(kept.expected(with_version(0, **members), CT)) == 2


def test_a_lifted_suspension_stops_only_its_time() -> None:
    lifted = {
        "kind": "resumption",
        "id": "r",
        "at": rfc3339(START_US + 5_000_000),
        "entry": 10,
        "document": {"resumption": {"suspension": "s"}},
    }
    (force,) = (
        f
        for f in kept.forces(with_version(0, acts=[suspended(), lifted]).register).values()
        if f.reference == f"{CHARGING}@1"
    )
    assert [force.in_force(START_US + at_us) for at_us in (0, 1, 4_999_999, 5_000_000)] == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"AB85CDE", 1),
        (b"xAB85CDEy", 1),
        (b"AB85 CDE and AB85%20CDE", 2),
        (b'"ab85cde"', 1),
        (b"ab85 cde", 1),
        (b"00ab85cde0", 0),
        (b"U123ABC U123 ABC", 2),
        (b"AB85CDF", 0),
        (b"ABB5CDE ABB5 CDE", 0),
        (b"\x00AB85CDE\xff", 1),
        (b"", 0),
    ],
)
def test_plates_are_found_however_they_are_written(data: bytes, count: int) -> None:
    assert find_plates(data, set(PLATES)) == count


@given(st.integers(min_value=0, max_value=2**32), st.binary(max_size=40), st.binary(max_size=40))
@example(194_399, b"", b"")  # three letters that begin like a year's, a number, a letter
def test_every_invented_plate_is_found_in_any_bytes(number: int, before: bytes, behind: bytes) -> None:
    plate = plate_of(number)
    for shown in (plate, spaced(plate)):
        assert find_plates(before + shown.encode() + behind, {plate}) >= 1


# --- hits -------------------------------------------------------------------------------------------------


def test_a_misread_that_is_called_possible_breaks_no_law() -> None:
    findings = judge(misread_called("possible"))
    assert [findings[law].faults for law in "124"] == [[], [], []]  # type: ignore[union-attr]


def test_a_read_of_a_followed_vehicle_may_be_any_of_its_texts_and_a_little_earlier() -> None:
    evidence = good()
    first = msgspec.structs.replace(
        evidence.sent[0],
        plate="AB85CDEF",
        others=(PLATES[0],),
        captured_at=rfc3339(START_US + 400),
        slack_us=500,
    )
    run = dataclasses.replace(evidence, sent=[first, *evidence.sent[1:]])
    assert judge(run)["4"].faults == []  # type: ignore[union-attr]
    exact = msgspec.structs.replace(first, slack_us=0)
    run = dataclasses.replace(evidence, sent=[exact, *evidence.sent[1:]])
    assert not judge(run)["4"].held  # type: ignore[union-attr]


def test_a_row_that_comes_again_with_an_image_is_no_second_read() -> None:
    evidence = good()
    old = evidence.feeds[VOI][0]
    again = canonical({**parse_json(old.lines[0]), "again": True})
    feeds = {**evidence.feeds, VOI: [Batch(header=old.header, lines=(*old.lines, again))]}
    findings = judge(dataclasses.replace(evidence, feeds=feeds))
    assert findings["1"].faults == findings["4"].faults == []  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("read", "listed", "found"),
    [
        ("AB85CDE", "AB85CDE", (0, 0)),
        ("ABB5CDE", "AB85CDE", (1, 1)),
        ("ABBSCDE", "AB85CDE", (2, 2)),
        ("AB85CD0", "AB85CDO", (0, 1)),
        ("AB85CDI", "AB85CD1", (0, 1)),
        ("AB85COO", "AB85CDQ", (2, 2)),
        ("AB85CDE", "AB86CDE", None),
        ("AB85CD", "AB85CDE", None),
    ],
)
def test_confusions_are_counted(read: str, listed: str, found: tuple[int, int] | None) -> None:
    assert confusions(read, listed) == found


@given(st.integers(min_value=0, max_value=2**32))
def test_every_misread_of_a_listed_vehicle_must_hit(seed: int) -> None:
    chance = random.Random(seed)
    plate = plate_of(seed)
    entry = SentEntry(voi="v", plate=plate, kind="stolen", priority=1)
    assert hits_surely(misread(plate, chance) or plate, [entry])
    assert not hits_surely(plate[::-1] + "X", [entry])


@given(st.lists(st.text("0OD1I8BX", min_size=1, max_size=4), max_size=20), st.data())
def test_what_must_hit_is_what_any_entry_of_the_list_hits(listed: list[str], data: st.DataObject) -> None:
    entries = [SentEntry(voi=f"v{n}", plate=one, kind="stolen", priority=1) for n, one in enumerate(listed)]
    demanded = must_hit(changed(hotlists={VOI: entries}), VOI)
    for plate in data.draw(st.lists(st.text("0OD1I8BX", min_size=1, max_size=4), max_size=9)):
        sent = Sent(camera="b1", captured_at=rfc3339(START_US), plate=plate, became="accepted", at=START_US)
        assert demanded(sent) == hits_surely(plate, entries)
