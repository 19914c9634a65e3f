"""The pages of each role in a real browser without JavaScript, with axe; and what a script adds to the queue.

`WICKETGATE_PICTURES` names a folder for pictures of each page at both widths.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.harness import Running, gateway
from tests.browsing import NEEDS_BROWSER
from tests.matching import plate_image
from tests.running import SOURCE, bearer, client, issue, now_us, post, read, request, submit, until
from tests.system.test_duty_browser import violations
from tests.system.test_people_browser import DAY_US, DESK, PATIENCE_MS, SIGNER, Device, cookie_of, device
from tests.system.test_searches import SIGNERS as SIGNERS_OF_ASKED
from tests.system.test_searches import authority, change
from wicketgate.base.clock import rfc3339, to_datetime
from wicketgate.regime.documents.acts import parse_act
from wicketgate.regime.documents.document import parse_toml
from wicketgate.regime.documents.people import commit_to

pytestmark = NEEDS_BROWSER
__all__ = ["device"]
ADA, KIT, SOL, DEE = "Ada Archer", "Kit Keen", "Sol Sand", "Dee Pio"
PEOPLE: dict[str, dict[str, dict[str, Any]]] = {
    "met": {
        ADA: {"unit": "duty-desk", "roles": ["viewer", "confirmer", "hotlist-keeper", "approver"]},
        KIT: {"unit": "duty-desk", "roles": ["asker"]},
    },
    "tfl": {
        SOL: {"roles": ["source-officer"]},
        DEE: {"office": "data-protection", "roles": ["data-protection-officer", "approver"]},
    },
}
SIGNERS = {"met": SIGNER, "tfl": "tfl/data-protection"}
WIDTHS = (1280, 390)


@dataclass
class Office:
    """A gateway whose people are named, and their browsers' cookies by name."""

    made: Running
    cookies: dict[str, str]

    @property
    def url(self) -> str:
        return self.made.url.replace("127.0.0.1", "localhost")


def code_of(name: str) -> str:
    return f"code of {name}"


def name_people(made: Running) -> None:
    for organisation, named in PEOPLE.items():
        salts = {name: os.urandom(32) for name in named}
        persons = [
            {
                "person": commit_to(salts[name], {"name": name}),
                "enrol": hashlib.sha256(code_of(name).encode()).hexdigest(),
                **what,
            }
            for name, what in named.items()
        ]
        head = {
            "organisation": organisation,
            "version": 1,
            "valid_from": rfc3339(made.at_us - DAY_US),
            "valid_until": rfc3339(made.at_us + 30 * DAY_US),
            "presence": "PT15M",
        }
        submit(made, {"people": head, "persons": persons}, SIGNERS[organisation]).raise_for_status()
        openings = [
            {"commitment": commit_to(salt, {"name": name}), "salt": salt.hex(), "value": {"name": name}}
            for name, salt in salts.items()
        ]
        request(
            "PUT",
            f"{made.url}/v1/people/{organisation}/openings",
            json={"openings": openings},
            headers=bearer(made, "admin"),
        ).raise_for_status()


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with gateway(8, settings="port = 0\nhistory = true\n", change=change) as made:
        issue(made, DESK.reader)
        submit(made, DESK.draft(made.at_us), *DESK.signers).raise_for_status()
        submit(made, authority(made.at_us), *SIGNERS_OF_ASKED).raise_for_status()
        soon = rfc3339(made.at_us + 3 * DAY_US)
        with client(made, DESK.reader) as desk:
            lines = [
                {"plate": "AB12CDE", "kind": "stolen", "priority": 1, "reason": "taken in a burglary"},
                {
                    "plate": "KK55KKK",
                    "kind": "wanted",
                    "priority": 3,
                    "reason": "a witness",
                    "expires_at": soon,
                },
            ]
            desk.put(
                f"/v1/hotlists/{DESK.name}",
                content="\n".join(map(json.dumps, lines)),
                headers={"Content-Type": "application/x-ndjson"},
            ).raise_for_status()
        name_people(made)
        yield Office(made, {})


