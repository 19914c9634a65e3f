"""Each form in which units send lists, each code, and that nothing of a line is ever repeated."""

from __future__ import annotations

import itertools
import json
import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.clock import DAY_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import HotlistRefused, InputError
from wicketgate.base.periods import Period
from wicketgate.hotlists import MAX_TEXT, TEXTS, Change, Entry, Hotlist
from wicketgate.hotlists.forms import (
    CSV,
    JSON,
    MAX_HOTLIST_BYTES,
    MAX_LINE,
    MOST_FAULTS,
    NDJSON,
    UK_FIELDS,
    hotlist_lines,
    parse_hotlist,
)
from wicketgate.regime.documents.authority import MatchTerms

NOW_US = parse_rfc3339("2026-07-04T12:00:00.250Z")
LONGEST_US = parse_rfc3339("2026-08-01T12:00:00Z")  # the part of a second is cut
TERMS = MatchTerms(kinds=("stolen", "terrorism"), max_entries=150, entry_life=Period(us=28 * DAY_US))
ONE_KIND = MatchTerms(kinds=("stolen",), max_entries=150, entry_life=Period(us=28 * DAY_US))
PLATE = "AB12CDE"
LINE = {"plate": "ab12 cde", "kind": "stolen", "priority": 2, "reason": "stolen on 3 July"}


def drawn() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"v{next(numbers)}"


def parse(
    body: bytes,
    media_type: str = NDJSON,
    *,
    terms: MatchTerms = TERMS,
    hotlist: Hotlist | None = None,
    whole: bool = True,
    default_kind: str | None = None,
    at_us: int = NOW_US,
) -> list[Change]:
    return list(
        parse_hotlist(
            body,
            media_type,
            terms=terms,
            hotlist=hotlist or Hotlist.empty(),
            at_us=at_us,
            draw_voi=drawn(),
            whole=whole,
            default_kind=default_kind,
        )
    )


def ndjson(*lines: dict[str, object]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def one(changes: list[Change]) -> Entry:
    (change,) = changes
    assert change.entry is not None
    assert change.plate == change.entry.plate
    return change.entry


def uk_row(**fields: str) -> str:
    """Return a row of the 16 fields, quoted where it must be."""
    row = {"vrm": "AB12 CDE", "reason": "stolen", "weed_date": "2026-07-20"} | fields
    cells = [row.get(name, "") for name in UK_FIELDS]
    return ",".join(
        '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n') else cell for cell in cells
    )


# --- NDJSON -----------------------------------------------------------------------------------------------


def test_a_line_with_everything() -> None:
    texts = {name: f"some {name}" for name in TEXTS}
    line = LINE | texts | {"id": "op-7/3", "expires_at": "2026-07-20T10:00:00+01:00"}
    entry = one(parse(ndjson(line | {"review_at": "2026-07-11T09:00:00.9Z"})))
    assert entry == Entry(
        voi="op-7/3",
        plate=PLATE,
        kind="stolen",
        priority=2,
        reason="stolen on 3 July",
        listed_us=NOW_US,
        until_us=parse_rfc3339("2026-07-11T09:00:00Z"),
        expires_us=parse_rfc3339("2026-07-20T09:00:00Z"),
        review_us=parse_rfc3339("2026-07-11T09:00:00Z"),
        **texts,
    )


def test_a_line_with_the_least() -> None:
    entry = one(parse(ndjson(LINE)))
    assert (entry.voi, entry.expires_us, entry.until_us) == ("v1", LONGEST_US, LONGEST_US)
    assert entry.review_us is entry.make is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [(1, 1), (4, 4), ("critical", 1), ("High", 2), ("medium", 3), ("normal", 3), (" LOW ", 4)],
)
def test_priorities(given: object, expected: int) -> None:
    assert one(parse(ndjson(LINE | {"priority": given}))).priority == expected


def test_blank_lines_and_line_ends_do_not_matter() -> None:
    body = b"\r\n" + ndjson(LINE).replace(b"\n", b"\r\n") + b" \n\n" + ndjson(LINE | {"plate": "X1"}).strip()
    assert [change.plate for change in parse(body)] == [PLATE, "X1"]
    assert parse(b"") == parse(b"\n \n") == []


