"""What a recipient holds, and what an overseer opens, against the figures that are published."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import made_gateway as made
from tests.made_gateway import FEED, World
from tests.simulator import LOG_KEY, charter
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, SECOND_US
from wicketgate.base.errors import ConfigurationError, Unreachable
from wicketgate.base.signing import canonical, parse_canonical
from wicketgate.cli import main
from wicketgate.clients.verify import Report, verify_folder
from wicketgate.clients.verify.openings import read_identity
from wicketgate.clients.verify.run import Opened
from wicketgate.commits.transactions import FeedBatch, ImagesFetched, IntakeCounts, Outcome, Refused
from wicketgate.gateway.deployment import note_signer
from wicketgate.gateway.filing.facts import decision_fact, image_fact, images_fact, outcome_fact, receipt_fact
from wicketgate.ledger.facts import release_fact
from wicketgate.ledger.sealing import new_identity, seal
from wicketgate.ledger.writer import Ledger
from wicketgate.regime.obligations.disclosures import receipt_counts
from wicketgate.regime.obligations.values import Receipt
from wicketgate.regime.publishing import IMAGE_CODES

IDENTITY, RECIPIENT = new_identity()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three periods with rows, of a feed that a recipient has whole, with hits beside it."""
    folder = tmp_path_factory.mktemp("world")
    founding = documents.changed(charter(), lambda c: c["consultations"][1]["fields"].append("patch-image"))
    made_world = World(folder / "log", founding=founding)
    made_world.at_us += 200_000
    shown = documents.put("scope.fields", ["plate", "time", "place", "patch-image"])
    made_world.document(documents.changed(documents.example("authority"), shown))
    made_world.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    for number in range(35):
        quarantined = {"malformed": 400, **dict.fromkeys(IMAGE_CODES, 3)}
        made_world.decide(300, released=250, withheld=50, again=40 * (number % 2), quarantined=quarantined)
        if number in (3, 4):
            fetch(made_world, 20)
        made_world.close_second()
    made_world.decide(0, released=0, withheld=0, again=30)
    made_world.decide(200, released=100, withheld=0, feed=made.WANTED, again=20)
    made_world.answer("confirmed", 40)
    made_world.live(25)
    made_world.feed_file(folder / "feed.ndjson")
    made_world.feed_file(folder / "wanted.ndjson", made.WANTED)
    with (folder / "openings.ndjson").open("w") as file:
        for number, opening in enumerate(made_world.openings, 1):
            file.write(line(number, opening))
    (folder / "identity.txt").write_text(f"# an overseer's\n{IDENTITY}\n")
    made_world.flush()
    yield made_world
    made_world.close()


def fetch(world: World, images: int) -> None:
    """Let the recipient of the feed fetch images: many at once, and one alone."""
    unit = "met/national-security-units"
    sequence = world.state.sequence + 1
    digests = ["ab" * 32] * (images - 1)
    many = images_fact(sequence, authority=FEED, images=digests, unit=unit, by=unit)
    one = image_fact(sequence + 1, authority=FEED, sha256="ab" * 32, unit=unit, by=unit)
    for fact, number in ((many, images - 1), (one, 1)):
        world.apply(facts=(fact,), fetched=ImagesFetched(authority=FEED, images=number))


def line(number: int, opening: bytes, recipient: str = RECIPIENT) -> str:
    return (
        json.dumps({"number": number, "sealed": base64.b64encode(seal(opening, [recipient])).decode()}) + "\n"
    )


def of(world: World, name: str) -> Path:
    return world.folder.parent / name


def opened(world: World, path: Path | None = None) -> Opened:
    return Opened(
        paths=(path or of(world, "openings.ndjson"),), opener=read_identity(of(world, "identity.txt"))
    )


