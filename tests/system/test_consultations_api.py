"""What anybody may say to a consultation, over real sockets: taken while it is open, kept, published afterwards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bench.harness import Running, gateway
from tests.consulting import (
    DECIDERS,
    closed,
    consultation,
    decision,
    objection,
    publish,
    published,
    registered,
    respond,
    respond_by_form,
)
from tests.running import OVERSEER, SOURCE, bearer, client, files_below, get, log_of, request, submit, until
from wicketgate.base.signing import canonical
from wicketgate.http.site.consultations import EACH
from wicketgate.ledger.merkle import leaf_hash
from wicketgate_demo.world import london

OPEN, SOON, SHORT = "c-open", "c-soon", "c-short"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def consulting() -> Iterator[Running]:
    """A gateway with a consultation that stays open, one that has not opened, and one that closes in a moment."""
    with gateway(8) as running:
        publish(running, consultation(OPEN))
        publish(running, consultation(SOON, opens_in_s=3600))
        yield running


@pytest.fixture(scope="module")
def over(consulting: Running) -> tuple[Running, dict[str, dict[str, Any]], dict[str, Any]]:
    """What was said to a consultation that has closed: receipts by text, and the consultation."""
    publish(consulting, consultation(SHORT, seconds=12))
    receipts: dict[str, dict[str, Any]] = {}
    said: list[dict[str, Any]] = [
        {"text": "My car AB12 CDE was read on the A40 in 2007.", "name": "A. Driver"},
        {"text": "Withheld: KLM3.", "name": "Somebody", "publish": False},
        {"text": "Write to me@example.org, or ring 020 7946 0123.", "organisation": "Drivers of ab12cde"},
    ]
    for one in said:
        answer = respond(consulting, SHORT, **one)
        assert answer.status_code == 201, answer.text
        receipts[one["text"]] = answer.json()
    html = respond_by_form(consulting, SHORT, text="First line.\r\nSecond line.", name="", publish="yes")
    assert html.status_code == 201, html.text
    texts = [f"At the same time {number}" for number in range(24)]
    with ThreadPoolExecutor(12) as threads:
        for text, answer in zip(
            texts, threads.map(lambda t: respond(consulting, SHORT, text=t), texts), strict=True
        ):
            assert answer.status_code == 201, answer.text
            receipts[text] = answer.json()
    assert submit(consulting, objection("o-short", SHORT), "dft/minister").status_code == 201
    return consulting, receipts, closed(consulting, SHORT)


def test_before_it_opens_and_where_there_is_none(consulting: Running) -> None:
    early = respond(consulting, SOON, text="Too soon.")
    assert (early.status_code, early.json()["code"]) == (409, "consultation-not-open")
    nowhere = respond(consulting, "c-none", text="Where?")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "unknown-consultation")
    assert get(f"{consulting.url}/consultations/c-none").status_code == 404
    none = get(f"{consulting.url}/consultations/c-none/responses")
    assert (none.status_code, none.json()["code"]) == (404, "unknown-consultation")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed"),
        (b"[]", 400, "malformed"),
        (b"{}", 400, "malformed"),
        (b'{"text": ""}', 400, "malformed"),
        (b'{"text": "  "}', 400, "malformed"),
        (b'{"text": 7}', 400, "malformed"),
        (b'{"text": ["x"]}', 400, "malformed"),
        (b'{"text": "a\\u0000b"}', 400, "malformed"),
        (b'{"text": "a\\u202eb"}', 400, "malformed"),
        (b'{"text": "a", "name": "b\\nc"}', 400, "malformed"),
        (b'{"text": "a", "publish": "no"}', 400, "malformed"),
        (b'{"text": "a", "email": "me@example.org"}', 400, "malformed"),
        (b'{"text": "a", "text": "b"}', 400, "malformed"),
        (b'{"text": "a", "publish": true, "publish": false}', 400, "malformed"),
        (json.dumps({"text": "x" * 10_001}).encode(), 400, "malformed"),
        (json.dumps({"text": "x", "name": "y" * 101}).encode(), 400, "malformed"),
        (b'{"text": "' + b"x" * 200_000 + b'"}', 413, "too-large"),
    ],
)
def test_what_cannot_be_taken_is_refused_whole(
    consulting: Running, body: bytes, status: int, code: str
) -> None:
    answer = request("POST", f"{consulting.url}/consultations/{OPEN}/responses", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "me@example.org" not in answer.text


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize(
    "said",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_what_another_sites_page_sends_is_refused(
    consulting: Running, said: dict[str, str], form: bool
) -> None:
    there = f"{consulting.url}/consultations/{OPEN}/responses"
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    content = b"publish=yes&text=a" if form else b'{"text": "a"}'
    answer = request("POST", there, content=content, headers={"Content-Type": kind, **said})
    assert answer.status_code == 403
    assert form or answer.json()["code"] == "form-refused"


def test_another_media_type_is_not_taken(consulting: Running) -> None:
    answer = request(
        "POST",
        f"{consulting.url}/consultations/{OPEN}/responses",
        content=b"text",
        headers={"Content-Type": "text/plain"},
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


def test_before_the_closing_nobody_is_told_anything(consulting: Running) -> None:
    assert respond(consulting, OPEN, text="Said in the open, and not shown.").status_code == 201
    public = get(f"{consulting.url}/consultations/{OPEN}/responses")
    assert (public.status_code, public.json()["code"]) == (409, "consultation-not-closed")
    with client(consulting, OVERSEER) as overseer:
        assert overseer.get(f"/v1/consultations/{OPEN}/responses").status_code == 409
    assert registered(consulting, OPEN)["responses"] is None
    assert "Said in the open" not in get(f"{consulting.url}/consultations/{OPEN}").text
    assert "Said in the open" not in get(f"{consulting.url}/register.json").text


def test_a_form_that_cannot_be_taken_keeps_what_was_written(consulting: Running) -> None:
    answer = respond_by_form(consulting, OPEN, text="", name="Keep <me>", publish="no")
    assert answer.status_code == 400
    assert "Write what you want to say." in answer.text
    assert 'value="Keep &lt;me&gt;"' in answer.text
    assert "checked" in answer.text
    long = respond_by_form(consulting, OPEN, text="x" * 10_001)
    assert "At most 10,000 characters: yours has 10,001." in long.text
    assert 9_990 < long.text.count("x") < 10_100, "no more is shown again than the form takes"
    slots = respond_by_form(consulting, OPEN, text="\ue000name\ue001" * 2_500, name="'" * 28_000)
    assert slots.status_code == 400
    assert len(slots.content) < 250_000
    assert respond_by_form(consulting, OPEN, text="a", more="b").status_code == 400
    assert respond_by_form(consulting, OPEN, text="a", publish="perhaps").status_code == 400
    soon = respond_by_form(consulting, SOON, text="a")
    assert (soon.status_code, "This consultation has not opened yet." in soon.text) == (409, True)
    assert respond_by_form(consulting, "c-none", text="a").status_code == 404


def test_all_that_were_acknowledged_are_published_and_no_other(over: tuple[Running, Any, Any]) -> None:
    running, receipts, shown = over
    found = published(running, SHORT)
    assert shown["responses"] == len(receipts) + 1
    assert shown["responses_withheld"] == 1
    withheld = next(text for text in receipts if text.startswith("Withheld"))
    by_id = {one["id"]: one for one in found}
    assert set(by_id) >= {one["id"] for text, one in receipts.items() if text != withheld}
    assert receipts[withheld]["id"] not in by_id
    assert len(by_id) == len(found) == shown["responses"] - 1
    texts = [one["text"] for one in found]
    assert "First line.\nSecond line." in texts
    assert "My car [number plate] was read on the A40 in 2007." in texts
    masked = next(one for one in found if one["text"].startswith("Write to"))
    assert masked["text"] == "Write to [e-mail address], or ring [phone number]."
    assert masked["organisation"] == "Drivers of [number plate]"
    assert {tuple(one) for one in found} <= {
        ("id", "received_on", "text"),
        ("id", "received_on", "text", "name"),
        ("id", "received_on", "text", "organisation"),
    }


def test_the_page_shows_what_is_published(over: tuple[Running, Any, Any]) -> None:
    running, receipts, _ = over
    page = get(f"{running.url}/consultations/{SHORT}").text
    assert f"{len(receipts) + 1} responses, of which 1 is not published, as its writer asked" in page
    assert "My car [number plate] was read" in page
    assert "Withheld" not in page
    assert (
        "form-action 'none'" in get(f"{running.url}/consultations/{SHORT}").headers["content-security-policy"]
    )
    assert (
        "form-action 'self'" in get(f"{running.url}/consultations/{OPEN}").headers["content-security-policy"]
    )
    assert get(f"{running.url}/consultations/{SHORT}?page=9").status_code == 200
    assert {get(f"{running.url}/consultations/{SHORT}?page={n}").status_code for n in ("0", "-1", "x")} == {
        404
    }


def test_after_the_closing_nobody_can_respond(over: tuple[Running, Any, Any]) -> None:
    running = over[0]
    late = respond(running, SHORT, text="Late.")
    assert (late.status_code, late.json()["code"]) == (409, "consultation-closed")
    assert "This consultation has closed." in respond_by_form(running, SHORT, text="Late.").text


def test_overseers_read_all_of_them_as_they_were_written(over: tuple[Running, Any, Any]) -> None:
    running, receipts, _ = over
    with client(running, OVERSEER) as overseer:
        lines = overseer.get(f"/v1/consultations/{SHORT}/responses").text.splitlines()
    held = [json.loads(line) for line in lines]
    assert len(held) == len(receipts) + 1
    by_text = {one["text"]: one for one in held}
    withheld = by_text["Withheld: KLM3."]
    assert (withheld["publish"], withheld["name"]) == (False, "Somebody")
    assert withheld["received_at"] == receipts["Withheld: KLM3."]["received_at"]
    with client(running, SOURCE) as source:
        assert source.get(f"/v1/consultations/{SHORT}/responses").status_code == 403


def test_a_receipt_is_proved_by_the_log(over: tuple[Running, Any, Any]) -> None:
    running, receipts, _ = over
    for text, receipt in list(receipts.items())[:3]:
        opening = receipt["opening"]
        assert set(opening) == {"kind", "consultation", "id", "sha256", "salt"}
        assert leaf_hash(canonical(opening)).hex() == receipt["fact"]
        wrote = {"My car": ("A. Driver", "", True), "Withheld": ("Somebody", "", False)}
        name, organisation, shown = next(
            (found for start, found in wrote.items() if text.startswith(start)),
            ("", "Drivers of ab12cde", True),
        )
        said = {
            "consultation": SHORT,
            "name": name,
            "organisation": organisation,
            "publish": shown,
            "text": text,
        }
        assert hashlib.sha256(canonical(said)).hexdigest() == opening["sha256"]
        proof = until(
            lambda leaf=receipt["fact"]: (  # type: ignore[misc]
                answer if (answer := get(f"{running.url}/log/fact/{leaf}")).status_code == 200 else None
            )
        ).json()
        assert proof["leaf"] == receipt["fact"]


def test_a_decision_shows_its_answers_and_what_it_covers(over: tuple[Running, Any, Any]) -> None:
    running = over[0]
    decided = submit(running, decision("d-short", SHORT, o_short="Signs say so."), *DECIDERS)
    assert decided.status_code == 201, decided.text
    page = until(
        lambda: (
            text if "Signs say so." in (text := get(f"{running.url}/consultations/{SHORT}").text) else None
        )
    )
    for words in ("The decision: approved", "Drivers were told that the cameras are for the charge."):
        assert words in page
    assert "Decided: approved" in get(f"{running.url}/drift").text
    assert registered(running, SHORT)["status"] == "approved"


def test_what_took_effect_without_a_consultation_says_so_everywhere(consulting: Running) -> None:
    for path in ("/", f"/authorities/{london.COUNTER_TERRORISM}/1", "/why-not-less", "/drift"):
        assert "Not consulted on" in get(consulting.url + path).text, path


def test_neither_log_nor_figures_hold_what_was_said_or_who(over: tuple[Running, Any, Any]) -> None:
    running = over[0]
    _, checkpoint = log_of(running.url)
    assert checkpoint.size
    wanted = (b"Withheld: KLM3", b"AB12 CDE", b"127.0.0.1")
    for path, data in files_below(running.folder):
        if "log" in path.relative_to(running.folder).parts[:1]:
            assert not [each for each in wanted[:2] if each in data], path
    assert not [each for each in wanted[:2] if each in running.log.read_bytes()]
    assert b"POST /consultations" not in running.log.read_bytes()


@pytest.mark.slow
@pytest.mark.slow
def test_a_kill_loses_no_response_that_was_acknowledged(consulting: Running) -> None:
    name = "c-killed"
    publish(consulting, consultation(name, seconds=25))
    ids: set[str] = set()
    for number in range(8):
        ids.add(respond(consulting, name, text=f"Before the kill {number}").raise_for_status().json()["id"])
    consulting.kill()
    consulting.start()
    ids.add(respond(consulting, name, text="After the kill").raise_for_status().json()["id"])
    closed(consulting, name)
    assert {one["id"] for one in published(consulting, name)} == ids
    assert registered(consulting, name)["responses"] == len(ids)


def test_too_many_at_once_are_told_to_wait(consulting: Running) -> None:
    answers = []
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda n: respond(consulting, OPEN, text=f"Again {n}"), range(EACH.burst + 30))
        )
    refused = [answer for answer in answers if answer.status_code != 201]
    assert refused
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (429, "too-many-responses")
        assert int(answer.headers["retry-after"]) >= 1
    form = respond_by_form(consulting, OPEN, text="Keep what I wrote.")
    while form.status_code == 201:
        form = respond_by_form(consulting, OPEN, text="Keep what I wrote.")
    assert form.status_code == 429
    assert int(form.headers["retry-after"]) >= 1
    assert "Keep what I wrote." in form.text


def test_no_token_is_needed_and_none_does_harm(consulting: Running) -> None:
    for headers in (bearer(consulting, SOURCE), {"Authorization": "Bearer " + "x" * 43}):
        answer = request(
            "POST", f"{consulting.url}/consultations/{SOON}/responses", json={"text": "a"}, headers=headers
        )
        assert answer.json()["code"] == "consultation-not-open"