def test_empty_texts_are_none_and_space_around_them_goes() -> None:
    entry = one(parse(ndjson(LINE | {"make": " ", "model": "", "colour": None, "reason": "  theft "})))
    assert (entry.make, entry.model, entry.colour, entry.reason) == (None, None, None, "theft")


def test_a_delta_removes() -> None:
    body = ndjson({"plate": "x1 abc", "remove": True}, LINE | {"remove": False})
    removed, put = parse(body, whole=False)
    assert removed == Change(plate="X1ABC")
    assert put.entry is not None


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"plate": "Unknown"}, "plate-unreadable"),
        ({"plate": " - "}, "plate-unreadable"),
        ({"plate": "АВ12CDE"}, "plate-unreadable"),  # Cyrillic
        ({"plate": 7}, "malformed"),
        ({"plate": None}, "malformed"),
        ({"kind": "speeding"}, "kind-not-allowed"),
        ({"kind": ""}, "malformed"),
        ({"kind": None}, "malformed"),
        ({"reason": " "}, "malformed"),
        ({"reason": None}, "malformed"),
        ({"reason": "a\nb"}, "malformed"),
        ({"make": "\u0000"}, "malformed"),
        ({"make": "a\u2028b"}, "malformed"),
        ({"make": "x" * (MAX_TEXT + 1)}, "malformed"),
        ({"id": "x" * (MAX_TEXT + 1)}, "malformed"),
        ({"priority": 0}, "malformed"),
        ({"priority": 5}, "malformed"),
        ({"priority": "urgent"}, "malformed"),
        ({"priority": "2"}, "malformed"),
        ({"priority": True}, "malformed"),
        ({"priority": 1.5}, "malformed"),
        ({"priority": None}, "malformed"),
        ({"expires_at": "2026-07-04T12:00:00.250Z"}, "already-expired"),
        ({"expires_at": "2026-07-04T12:00:00.900Z"}, "already-expired"),  # whole seconds
        ({"expires_at": "2020-01-01T00:00:00Z"}, "already-expired"),
        ({"review_at": "2026-07-04T11:00:00Z"}, "already-expired"),
        ({"expires_at": "2026-08-01T12:00:01Z"}, "life-too-long"),
        ({"expires_at": "9999-12-31T23:59:59Z", "review_at": "2026-07-05T00:00:00Z"}, "life-too-long"),
        ({"expires_at": "2026-07-20T10:00:00"}, "malformed"),
        ({"expires_at": "20/07/2026"}, "malformed"),
        ({"expires_at": 1}, "malformed"),
        ({"review_at": "soon"}, "malformed"),
        ({"PLATE": "AB12CDE"}, "malformed"),
        ({"AB12CDE": 1}, "malformed"),
        ({"remove": True}, "malformed"),
    ],
)
def test_lines_that_are_refused(changed: dict[str, object], code: str) -> None:
    for whole in (True, False):
        with pytest.raises(HotlistRefused) as error:
            parse(ndjson(LINE | {"plate": "X1"}, LINE | changed, LINE | {"plate": "X2"}), whole=whole)
        assert (error.value.code, error.value.lines) == (code, (2,))
        assert [fault[:2] for fault in error.value.faults] == [(2, code)]
        assert_silent(error.value)


def assert_silent(error: HotlistRefused) -> None:
    said = f"{error} {error.detail} {error.faults}"
    assert not any(
        word in said for word in ("12CDE", "12cde", "12 cde", "stolen on", "speeding", "Unknown", "X1")
    )


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"null",
        b'"AB12CDE"',
        b"AB12CDE",
        b"{}",
        b'{"plate":"\xff"}',
        b'{"plate":"\\ud800"}',
        b"[" * 100_000,
        b'{"plate":' * 5_000,
        b"\xef\xbb\xbf{}",
        b'{"make":' + b'"' + b"x" * MAX_LINE + b'"}',
        b'{"plate":"AB12CDE","remove":true,"reason":"x"}',
        b'{"plate":"AB12CDE","remove":1}',
    ],
    ids=lambda line: line[:12].decode("latin-1"),
)
def test_lines_that_are_no_entry(line: bytes) -> None:
    for whole in (True, False):
        with pytest.raises(HotlistRefused) as error:
            parse(ndjson(LINE) + line + b"\n", whole=whole)
        assert (error.value.code, error.value.lines) == ("malformed", (2,))
        assert_silent(error.value)