@pytest.fixture
def plain(office: Office, browser: Any, device: Callable[[], Device]) -> Iterator[Callable[[str], Any]]:
    """Sign somebody in, and open a page of a browser of theirs that runs no script."""
    opened = []

    def open_(name: str) -> Any:
        if name not in office.cookies:
            mine = device()
            page = mine.page
            page.goto(f"{office.url}/enrol")
            page.get_by_label("Your code").fill(code_of(name))
            page.get_by_role("button", name="Make a passkey").click()
            page.wait_for_url(lambda url: urlsplit(url).path == "/me")
            office.cookies[name] = cookie_of(mine)
        context = browser.new_context(java_script_enabled=False, accept_downloads=True)
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([{"name": "wicketgate-duty", "value": office.cookies[name], "url": office.url}])
        opened.append(context)
        return context.new_page()

    yield open_
    for context in opened:
        context.close()


def look_at(page: Any, name: str) -> None:
    """Hold a page to WCAG 2.2 AA at both widths, without a bar to scroll sideways."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if "WICKETGATE_PICTURES" in os.environ:
            path = Path(os.environ["WICKETGATE_PICTURES"]) / f"role-{name}-{width}.png"
            page.screenshot(path=path, full_page=True)
    # axe itself is a script: it looks at the same document in a browser that runs one.
    scripted = page.context.browser.new_context()
    try:
        looking = scripted.new_page()
        for width in WIDTHS:
            looking.set_viewport_size({"width": width, "height": 900})
            scripted.add_cookies(page.context.cookies())
            looking.goto(page.url)
            assert violations(looking) == [], (name, width)
            wide = looking.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (name, width, wide)
    finally:
        scripted.close()


def shown(page: Any, text: str) -> None:
    """Wait until a page shows a text: it may still be on its way."""
    page.get_by_text(text).first.wait_for()


def see(office: Office, plate: str, camera: str = "ccz-0001", *, image: bool = False) -> None:
    body = read(plate, camera, id=f"{plate}-{os.urandom(4).hex()}")
    headers = bearer(office.made, SOURCE)
    if image:
        files = {
            "reads": ("reads", json.dumps({**body, "image": "plate"}), "application/json"),
            "plate": ("plate.png", plate_image(plate), "image/png"),
        }
        answer = request("POST", f"{office.made.url}/v1/reads", files=files, headers=headers)
    else:
        answer = request("POST", f"{office.made.url}/v1/reads", json=body, headers=headers)
    assert answer.json()["accepted"] == 1, answer.text


def reload_until(page: Any, text: str) -> None:
    def shown() -> bool | None:
        page.reload()
        return text in page.content() or None

    until(shown)


@pytest.mark.slow
def test_the_register_links_one_sign_in_and_ones_own_page_leads_on(office: Office, plain: Any) -> None:
    for name, links in (
        (ADA, ["Hits", "Hand-over", "Lists", "Approvals"]),
        (KIT, ["Questions"]),
        (SOL, ["Cameras", "Questions on your cameras"]),
    ):
        page = plain(name)
        page.goto(office.url)
        page.get_by_role("link", name="Sign in").click()
        page.wait_for_url("**/me")
        main = page.locator("main")
        shown(page, "Your pages")
        assert [one for one in main.get_by_role("link").all_inner_texts() if one in links] == links
        for link in links:
            page.goto(f"{office.url}/me")
            main.get_by_role("link", name=link, exact=True).click()
            page.get_by_text("As it stood at").wait_for()
            assert page.locator("h1").count() == 1
            assert "needs" not in page.locator("h1").inner_text()
        page.goto(f"{office.url}/me")
        look_at(page, f"me-{name.split()[0]}")


def test_a_stranger_is_led_to_sign_in(office: Office, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(office.url)
        page.get_by_role("link", name="Sign in").click()
        page.wait_for_url("**/sign-in?next=/me")
        for path in (
            "/source",
            "/source/cameras.csv",
            "/protection",
            "/approvals",
            "/questions",
            "/questions/ask",
            "/source/questions",
            "/emergencies",
            "/duty/lists",
            "/duty/handover",
        ):
            page.goto(f"{office.url}{path}")
            assert urlsplit(page.url).path == "/sign-in", path
    finally:
        context.close()


@pytest.mark.slow
def test_the_queue_groups_and_filters_and_hands_over(office: Office, plain: Any) -> None:
    see(office, "AB12CDE", image=True)
    see(office, "KK55KKK", "ccz-0002")
    see(office, "AB12CDE", "ccz-0003")
    page = plain(ADA)
    page.goto(f"{office.url}/duty?refresh=off")
    reload_until(page, "2 of 2 hits of this vehicle")
    titles = page.locator(".wg-hit h2").all_inner_texts()
    assert titles == ["AB12CDE", "AB12CDE", "KK55KKK"]
    assert re.search(r"UTC \(\d\d:\d\d:\d\d (GMT|BST)\)", page.content())
    look_at(page, "duty")
    page.get_by_text("Show some of them only").click()
    page.get_by_label("Priority").select_option("3")
    page.get_by_role("button", name="Show these").click()
    shown(page, "2 more wait that the filter does not show")
    assert page.locator(".wg-hit h2").all_inner_texts() == ["KK55KKK"]
    shown(page, "2 more wait that the filter does not show")
    look_at(page, "duty-filtered")
    page.locator("[data-hit]", has_text="KK55KKK").get_by_role("button", name="Confirm").click()
    shown(page, "Recorded for Ada Archer")
    assert "priority=3" in page.url
    page.goto(f"{office.url}/duty/handover")
    shown(page, "Ada Archer,")
    shown(page, "Nobody yet")
    page.get_by_label("What the next shift must know").fill("Camera 2 is dirty.\nAsk the source.")
    page.get_by_role("button", name="Hand over").click()
    shown(page, "The next shift sees it here")
    shown(page, "3 hits waited then")
    look_at(page, "handover")


def test_a_list_is_changed_by_a_file_that_is_shown_first(office: Office, plain: Any, tmp_path: Path) -> None:
    page = plain(ADA)
    page.goto(f"{office.url}/duty/lists")
    look_at(page, "lists")
    page.get_by_role("link", name="Vehicles").first.click()
    shown(page, "KK55KKK")
    look_at(page, "list")
    file = tmp_path / "list.json"
    file.write_text(
        json.dumps(
            [
                {"plate": "AB12CDE", "kind": "stolen", "priority": 2, "reason": "taken in a burglary"},
                {"plate": "EB21NNN", "kind": "wanted", "priority": 4, "reason": "a new one"},
            ]
        )
    )
    page.get_by_label("The file").set_input_files(file)
    page.get_by_role("button", name="Show what would change").click()
    shown(page, "Entries afterwards")
    assert urlsplit(page.url).path.endswith("/change")
    for text in ("Added: 1", "Removed: 1", "Changed: 1", "EB21NNN", "KK55KKK"):
        shown(page, text)
    look_at(page, "list-change")
    page.get_by_role("button", name="Change the list so").click()
    shown(page, "1 added, 1 removed, 1 changed")
    file.write_text("not a list")
    page.goto(f"{office.url}/duty/lists/{DESK.name}")
    page.get_by_label("The file").set_input_files(file)
    page.get_by_role("button", name="Show what would change").click()
    shown(page, "Nothing was taken")


def test_a_source_officer_sees_the_cameras(office: Office, plain: Any) -> None:
    see(office, "NN11NNN")
    page = plain(SOL)
    page.goto(f"{office.url}/source")
    reload_until(page, "heard within the hour, 0 silent")
    assert page.get_by_role("img", name="Map of the cameras").count() == 1
    shown(page, DESK.name)
    look_at(page, "source")
    with page.expect_download() as download:
        page.get_by_role("link", name="All of them as CSV").click()
    text = Path(download.value.path()).read_text()
    assert len(text.splitlines()) == 9
    page.get_by_role("link", name="Show those that are silent").click()
    shown(page, "Show all")
    assert "ccz-0001" not in page.locator("table").first.inner_text()


@pytest.mark.slow
def test_a_data_protection_officer_prepares_a_suspension(office: Office, plain: Any) -> None:
    page = plain(DEE)
    page.goto(f"{office.url}/protection")
    look_at(page, "protection")
    page.get_by_role("link", name="Prepare its suspension").first.click()
    look_at(page, "suspend")
    page.get_by_role("button", name="Download the document").click()
    shown(page, "Write the ground")
    page.get_by_label("The ground").fill("The review found nothing.")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the document").click()
    assert download.value.suggested_filename.startswith("suspension-")
    assert parse_act("suspension", parse_toml(Path(download.value.path()).read_bytes())).at_us
    page.goto(f"{office.url}/approvals")
    shown(page, "Nothing waits for your approval.")
    look_at(page, "approvals")


def test_a_question_is_checked_sent_approved_and_answered(office: Office, plain: Any) -> None:
    vehicles = [f"ZX{n:02d}AAA" for n in range(12)]
    post(
        office.made,
        [read(plate, ago_s=600) for plate in vehicles] + [read(vehicles[0], "ccz-0003", ago_s=300)],
    )
    kit = plain(KIT)
    kit.goto(f"{office.url}/questions")
    kit.get_by_role("button", name="Ask the past").click()
    kit.get_by_role("link", name="Part of a plate").click()
    kit.get_by_label("Part of a plate").fill("Z")
    kit.get_by_role("button", name="Check before you send").click()
    shown(kit, "There is a problem")
    yesterday = to_datetime(now_us() - DAY_US)
    for label, text in (
        ("Part of a plate", "zx?? aaa"),
        ("From, day", f"{yesterday.day}/{yesterday.month}/{yesterday.year}"),
        ("From, time", f"{yesterday:%H:%M}"),
        ("Offence code", "CLD-1"),
        ("Case number", "C-7"),
        ("Reason", "Seen."),
    ):
        kit.get_by_label(label, exact=True).fill(text)
    kit.get_by_label("UTC", exact=True).check()
    kit.get_by_role("button", name="Check before you send").click()
    for text in ("camera-days, for every vehicle read there", "an approver of the unit met/duty-desk"):
        shown(kit, text)
    shown(kit, "It has fewer than five different words.")
    look_at(kit, "question-check")
    kit.get_by_role("link", name="Change it").first.click()
    kit.get_by_label("Reason", exact=True).fill("A witness saw a car with such a plate leave the yard.")
    look_at(kit, "question-form")
    kit.get_by_role("button", name="Check before you send").click()
    shown(kit, "Nothing was found wrong with its form.")
    kit.get_by_role("button", name="Send the question").click()
    reload_until(kit, "12 vehicles")
    look_at(kit, "question-counted")
    # An approver, who is somebody else, is shown how good the reason is and how broad it is, and quotes the number.
    ada = plain(ADA)
    ada.goto(f"{office.url}/approvals")
    shown(ada, "1 question waits for you")
    look_at(ada, "approvals-waiting")
    ada.get_by_role("link", name="UTC").first.click()
    for text in (KIT, "ZX??AAA", "Nothing was found wrong with its form.", "Counted:"):
        shown(ada, text)
    look_at(ada, "approval")
    ada.get_by_role("button", name="Approve one run").click()
    shown(ada, "Nothing was recorded")
    ada.get_by_label("How many vehicles you approve").fill("12")
    ada.get_by_role("button", name="Approve one run").click()
    shown(ada, "It was recorded that you approve it.")
    # The answer is a list in the order of time, and a map; each page of it is a look.
    reload_until(kit, "Open the answer")
    kit.get_by_role("button", name="Open the answer").click()
    shown(kit, "13 reads, of 12 vehicles.")
    assert kit.get_by_role("img", name="Where the reads were").count() == 1
    assert kit.get_by_role("row").count() == 14
    assert "ZX" not in kit.url
    look_at(kit, "answer")
    with kit.expect_download() as download:
        kit.get_by_role("link", name="CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == 14
    sol = plain(SOL)
    sol.goto(f"{office.url}/source/questions")
    shown(sol, "Up to 99 reads")
    assert "ZX" not in sol.content()
    look_at(sol, "source-questions")


def test_a_new_hit_sounds_and_notifies_where_that_was_asked_for(
    office: Office, plain: Any, browser: Any
) -> None:
    plain(ADA)
    context = browser.new_context(permissions=["notifications"])
    context.add_init_script(
        """
        window.told = [];
        window.rung = 0;
        window.Notification = class {
          static requestPermission() { return Promise.resolve("granted"); }
          constructor(title, options) { window.told.push([title, options.tag]); }
        };
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (...at) { window.rung += 1; return start.apply(this, at); };
        """
    )
    context.add_cookies([{"name": "wicketgate-duty", "value": office.cookies[ADA], "url": office.url}])
    try:
        page = context.new_page()
        page.goto(f"{office.url}/duty")
        page.locator("#connection", has_text="Live.").wait_for()
        see(office, "AB12CDE", "ccz-0004")
        page.locator("#announcement", has_text="1 new").wait_for(state="attached")
        assert page.evaluate("[told.length, rung]") == [0, 0]  # nobody asked for it
        page.get_by_label("A sound at each new hit").check()
        assert page.evaluate("rung") == 2  # so that one knows it
        page.get_by_label("A notification, without a plate").check()
        see(office, "AB12CDE", "ccz-0005")
        until(lambda: page.evaluate("told.length") or None)
        assert page.evaluate("told") == [["1 new hit", "wicketgate-hits"]]
        assert page.evaluate("rung") == 4
    finally:
        context.close()
