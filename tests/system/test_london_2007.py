"""London, 2007 and after, as docs/london-2007.md tells it: a real gateway, replayed under a clock that is moved."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests import history_2007 as history
from tests.history_2007 import (
    ALL_CRIME,
    CERTIFICATE,
    CERTIFIERS,
    CHARGING,
    LISTED,
    NEIGHBOUR,
    OF_LISTED,
    OF_THIRD_PARTY,
    ON_CRIME,
    OWN_USE,
    SECRETARY,
    THIRD_PARTY,
    TRANSPORT,
)
from tests.running import batches_of, bearer, client, get, request, until, wicketgate
from tests.story import (
    CHARGING_UNIT,
    CRIME_UNIT,
    DUTY_DESK,
    EASTHOLM,
    MARSHBRIDGE,
    TFL,
    UNIT,
    Replay,
)
from wicketgate.base.clock import MINUTE_US, SECOND_US, parse_rfc3339, rfc3339
from wicketgate.clients.reporting.tables import period_rows

STORY = Path("docs/london-2007.md")
YEAR = ("2007-07-17T00:00:00Z", "2008-07-17T00:00:00Z")
OF_2012 = ("2012-03-01T00:00:00Z", "2013-03-01T00:00:00Z")
OF_2022 = ("2022-05-16T00:00:00Z", "2023-05-16T00:00:00Z")
WIDER_OF_2022 = ("2022-08-15T00:00:00Z", "2023-08-15T00:00:00Z")
DECIDERS = ("tfl/data-protection", TRANSPORT)

TITLE = "Congestion-charge cameras for national security"
MARK = "Not consulted on"
BANNER = "Demonstration: invented vehicles"
PAGES = (
    "/authorities", f"/authorities/{CERTIFICATE}/1", "/drift",
    "/", "/figures", "/consultations", "/why-not-less", "/verify",
)  # fmt: skip

Document = Mapping[str, Any]


def test_london_in_2007_and_after(tmp_path: Path) -> None:
    replay = Replay(tmp_path)
    replay.lay()
    with replay.scene("2007-07-17T10:00:00Z"):
        the_certificate_is_in_force_at_once(replay)
        it_says_so_on_every_page(replay)
        a_proposal_for_all_crime_goes_to_consultation(replay)
    with replay.scene("2007-10-16T09:00:00Z"):
        images_are_counted(replay)
        the_first_review_comes(replay)
        the_proposal_is_decided_on(replay)
        third_parties_cannot_be_pulled_in(replay)
        due_us = parse_rfc3339(replay.version()["review_due"])
    with replay.scene(rfc3339(due_us - MINUTE_US)):
        missed = the_second_review_does_not_come(replay, due_us)
    with replay.scene("2008-01-21T09:00:00Z"):
        a_late_review_counts_from_then_on(replay, missed)
        third_parties_join_under_authorities_of_their_own(replay)
        listed_vehicles_are_found(replay)
    with replay.scene("2008-04-18T09:00:00Z"):
        recipients_attest(replay)
    with replay.scene("2008-07-17T00:01:00Z"):
        the_year_is_over(replay)
        the_annual_report_is_in_the_register(replay)
    with replay.scene("2012-03-01T09:00:00Z"):
        general_crime_is_refused(replay)
    with replay.scene("2022-05-16T09:00:00Z"):
        more_cameras_are_withheld(replay)
        more_of_each_read_is_refused_until_consulted_on(replay)
    with replay.scene("2022-08-15T09:00:00Z"):
        more_of_each_read_is_consulted_on(replay)
        anybody_can_verify_the_whole_story(replay)


# --- 2007 -----------------------------------------------------------------------------------------------------


def the_certificate_is_in_force_at_once(replay: Replay) -> None:
    replay.enrol()
    replay.register_cameras(TFL, history.road_cameras())
    replay.take(history.charging_authority(), *OWN_USE)
    certificate = history.certificate(1, *YEAR)
    unsigned = replay.refuse(certificate, SECRETARY, "met/national-security")
    assert unsigned["code"] == "signature-missing"
    assert "tfl/data-protection" in unsigned["detail"]

    taken = replay.take(certificate, *CERTIFIERS)
    version = replay.version()
    assert version["in_force_from"] == version["committed_at"] == taken["in_force_from"]
    assert version["status"] == "in-force"
    assert (version["cameras"], version["camera_cap"], version["cameras_withheld"]) == (1500, 1500, 0)
    assert version["consulted"]["need"] == "marked"
    assert any("National security" in words for words in version["consulted"]["wider"])
    assert version["document"]["authority"]["instrument"]["exempts"] == [
        "Data Protection Act 1998, second data protection principle (tfl, met)"
    ]

    seen = replay.pass_pictured("ccz-0001", 24)
    rows = replay.arrived([*seen])
    assert {row["authority"] for row in rows} == {f"{CERTIFICATE}@1"}
    # With the field `place` and a log named: the camera with its name and position.
    shown = {"plate", "confidence", "captured_at", "source", "camera", "camera_name", "position"}
    shown |= {"patch_image", "overview_image"}
    assert [set(row["read"]) for row in rows] == [shown] * len(rows)
    images_are_fetched(replay, seen, rows)
    # The staff of national security units, and nobody else in the same organisation.
    other = replay.feed(unit=CRIME_UNIT)
    assert (other.status_code, other.json()["code"]) == (403, "not-entitled")
    assert get(f"{replay.url}/v1/feeds/{CERTIFICATE}").status_code == 401


def images_are_fetched(
    replay: Replay, seen: Mapping[str, tuple[bytes, bytes]], rows: list[dict[str, Any]]
) -> None:
    """The certificate was for "images taken by the cameras": its recipient has each of them, in bulk."""
    wanted = {
        row["read"][member]["ref"]: image
        for row in rows
        for member, image in zip(("patch_image", "overview_image"), seen[row["read"]["plate"]], strict=True)
    }
    assert len(wanted) == 48
    lines = [json.loads(line) for line in replay.fetch([*wanted]).text.splitlines()]
    assert {line["ref"]: base64.b64decode(line["data"]) for line in lines} == wanted
    assert replay.fetch([*wanted], CRIME_UNIT).status_code == 403


def images_are_counted(replay: Replay) -> None:
    """They are figures of traffic, with the reads of the same time."""
    first = replay.register()["figures"][0]
    assert [first[table][CERTIFICATE] for table in ("released", "images", "fetched")] == [24, 48, 48]


def it_says_so_on_every_page(replay: Replay) -> None:
    for path in PAGES:
        text = replay.page(path)
        assert BANNER in text, path
        assert history.ORIGIN in text, path
        assert TITLE not in text or MARK in text, path
    for path in PAGES[:3]:
        text = replay.page(path)
        assert TITLE in text, path
        assert MARK in text, path
    first = replay.page("/")  # it has each authority by its recipient and its law
    assert f"/authorities/{CERTIFICATE}/1" in first
    assert MARK in first
    page = replay.page(f"/authorities/{CERTIFICATE}/1")
    assert "Data Protection Act 1998, second data protection principle (tfl, met)" in page
    register = replay.register()
    assert (register["origin"], register["demonstration"]) == (history.ORIGIN, True)
    assert b"moved clock" in json.dumps(register["charter"]).encode()


def all_crime(consultation: str | None = None) -> dict[str, Any]:
    document = history.all_crime("2007-11-01T00:00:00Z", "2008-11-01T00:00:00Z")
    if consultation is not None:
        document["authority"]["consultation"] = consultation
    return document


def a_proposal_for_all_crime_goes_to_consultation(replay: Replay) -> None:
    said: dict[str, Any] = {
        "title": "Congestion-charge cameras for crime of any kind",
        "assessment": "Whoever drives into the zone would be in the reads of the crime units.",
    }
    assert replay.refuse(all_crime(), *ON_CRIME)["code"] == "widening"
    short = history.consultation("c-2007-001", replay.now_us, all_crime(), days=21, **said)
    assert replay.refuse(short, SECRETARY)["code"] == "consultation-too-short"
    replay.take(history.consultation("c-2007-001", replay.now_us, all_crime(), **said), SECRETARY)
    objection = history.objection("o-dft-1", "c-2007-001", replay.now_us)
    assert replay.refuse(objection, SECRETARY)["code"] == "signature-missing"
    replay.take(objection, TRANSPORT)
    for text in ("We were told it was for the charge.", "It should be used for all crime."):
        assert replay.respond("c-2007-001", text).status_code == 201

    found = replay.consultation("c-2007-001")
    assert (found["status"], found["responses"]) == ("open", None)
    assert [one["organisation"] for one in found["objections"]] == ["dft"]
    assert any("any kind" in words and "in bulk" in words for words in found["wider"])
    page = replay.page("/consultations/c-2007-001")
    assert "Department for Transport" in page
    assert "out of proportion to the problem" in page
    assert replay.refuse(all_crime("c-2007-001"), *ON_CRIME)["code"] == "consultation-open"
    early = decision_on_crime(replay, o_dft_1="It was weighed.")
    assert replay.refuse(early, *DECIDERS)["code"] == "consultation-open"
    assert get(f"{replay.url}/consultations/c-2007-001/responses").json()["code"] == "consultation-not-closed"


def decision_on_crime(replay: Replay, **answers: str) -> dict[str, Any]:
    return history.decision(
        "d-2007-001",
        "c-2007-001",
        replay.now_us,
        "The public was told that the cameras are for the charge.",
        answers={key.replace("_", "-"): value for key, value in answers.items()},
    )


def the_first_review_comes(replay: Replay) -> None:
    before = replay.version()
    assert (before["status"], before["review_due"][:10]) == ("in-force", "2007-10-17")
    review = history.review("review-2007-10", replay.now_us, "Necessary still; nothing else was asked of it.")
    assert replay.refuse(review, "met/national-security")["code"] == "signature-missing"
    replay.take(review, SECRETARY)
    after = replay.version()
    assert (after["status"], after["review_due"][:10]) == ("in-force", "2008-01-16")
    [act] = after["acts"]
    figures = act["figures"]
    assert (figures["decided"], figures["released"], figures["left_ppm"]) == (24, 24, 1_000_000)
    assert "What its reviews had before them" in replay.page(f"/authorities/{CERTIFICATE}/1")


def the_proposal_is_decided_on(replay: Replay) -> None:
    assert replay.consultation("c-2007-001")["status"] == "closed"
    assert replay.refuse(decision_on_crime(replay), *DECIDERS)["code"] == "objection-unanswered"
    answered = decision_on_crime(replay, o_dft_1="It is upheld: bulk for all crime is out of proportion.")
    alone = replay.refuse(answered, "met/intelligence")
    assert alone["code"] == "signature-missing"
    assert TRANSPORT in alone["detail"]
    replay.take(answered, *DECIDERS)
    found = replay.consultation("c-2007-001")
    assert (found["status"], found["responses"]) == ("rejected", 2)
    assert "We were told it was for the charge." in replay.page("/consultations/c-2007-001")
    assert replay.refuse(all_crime("c-2007-001"), *ON_CRIME)["code"] == "consultation-does-not-cover"
    assert replay.refuse(all_crime(), *ON_CRIME)["code"] == "widening"


def third_party(consultation: str | None = None) -> dict[str, Any]:
    document = history.third_party_certificate("2008-01-21T00:00:00Z", "2009-01-21T00:00:00Z")
    if consultation is not None:
        document["authority"]["consultation"] = consultation
    return document


def third_parties_cannot_be_pulled_in(replay: Replay) -> None:
    replay.register_cameras(MARSHBRIDGE, history.third_party_cameras("marshbridge"))
    replay.register_cameras(EASTHOLM, history.third_party_cameras("eastholm"))
    wider = history.pulled_in(history.certificate(1, *YEAR), 2, ["marshbridge"])
    refused = replay.refuse(wider, *CERTIFIERS, *OF_THIRD_PARTY[1:3])
    assert refused["code"] == "widening"
    passed_on = history.certificate(2, *YEAR)
    passed_on["authority"]["onward"] = [history.NEIGHBOUR]
    assert replay.refuse(passed_on, *CERTIFIERS)["code"] == "widening"
    assert any("Marshbridge" in words for words in refused["powers"])
    assert replay.refuse(third_party(), *OF_THIRD_PARTY)["code"] == "widening"
    listed = history.listed_vehicles("2008-01-21T00:00:00Z", "2009-01-21T00:00:00Z")
    assert replay.refuse(listed, *OF_LISTED)["code"] == "widening"
    for name, council, draft in (
        ("c-2007-002", "marshbridge", third_party()),
        ("c-2007-003", "eastholm", listed),
    ):
        document = history.consultation(
            name,
            replay.now_us,
            draft,
            title=f"Cameras of {council.title()} for the police",
            assessment="Whoever drives on the council’s main roads is read.",
        )
        replay.take(document, f"{council}/data-protection")


# --- 2008 -----------------------------------------------------------------------------------------------------


def the_second_review_does_not_come(replay: Replay, due_us: int) -> list[str]:
    replay.arrived(replay.pass_by("ccz-0002"))
    last = batches_of(replay.held())[-1].number

    def wait_at_the_feed() -> tuple[int, str]:
        with client(replay, UNIT) as unit:
            while True:
                # It gives up long before `wait` is over: only a gateway that wakes it answers in time.
                query = {"after": last, "wait": 60}
                answer = unit.get(f"/v1/feeds/{CERTIFICATE}", params=query, timeout=30)
                if answer.status_code != 200:
                    return answer.status_code, answer.json()["code"]
                assert not answer.content

    def follow_the_feed() -> list[str]:
        with client(replay, UNIT) as unit:
            path = f"/v1/feeds/{CERTIFICATE}/events"
            with unit.stream("GET", path, params={"after": last}, timeout=30) as events:
                return [line for line in events.iter_lines() if line and not line.startswith(":")]

    with ThreadPoolExecutor(2) as recipients:
        waiting, following = recipients.submit(wait_at_the_feed), recipients.submit(follow_the_feed)
        time.sleep(0.5)  # so that both are open
        assert replay.version()["status"] == "in-force"
        replay.clock.move(due_us - SECOND_US)
        assert waiting.result() == (403, "review-overdue")
        assert following.result() == ["event: end", 'data: {"code":"review-overdue"}']
    assert replay.now_us >= due_us
    assert replay.version()["status"] == "review-overdue"
    assert "Review overdue" in replay.page(f"/authorities/{CERTIFICATE}/1")
    assert replay.feed().json()["code"] == "review-overdue"
    # What is read meanwhile goes where an authority is in force, and nowhere else.
    missed = replay.pass_by("ccz-0003")
    replay.arrived(missed, CHARGING, CHARGING_UNIT)
    return missed


def the_refusals(replay: Replay, name: str, reason: str) -> int:
    cells = [cell for period in replay.register()["figures"] for cell in period["refused"]]
    return sum(
        cell["rows"] for cell in cells if cell["authority"].startswith(name) and cell["reason"] == reason
    )


def a_late_review_counts_from_then_on(replay: Replay, missed: list[str]) -> None:
    assert replay.version()["status"] == "review-overdue"
    assert the_refusals(replay, f"{CERTIFICATE}@1", "review-overdue") == len(missed)
    review = history.review("review-2008-01", replay.now_us, "Held late: the file had been mislaid.")
    replay.take(review, SECRETARY)
    version = replay.version()
    assert (version["status"], version["review_due"][:10]) == ("in-force", "2008-04-21")
    assert [act["figures"]["released"] for act in version["acts"]] == [24, 12]
    seen = replay.pass_by("ccz-0004")
    replay.arrived(seen)
    assert not {row["read"]["plate"] for row in replay.rows()} & set(missed)


def third_parties_join_under_authorities_of_their_own(replay: Replay) -> None:
    for number, council, answer in (
        ("c-2007-002", "marshbridge", "A council’s cameras are its own to answer for."),
        ("c-2007-003", "eastholm", "Listed vehicles only."),
    ):
        decision = history.decision(
            number.replace("c-", "d-"), number, replay.now_us, answer, covered_until="2010-01-21T00:00:00Z"
        )
        replay.take(decision, f"{council}/data-protection", TRANSPORT)
    borrowed = replay.refuse(third_party("c-2007-002"), *CERTIFIERS)
    assert borrowed["code"] == "signature-missing"
    assert "marshbridge/chief-executive" in borrowed["detail"]
    replay.take(third_party("c-2007-002"), *OF_THIRD_PARTY)
    consulted = replay.version(THIRD_PARTY)["consulted"]
    assert (consulted["need"], consulted["by"]) == ("covered", ["c-2007-002"])
    # What was consulted on for the council's own authority covers no other, and no other's covers it.
    wider = history.pulled_in(history.certificate(1, *YEAR), 2, ["marshbridge"])
    assert replay.refuse(wider, *CERTIFIERS, *OF_THIRD_PARTY[1:3])["code"] == "widening"

    seen = replay.pass_by("mb-002", source=MARSHBRIDGE)
    rows = replay.arrived(seen, THIRD_PARTY)
    assert {(row["authority"], row["read"]["source"]) for row in rows} == {
        (f"{THIRD_PARTY}@1", "marshbridge")
    }
    assert not {row["read"]["plate"] for row in replay.rows()} & set(seen)


def listed_vehicles_are_found(replay: Replay) -> None:
    replay.take(history.listed_vehicles("2008-01-21T00:00:00Z", "2009-01-21T00:00:00Z"), *OF_LISTED)
    stolen = replay.unseen(24)
    entries = [
        {"plate": plate, "kind": history.STOLEN, "priority": 3, "reason": "taken in a burglary"}
        for plate in stolen
    ]
    with client(replay, DUTY_DESK) as desk:
        body = "\n".join(map(json.dumps, entries))
        answer = desk.put(
            f"/v1/hotlists/{LISTED}", content=body, headers={"Content-Type": "application/x-ndjson"}
        )
        assert answer.status_code == 200, answer.text
        replay.see("eh-002", stolen, source=EASTHOLM)
        others = replay.pass_by("eh-003", source=EASTHOLM)
        rows = replay.arrived(stolen, LISTED, DUTY_DESK)
        hits = [row["hit"]["id"] for row in rows]
        for number, hit in enumerate(hits):
            said = ["confirmed", "acted"] if number % 2 else ["not-acted"]
            for outcome in said:
                reason = "the crew was elsewhere" if outcome == "not-acted" else "compared with its image"
                # The row is in its feed before the queue of hits has it.
                until(lambda hit=hit: desk.get(f"/v1/hits/{hit}").status_code == 200)
                answer = desk.post(f"/v1/hits/{hit}/outcome", json={"outcome": outcome, "reason": reason})
                assert answer.status_code in (200, 201), answer.text
    assert not {row["read"]["plate"] for row in replay.rows(LISTED, DUTY_DESK)} & set(others)
    told = replay.disclose(LISTED, NEIGHBOUR, 12, DUTY_DESK)
    assert told.status_code == 201, told.text


def recipients_attest(replay: Replay) -> None:
    stands = replay.register()["figures"][-1]["receipts"]
    assert stands[CERTIFICATE]["missing"]
    replay.attest(CERTIFICATE, "2008-04-18T00:00:00Z")
    replay.attest(LISTED, "2008-04-18T00:00:00Z", DUTY_DESK)
    assert replay.version()["status"] == "in-force"
    replay.take(history.review("review-2008-04", replay.now_us, "Held in time."), SECRETARY)
    replay.arrived(replay.pass_by("ccz-0005"))


def the_year_is_over(replay: Replay) -> None:
    version = replay.version()
    assert version["status"] == "expired"
    assert version["in_force_until"] == YEAR[1]
    before = len(replay.rows())
    replay.arrived(replay.pass_by("ccz-0006"), CHARGING, CHARGING_UNIT)
    assert len(replay.rows()) == before
    assert replay.version(THIRD_PARTY)["status"] == "review-overdue"


def the_annual_report_is_in_the_register(replay: Replay) -> None:
    report = period_rows(replay.register(), *map(parse_rfc3339, YEAR))
    found = re.search(r"<!-- annual report -->\n(.*?)<!-- end -->", STORY.read_text(), re.DOTALL)
    assert found is not None
    table = [line.strip("| ").split(" | ") for line in found[1].strip().splitlines()[2:]]
    assert [list(row) for row in report.items()] == table
    shown = " ".join(replay.page("/").split())
    assert "Review overdue" in shown


# --- 2012 -----------------------------------------------------------------------------------------------------


def general_crime_is_refused(replay: Replay) -> None:
    replay.take(history.certificate(2, *OF_2012), *CERTIFIERS)
    assert replay.version(number=2)["consulted"]["need"] == "marked"
    refused = replay.refuse(history.all_crime(*OF_2012), *ON_CRIME)
    assert refused["code"] == "widening"
    [words] = refused["powers"]
    for part in (
        "Crime units",
        "Preventing and investigating crime of any kind",
        "in bulk",
        "the plate, time and place",
    ):
        assert part in words
    same_name = history.certificate(3, *OF_2012)
    same_name["authority"]["purpose"] = "policing/crime"
    assert replay.refuse(same_name, *ON_CRIME, *CERTIFIERS[2:])["code"] == "feed-purpose-fixed"

    replay.arrived(replay.pass_by("ccz-0007"))
    passed_on = replay.disclose(CERTIFICATE, "met/crime-units", 12)
    assert (passed_on.status_code, passed_on.json()["code"]) == (422, "onward-not-allowed")
    assert replay.feed(unit=CRIME_UNIT).status_code == 403
    with client(replay, CRIME_UNIT) as crime:
        assert crime.get("/v1/feeds").json() == {"feeds": []}
    assert ALL_CRIME not in {one["name"] for one in replay.register()["authorities"]}


# --- 2022 -----------------------------------------------------------------------------------------------------


def more_cameras_are_withheld(replay: Replay) -> None:
    # The attempt of 2012 was published, as one of fewer than ten; so is it that there was none.
    assert all(
        period["disclosures_refused"].get(CERTIFICATE, None) is None
        for period in replay.register()["targeting"]
    )
    replay.register_cameras(TFL, history.road_cameras(history.CAMERAS_2022))
    assert replay.refuse(history.certificate(3, *OF_2022), *CERTIFIERS)["code"] == "widening"
    replay.take(history.certificate(3, *OF_2022, max_cameras=1500), *CERTIFIERS)
    version = replay.version(number=3)
    assert (version["cameras"], version["cameras_withheld"], version["consulted"]["need"]) == (
        1500,
        44,
        "marked",
    )
    withheld = replay.pass_by("ccz-1544")
    replay.arrived(replay.pass_by("ccz-1500"))  # which was read after those, and so decided after them
    assert not {row["read"]["plate"] for row in replay.rows()} & set(withheld)


def wider(consultation: str | None = None) -> dict[str, Any]:
    document = history.wider_certificate(4, *WIDER_OF_2022)
    if consultation is not None:
        document["authority"]["consultation"] = consultation
    return document


def more_of_each_read_is_refused_until_consulted_on(replay: Replay) -> None:
    refused = replay.refuse(wider(), *CERTIFIERS)
    assert refused["code"] == "widening"
    looks, cameras = refused["powers"]
    assert "vehicle" in looks, refused["powers"]
    assert "more than 1,500 and up to 4,294 cameras" in cameras
    assert replay.refuse(wider("c-2022-001"), *CERTIFIERS)["code"] == "consultation-does-not-cover"
    said: dict[str, Any] = {
        "title": "What cars look like, and 2,750 more cameras",
        "assessment": "Make and colour make a car known whose plate nobody read.",
    }
    short = history.consultation("c-2022-001", replay.now_us, wider(), days=83, **said)
    assert replay.refuse(short, "tfl/data-protection")["code"] == "consultation-too-short"
    replay.take(history.consultation("c-2022-001", replay.now_us, wider(), **said), "tfl/data-protection")
    assert replay.refuse(wider("c-2022-001"), *CERTIFIERS)["code"] == "consultation-open"
    assert replay.respond("c-2022-001", "Leave out the colour.", name="A driver").status_code == 201
    assert replay.respond("c-2022-001", "Not for publication.", publish=False).status_code == 201


def more_of_each_read_is_consulted_on(replay: Replay) -> None:
    assert replay.refuse(wider("c-2022-001"), *CERTIFIERS)["code"] == "consultation-open"  # not decided yet
    published = get(f"{replay.url}/consultations/c-2022-001/responses").text.splitlines()
    assert [json.loads(line)["text"] for line in published] == ["Leave out the colour."]
    approved = history.decision(
        "d-2022-001",
        "c-2022-001",
        replay.now_us,
        "With the terms that were consulted on, and no others.",
        covered_until="2025-08-01T00:00:00Z",
    )
    replay.take(approved, *DECIDERS)
    more = {**wider("c-2022-001"), "scope": {**wider()["scope"], "max_cameras": 5000}}
    assert replay.refuse(more, *CERTIFIERS)["code"] == "consultation-does-not-cover"
    replay.take(wider("c-2022-001"), *CERTIFIERS)
    version = replay.version(number=4)
    assert (version["consulted"]["need"], version["consulted"]["by"]) == ("covered", ["c-2022-001"])
    assert replay.version(number=3)["status"] == "superseded"

    most = history.CAMERAS_2022 + history.PLANNED_2022
    replay.register_cameras(TFL, history.road_cameras(most + 6))
    version = replay.version(number=4)
    assert (version["cameras"], version["cameras_withheld"]) == (most, 6)
    withheld = replay.pass_by(f"ccz-{most + 6}")
    [seen] = replay.unseen(1)
    read = {
        "camera": f"ccz-{most}",
        "captured_at": rfc3339(replay.now_us),
        "plate": seen,
        "confidence": 0.9,
        "vehicle": {"make": "Ford", "colour": "blue"},
    }
    answer = request("POST", f"{replay.url}/v1/reads", json=[read], headers=bearer(replay, TFL))
    assert answer.status_code == 200, answer.text
    [row] = replay.arrived([seen])
    assert (row["authority"], row["read"]["vehicle"]) == (f"{CERTIFICATE}@4", read["vehicle"])
    assert not {row["read"]["plate"] for row in replay.rows()} & set(withheld)
    page = replay.page(f"/authorities/{CERTIFICATE}/4")
    assert "A public consultation covers all of it." in page
    # The versions before it, which it lists: what the last of them let go is covered by the decision since.
    stances = [replay.version(number=number)["stance"] for number in (1, 2, 3)]
    assert [one["footing"] for one in stances] == ["marked", "marked", "consulted-since"]
    assert stances[2]["by"] == ["c-2022-001"]
    assert page.count(MARK) == 2


# --- at the end -------------------------------------------------------------------------------------------------


def anybody_can_verify_the_whole_story(replay: Replay) -> None:
    received = replay.folder.parent / "received.ndjson"
    received.write_bytes(replay.held())
    done = wicketgate(
        "verify", replay.url, "--key", replay.log_key, "--feed-file", received, "--json", timeout_s=120
    )
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"]) == (0, True), done.stdout
    words = json.dumps(report)
    assert history.ORIGIN in words
    assert "It says that it is a demonstration" in words
    # Whoever checks judges each widening again, from the documents in the public log alone.
    assert "8 documents widen what consultations covered, and say so" in words
    assert "in 9 gaps, each explained by a start" in words