def test_a_whole_list_removes_nothing_by_a_line() -> None:
    with pytest.raises(HotlistRefused) as error:
        parse(ndjson({"plate": PLATE, "remove": True}))
    assert error.value.code == "malformed"


@pytest.mark.parametrize(
    "second",
    [
        LINE | {"plate": "AB-12-CDE"},
        LINE | {"plate": "X1", "id": "a"},
        {"plate": "ab12cde", "remove": True},
    ],
    ids=["plate", "id", "removed"],
)
def test_what_comes_twice(second: dict[str, object]) -> None:
    with pytest.raises(HotlistRefused) as error:
        parse(ndjson(LINE | {"id": "a"}, {**LINE, "plate": "Y1"}, second), whole=False)
    assert (error.value.code, error.value.lines) == ("entry-twice", (3,))
    assert_silent(error.value)


def test_every_line_of_the_first_fault_is_named_and_others_beside_it() -> None:
    lines = [LINE | {"plate": f"X{n}"} for n in range(1, 7)]
    lines[1]["kind"] = lines[4]["kind"] = "speeding"
    lines[3]["priority"] = 9
    with pytest.raises(HotlistRefused) as error:
        parse(ndjson(*lines))
    assert (error.value.code, error.value.lines) == ("kind-not-allowed", (2, 5))
    assert [fault[:2] for fault in error.value.faults] == [
        (2, "kind-not-allowed"),
        (4, "malformed"),
        (5, "kind-not-allowed"),
    ]
    assert error.value.detail.startswith("lines 2, 5: ")


def test_no_more_than_a_hundred_faults_are_named() -> None:
    with pytest.raises(HotlistRefused) as error:
        parse(b"x\n" * 1_000)
    assert len(error.value.lines) == MOST_FAULTS
    assert error.value.detail.startswith("lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 …: ")


def test_an_authority_bounds_the_number() -> None:
    lines = [LINE | {"plate": f"X{n}"} for n in range(1, 152)]
    assert len(parse(ndjson(*lines[:150]))) == 150
    for whole in (True, False):
        with pytest.raises(HotlistRefused) as error:
            parse(ndjson(*lines), whole=whole)
        assert (error.value.code, error.value.lines) == ("too-many-entries", ())
    removed = [{"plate": f"Y{n}", "remove": True} for n in range(1, 300)]
    assert len(parse(ndjson(*removed), whole=False)) == 299


def test_a_body_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wicketgate.hotlists.forms.MAX_HOTLIST_BYTES", 100)
    assert MAX_HOTLIST_BYTES > 100
    with pytest.raises(HotlistRefused) as error:
        parse(b"\n" * 101)
    assert error.value.code == "malformed"


def test_another_form_is_none() -> None:
    with pytest.raises(InputError) as error:
        parse(b"", "application/xml")
    assert error.value.code == "unsupported-media-type"


def test_an_array_is_as_its_elements_on_lines() -> None:
    lines = [LINE, LINE | {"plate": "X1", "reason": 'of {[,]} and "}'}, LINE | {"plate": "X2"}]
    body = json.dumps(lines, indent=2).encode()
    assert [c.entry.reason for c in parse(body, JSON) if c.entry] == [line["reason"] for line in lines]
    with pytest.raises(HotlistRefused) as error:
        parse(json.dumps([*lines, {}]).encode(), JSON)
    assert (error.value.code, error.value.lines) == ("malformed", (4,))
    for wrong in (
        b"",
        b"{}",
        b"[{},",
        b"[" + b" " * 200_000,
        json.dumps([{"plate": "x" * 200_000}]).encode(),
    ):
        with pytest.raises(HotlistRefused) as error:
            parse(wrong, JSON)
        assert error.value.code == "malformed"


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("form", [JSON, NDJSON, CSV])
def test_no_list_is_read_far_beyond_what_it_may_hold(form: str, whole: bool) -> None:
    """On 0.3 an array of 20 million empty objects took 3.2 GB."""
    part = {JSON: b"{},", NDJSON: b"\n", CSV: b"\r\n"}[form]
    body = part * 3_000_000
    if form == JSON:
        body = b"[" + body + b"{}]"
    tracemalloc.start()
    begun = time.thread_time()
    with pytest.raises(HotlistRefused):
        parse(body, form, terms=ONE_KIND, whole=whole)
    used_s, (_, most) = time.thread_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used_s < 1
    assert most < 8 * 1024 * 1024, "no more than a piece of it"


