"""The site of a charging folder: what it answers to whom."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.charging_feed import read_of
from tests.unit.clients.test_charging_book import DAY, DUE, LONDON, OWER, PAYER, Town
from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.base.errors import Unreachable
from wicketgate.clients.charging.book.provider import Ordered
from wicketgate.clients.charging.cases import casebook, queue
from wicketgate.clients.charging.cases.pack import Looked, check_case_pack, pack_of
from wicketgate.clients.charging.cases.stopping import is_stopped
from wicketgate.clients.charging.site.desk import ReviewDesk
from wicketgate.clients.charging.site.drivers import DriverPages
from wicketgate.clients.charging.site.people import DeskSessions, end_person, make_tables, name_person
from wicketgate.clients.charging.site.site import ChargingSite
from wicketgate.clients.charging.store import change
from wicketgate.clients.evidence.archive import read_archive, write_archive
from wicketgate.clients.officer.desk.door import Request
from wicketgate.clients.officer.desk.server import PageAnswer

PASSPHRASE = "correct horse battery"
IMAGE = b"\x89PNG not really"


class Site:
    """A site over a town, asked without a socket."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.seconds = 0.0
        self.fetched: list[str] = []
        self.stopped = False
        self.provider_fails = False
        self.cookie = ""
        with change(town.store):
            make_tables(town.store)
            for name in ("ann", "bob"):
                name_person(town.store, name, f"{PASSPHRASE} {name}")
        drivers = DriverPages(town.store, town.book, lambda: town.now_us, self.order)
        desk = ReviewDesk(town.store, town.book, lambda: town.now_us, self.fetch, lambda: self.stopped)
        self.site = ChargingSite(town.store, drivers, desk, DeskSessions(lambda: self.seconds))

    def order(self, plate: str, day: date, amount: int, currency: str) -> Ordered:
        if self.provider_fails:
            raise Unreachable("the provider does not answer")
        return Ordered(number="o-1", url=f"https://pay.example/{amount}")

    def fetch(self, ref: str) -> bytes:
        self.fetched.append(ref)
        return IMAGE

    def ask(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> PageAnswer:
        sent = {"host": "127.0.0.1:1", "cookie": self.cookie} | {
            n.replace("_", "-"): v for n, v in headers.items()
        }
        if fields is None:
            return self.site.answer(Request(method="GET", path=path, headers=sent))
        sent = {"content-type": "application/x-www-form-urlencoded", "origin": "http://127.0.0.1:1"} | sent
        return self.site.answer(
            Request(method="POST", path=path, headers=sent, body=urlencode(fields).encode())
        )

    def text(self, path: str, fields: dict[str, str] | None = None) -> str:
        return self.ask(path, fields).body.decode()

    def sign_in(self, name: str) -> None:
        answer = self.ask("/desk/sign-in", {"name": name, "passphrase": f"{PASSPHRASE} {name}"})
        assert answer.status == 303
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def do(self, path: str, **fields: str) -> PageAnswer:
        form_key = self.text("/desk").partition('name="form_key" value="')[2].partition('"')[0]
        return self.ask(path, {"form_key": form_key, **fields})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    town = Town(tmp_path)
    yield Site(town)
    town.store.close()


def seen_with_images(town: Town) -> None:
    image = {
        "ref": "ref-1",
        "sha256": hashlib.sha256(IMAGE).hexdigest(),
        "bytes": len(IMAGE),
        "type": "image/png",
    }
    rows = [
        {"read": {**read_of(OWER, DAY.replace(minute=n), camera, 95), "overview_image": image}}
        for n, camera in enumerate(("c0", "c1"))
    ]
    town.feed.add(rows)
    town.folder.take(town.feed)


# --- drivers ----------------------------------------------------------------------------------------------------


def test_what_a_day_costs_is_said_without_a_vehicle(site: Site) -> None:
    assert "London congestion charge" in site.text("/")
    price = site.text("/price", {"day": "2026-09-01", "class": "vehicle"})
    assert "Central London, 07:00 to 18:00: 18.00 GBP for the day" in price
    assert "Pay until the end of 4 September 2026" in price
    assert "Nothing is charged" in site.text("/price", {"day": "2026-12-25", "class": "vehicle"})
    assert site.ask("/price", {"day": "yesterday"}).status == 422


def test_a_receipt_and_paying_say_the_same_whether_a_vehicle_was_seen(site: Site) -> None:
    site.town.now_us = parse_rfc3339("2026-09-01T12:00:00Z")
    said = {}
    for seen in (False, True):
        if seen:
            site.town.see(PAYER)
            site.town.settle()
        said[seen] = site.text("/pay", {"plate": PAYER, "day": "2026-09-01"})
    assert said[False] == said[True]
    assert "https://pay.example/1800" in said[True]
    site.town.pay(PAYER, number="p-7")
    before = site.text("/receipt/p-7")
    site.town.settle(4 * DAY_US)
    assert site.text("/receipt/p-7") == before
    assert "18.00 GBP" in before
    assert PAYER not in before
    assert site.ask("/receipt/p-8").status == 404


def test_the_surcharge_is_asked_for_after_the_day_and_nothing_after_its_last_window(site: Site) -> None:
    for now, wanted in (("2026-09-02T12:00:00Z", "2100"), ("2026-09-03T22:59:59Z", "2100")):
        site.town.now_us = parse_rfc3339(now)
        assert f"https://pay.example/{wanted}" in site.text("/pay", {"plate": PAYER, "day": "2026-09-01"})
    site.town.now_us = parse_rfc3339("2026-09-04T23:00:00Z")
    assert site.ask("/pay", {"plate": PAYER, "day": "2026-09-01"}).status == 422


def test_where_the_provider_fails_the_page_says_how_else(site: Site) -> None:
    site.town.now_us = parse_rfc3339("2026-09-01T12:00:00Z")
    site.provider_fails = True
    assert "Paying here is not possible now" in site.text("/pay", {"plate": PAYER, "day": "2026-09-01"})


def issued(site: Site) -> str:
    site.town.see(OWER)
    site.town.settle()
    site.town.confirm(OWER)
    return site.town.issue(OWER)[0]


def test_a_penalty_is_shown_to_whoever_has_number_and_plate(site: Site) -> None:
    number = issued(site)
    wrong = [
        site.ask("/penalty", {"number": n, "plate": p})
        for n, p in ((number, PAYER), ("1", OWER), (number, ""))
    ]
    assert [one.status for one in wrong] == [404] * 3
    assert len({one.body.replace(number.encode(), b"1") for one in wrong}) == 1
    shown = site.text("/penalty", {"number": number, "plate": "cd34 efg"})
    assert "90.00 GBP" in shown
    assert "K Eeper" not in shown


def test_a_keeper_objects_and_is_answered_and_appeals(site: Site) -> None:
    number = issued(site)
    mine = {"number": number, "plate": OWER}
    assert site.ask("/penalty/object", mine).status == 422
    said = site.text("/penalty/object", {**mine, "ground": "paid", "words": "I paid <b>it</b>."})
    assert "We have it" in said
    site.sign_in("bob")
    assert "I paid &lt;b&gt;it&lt;/b&gt;." in site.text(f"/desk/case/{number}")
    assert site.do(f"/desk/case/{number}", kind="reject").status == 200
    site.cookie = ""
    assert "Your appeal goes" in site.text("/penalty/appeal", mine)
    assert site.town.state(number) == "appealed"
    assert site.ask("/penalty/appeal", mine).status == 422


# --- the desk ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/desk", "/desk/review/1", "/desk/review/1/image/0", "/desk/case/1", "/desk/case/1/letter", "/desk/x"],
)
def test_nothing_at_the_desk_answers_without_a_person(site: Site, path: str) -> None:
    bare = {site.ask(path).status, site.ask(path, {"kind": "cancel"}).status}
    assert bare == {401}


