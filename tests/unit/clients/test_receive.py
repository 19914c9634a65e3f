from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import made_gateway as made
from tests.made_gateway import FEED, TOKEN, VKEY, Served, World, serve, standard
from tests.vectors import make_documents as documents
from wicketgate.base.errors import (
    ConfigurationError,
    InputError,
    LedgerError,
    NotEntitled,
    Unreachable,
    VerificationError,
)
from wicketgate.base.shown_text import on_one_line
from wicketgate.cli import main
from wicketgate.clients.recipient.receive import Received, Receiver, Sink
from wicketgate.clients.recipient.sinks import (
    COLUMNS,
    CsvSink,
    NdjsonSink,
    ParquetSink,
    StdoutSink,
    open_sink,
)
from wicketgate.clients.verify.remote import Remote
from wicketgate.feeds.batches import read_batches
from wicketgate.ledger.notes import Checkpoint, parse_vkey, sign_note

VERIFIER = parse_vkey(VKEY)
_opened: list[Any] = []


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    """Close at its end what a test left open, as a crash does without asking."""
    yield
    while _opened:
        _opened.pop().close()


def opened(thing: Any) -> Any:
    """Let `thing` be closed when the test is over."""
    _opened.append(thing)
    return thing


FORMS = ("ndjson", "csv", "parquet")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world with eleven batches in its feed."""
    made_world = standard(tmp_path / "log", seconds=26)
    yield made_world
    made_world.close()


@pytest.fixture
def served(world: World) -> Iterator[Served]:
    """The world behind a web server."""
    with serve(world) as gateway:
        yield gateway


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A token file of mode 0600."""
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    return path


def receiver(served: Served, sink: Sink, *, said: list[str] | None = None, **settings: Any) -> Receiver:
    """Return a receiver that does not wait long."""
    settings = {"patience_s": 3.0, "wait_s": 0.1, "latest_s": -5.5} | settings
    remote = opened(Remote(served.url, token=TOKEN, attempts=1, timeout_s=5))
    opened(sink)
    return Receiver(remote, FEED, VERIFIER, sink, say=(said if said is not None else []).append, **settings)


def whole(world: World) -> bytes:
    """Return everything that the feed holds."""
    return b"".join(world.batches[FEED])


def run(*words: str | Path | int) -> int:
    """Run the command."""
    return main([str(word) for word in words])


def rows_in(form: str, path: Path) -> list[tuple[int, int, str]]:
    """Return batch, number and plate of each row kept."""
    if form == "csv":
        with path.open(newline="") as file:
            return [(int(row["batch"]), int(row["seq"]), row["plate"]) for row in csv.DictReader(file)]
    if form == "parquet":
        parts = sorted(path.glob("part-*.parquet"))
        rows = [row for part in parts for row in pq.read_table(part).to_pylist()]
        return [(row["batch"], row["seq"], row["plate"]) for row in rows]
    with path.open("rb") as file:
        return rows_of(file.read())


def rows_of(data: bytes) -> list[tuple[int, int, str]]:
    """Return batch, number and plate of each row in a feed's answer."""
    return [
        (batch.number, row["seq"], row["read"]["plate"])
        for batch in read_batches(io.BytesIO(data))
        for row in map(json.loads, batch.lines)
    ]


# --- everything right -----------------------------------------------------------------------------------------


def test_what_is_received_is_what_was_released(served: Served, world: World, tmp_path: Path) -> None:
    out = tmp_path / "feed.ndjson"
    tally = receiver(served, NdjsonSink(out, FEED)).run(follow=False)
    assert out.read_bytes() == whole(world)
    assert out.stat().st_mode & 0o077 == 0
    assert tally.batches == tally.proved == tally.last == len(world.batches[FEED])
    assert (tally.first, tally.late, tally.gone) == (1, 0, 0)


def test_a_receiver_may_begin_behind_any_batch(served: Served, world: World) -> None:
    out = io.BytesIO()
    tally = receiver(served, StdoutSink(out), after=4).run(follow=False)
    assert tally.first == 5
    assert out.getvalue() == b"".join(world.batches[FEED][4:])