def test_a_change_removes_and_lists_no_more_than_a_list_may_hold() -> None:
    removals: list[dict[str, object]] = [
        {"plate": f"AB{n % 100:02d}C{chr(65 + n // 100)}D", "remove": True} for n in range(301)
    ]
    assert len(parse(ndjson(*removals[:300]), terms=ONE_KIND, whole=False)) == 300
    with pytest.raises(HotlistRefused) as error:
        parse(ndjson(*removals), terms=ONE_KIND, whole=False)
    assert error.value.code == "too-many-entries"


def test_a_plate_that_stays_listed_keeps_its_id_and_its_beginning() -> None:
    before = one(parse(ndjson(LINE)))
    later_us = NOW_US + DAY_US
    hotlist = Hotlist.of([before])
    after = one(parse(ndjson(LINE | {"reason": "another"}), hotlist=hotlist, at_us=later_us))
    assert (after.voi, after.listed_us) == (before.voi, before.listed_us)
    assert after.until_us == before.until_us + DAY_US
    assert one(parse(ndjson(LINE | {"id": "b"}), hotlist=hotlist, at_us=later_us)).voi == "b"
    other = one(parse(ndjson(LINE | {"kind": "terrorism"}), hotlist=hotlist, at_us=later_us))
    assert (other.voi, other.listed_us) == (before.voi, later_us)  # a new ground counts from now
    anew = one(parse(ndjson(LINE), hotlist=hotlist, at_us=before.until_us))
    assert (anew.voi, anew.listed_us) == ("v1", before.until_us)


def test_a_list_that_was_got_can_be_put() -> None:
    other = LINE | {"plate": "X1", "colour": "blue", "review_at": "2026-07-11T09:00:00Z"}
    listed = [change.entry for change in parse(ndjson(LINE, other))]
    body = b"".join(hotlist_lines([entry for entry in listed if entry is not None]))
    first = json.loads(body.splitlines()[0])
    assert first == LINE | {
        "id": "v1",
        "plate": PLATE,
        "listed_at": rfc3339(NOW_US),
        "expires_at": rfc3339(LONGEST_US),
    }
    again = [change.entry for change in parse(body, hotlist=Hotlist.of(listed), at_us=NOW_US + 1)]
    assert again == listed


@given(st.binary(max_size=300), st.booleans(), st.sampled_from([NDJSON, CSV]))
def test_any_bytes_are_changes_or_a_refusal(body: bytes, whole: bool, media_type: str) -> None:
    check_any(body, whole, media_type)


_texts = st.text(st.sampled_from('ab1",\n\r 2026-/:\\\0é'), max_size=12)


@given(
    st.lists(st.dictionaries(st.sampled_from([*UK_FIELDS, "vrm", "weed_date"]), _texts), max_size=4),
    st.booleans(),
)
def test_any_rows_are_changes_or_a_refusal(rows: list[dict[str, str]], quoted: bool) -> None:
    lines = [
        uk_row(**row) if quoted else ",".join({**dict.fromkeys(UK_FIELDS, ""), **row}.values())
        for row in rows
    ]
    check_any("\r\n".join(lines).encode(), True, CSV)