def test_wrong_passphrases_make_the_next_wait_and_nobody_is_told_who_there_is(site: Site) -> None:
    answers = []
    for name in ("ann", "nobody"):
        answers.append(site.ask("/desk/sign-in", {"name": name, "passphrase": "wrong wrong wrong"}))
        assert site.ask("/desk/sign-in", {"name": "ann", "passphrase": f"{PASSPHRASE} ann"}).status == 429
        site.seconds += 100
    assert [one.status for one in answers] == [403, 403]
    assert answers[0].body == answers[1].body
    site.sign_in("ann")


def test_somebody_who_was_ended_is_out_at_once_and_so_is_an_idle_one(site: Site) -> None:
    site.sign_in("ann")
    site.seconds += 29 * 60
    assert site.ask("/desk").status == 200
    site.seconds += 31 * 60
    assert site.ask("/desk").status == 401
    site.sign_in("ann")
    with change(site.town.store):
        end_person(site.town.store, "ann")
    assert site.ask("/desk").status == 401


def test_a_form_of_another_page_does_nothing(site: Site) -> None:
    number = issued(site)
    site.sign_in("bob")
    path = f"/desk/case/{number}"
    assert site.ask(path, {"kind": "cancel", "ground": "discretion"}).status == 403
    form_key = site.text("/desk").partition('name="form_key" value="')[2].partition('"')[0]
    fields = {"kind": "cancel", "ground": "discretion", "form_key": form_key}
    assert site.ask(path, fields, origin="https://evil.example").status == 403
    assert site.ask(path, fields, sec_fetch_site="cross-site").status == 403
    assert site.town.state(number) == "issued"
    assert site.ask(path, fields).status == 200
    assert site.town.state(number) == "cancelled"