def changed(world: World, folder: Path, by: int, *, name: str = FEED, number: int = 1) -> Path:
    """Return the log with the figures of a period moved from released to refused, signed with its key."""
    entries = [parse_canonical(entry) for entry in world.entries]
    figures = [entry for entry in entries if entry["kind"] == "figures" and entry["released"].get(name)][
        number
    ]
    figures["released"][name] -= by
    next(one for one in figures["refused"] if one["authority"] == f"{name}@1" and one["rows"])["rows"] += by
    with Ledger.create(folder, note_signer(LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append([canonical(entry) for entry in entries])
    return folder


def moved(world: World, folder: Path, by: int, *, number: int = 1) -> Path:
    """Return the log with rows moved from `released` to `again`, and their reads to refused, signed with its key."""
    entries = [parse_canonical(entry) for entry in world.entries]
    figures = [entry for entry in entries if entry["kind"] == "figures" and entry["released"].get(FEED)][
        number
    ]
    figures["released"][FEED] -= by
    figures["again"][FEED] += by
    next(one for one in figures["refused"] if one["authority"] == f"{FEED}@1" and one["rows"])["rows"] += by
    with Ledger.create(folder, note_signer(LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append([canonical(entry) for entry in entries])
    return folder


def retold(world: World, folder: Path) -> Path:
    """Return the log with fewer vehicles in a period of targeting, signed with its key."""
    entries = [parse_canonical(entry) for entry in world.entries]
    targeting = next(
        entry
        for entry in entries
        if entry["kind"] == "targeting" and (entry["hits"][made.WANTED]["vehicles"] or 0) > 20
    )
    hits = targeting["hits"][made.WANTED]
    hits["vehicles"] -= 10
    for kind in ("exact", "possible"):
        if hits[kind]:
            hits[kind] = min(hits[kind], hits["vehicles"])
    with Ledger.create(folder, note_signer(LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append([canonical(entry) for entry in entries])
    return folder


def failed(report: Report) -> dict[str, str]:
    return {check.name: check.words for check in report.checked if not check.ok}


def words(report: Report, name: str) -> str:
    return next(check.words for check in report.checked if check.name == name)


# --- a recipient's rows -----------------------------------------------------------------------------------


def test_rows_are_as_many_as_were_published(world: World) -> None:
    report = verify_folder(world.folder, feed_file=of(world, "feed.ndjson"))
    assert report.ok, report.lines()
    assert "its rows or vehicles are as many as were published" in words(report, "sums")


def demand_found(world: World, folder: Path, rows: str, said_by_rows: str, said_by_facts: str) -> None:
    """Demand that a log's figures hold for the public, and neither for who holds rows nor for the overseer."""
    assert verify_folder(folder).ok
    faults = failed(verify_folder(folder, feed_file=of(world, rows)))
    assert faults.keys() == {"sums"}
    assert said_by_rows in faults["sums"]
    faults = failed(verify_folder(folder, openings=opened(world)))
    assert faults.keys() == {"opened-figures"}
    assert said_by_facts in faults["opened-figures"]


def with_images(world: World, folder: Path, table: str, images: int) -> Path:
    """Return the log with another number of images in the first period that has some, signed with its key."""
    entries = [parse_canonical(entry) for entry in world.entries]
    figures = next(one for one in entries if one["kind"] == "figures" and one["images"].get(FEED))
    figures[table][FEED] = images
    with Ledger.create(folder, note_signer(LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append([canonical(entry) for entry in entries])
    return folder


@pytest.mark.parametrize("images", [100, 1000])
def test_images_are_as_many_as_the_rows_name(world: World, tmp_path: Path, images: int) -> None:
    """Its recipient counts those that its rows name, the overseer those that decisions tell of."""
    folder = with_images(world, tmp_path / "log", "images", images)
    demand_found(world, folder, "feed.ndjson", "say `images`", f"`images of {FEED}` is published as")


def test_images_that_were_fetched_are_those_of_the_facts(world: World, tmp_path: Path) -> None:
    folder = with_images(world, tmp_path / "log", "fetched", 400)
    faults = failed(verify_folder(folder, openings=opened(world)))
    assert f"`fetched of {FEED}` is published as 400, and the facts come to 40" in faults["opened-figures"]


@pytest.mark.parametrize("by", [500, -20])
def test_rows_that_came_again_do_not_hide_rows_that_left(world: World, tmp_path: Path, by: int) -> None:
    """An attacker moved 500 of 2,500 rows to `again`, and their sum stayed what it was."""
    folder = moved(world, tmp_path / "log", by)
    demand_found(world, folder, "feed.ndjson", "say `released`", f"`released of {FEED}` is published as")


@pytest.mark.parametrize(("by", "said"), [(100, "and 2500 rows"), (-1, "and of all batches of that time")])
def test_a_figure_that_was_moved_to_refused_is_found_by_who_holds_the_rows(
    world: World, tmp_path: Path, by: int, said: str
) -> None:
    folder = changed(world, tmp_path / "log", by)
    assert verify_folder(folder).ok  # nobody else can
    faults = failed(verify_folder(folder, feed_file=of(world, "feed.ndjson")))
    assert faults.keys() == {"sums"}
    assert said in faults["sums"]


def test_a_period_that_is_covered_in_part_bounds_the_figure(world: World, tmp_path: Path) -> None:
    """A file that begins and ends within a period says that so many left at least."""
    with of(world, "feed.ndjson").open("rb") as file:
        ends = [file.tell() for _ in made.batches.read_batches(file)]
    path = tmp_path / "part.ndjson"
    path.write_bytes(of(world, "feed.ndjson").read_bytes()[ends[11] : ends[17]])
    report = verify_folder(world.folder, feed_file=path)
    assert report.ok, report.lines()
    assert "in 0 periods that the file covers whole" in words(report, "sums")
    over = changed(world, tmp_path / "over", -100)
    assert verify_folder(over, feed_file=path).ok  # more may have left than is here
    under = changed(world, tmp_path / "under", 1500)
    assert failed(verify_folder(under, feed_file=path)).keys() == {"sums"}


def shown_world(folder: Path) -> World:
    """A world with an authority in bulk that shows images, and its first 400 rows, a minute later."""
    founding = documents.changed(charter(), lambda c: c["consultations"][1]["fields"].append("patch-image"))
    other = World(folder / "log", founding=founding)
    other.at_us += 200_000
    shown = documents.put("scope.fields", ["plate", "time", "place", "patch-image"])
    other.document(documents.changed(documents.example("authority"), shown))
    for _ in range(65):
        other.close_second()
    other.decide(400, released=400, withheld=0)
    other.close_second()
    return other


def ended(other: World, path: Path) -> Path:
    """Let the last period end, write all, and return the feed's file."""
    for _ in range(12):
        other.close_second()
    other.flush()
    return other.feed_file(path)


@pytest.mark.parametrize("known", [False, True])
def test_fresh_reads_that_are_called_again_are_found(tmp_path: Path, known: bool) -> None:
    """Each row that left was said to come again, and a recipient that held every batch was told that it was so."""
    other = shown_world(tmp_path)
    other.numbers_again = list(range(900_001, 900_301))
    if known:  # by the names of reads that left, and of other vehicles
        other.numbers_again = list(range(1, 301))
        other.sent.clear()
    other.decide(0, released=0, withheld=0, again=300)
    path = ended(other, tmp_path / "feed.ndjson")
    assert verify_folder(other.folder).ok
    report = verify_folder(other.folder, feed_file=path)
    with path.open("rb") as file:
        next(iter(made.batches.read_batches(file)))
        path.write_bytes(path.read_bytes()[file.tell() :])
    part = verify_folder(other.folder, feed_file=path)
    other.close()
    said = failed(report)
    assert said.keys() == {"sums"}
    assert "rows say `again`, and their reads stand in no row before" in said["sums"]
    assert part.ok, part.lines()  # their reads may stand in the first batch
    assert any("that 300 rows with `again` came before" in words for words in part.not_checked)


def test_images_of_reads_that_left_are_theirs(tmp_path: Path) -> None:
    other = shown_world(tmp_path)
    other.decide(0, released=0, withheld=0, again=300)
    report = verify_folder(other.folder, feed_file=ended(other, tmp_path / "feed.ndjson"))
    other.close()
    assert report.ok, report.lines()
    assert not any("with `again`" in words for words in report.not_checked)


def test_reads_that_were_held_back_may_come_with_their_images_behind_a_change(tmp_path: Path) -> None:
    """A read that no authority let go comes again with its image, and by then one does."""
    other = shown_world(tmp_path)
    other.list_cameras(150, 120)
    other.numbers_again = list(range(900_001, 900_301))
    other.decide(0, released=0, withheld=0, again=300)
    report = verify_folder(other.folder, feed_file=ended(other, tmp_path / "feed.ndjson"))
    other.close()
    assert report.ok, report.lines()
    assert any("that 300 rows with `again` came before" in words for words in report.not_checked)


def wanted_world(folder: Path) -> World:
    """A world with an authority that matches and shows images, and 20 vehicles whose hits are of the first period."""
    founding = documents.changed(charter(), lambda c: c["consultations"][1]["fields"].append("patch-image"))
    other = World(folder / "log", founding=founding)
    other.at_us += 200_000
    shown = documents.put("scope.fields", ["plate", "time", "place", "patch-image"])
    other.document(documents.changed(documents.example("authority"), shown))
    other.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    other.decide(100, released=20, withheld=0, feed=made.WANTED)
    for _ in range(11):
        other.close_second()
    return other


def vehicles(world: World) -> list[int | None]:
    """Return the vehicles with hits of each period of targeting."""
    bodies = [parse_canonical(entry) for entry in world.entries]
    return [body["hits"][made.WANTED]["vehicles"] for body in bodies if body["kind"] == "targeting"]


@pytest.mark.parametrize("first", [0, 1])
def test_images_that_follow_in_the_next_period_are_no_new_vehicles(tmp_path: Path, first: int) -> None:
    """A gateway told the truth, and `verify` counted its 20 hits a second time when their images came."""
    other = wanted_world(tmp_path)
    other.numbers_again = list(range(1, 21))
    other.decide(0, released=0, withheld=0, feed=made.WANTED, again=20)
    for _ in range(14):
        other.close_second()
    other.decide(12, released=12, withheld=0, feed=made.WANTED)
    for _ in range(10):
        other.close_second()
    other.flush()
    assert vehicles(other)[:3] == [20, None, 10]
    path = other.feed_file(tmp_path / "wanted.ndjson", made.WANTED)
    with path.open("rb") as file:  # from its first batch, or from that of the images
        begins = [0, *(file.tell() for _ in made.batches.read_batches(file))]
    path.write_bytes(path.read_bytes()[begins[first] :])
    report = verify_folder(other.folder, feed_file=path)
    other.close()
    assert report.ok, report.lines()


# --- an overseer's openings -------------------------------------------------------------------------------


def test_the_overseer_makes_every_root_and_figure_again(world: World) -> None:
    report = verify_folder(world.folder, openings=opened(world))
    assert report.ok, report.lines()
    assert report.counts["opened"] == len(world.openings)
    assert report.counts["periods_opened"] >= 5
    assert "the root of each, made again" in words(report, "openings")


def test_the_overseer_finds_a_figure_that_was_moved(world: World, tmp_path: Path) -> None:
    folder = changed(world, tmp_path / "log", 60, number=0)
    assert verify_folder(folder).ok
    faults = failed(verify_folder(folder, openings=opened(world)))
    assert faults.keys() == {"opened-figures"}
    assert f"`released of {FEED}` is published as" in faults["opened-figures"]


def test_vehicles_that_were_left_out_are_found_by_whoever_holds_rows_or_openings(
    world: World, tmp_path: Path
) -> None:
    honest = verify_folder(world.folder, feed_file=of(world, "wanted.ndjson"))
    assert honest.ok, honest.lines()
    folder = retold(world, tmp_path / "log")
    published = f"`hits of {made.WANTED}, vehicles` is published as"
    demand_found(world, folder, "wanted.ndjson", "vehicles are here", published)


def test_a_second_that_is_not_in_the_file_is_said_and_hides_nothing(world: World, tmp_path: Path) -> None:
    lines = of(world, "openings.ndjson").read_text().splitlines(keepends=True)
    inner = range(1, len(lines) - 1)
    without_facts = [n for n in inner if not json.loads(world.openings[n])["facts"]]
    some = tmp_path / "openings.ndjson"
    some.write_text("".join(line for n, line in enumerate(lines) if n not in without_facts))
    honest = verify_folder(world.folder, openings=opened(world, some))
    left_out = f"{len(without_facts)} seconds between the first and the last one are not in the file"
    assert failed(honest) == {"openings": left_out}
    assert any("does not open every second" in words for words in honest.not_checked)
    faults = failed(verify_folder(retold(world, tmp_path / "log"), openings=opened(world, some)))
    assert f"`hits of {made.WANTED}, vehicles` is published as" in faults["opened-figures"]


def test_a_period_that_is_opened_in_part_bounds_its_figures(world: World, tmp_path: Path) -> None:
    """Whoever begins to keep openings within a period knows that so much happened at least."""
    lines = of(world, "openings.ndjson").read_text().splitlines(keepends=True)
    some = tmp_path / "openings.ndjson"
    some.write_text("".join(lines[11:19]))
    honest = verify_folder(world.folder, openings=opened(world, some))
    assert honest.ok, honest.lines()
    over = changed(world, tmp_path / "over", -100)
    assert verify_folder(over, openings=opened(world, some)).ok  # more may have left than is here
    faults = failed(verify_folder(changed(world, tmp_path / "under", 1500), openings=opened(world, some)))
    assert faults.keys() == {"opened-figures"}
    assert "and the facts come to 2000 at least" in faults["opened-figures"]


def test_a_gap_that_a_start_explains_is_none_of_the_file(tmp_path: Path, world: World) -> None:
    other = made.standard(tmp_path / "log")
    path = tmp_path / "openings.ndjson"
    path.write_text("".join(line(number, one) for number, one in enumerate(other.openings, 1)))
    report = verify_folder(other.folder, openings=opened(world, path))
    other.close()
    assert report.ok, report.lines()


@pytest.mark.parametrize("lost", ["decision", "refused"])
def test_a_release_without_its_decision_is_found(tmp_path: Path, world: World, lost: str) -> None:
    other = World(tmp_path / "log")
    other.document(documents.example("authority"))
    header, data = other.batch(FEED, f"{FEED}@1", 20)
    facts = [release_fact(header)]
    if lost == "refused":  # by which none was left to release
        refused = [Refused(authority=f"{FEED}@1", reason="out-of-scope", rows=21)]
        facts.append(decision_fact(other.state.sequence + 1, 20, 0, refused, IntakeCounts()))
    other.apply(batches=(FeedBatch(feed=FEED, number=1, rows=20, data=data),), facts=tuple(facts))
    other.close_second()
    other.flush()
    path = tmp_path / "openings.ndjson"
    path.write_text("".join(line(number, one) for number, one in enumerate(other.openings, 1)))
    said = failed(verify_folder(other.folder, openings=opened(world, path)))["openings"]
    other.close()
    assert "release" in said


def openings_of(world: World, path: Path, first: int = 0) -> Path:
    """Write the openings of a world's seconds, from one on."""
    path.write_text("".join(line(n, one) for n, one in enumerate(world.openings, 1) if n > first))
    return path


def relogged(world: World, folder: Path, kind: str, change: Callable[[dict[str, Any]], object]) -> Path:
    """Return the log with each entry of a kind changed, signed with its key."""
    entries = [parse_canonical(entry) for entry in world.entries]
    for entry in entries:
        if entry["kind"] == kind:
            change(entry)
    with Ledger.create(folder, note_signer(LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append([canonical(entry) for entry in entries])
    return folder


def seconds_of(world: World, period: int) -> int:
    """Return how many seconds are over at the end of a period of traffic."""
    until = [body["until"] for body in map(parse_canonical, world.entries) if body["kind"] == "figures"][
        period
    ]
    return sum(json.loads(one)["second"] < until for one in world.openings)


def answered(folder: Path, *, stranger: bool) -> World:
    """A world with hits that ended in the period in which they were raised, and in the next one."""
    other = World(folder / "log")
    other.at_us += 200_000
    other.document(documents.example("authority"))
    other.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    other.decide(100, released=40, withheld=0, feed=made.WANTED)
    for seconds in (11, 9):
        other.answer("acted", 12)
        if stranger:
            said = Outcome(hit="never-was", outcome="acted", reason="", by="officer", at_us=other.at_us)
            other.apply(facts=(outcome_fact(said, other.state.sequence + 1),))
        for _ in range(seconds):
            other.close_second()
    other.flush()
    return other


def test_an_outcome_of_no_hit_is_found_and_hides_no_other(world: World, tmp_path: Path) -> None:
    """One outcome of a hit that never was, and no outcome was compared."""
    other = answered(tmp_path, stranger=True)
    path = openings_of(other, tmp_path / "openings.ndjson")
    said = failed(verify_folder(other.folder, openings=opened(world, path)))
    assert said.keys() == {"opened-figures"}
    assert "2 outcomes are of hits that no fact raised, the first of `never-was`" in said["opened-figures"]

    def boast(targeting: dict[str, Any]) -> None:
        outcomes = targeting["outcomes"][made.WANTED]
        outcomes["acted"] = outcomes["acted"] and outcomes["acted"] + 10

    folder = relogged(other, tmp_path / "boast", "targeting", boast)
    other.close()
    assert verify_folder(folder).ok
    said = failed(verify_folder(folder, openings=opened(world, path)))
    assert f"`outcomes of {made.WANTED}, acted` is published as 20" in said["opened-figures"]


def test_outcomes_of_hits_before_the_file_bound_the_figures(world: World, tmp_path: Path) -> None:
    other = answered(tmp_path, stranger=False)
    path = openings_of(other, tmp_path / "openings.ndjson", first=seconds_of(other, 0))
    honest = verify_folder(other.folder, openings=opened(world, path))
    assert honest.ok, honest.lines()
    assert any("whose 12 outcomes are" in words for words in honest.not_checked)

    def say(acted: int | None) -> Callable[[dict[str, Any]], object]:
        return lambda body: body["outcomes"][made.WANTED].update(acted=acted)

    folder = relogged(other, tmp_path / "boast", "targeting", say(20))
    fewer = relogged(other, tmp_path / "fewer", "targeting", say(None))
    other.close()
    said = failed(verify_folder(folder, openings=opened(world, path)))
    assert said.keys() == {"opened-figures"}
    assert verify_folder(fewer, openings=opened(world, path)).ok  # they may be of another authority


@pytest.fixture(scope="module")
def deleted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A recipient that attested a deletion a day after the first rows, and owes one since, 40 days later."""
    other = World(tmp_path_factory.mktemp("deleted") / "log")
    other.at_us += 200_000
    other.document(documents.example("authority"))
    other.live(12)
    other.stop_and_start(DAY_US // SECOND_US)
    said = other.at_us - 60 * SECOND_US
    receipt = Receipt(
        authority=FEED,
        deleted_us=said,
        until_us=receipt_counts(said),
        method="",
        by="m",
        said_us=other.at_us,
        commit=other.state.sequence + 1,
    )
    other.apply(receipt=receipt, facts=(receipt_fact(receipt),))
    other.live(25)
    other.stop_and_start(40 * DAY_US // SECOND_US)
    other.live(25)
    other.flush()
    yield other
    other.close()


def attest(body: dict[str, Any]) -> None:
    """Publish a deletion as attested whose receipt is missing."""
    receipts = body["receipts"].get(FEED)
    if receipts and receipts["missing"]:
        midnight = body["until"][:10] + "T00:00:00Z"
        receipts.update(attested_until=midnight, missing=False, missing_since=None, overdue_rows=0)


@pytest.mark.parametrize("first", [0, 1, 3])
def test_receipts_are_those_of_the_facts(deleted: World, world: World, tmp_path: Path, first: int) -> None:
    """Figures said that everything was deleted, no recipient had said so, and the overseer was told that they agree."""
    seconds = seconds_of(deleted, first - 1) if first else 0
    path = openings_of(deleted, tmp_path / "openings.ndjson", first=seconds)
    honest = verify_folder(deleted.folder, openings=opened(world, path))
    assert honest.ok, honest.lines()
    assert any("times of receipts" in words for words in honest.not_checked) == bool(first)
    folder = relogged(deleted, tmp_path / "log", "figures", attest)
    assert verify_folder(folder).ok
    said = failed(verify_folder(folder, openings=opened(world, path)))
    assert said.keys() == {"opened-figures"}
    assert f"`receipts of {FEED}, attested_until` is published as" in said["opened-figures"]


def test_a_receipt_that_is_not_published_is_found(deleted: World, world: World, tmp_path: Path) -> None:
    path = openings_of(deleted, tmp_path / "openings.ndjson")

    def forget(body: dict[str, Any]) -> None:
        receipts = body["receipts"].get(FEED)
        if receipts and not receipts["missing"]:
            receipts["attested_until"] = None

    folder = relogged(deleted, tmp_path / "log", "figures", forget)
    assert verify_folder(folder).ok
    said = failed(verify_folder(folder, openings=opened(world, path)))
    assert said.keys() == {"opened-figures"}
    assert "attested_until` is published as none, and the facts come to 20" in said["opened-figures"]


def test_receipts_before_the_file_bound_what_is_attested(
    deleted: World, world: World, tmp_path: Path
) -> None:
    """In the rest of a period nobody knows what was attested before."""
    path = openings_of(deleted, tmp_path / "openings.ndjson", first=len(deleted.openings) - 3)
    folder = relogged(deleted, tmp_path / "log", "figures", attest)
    report = verify_folder(folder, openings=opened(world, path))
    assert report.ok, report.lines()
    assert any("times of receipts" in words for words in report.not_checked)


def test_facts_that_are_not_those_of_the_log_are_found(world: World, tmp_path: Path) -> None:
    lines = of(world, "openings.ndjson").read_text().splitlines(keepends=True)
    number = next(n for n, one in enumerate(world.openings) if json.loads(one)["facts"])
    opening = json.loads(world.openings[number])
    opening["facts"] = opening["facts"][1:]
    lines[number] = line(number + 1, canonical(opening))
    path = tmp_path / "openings.ndjson"
    path.write_text("".join(lines))
    faults = failed(verify_folder(world.folder, openings=opened(world, path)))
    assert "its facts are not under entry" in faults["openings"]


def test_a_period_is_compared_only_where_all_of_it_is_opened(world: World, tmp_path: Path) -> None:
    lines = of(world, "openings.ndjson").read_text().splitlines(keepends=True)
    path = tmp_path / "openings.ndjson"
    path.write_text("".join(lines[:14]))
    report = verify_folder(world.folder, openings=opened(world, path))
    assert report.ok, report.lines()
    assert report.counts["periods_opened"] == 2  # one of traffic, and the one of targeting that is in it
    assert any("the file does not open every second of them" in words for words in report.not_checked)
    path.write_text("".join(lines[:2]) + lines[1])
    assert "opened twice" in failed(verify_folder(world.folder, openings=opened(world, path)))["openings"]


@pytest.mark.parametrize("text", ["", "x\n", "{}\n", '{"sealed":"x"}\n', '{"sealed":"eA=="}\n', "\xff\n"])
def test_a_file_that_holds_no_openings_is_a_failure(world: World, tmp_path: Path, text: str) -> None:
    path = tmp_path / "openings.ndjson"
    path.write_bytes(text.encode("latin-1"))
    assert failed(verify_folder(world.folder, openings=opened(world, path))).keys() == {"openings"}


def test_another_identity_and_other_files_are_said_so(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, none = tmp_path / "other.txt", tmp_path / "none"
    other.write_text(new_identity()[0] + "\n")
    wrong = Opened(paths=(of(world, "openings.ndjson"),), opener=read_identity(other))
    with pytest.raises(ConfigurationError, match="opens none of the"):
        verify_folder(world.folder, openings=wrong)
    for text in ("", "# a comment\n", "AGE-SECRET-KEY-1\n"):
        other.write_text(text)
        with pytest.raises(ConfigurationError):
            read_identity(other)
    with pytest.raises(Unreachable):
        read_identity(none)
    identity, openings = of(world, "identity.txt"), of(world, "openings.ndjson")
    for words, code in (
        (("--openings", openings, "--identity", identity), 0),
        (("--openings", none, "--identity", identity), 3),
        (("--openings", openings, "--identity", none), 3),
        (("--openings", openings), 2),
        (("--identity", identity), 2),
    ):
        assert main(["verify", str(world.folder), *map(str, words)]) == code, capsys.readouterr()