_values = st.one_of(
    _texts, st.none(), st.integers(), st.booleans(), st.floats(), st.lists(_texts, max_size=2)
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from([*LINE, *TEXTS, "id", "remove", "expires_at", "review_at"]), _values),
        max_size=4,
    ),
    st.booleans(),
)
def test_any_objects_are_changes_or_a_refusal(lines: list[dict[str, object]], whole: bool) -> None:
    check_any(
        ndjson(*({**LINE, "plate": f"A{n + 1}", **line} for n, line in enumerate(lines))), whole, NDJSON
    )


def check_any(body: bytes, whole: bool, media_type: str) -> None:
    changes: list[Change] = []
    try:
        changes = parse(body, media_type, whole=whole, default_kind="stolen")
    except HotlistRefused as refusal:
        error = refusal
    else:
        error = None
    if error is not None:
        assert error.code in {
            "malformed", "plate-unreadable", "kind-not-allowed", "life-too-long", "already-expired", "entry-twice",
        }  # fmt: skip
        assert list(error.lines) == sorted(set(error.lines))
        assert all(1 <= line <= body.count(b"\n") + body.count(b"\r") + 1 for line in error.lines)
        return
    assert len({change.plate for change in changes}) == len(changes)
    for change in changes:
        if change.entry is not None:
            assert change.entry.kind in TERMS.kinds
            assert NOW_US < change.entry.until_us <= change.entry.expires_us <= LONGEST_US
            assert change.entry.listed_us == NOW_US


# --- the UK 16 fields -------------------------------------------------------------------------------------


def test_a_row_of_the_uk_form() -> None:
    cells = {name: f"some {name}" for name in TEXTS} | {"action": "STOP", "make": 'Ford, "van"'}
    entry = one(parse(uk_row(**cells).encode(), CSV, default_kind="terrorism"))
    assert entry == Entry(
        voi="v1",
        plate=PLATE,
        kind="terrorism",
        priority=2,
        reason="stolen",
        listed_us=NOW_US,
        until_us=parse_rfc3339("2026-07-20T23:00:00Z"),  # the end of the day in London
        expires_us=parse_rfc3339("2026-07-20T23:00:00Z"),
        **cells,
    )


def test_a_header_a_mark_of_byte_order_line_ends_and_blank_rows() -> None:
    header = "VRM,Make,Model,Colour,Action,Markers,Reason,NIM,Info,Force,Weed date,PNC,Marking,CAD,Instructions,Ref"
    body = "\ufeff" + "\r\n".join([header, uk_row(), "", "," * 15, uk_row(vrm="x1"), ""])
    assert [change.plate for change in parse(body.encode(), CSV, terms=ONE_KIND)] == [PLATE, "X1"]


def test_a_first_row_that_is_no_header_is_a_row() -> None:
    assert [change.plate for change in parse(uk_row(vrm="v1rm").encode(), CSV, terms=ONE_KIND)] == ["V1RM"]


@pytest.mark.parametrize(
    ("action", "priority"),
    [
        ("STOP", 2),
        ("Stop and search", 2),
        ("Do not stop", 4),
        ("DO-NOT-STOP - report", 4),
        ("no stop", 4),
        ("Assess", 3),
        ("SILENT", 4),
        ("Information only", 4),
        ("intelligence", 4),
        ("", 3),
        ("call 101", 3),
        ("non-stop", 3),
    ],
)
def test_the_priority_of_an_action(action: str, priority: int) -> None:
    assert one(parse(uk_row(action=action).encode(), CSV, terms=ONE_KIND)).priority == priority


@pytest.mark.parametrize(
    ("weed_date", "expected"),
    [
        ("2026-07-20", "2026-07-20T23:00:00Z"),
        ("20/07/2026", "2026-07-20T23:00:00Z"),
        ("05/07/2026", "2026-07-05T23:00:00Z"),  # the fifth of July: the day stands first
        ("2026-07-20T10:30:00", "2026-07-20T09:30:00Z"),
        ("20/07/2026 10:30", "2026-07-20T09:30:00Z"),
        ("2026-07-20 10:30:15", "2026-07-20T09:30:15Z"),
        ("2026-07-20T10:30:15.7Z", "2026-07-20T10:30:15Z"),
        ("2026-07-20T10:30:15-04:00", "2026-07-20T14:30:15Z"),
        ("", "2026-08-01T12:00:00Z"),
    ],
)
def test_weed_dates(weed_date: str, expected: str) -> None:
    entry = one(parse(uk_row(weed_date=weed_date).encode(), CSV, terms=ONE_KIND))
    assert rfc3339(entry.expires_us) == expected


