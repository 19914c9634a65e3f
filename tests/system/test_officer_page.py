"""An officer without a shell: the page in a real browser, before a real gateway."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.harness import WICKETGATE, Running, gateway
from tests.browsing import AXE_TAGS, NEEDS_BROWSER
from tests.running import SOURCE, get, secret_file, wicketgate
from tests.soft_token import NEEDS_TOKEN, PIN, soft_token
from tests.system.officer_page import PASSPHRASE, officer_page
from wicketgate.base.signing import PrivateKey, parse_envelope
from wicketgate.gateway.deployment import note_signer
from wicketgate.regime.documents.binding import bind
from wicketgate.regime.documents.toml import dump_toml
from wicketgate_demo.world import london

pytestmark = NEEDS_BROWSER
PATIENCE_MS = 15_000
SUSPENDER = "tfl/data-protection"
NOT_NEEDED = "tfl/commissioner"
WIDTHS = (390, 1280)


@pytest.fixture(scope="module")
def made() -> Iterator[Running]:
    with gateway(8) as running:
        yield running


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def key_of(made: Running, folder: Path, office: str) -> Path:
    path = folder / f"{office.replace('/', '-')}.pem"
    made.offices.keys[office].save(path, label=office, passphrase=PASSPHRASE.encode())
    return path


def token_file(made: Running, folder: Path) -> Path:
    return secret_file(folder / "token", made.tokens[SOURCE])


def versions(made: Running, name: str) -> int:
    """Return how many versions of an authority the register shows."""
    shown = get(f"{made.url}/register.json").json()["authorities"]
    return sum(one["name"] == name for one in shown)


def next_version(made: Running, folder: Path, **changes: Any) -> Path:
    """Write the next version of the certificate, with some members of its scope changed."""
    document = london.counter_terrorism_authority(made.at_us)
    document["authority"]["version"] = 1 + versions(made, london.COUNTER_TERRORISM)
    document["scope"] |= changes
    path = folder / "next.toml"
    path.write_text(dump_toml(bind(document, london.ORIGIN)))
    return path


def looked_at(page: Any, name: str) -> None:
    """Hold a page to axe at both widths, and take its picture where somebody wants it.

    axe is a script, so it runs in a context of its own, on the same content.
    """
    from axe_playwright_python.sync_playwright import Axe

    scripted = page.context.browser.new_context(bypass_csp=True)
    try:
        other = scripted.new_page()
        scripted.add_cookies(page.context.cookies(page.url))
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            other.set_viewport_size({"width": width, "height": 900})
            other.goto(page.url)
            other.set_content(page.content())
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (name, wide)
            found = Axe().run(other, options={"runOnly": AXE_TAGS})
            assert found.violations_count == 0, (name, found.generate_report())
            if folder := os.environ.get("WICKETGATE_SHOTS"):
                page.screenshot(path=f"{folder}/officer-{name}-{width}.png", full_page=True)
    finally:
        scripted.close()


def test_an_officer_suspends_in_two_clicks_and_a_passphrase(made: Running, page: Any, tmp_path: Path) -> None:
    key = key_of(made, tmp_path, SUSPENDER)
    with officer_page("--to", made.url, "--key", key, "--token-file", token_file(made, tmp_path)) as mine:
        page.goto(mine.address)
        page.get_by_role("heading", name="Sign or stop").wait_for()
        looked_at(page, "home")
        title = london.charging_authority(made.at_us)["authority"]["title"]
        page.get_by_role("button", name=f"Suspend {title}").click()
        page.get_by_label("The passphrase of your key").fill("not that one")
        page.get_by_role("button", name="Suspend now").click()
        assert page.locator("#reason-fault").inner_text().endswith("Say why, in words")
        page.get_by_label("The ground, in words").fill("Reads were passed on.")
        said: list[str] = []
        while "not looked at" not in (said or [""])[-1]:  # the wait doubles: a slow machine meets it too
            assert len(said) < 6, said
            page.get_by_label("The passphrase of your key").fill(
                "not that one" if not said else PASSPHRASE[1:]
            )
            page.get_by_role("button", name="Suspend now").click()
            said.append(page.locator("#secret-fault").inner_text())
        assert "The passphrase is wrong. Nothing was signed." in said[0]
        assert page.get_by_label("The passphrase of your key").input_value() == ""
        looked_at(page, "suspend-wrong")
        page.wait_for_timeout(int(said[-1].partition(" wait ")[2].split()[0]) * 1000)
        page.get_by_label("The passphrase of your key").fill(PASSPHRASE)
        page.get_by_role("button", name="Suspend now").click()
        page.get_by_role("heading", name="The gateway took it").wait_for()
        assert f"{london.CHARGING}@1 is suspended now." in page.locator("main").inner_text()
        looked_at(page, "answer")
        page.get_by_role("link", name="Back to the beginning").click()
        assert "Suspended" in page.locator(".wg-stops").inner_text()
        looked_at(page, "home-suspended")
        page.get_by_role("button", name="End this page").click()
        page.get_by_role("heading", name="The page has ended").wait_for()
        assert mine.process.wait(10) == 0
        assert mine.process.stderr is not None
        assert mine.process.stderr.read() == ""
    shown = get(f"{made.url}/register.json").json()["authorities"]
    acts = [act for one in shown if one["name"] == london.CHARGING for act in one["acts"]]
    assert [act["document"]["suspension"]["reason"] for act in acts] == ["Reads were passed on."]


def test_officers_sign_one_after_another_and_the_last_sends(made: Running, page: Any, tmp_path: Path) -> None:
    before = versions(made, london.COUNTER_TERRORISM)
    paper = next_version(made, tmp_path)
    offices = london.SIGNERS[london.COUNTER_TERRORISM]
    for number, office in enumerate(offices):
        last = number == len(offices) - 1
        more = ("--to", made.url, "--token-file", token_file(made, tmp_path))
        with officer_page(paper, "--key", key_of(made, tmp_path, office), *more) as mine:
            page.goto(mine.address)
            page.get_by_role("link", name="The document").click()
            text = page.locator("main").inner_text()
            assert "In force now" in text
            assert f"It replaces {london.COUNTER_TERRORISM}@1." in text
            if not number:
                looked_at(page, "document")
            page.get_by_label("The passphrase of your key").fill(PASSPHRASE)
            page.get_by_role("button", name="Sign, and send").click()
            if last:
                page.get_by_role("heading", name="The gateway took it").wait_for()
            else:
                assert "You have signed this document" in page.locator("[role=alert]").inner_text()
                assert "Missing are the signatures of" in page.locator("[role=alert]").inner_text()
                looked_at(page, "signed")
            with page.expect_download() as saved:
                page.get_by_role("link", name="Save it with its signatures").click()
            paper = tmp_path / f"{number}.dsse.json"
            saved.value.save_as(paper)
        assert len(parse_envelope(paper.read_bytes().strip()).signatures) == number + 1
    assert versions(made, london.COUNTER_TERRORISM) == before + 1


def test_a_document_that_widens_is_shown_and_not_signed(made: Running, page: Any, tmp_path: Path) -> None:
    wide = next_version(
        made, tmp_path, fields=["plate", "time", "place", "vehicle"], groups=["ccz-boundary", "ccz-zone"]
    )
    with officer_page("--to", made.url, "--key", key_of(made, tmp_path, "tfl/data-protection")) as mine:
        page.goto(mine.address)
        page.get_by_label("A document").set_input_files(wide)
        page.get_by_role("button", name="Show what it does").click()
        text = page.locator("main").inner_text()
        assert "It would be refused" in text
        assert page.get_by_role("button", name="Sign").count() == 0
        looked_at(page, "refused")
        # What is no document at all is said at the field.
        page.goto(f"{mine.origin}{'/'.join(urlsplit(page.url).path.split('/')[:2])}/")
        page.get_by_label("A document").set_input_files(
            files=[{"name": "x.toml", "mimeType": "text/plain", "buffer": b"no document"}]
        )
        page.get_by_role("button", name="Show what it does").click()
        assert "Not TOML" in page.locator("#document-fault").inner_text()


def test_a_key_that_is_not_needed_signs_nothing(made: Running, page: Any, tmp_path: Path) -> None:
    paper = next_version(made, tmp_path)
    with officer_page(paper, "--to", made.url, "--key", key_of(made, tmp_path, NOT_NEEDED)) as mine:
        page.goto(mine.address)
        page.get_by_role("link", name="The document").click()
        page.get_by_label("The passphrase of your key").fill(PASSPHRASE)
        page.get_by_role("button", name="Sign").click()
        text = page.locator("main").inner_text()
        assert "is of none of those who must sign" in text
        assert "Nobody has signed it yet" in text


@NEEDS_TOKEN
@pytest.mark.slow
@pytest.mark.slow
def test_a_key_in_a_token_suspends_by_its_pin(page: Any, tmp_path: Path) -> None:
    with soft_token(tmp_path) as token:
        shown = subprocess.run(
            [*WICKETGATE, "key", "show", token.address()],
            env=os.environ | token.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        public = shown.stdout.partition('key = "')[2].partition('"')[0]

        def appoint(charter: dict[str, Any]) -> None:
            deputy = {"id": "ico/deputy", "title": "Deputy", "holder": "Fay Fenwick", "key": public}
            charter["offices"].append(deputy)
            for rule in charter["signatures"]:
                if rule["kind"] == "suspension":
                    rule["offices"].append("ico/deputy")

        with gateway(8, change=appoint) as made:
            words = (
                "--to",
                made.url,
                "--key",
                token.address(),
                "--token-file",
                secret_file(tmp_path / "t", made.tokens[SOURCE]),
            )
            with officer_page(*words, environment=token.environment) as mine:
                page.goto(mine.address)
                page.get_by_role("heading", name="Sign or stop").wait_for()
                assert (
                    "data-protection in An office's token, of ico/deputy" in page.locator("main").inner_text()
                )
                page.get_by_role("button", name="Suspend Reads for the congestion charge").click()
                page.get_by_label("The ground, in words").fill("Reads were passed on.")
                page.get_by_label("The PIN of your key").fill(PIN)
                looked_at(page, "suspend-pin")
                page.get_by_label("The PIN of your key").fill(PIN)
                page.get_by_role("button", name="Suspend now").click()
                page.get_by_role("heading", name="The gateway took it").wait_for()
            verified = wicketgate("verify", made.url)
            assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.slow
@pytest.mark.slow
def test_an_officer_chooses_among_the_keys_of_a_folder(made: Running, page: Any, tmp_path: Path) -> None:
    for office in (NOT_NEEDED, SUSPENDER):
        key_of(made, tmp_path, office)
    (tmp_path / "notes.pem").write_text("-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----\n")
    (tmp_path / "readme.txt").write_text("Keys lie here.")
    state = {"XDG_STATE_HOME": str(tmp_path / "nothing")}
    with officer_page("--to", made.url, "--keys", tmp_path, environment=state) as mine:
        page.goto(mine.address)
        page.get_by_role("heading", name="Sign or stop").wait_for()
        assert page.get_by_role("radio").count() == 2
        assert "believes what" in page.locator(".govuk-warning-text").inner_text()
        title = london.counter_terrorism_authority(made.at_us)["authority"]["title"]
        page.get_by_role("button", name=f"Suspend {title}").click()
        page.get_by_label("The ground, in words").fill("Reads were passed on.")
        page.get_by_role("button", name="Suspend now").click()
        page.get_by_text("Choose the key that you sign with, on the first page").first.wait_for()
        page.get_by_role("link", name="Do not suspend it").click()
        page.get_by_role("button", name="Use this key").click()
        assert "Choose one of your keys" in page.locator("#key-fault").inner_text()
        looked_at(page, "keys")
        page.get_by_label(f"made for {NOT_NEEDED}").check()
        page.get_by_role("button", name="Use this key").click()
        page.get_by_text(f"of {NOT_NEEDED}").wait_for()
        assert page.get_by_role("button", name=f"Suspend {title}").count() == 0
        page.get_by_label(f"made for {SUSPENDER}").check()
        page.get_by_role("button", name="Use this key").click()
        page.get_by_role("button", name=f"Suspend {title}").click()
        page.get_by_label("The passphrase of your key").wait_for()


@pytest.mark.slow
def test_the_page_verifies_what_is_in_force_where_a_key_of_the_log_or_a_state_is_there(
    made: Running, page: Any, tmp_path: Path
) -> None:
    key, log_key, wrong = key_of(made, tmp_path, SUSPENDER), tmp_path / "vkey", tmp_path / "wrong"
    log_key.write_text(get(f"{made.url}/register.json").json()["log_key"])
    wrong.write_text(note_signer(PrivateKey.generate(), london.ORIGIN).vkey)
    kept = tmp_path / "kept"
    with officer_page("--to", made.url, "--key", key, "--state", kept, "--log-key", log_key) as mine:
        page.goto(mine.address)
        page.get_by_text("was verified against the log").wait_for()
        assert page.locator(".govuk-warning-text").count() == 0
        looked_at(page, "verified")
    assert list(kept.glob("*.checkpoint"))
    # Another log under the same address: nothing of it is shown to be signed.
    with officer_page("--to", made.url, "--key", key, "--state", kept, "--log-key", wrong) as mine:
        page.goto(mine.address)
        page.get_by_role("heading", name="That was not done").wait_for()
        assert "another key than the one given" in page.content()
        assert page.get_by_label("The passphrase of your key").count() == 0


def test_without_a_word_the_page_opens_with_the_keys_of_the_folder(tmp_path: Path) -> None:
    with officer_page(folder=tmp_path) as mine:
        base, cookie, _ = mine.enter()
        assert "documents can be read, and nothing signed" in mine.ask("GET", base, headers=cookie)[2]