def test_the_reading_appears_only_after_the_person_typed(site: Site) -> None:
    seen_with_images(site.town)
    site.town.settle()
    assert site.fetched == []
    site.sign_in("ann")
    review = site.text("/desk/review/1")
    assert OWER not in review
    assert OWER not in site.text("/desk")
    assert site.ask("/desk/review/1/image/0").body == IMAGE
    assert site.ask("/desk/review/1/image/0").status == 200
    assert site.fetched == ["ref-1"]
    assert site.do("/desk/review/1/decide", confirms="yes").status == 422
    shown = site.do("/desk/review/1/type", text="cd34 efg").body.decode()
    assert OWER in shown
    assert site.do("/desk/review/1/decide", confirms="yes").status == 200
    assert queue.is_confirmed(site.town.store, OWER, DAY.date())


def test_a_mismatch_goes_to_somebody_else_who_knows_of_neither(site: Site) -> None:
    seen_with_images(site.town)
    site.town.settle()
    site.sign_in("ann")
    said = site.do("/desk/review/1/type", text=PAYER).body.decode()
    assert "somebody else looks at it now" in said
    assert site.ask("/desk/review/1").status == 404
    site.sign_in("bob")
    review = site.text("/desk/review/1")
    assert PAYER not in review
    assert OWER not in review
    site.do("/desk/review/1/type", text=PAYER)
    assert queue.review_of(site.town.store, OWER, DAY.date()) is None
    assert IMAGE not in site.town.bytes()


def test_an_image_that_was_changed_is_not_shown(site: Site) -> None:
    seen_with_images(site.town)
    site.town.settle()
    site.sign_in("ann")
    site.site._desk._fetch = lambda ref: b"another"
    assert site.ask("/desk/review/1/image/0").status == 404
    assert site.ask("/desk/review/1/image/7").status == 404


def test_while_charging_is_stopped_nobody_is_burdened(site: Site) -> None:
    number = issued(site)
    site.town.now_us += 60 * DAY_US
    site.sign_in("bob")
    assert "Issue the charge certificate" in site.text(f"/desk/case/{number}")
    site.stopped = True
    assert "Issue the charge certificate" not in site.text(f"/desk/case/{number}")
    assert site.do(f"/desk/case/{number}", kind="certificate").status == 422
    assert site.town.state(number) == "issued"
    assert site.do(f"/desk/case/{number}", kind="nonsense").status == 422


def test_a_clone_that_is_seen_at_the_desk_ends_all_of_its_penalties(site: Site) -> None:
    number = issued(site)
    site.sign_in("bob")
    site.do(f"/desk/case/{number}", kind="cancel", ground="clone")
    assert site.town.state(number) == "cancelled"
    assert queue.is_clone_held(site.town.store, OWER, DUE)


def test_the_letter_names_the_keeper_the_clocks_and_the_grounds(site: Site) -> None:
    number = issued(site)
    site.sign_in("bob")
    letter = site.text(f"/desk/case/{number}/letter")
    for words in (
        "K Eeper",
        "1 Road",
        number,
        OWER,
        "90.00 GBP",
        "28 days",
        "A person has looked",
        "hired out",
    ):
        assert words in letter


@pytest.mark.parametrize("path", ["/x", "/receipt/", "/desk/../", "/assets/none.css", "//evil"])
def test_other_addresses_answer_nothing(site: Site, path: str) -> None:
    assert site.ask(path).status in (401, 404)


def test_a_form_that_is_none_is_refused(site: Site) -> None:
    answer = site.site.answer(
        Request(method="POST", path="/pay", headers={"content-type": "text/plain"}, body=b"\xff" * 99)
    )
    assert answer.status == 400


# --- evidence ---------------------------------------------------------------------------------------------------


def test_a_pack_checks_and_one_that_was_changed_does_not(site: Site) -> None:
    seen_with_images(site.town)
    site.town.settle()
    site.town.confirm(OWER)
    [number] = site.town.issue(OWER)
    case = casebook.required(site.town.store, number)
    rows = queue.rows_of(site.town.store, OWER, case.day)
    looked = Looked(typed=[("ann", OWER, DUE)], decided_by="ann")
    data = pack_of(LONDON, case, rows, [("image/png", IMAGE)], looked, "<p>A letter</p>")
    assert len(rows) == 2
    assert check_case_pack(data) == []
    members = dict(read_archive(data).members)
    for name in members:
        changed = members | {name: members[name].replace(b"2026", b"2027") + b" "}
        assert check_case_pack(write_archive(changed)), name
    missing = {name: one for name, one in members.items() if name != "rows/row-0.json"}
    assert "`rows/row-0.json` is missing" in check_case_pack(write_archive(missing))


@pytest.mark.parametrize(
    ("register", "stopped"),
    [
        ({}, True),
        ({"authorities": [{"name": "a", "status": "revoked"}]}, True),
        ({"authorities": [{"name": "b", "status": "in-force"}]}, True),
        ({"authorities": [{"name": "a", "status": "expired"}, {"name": "a", "status": "in-force"}]}, False),
        ({"authorities": "a"}, True),
    ],
)
def test_charging_is_stopped_unless_a_version_is_in_force(register: dict, stopped: bool) -> None:
    assert is_stopped(register, "a") is stopped