@pytest.mark.parametrize("form", FORMS)
def test_every_form_keeps_every_row_and_goes_on(
    served: Served, world: World, token: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"rows.{form}"
    words = ("receive", FEED, "--from", served.url, "--token-file", token, "--out", out, "--format", form)
    assert run(*words) == 0
    assert rows_in(form, out) == rows_of(whole(world))
    assert run(*words) == 0
    assert "no new batch" in capsys.readouterr().err
    world.live(7)
    world.flush()
    assert run(*words) == 0
    assert rows_in(form, out) == rows_of(whole(world))
    error = capsys.readouterr().err
    assert "NOTE: the log's key is taken from" in error
    assert "proofs checked" in error


def test_columns_hold_what_the_rows_hold(served: Served, world: World, tmp_path: Path) -> None:
    sinks = {"csv": CsvSink(tmp_path / "rows.csv", FEED), "parquet": ParquetSink(tmp_path / "rows", FEED)}
    for sink in sinks.values():
        receiver(served, sink).run(follow=False)
        sink.close()
    with (tmp_path / "rows.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert tuple(first) == COLUMNS
    row = json.loads(world.batches[FEED][0].split(b"\n")[1])
    assert first["captured_at"] == row["read"]["captured_at"]
    assert first["late"] == "false"
    assert first["salt"] == row["salt"]
    table = pq.read_table(next((tmp_path / "rows").glob("part-*.parquet"))).to_pylist()
    assert table[0]["confidence"] == 0.9
    assert table[0]["lane"] == "1"
    assert table[0]["make"] is None


def with_place(received: Received, **more: Any) -> Received:
    """Return a batch whose rows have more members of `place`; its hashes are no concern of a sink."""
    lines = []
    for line in received.batch.lines:
        row = json.loads(line)
        row["read"] |= more
        lines.append(json.dumps(row).encode())
    return Received(batch=replace(received.batch, lines=tuple(lines)), data=received.data)


@pytest.mark.parametrize(
    "text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "-x\r=1"]
)
def test_no_text_of_a_camera_is_a_formula_at_the_recipients(world: World, tmp_path: Path, text: str) -> None:
    """Because whoever has a source's token would calculate on the desk of the police."""
    [one] = kept(world, 1)
    read = {"camera_name": text, "lane": text, "vehicle": {"make": text}, "position": [-0.1, 51.5]}
    sinks = {"csv": CsvSink(tmp_path / "rows.csv", FEED), "parquet": ParquetSink(tmp_path / "rows", FEED)}
    for sink in sinks.values():
        sink.write([with_place(one, **read)])
        sink.close()
    with (tmp_path / "rows.csv").open(newline="") as file:
        shown, *others = list(csv.DictReader(file))
    assert len(others) == len(one.batch.lines) - 1  # and none of them ends a row
    assert {shown[name] for name in ("camera_name", "lane", "make")} == {f"'{on_one_line(text)}"}
    assert shown["longitude"] == "-0.1"  # a number is none
    [table, *_] = pq.read_table(next((tmp_path / "rows").glob("part-*.parquet"))).to_pylist()
    assert {table[name] for name in ("camera_name", "lane", "make")} == {text}


def test_name_and_position_have_columns_of_their_own(world: World, tmp_path: Path) -> None:
    old, *others = kept(world, 3)
    old = with_place(old, camera_name=None)
    new = [with_place(one, camera_name="Gate, north", position=[-0.1, 51.5]) for one in others]
    sinks = {"csv": CsvSink(tmp_path / "rows.csv", FEED), "parquet": ParquetSink(tmp_path / "rows", FEED)}
    for sink in sinks.values():
        sink.write([old, *new])
        sink.close()
    with (tmp_path / "rows.csv").open(newline="") as file:
        shown = list(csv.DictReader(file))
    assert (shown[0]["camera_name"], shown[0]["longitude"], shown[0]["latitude"]) == ("", "", "")
    assert (shown[-1]["camera_name"], shown[-1]["longitude"], shown[-1]["latitude"]) == (
        "Gate, north",
        "-0.1",
        "51.5",
    )
    table = pq.read_table(next((tmp_path / "rows").glob("part-*.parquet"))).to_pylist()
    assert (table[0]["camera_name"], table[0]["longitude"], table[0]["latitude"]) == (None, None, None)
    assert (table[-1]["camera_name"], table[-1]["longitude"], table[-1]["latitude"]) == (
        "Gate, north",
        -0.1,
        51.5,
    )


def test_a_csv_of_an_earlier_version_goes_on_with_its_own_columns(world: World, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    first, second = kept(world, 2)
    sink = CsvSink(path, FEED)
    sink.write([first])
    sink.close()
    before = [name for name in COLUMNS if name not in {"camera_name", "longitude", "latitude"}]
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, before, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    cursor = path.with_name("rows.csv.cursor")
    cursor.write_text(json.dumps(json.loads(cursor.read_text()) | {"length": path.stat().st_size}))
    again = CsvSink(path, FEED)
    again.write([with_place(second, camera_name="Gate", position=[-0.1, 51.5])])
    again.close()
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        found = list(reader)
    assert reader.fieldnames == before
    assert len(found) == len(first.batch.lines) + len(second.batch.lines)
    assert all(None not in row and None not in row.values() for row in found)
    path.write_text(path.read_text().replace("batch,", "bitch,", 1))
    with pytest.raises(ConfigurationError, match="columns"):
        CsvSink(path, FEED)


def test_following_waits_for_what_comes(served: Served, world: World, tmp_path: Path) -> None:
    sink = NdjsonSink(tmp_path / "feed.ndjson", FEED)
    follower = receiver(served, sink)
    outcome: list[BaseException] = []

    def follow() -> None:
        try:
            follower.run(follow=True)
        except NotEntitled as error:
            outcome.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    made.wait_until(lambda: follower.tally.last == len(world.batches[FEED]))
    world.live(7)
    world.flush()
    made.wait_until(lambda: follower.tally.proved == len(world.batches[FEED]))
    served.stopped = "revoked"
    thread.join(10)
    assert [error.code for error in outcome if isinstance(error, NotEntitled)] == ["revoked"]
    assert (tmp_path / "feed.ndjson").read_bytes() == whole(world)


# --- what must not be taken -----------------------------------------------------------------------------------


def lying(served: Served, data: bytes) -> None:
    """Let the feed answer with other bytes."""
    served.lies[f"/v1/feeds/{FEED}"] = lambda _served, query: (200, data if query["after"] == ["0"] else b"")


def header_changed(data: bytes, **changes: Any) -> bytes:
    """Return a batch with another header."""
    head, rest = data.split(b"\n", 1)
    return json.dumps(json.loads(head) | changes, separators=(",", ":")).encode() + b"\n" + rest


def test_a_row_that_was_tampered_with_is_not_kept(served: Served, world: World, tmp_path: Path) -> None:
    good, bad = world.batches[FEED][:2]
    lying(served, good + bad.replace(b"AB", b"ZZ", 1))
    out = tmp_path / "feed.ndjson"
    with pytest.raises(VerificationError, match="batch 2"):
        receiver(served, NdjsonSink(out, FEED)).run(follow=False)
    assert out.read_bytes() == b""


@pytest.mark.parametrize(
    "changes",
    [
        {"commit": 999},
        {"released_at": "2026-07-08T12:00:02.401Z"},
        {"sha256": "00" * 32},
        {"root": "00" * 32},
        {"rows": 34},
    ],
)
def test_a_header_that_was_tampered_with_is_refused(
    served: Served, world: World, changes: dict[str, Any]
) -> None:
    lying(served, header_changed(world.batches[FEED][0], **changes))
    with pytest.raises((VerificationError, InputError), match=r"batch 1|line"):
        receiver(served, StdoutSink(io.BytesIO())).run(follow=False)


def test_a_promise_by_another_key_is_refused(served: Served, world: World) -> None:
    world.state.feeds[FEED].batches = world.state.feeds[FEED].rows = 0
    _, data = world.batch(FEED, f"{FEED}@1", 3, signer=made.OTHER_KEY)
    lying(served, data)
    with pytest.raises(VerificationError, match="not signed by the log's key"):
        receiver(served, StdoutSink(io.BytesIO())).run(follow=False)


def test_a_batch_that_is_skipped_is_missed(served: Served, world: World) -> None:
    lying(served, world.batches[FEED][0] + world.batches[FEED][2])
    with pytest.raises(VerificationError, match="follows on batch 1"):
        receiver(served, StdoutSink(io.BytesIO())).run(follow=False)
    lying(served, world.batches[FEED][1])
    with pytest.raises(VerificationError, match="where batch 1 must come"):
        receiver(served, StdoutSink(io.BytesIO())).run(follow=False)


def test_a_batch_of_another_feed_is_refused(served: Served, world: World) -> None:
    lying(served, world.batches["tfl-charging"][0])
    with pytest.raises(VerificationError, match="is of `tfl-charging`"):
        receiver(served, StdoutSink(io.BytesIO())).run(follow=False)


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_byte_changed_on_the_way_is_found(served: Served, world: World, data: st.DataObject) -> None:
    batch = world.batches[FEED][0]
    at = data.draw(st.integers(0, len(batch) - 1))
    changed = batch[:at] + bytes([batch[at] ^ data.draw(st.integers(1, 255))]) + batch[at + 1 :]
    lying(served, changed)
    with pytest.raises((VerificationError, InputError)):
        receiver(served, StdoutSink(io.BytesIO())).run(follow=False)


# --- proofs ---------------------------------------------------------------------------------------------------


def test_a_proof_that_does_not_come_is_a_broken_promise(served: Served, tmp_path: Path) -> None:
    served.lies[f"/v1/feeds/{FEED}/proofs"] = lambda _served, _query: made.problem(404, "not-due")
    out = tmp_path / "feed.ndjson"
    with pytest.raises(VerificationError, match="batch 1: promise broken"):
        receiver(served, NdjsonSink(out, FEED)).run(follow=False)
    assert rows_in("ndjson", out)


def test_a_proof_that_is_not_due_is_asked_for_again(served: Served, world: World) -> None:
    served.due_after = 1
    tally = receiver(served, StdoutSink(io.BytesIO()), latest_s=10.0).run(follow=False)
    assert (tally.proved, tally.late) == (len(world.batches[FEED]), 0)


def proof_lie(served: Served, **changes: Any) -> None:
    """Let proofs say something else."""

    def lie(served: Served, query: dict[str, list[str]]) -> tuple[int, bytes]:
        del served.lies[f"/v1/feeds/{FEED}/proofs"]
        _, body = served.respond(f"/v1/feeds/{FEED}/proofs", query, f"Bearer {TOKEN}")
        served.lies[f"/v1/feeds/{FEED}/proofs"] = lie
        return 200, json.dumps(json.loads(body) | changes).encode()

    served.lies[f"/v1/feeds/{FEED}/proofs"] = lie


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 255},
        {"path": []},
        {"root": "00" * 32},
        {"root": "x"},
        {"second": "2026-07-08T12:00:09Z"},
        {"second": "x"},
        {"entry": 1},
        {"entry": 10**9},
        {"entry": "x"},
        {"leaf": "00" * 32},
        {"entry_proof": []},
        {"entry_proof": ["zz"]},
        {"entry_proof": [7]},
        {"entry_proof": None},
        {"checkpoint": None},
        {"checkpoint": "x"},
        {"checkpoint": "\ud800"},
    ],
)
def test_a_proof_that_does_not_hold_is_refused(served: Served, changes: dict[str, Any]) -> None:
    proof_lie(served, **changes)
    with pytest.raises((VerificationError, LedgerError, InputError)):
        receiver(served, StdoutSink(io.BytesIO())).run(follow=False)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{}", b"[" * 5000])
def test_a_proof_that_is_none_is_refused(served: Served, body: bytes) -> None:
    served.lies[f"/v1/feeds/{FEED}/proofs"] = lambda _served, _query: (200, body)
    with pytest.raises(InputError):
        receiver(served, StdoutSink(io.BytesIO())).run(follow=False)


@pytest.mark.parametrize("size", [5, 300])
def test_a_checkpoint_that_forks_from_the_log_is_refused(served: Served, size: int) -> None:
    # It is signed by the log's key: two histories, shown to two readers.
    head = Checkpoint(origin=made.ORIGIN, size=size, root=b"\x11" * 32)
    forged = sign_note(head.to_text(), [made.note_signer(made.LOG_KEY, made.ORIGIN)]).decode()
    proof_lie(served, checkpoint=forged)
    with pytest.raises(LedgerError):
        receiver(served, StdoutSink(io.BytesIO())).run(follow=False)


def test_a_log_that_forks_between_two_runs_is_refused(served: Served, world: World, tmp_path: Path) -> None:
    out = tmp_path / "feed.ndjson"
    sink = NdjsonSink(out, FEED)
    receiver(served, sink).run(follow=False)
    sink.close()
    cursor = json.loads((tmp_path / "feed.ndjson.cursor").read_bytes())
    assert cursor["checkpoint"] == world.ledger.checkpoint.decode()
    head = Checkpoint(origin=made.ORIGIN, size=20, root=b"\x11" * 32)
    cursor["checkpoint"] = sign_note(head.to_text(), [made.note_signer(made.LOG_KEY, made.ORIGIN)]).decode()
    (tmp_path / "feed.ndjson.cursor").write_text(json.dumps(cursor))
    with pytest.raises(LedgerError, match="forks"):
        receiver(served, NdjsonSink(out, FEED)).run(follow=False)


def test_proofs_of_a_feed_that_was_stopped_are_got_from_the_public_log(served: Served, world: World) -> None:
    served.lies[f"/v1/feeds/{FEED}/proofs"] = lambda _served, _query: made.problem(403, "revoked")
    tally = receiver(served, StdoutSink(io.BytesIO())).run(follow=False)
    assert tally.proved == len(world.batches[FEED])


def test_a_promise_is_held_to_the_charter_that_was_in_force(served: Served, world: World) -> None:
    charter = documents.changed(made.charter(), documents.put("charter.version", 2))
    charter["limits"]["merge_delay"] = "PT3S"
    world.document(charter, documents.ROOTS)
    world.merge_delay_us = 3_000_000
    world.live(4)
    world.flush()
    before = len(world.batches[FEED])
    tally = receiver(served, StdoutSink(io.BytesIO()), latest_s=-3.5).run(follow=False)
    assert tally.proved == before
    world.merge_delay_us = 5_000_000
    world.live(4)
    world.flush()
    assert len(world.batches[FEED]) > before
    with pytest.raises(VerificationError, match="within 5 s, and the charter in force said 3 s"):
        receiver(served, StdoutSink(io.BytesIO())).run(follow=False)


def test_a_proof_past_its_term_is_said_to_be_gone(served: Served, world: World) -> None:
    charter = documents.changed(made.charter(), documents.put("charter.version", 2))
    charter["limits"]["feed_term"] = "PT20S"
    world.document(charter, documents.ROOTS)
    world.live(1)
    world.flush()
    served.lies[f"/v1/feeds/{FEED}/proofs"] = lambda _served, _query: made.problem(410, "cursor-past-term")
    tally = receiver(served, StdoutSink(io.BytesIO())).run(follow=False)
    assert (tally.proved, tally.gone) == (0, len(world.batches[FEED]))


@pytest.mark.parametrize("lie", [410, 503])
def test_a_gateway_that_has_no_proofs_is_asked_for_what_the_log_proves(
    served: Served, world: World, lie: int
) -> None:
    served.lies[f"/v1/feeds/{FEED}/proofs"] = lambda _served, _query: made.problem(lie, "cursor-past-term")
    tally = receiver(served, StdoutSink(io.BytesIO())).run(follow=False)
    assert (tally.proved, tally.gone) == (len(world.batches[FEED]), 0)


@pytest.mark.parametrize("lie", [410, 503])
def test_a_batch_that_never_came_into_the_log_is_found_whatever_its_proof_answers(
    served: Served, world: World, lie: int
) -> None:
    served.lies[f"/v1/feeds/{FEED}/proofs"] = lambda _served, _query: made.problem(lie, "cursor-past-term")
    world.facts.clear()
    with pytest.raises(VerificationError, match="promise broken"):
        receiver(served, StdoutSink(io.BytesIO())).run(follow=False)


@pytest.mark.parametrize("form", FORMS)
def test_proofs_that_were_due_at_a_crash_are_checked_at_the_next_start(
    served: Served, world: World, tmp_path: Path, form: str
) -> None:
    out = tmp_path / "rows"
    served.lies[f"/v1/feeds/{FEED}/proofs"] = lambda _served, _query: made.problem(404, "not-due")
    sink = open_sink(out, form, FEED, io.BytesIO())
    with pytest.raises(VerificationError, match="promise broken"):
        receiver(served, sink).run(follow=False)
    sink.close()
    with pytest.raises(VerificationError, match="promise broken"):
        receiver(served, open_sink(out, form, FEED, io.BytesIO())).run(follow=False)
    served.lies.clear()
    tally = receiver(served, open_sink(out, form, FEED, io.BytesIO())).run(follow=False)
    assert tally.proved == len(world.batches[FEED])


# --- a gateway that is away or says no ------------------------------------------------------------------------


def test_a_gateway_that_restarts_in_the_middle_loses_and_repeats_nothing(
    served: Served, world: World, tmp_path: Path
) -> None:
    out = tmp_path / "feed.ndjson"
    said: list[str] = []
    fetched = 0

    def feed(served: Served, query: dict[str, list[str]]) -> tuple[int, bytes]:
        nonlocal fetched
        fetched += 1
        if fetched == 2:
            served.refuse = 2
            return made.problem(503, "starting")
        after = int(query["after"][0])
        return 200, b"".join(world.batches[FEED][after : after + 4])

    served.lies[f"/v1/feeds/{FEED}"] = feed
    tally = receiver(served, NdjsonSink(out, FEED), said=said).run(follow=False)
    assert out.read_bytes() == whole(world)
    assert tally.reconnected == 1
    assert any("trying again" in words for words in said)
    assert said[-1] == "the gateway answers again"


def test_a_gateway_that_stays_away_is_given_up(served: Served) -> None:
    served.refuse = 10_000
    with pytest.raises(Unreachable) as caught:
        receiver(served, StdoutSink(io.BytesIO()), patience_s=0.6).run(follow=False)
    assert caught.value.code == "unreachable"


def test_a_cursor_past_its_term_is_said_to_be(served: Served) -> None:
    served.first_held = 5
    with pytest.raises(InputError, match="past the feed's term") as caught:
        receiver(served, StdoutSink(io.BytesIO()), after=2).run(follow=False)
    assert caught.value.code == "cursor-past-term"
    assert receiver(served, StdoutSink(io.BytesIO()), after=4).run(follow=False).first == 5


@pytest.mark.parametrize("code", ["revoked", "suspended"])
def test_a_feed_that_was_stopped_ends_with_its_code(
    served: Served, token: Path, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    served.stopped = code
    assert run("receive", FEED, "--from", served.url, "--token-file", token, "--follow") == 1
    error = capsys.readouterr().err
    assert error.endswith(f"wicketgate: the feed `{FEED}` may not be read: {code} [{code}]\n")


def test_another_units_feed_and_an_unknown_token_end_with_words(
    served: Served, token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("receive", "another", "--from", served.url, "--token-file", token) == 1
    token.write_text("wrong")
    assert run("receive", FEED, "--from", served.url, "--token-file", token) == 1
    error = capsys.readouterr().err
    assert "not-entitled" in error
    assert "unknown-token" in error
    assert "wrong" not in error


def test_the_command_needs_a_secret_that_is_one(
    served: Served, token: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token.chmod(0o644)
    assert run("receive", FEED, "--from", served.url, "--token-file", token) == 2
    assert "0600" in capsys.readouterr().err
    token.chmod(0o600)
    out = tmp_path / "feed.ndjson"
    words = ("receive", FEED, "--from", served.url, "--token-file", token)
    assert run(*words, "--format", "csv") == 2
    assert run(*words, "--out", out, "--after", 3) == 0
    assert run(*words, "--out", out, "--after", 3) == 2
    assert run(*words, "--after", -1) == 2
    assert run("receive", FEED, "--from", "nowhere", "--token-file", token) == 2
    key = tmp_path / "other.vkey"
    key.write_text(made.note_signer(made.OTHER_KEY, made.ORIGIN).vkey)
    assert run(*words, "--key", key) == 1
    assert "no signature of a trusted key" in capsys.readouterr().err


def test_standard_output_has_the_batches_and_nothing_else(served: Served, world: World, token: Path) -> None:
    words = [sys.executable, "-m", "wicketgate", "receive", FEED]
    words += ["--from", served.url, "--token-file", str(token)]
    done = subprocess.run(words, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == whole(world)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as piped:
        assert piped.stdout is not None
        piped.stdout.close()
        assert piped.stderr is not None
        error = piped.stderr.read()
        assert piped.wait(60) == 1
    assert b"Traceback" not in error


# --- what is kept ---------------------------------------------------------------------------------------------


def kept(world: World, upto: int) -> list[Received]:
    """Return batches as the receiver hands them to a sink."""
    return [
        Received(batch=next(read_batches(io.BytesIO(data))), data=data) for data in world.batches[FEED][:upto]
    ]


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_torn_end_is_cut_off(world: World, tmp_path: Path, data: st.DataObject) -> None:
    out = tmp_path / "torn.ndjson"
    batches = world.batches[FEED][:3]
    length = data.draw(st.integers(0, sum(map(len, batches))))
    zeros = data.draw(st.sampled_from([b"", b"\0" * 100]))
    out.write_bytes(b"".join(batches)[:length] + zeros)
    sink = opened(NdjsonSink(out, FEED))
    sink.close()
    ends = [sum(map(len, batches[:n])) for n in range(4)]
    there = max(n for n in range(4) if ends[n] <= length)
    assert out.read_bytes() == b"".join(batches[:there])
    assert (0 if sink.last is None else sink.last.batch) == there


def test_damage_in_the_middle_is_not_cut_off(world: World, tmp_path: Path) -> None:
    out = tmp_path / "feed.ndjson"
    first, second, third = world.batches[FEED][:3]
    for damaged in (
        first + second.replace(b'"rows":35', b'"rows":99', 1) + third,
        first + second[:50] + third + first,
        b"x\n" + first,
    ):
        out.write_bytes(damaged)
        with pytest.raises(ConfigurationError, match="damaged"):
            NdjsonSink(out, FEED)
        assert out.read_bytes() == damaged


def test_a_file_of_another_feed_is_left_alone(world: World, tmp_path: Path) -> None:
    out = tmp_path / "feed.ndjson"
    out.write_bytes(world.batches["tfl-charging"][0])
    with pytest.raises(ConfigurationError, match="another feed"):
        NdjsonSink(out, FEED)
    assert out.read_bytes() == world.batches["tfl-charging"][0]
    csv_sink = opened(CsvSink(tmp_path / "rows.csv", FEED))
    csv_sink.write(kept(world, 1))
    csv_sink.close()
    with pytest.raises(ConfigurationError, match="another feed"):
        CsvSink(tmp_path / "rows.csv", "another")
    parquet = opened(ParquetSink(tmp_path / "rows", FEED))
    parquet.write(kept(world, 1))
    parquet.close()
    with pytest.raises(ConfigurationError, match="another feed"):
        ParquetSink(tmp_path / "rows", "another")


def test_rows_behind_the_cursor_are_cut_off(world: World, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    sink = opened(CsvSink(out, FEED))
    sink.write(kept(world, 2))
    sink.close()
    good = out.read_bytes()
    out.write_bytes(good + b"3,106,torn")
    again = opened(CsvSink(out, FEED))
    again.close()
    assert out.read_bytes() == good
    assert again.last is not None
    assert again.last.batch == 2
    assert [header["batch"] for header in again.unproved] == [1, 2]
    out.write_bytes(good[:-1])
    with pytest.raises(ConfigurationError, match="rows are missing"):
        CsvSink(out, FEED)
    (tmp_path / "rows.csv.cursor").unlink()
    with pytest.raises(ConfigurationError, match="cursor"):
        CsvSink(out, FEED)


@pytest.mark.parametrize(
    "text", ["", "x", "[]", '{"due":7}', '{"feed":"another","format":"csv"}', "[" * 5000]
)
def test_a_cursor_that_cannot_be_read_is_said_to_be(tmp_path: Path, text: str) -> None:
    (tmp_path / "rows.csv.cursor").write_text(text)
    with pytest.raises(ConfigurationError, match="cursor"):
        CsvSink(tmp_path / "rows.csv", FEED)


def test_a_part_is_whole_or_absent(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    sink = opened(ParquetSink(folder, FEED))
    sink.write(kept(world, 2))
    assert not list(folder.glob("part-*"))
    sink.close()
    assert [path.name for path in folder.glob("part-*")] == ["part-000000000001-000000000002.parquet"]
    (folder / "next.new").write_bytes(b"torn")
    again = opened(ParquetSink(folder, FEED))
    assert again.last is not None
    assert (again.last.batch, again.last.seq) == (2, 70)
    next(folder.glob("part-*")).write_bytes(b"damaged")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ParquetSink(folder, FEED)


def test_a_part_is_written_when_there_are_many_rows(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wicketgate.clients.recipient.sinks._PART_ROWS", 100)
    sink = opened(ParquetSink(tmp_path / "rows", FEED))
    for one in kept(world, 7):
        sink.write([one])
    sink.close()
    names = sorted(path.name for path in (tmp_path / "rows").glob("part-*"))
    assert names == [
        "part-000000000001-000000000003.parquet",
        "part-000000000004-000000000006.parquet",
        "part-000000000007-000000000007.parquet",
    ]
    assert rows_in("parquet", tmp_path / "rows") == rows_of(b"".join(world.batches[FEED][:7]))


def test_what_is_written_is_durable_before_the_next_request(
    served: Served, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "feed.ndjson"
    synced: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        synced.append(out.stat().st_size if out.exists() else 0)

    monkeypatch.setattr("wicketgate.clients.recipient.sinks.os.fsync", fsync)
    asked: list[tuple[int, int]] = []

    def feed(_served: Served, query: dict[str, list[str]]) -> tuple[int, bytes]:
        after = int(query["after"][0])
        asked.append((after, max(synced)))
        return 200, b"".join(world.batches[FEED][after : after + 2])

    served.lies[f"/v1/feeds/{FEED}"] = feed
    receiver(served, NdjsonSink(out, FEED)).run(follow=False)
    assert asked == [(n, sum(map(len, world.batches[FEED][:n]))) for n, _ in asked]


def test_a_folder_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    for form in FORMS:
        with pytest.raises(ConfigurationError):
            open_sink(
                tmp_path / "token" / "x" / form, form, FEED, io.BytesIO()
            ) if form != "parquet" else open_sink(Path("/proc/none"), form, FEED, io.BytesIO())