def test_a_weed_date_in_winter_and_at_the_change_of_the_clock() -> None:
    terms = MatchTerms(kinds=("stolen",), max_entries=9, entry_life=Period(months=12))
    for day, expected in (
        ("2026-12-24", "2026-12-25T00:00:00Z"),
        ("2026-10-25", "2026-10-26T00:00:00Z"),
        ("2026-10-25 01:30", "2026-10-25T00:30:00Z"),  # comes twice: the earlier counts
        ("2027-03-28 01:30", "2027-03-28T01:30:00Z"),  # never comes
    ):
        assert rfc3339(one(parse(uk_row(weed_date=day).encode(), CSV, terms=terms)).expires_us) == expected


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"vrm": ""}, "plate-unreadable"),
        ({"vrm": "AB_2CDE"}, "plate-unreadable"),
        ({"reason": ""}, "malformed"),
        ({"weed_date": "2026-07-04T10:00:00"}, "already-expired"),
        ({"weed_date": "03/07/2026"}, "already-expired"),
        ({"weed_date": "07/20/2026"}, "malformed"),
        ({"weed_date": "30/02/2027"}, "malformed"),
        ({"weed_date": "20/07/26"}, "malformed"),
        ({"weed_date": "2026-07-20T25:00"}, "malformed"),
        ({"weed_date": "9999-12-31"}, "malformed"),
        ({"weed_date": "2026-08-01"}, "life-too-long"),
        ({"make": "two\nlines"}, "malformed"),
        ({"make": "x" * (MAX_TEXT + 1)}, "malformed"),
        ({"make": "x" * 200_000}, "malformed"),
        ({"make": "a\0b"}, "malformed"),
    ],
    ids=str,
)
def test_rows_that_are_refused(changed: dict[str, str], code: str) -> None:
    body = "\r\n".join([uk_row(vrm="X1"), uk_row(**changed), uk_row(vrm="X2")])
    with pytest.raises(HotlistRefused) as error:
        parse(body.encode(), CSV, terms=ONE_KIND)
    assert (error.value.code, error.value.lines) == (code, (2,))
    assert_silent(error.value)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"AB12CDE\n", 1),
        (uk_row().encode() + b",\n", 1),
        (uk_row().encode() + b'\nX1,"', 2),
        (uk_row().encode() + b'\nX1,"a"b,', 2),
        (uk_row().encode() + b"\n\xff", 2),
        (b'"AB12CDE\n' + uk_row().encode(), 1),
        (b"a\rb", 1),
    ],
    ids=[
        "one-field",
        "seventeen",
        "open-quote",
        "stray-quote",
        "not-utf-8",
        "open-quote-first",
        "old-line-end",
    ],
)
def test_what_is_no_csv(body: bytes, line: int) -> None:
    with pytest.raises(HotlistRefused) as error:
        parse(body, CSV, terms=ONE_KIND)
    assert error.value.code == "malformed"
    assert error.value.lines[0] == line
    assert_silent(error.value)


def test_lines_are_counted_through_quoted_line_ends() -> None:
    body = "\n".join([uk_row(), uk_row(vrm="X1", make="two\nlines"), uk_row(vrm="X2", reason="")])
    with pytest.raises(HotlistRefused) as error:
        parse(body.encode(), CSV, terms=ONE_KIND)
    assert error.value.lines == (2, 4)


def test_a_kind_must_be_named_where_there_are_several() -> None:
    for default_kind in (None, "speeding"):
        with pytest.raises(HotlistRefused) as error:
            parse(uk_row().encode(), CSV, default_kind=default_kind)
        assert (error.value.code, error.value.lines) == ("kind-not-allowed", ())
    assert one(parse(uk_row().encode(), CSV, default_kind="terrorism")).kind == "terrorism"
