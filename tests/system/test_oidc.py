"""Signing in at a real provider, to the end, and every way in which its answer or its way back can be wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

import httpx
import pytest

from tests.oidc import OF_CLAIMS, Station, providers_of, station, token_in
from tests.provider import Browser
from wicketgate.http.people.opening import HOME

ADA, CLEO, VIC, ELSE = "ada", "cleo", "vic", "else"


@pytest.fixture(scope="module")
def police() -> Iterator[Station]:
    with station() as running:
        yield running


def changed(url: str, **asked: str) -> str:
    """Return an address with other members in its query."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | asked
    return urlunsplit(parts._replace(query=urlencode(query)))


def sign_in(police: Station, who: str, browser: Browser | None = None, there: str = "") -> httpx.Response:
    browser = browser or police.browser()
    start = f"{police.start}?next={quote(there)}" if there else police.start
    return browser.request("GET", browser.to_provider_and_back(start, who))


def refused(police: Station, who: str = ADA) -> httpx.Response:
    browser = police.browser()
    answer = sign_in(police, who, browser)
    assert answer.status_code == 403, answer.text
    assert not token_in(browser, police.url)
    return answer


def session(police: Station, who: str) -> str:
    browser = police.browser()
    answer = sign_in(police, who, browser)
    assert answer.status_code == 200, answer.text
    return token_in(browser, police.url)


def roles(police: Station, token: str) -> str:
    page = httpx.get(f"{police.url}/me", cookies={"wicketgate-duty": token}, follow_redirects=False)
    found = re.search(r"You may be\s*</dt>\s*<dd[^>]*>\s*([^<]*?)\s*</dd>", page.text)
    return found[1] if found else ""


def page_of(police: Station, token: str) -> str:
    return httpx.get(f"{police.url}/me", cookies={"wicketgate-duty": token}).text


def begun(police: Station, browser: Browser, who: str = ADA, there: str = "") -> str:
    """Sign in up to the provider's answer, and return where it sends the browser."""
    return browser.to_provider_and_back(f"{police.start}?next={quote(there)}", who)


# --- who somebody is ------------------------------------------------------------------------------------------


def test_a_subject_is_the_person_that_the_document_names(police: Station) -> None:
    token = session(police, ADA)
    page = page_of(police, token)
    assert "Ada Archer" in page
    assert "Ada from the provider" not in page
    assert roles(police, token) == "keeper of hotlists, viewer of hits, rows and images"
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{police.url}/v1/hits", headers=headers).status_code == 200
    assert httpx.post(f"{police.url}/v1/hits/x/outcome", headers=headers).status_code == 403


def test_claims_map_to_a_unit_and_roles(police: Station) -> None:
    token = session(police, CLEO)
    assert OF_CLAIMS in page_of(police, token)
    assert roles(police, token) == "confirmer of hits, viewer of hits, rows and images"
    assert roles(police, session(police, VIC)) == "viewer of hits, rows and images"


def test_whoever_has_half_of_the_claims_is_nobody(police: Station) -> None:
    assert "no document in force names you" in refused(police, ELSE).text.lower()


# --- the way there and back -----------------------------------------------------------------------------------


def test_a_challenge_a_nonce_and_a_state_go_with_it(police: Station) -> None:
    one, two = (police.browser().request("GET", police.start).headers["location"] for _ in range(2))
    first, second = (parse_qs(urlsplit(url).query) for url in (one, two))
    assert first["code_challenge_method"] == ["S256"]
    assert first["response_type"] == ["code"]
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    assert police.url in first["redirect_uri"][0]


@pytest.mark.parametrize(
    "asked",
    [
        {"state": "A" * 54},
        {"state": ""},
        {"state": "é"},
        {"code": "x"},
        {"code": ""},
        {"error": "access_denied"},
    ],
)
def test_a_way_back_that_was_changed_leads_nowhere(police: Station, asked: dict[str, str]) -> None:
    browser = police.browser()
    answer = browser.request("GET", changed(begun(police, browser), **asked))
    assert answer.status_code == 403, answer.text
    assert not token_in(browser, police.url)


@pytest.mark.parametrize("issuer", ["https://other.example", ""])
def test_another_provider_cannot_send_the_browser_back(police: Station, issuer: str) -> None:
    browser = police.browser()
    answer = browser.request("GET", changed(begun(police, browser), iss=issuer))
    assert answer.status_code == 403
    assert "another provider sent it" in answer.text


def test_a_way_back_leads_once(police: Station) -> None:
    browser = police.browser()
    back = begun(police, browser)
    kept = {host: dict(jar) for host, jar in browser.cookies.items()}
    assert browser.request("GET", back).status_code == 200
    assert browser.request("GET", back).status_code == 403, "its cookie is gone"
    browser.cookies = kept
    assert browser.request("GET", back).status_code == 403, "and so is its state"


def test_whoever_stole_the_way_back_has_nothing(police: Station) -> None:
    victim, thief = police.browser(), police.browser()
    stolen = begun(police, victim)
    assert thief.request("GET", stolen).status_code == 403
    # With a sign-in of the thief's own: their state and cookie, the victim's code.
    own = begun(police, thief, VIC)
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    assert thief.request("GET", changed(own, code=code)).status_code == 403
    assert not token_in(thief, police.url)
    # And whoever is sent the thief's way back does not become the thief.
    other = police.browser()
    assert other.request("GET", begun(police, thief, VIC)).status_code == 403


def test_a_cookie_of_another_sign_in_proves_no_other_state(police: Station) -> None:
    browser = police.browser()
    first, second = begun(police, browser), begun(police, browser, VIC)
    jar = browser.cookies[httpx.URL(police.url).netloc.decode()]
    names = [name for name in jar if name.startswith("wicketgate-sign-in")]
    secrets = [parse_qs(jar[name])["c"][0] for name in names]
    jar[names[0]] = jar[names[0]].replace(secrets[0], secrets[1])
    jar[names[1]] = jar[names[1]].replace(secrets[1], secrets[0])
    assert [browser.request("GET", back).status_code for back in (first, second)] == [403, 403]


def test_two_tabs_take_nothing_from_each_other(police: Station) -> None:
    browser = police.browser()
    first = begun(police, browser, ADA, "/me?tab=1")
    second = begun(police, browser, ADA, "/me?tab=2")
    for back, there in ((first, "/me?tab=1"), (second, "/me?tab=2")):
        answer = browser.request("GET", back)
        assert answer.status_code == 200
        assert f"url={there}" in answer.text
    jar = browser.cookies[httpx.URL(police.url).netloc.decode()]
    assert list(jar) == ["wicketgate-duty"], "nothing is left of them"


def test_a_browser_that_begins_again_and_again_keeps_few_cookies(police: Station) -> None:
    browser = police.browser()
    for _ in range(12):
        browser.request("GET", police.start)
    jar = browser.cookies[httpx.URL(police.url).netloc.decode()]
    assert len(jar) == 8
    assert browser.request("GET", begun(police, browser)).status_code == 200


@pytest.mark.parametrize(
    ("there", "leads"),
    [
        ("/duty/hits/a?x=1&y=2", "/duty/hits/a?x=1&amp;y=2"),
        ("/me", "/me"),
        ("https://evil.example/", HOME),
        ("//evil.example", HOME),
        ("/\\evil.example", HOME),
        ("/\t/evil.example", HOME),
        ("javascript:alert(1)", HOME),
        ("", HOME),
        ('/"><script>', "/&#34;&gt;&lt;script&gt;"),
    ],
)
def test_a_deep_link_outlives_the_sign_in_and_stays_here(police: Station, there: str, leads: str) -> None:
    answer = sign_in(police, ADA, there=there)
    assert f'content="0; url={leads}"' in answer.text


def test_the_cookie_cannot_make_it_lead_elsewhere(police: Station) -> None:
    browser = police.browser()
    back = begun(police, browser, ADA, "/me")
    jar = browser.cookies[httpx.URL(police.url).netloc.decode()]
    name = next(one for one in jar if one.startswith("wicketgate-sign-in"))
    jar[name] = jar[name].replace(quote("/me", safe=""), quote("//evil.example", safe=""))
    assert f"url={HOME}" in browser.request("GET", back).text


# --- the id token ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("none", {}),
        ("secret", {}),
        ("stranger", {}),
        ("missing", {}),
        ("claims", {"expired": True}),
        ("claims", {"claims": {"iss": "https://other.example"}}),
        ("claims", {"claims": {"aud": "another-client"}}),
        ("claims", {"claims": {"aud": ["wicketgate", "another-client"]}}),
        ("claims", {"claims": {"azp": "another-client"}}),
        ("claims", {"claims": {"nonce": "another"}}),
        ("claims", {"claims": {"nonce": "ä"}}),
        ("claims", {"claims": {"sub": 1}}),
        ("claims", {"claims": {"sub": "s" * 256}}),
        ("claims", {"claims": {"sub": "ädä"}}),
        ("claims", {"claims": {"name": "\ud800"}}),
        ("claims", {"claims": {"nonce": "\ud800"}}),
        ("claims", {"claims": {"nbf": 4_000_000_000}}),
        ("claims", {"claims": {"iat": 4_000_000_000}}),
        ("claims", {"without": ["nonce"]}),
        ("claims", {"without": ["exp"]}),
        ("claims", {"without": ["sub"]}),
        pytest.param("claims", {"claims": {"padding": "x" * 70_000}}, id="too long"),
    ],
)
def test_an_id_token_with_something_wrong_signs_nobody_in(police: Station, kind: str, more: Any) -> None:
    with police.idp.fault("token", kind, **more):
        answer = refused(police)
    assert "Ada" not in answer.text


def test_a_token_for_this_client_among_others_is_taken(police: Station) -> None:
    claims = {"aud": ["wicketgate", "another-client"], "azp": "wicketgate"}
    with police.idp.fault("token", "claims", claims=claims):
        assert sign_in(police, ADA).status_code == 200


def test_the_keys_of_a_provider_turn_while_it_runs_and_nobody_makes_us_hammer_it(police: Station) -> None:
    assert sign_in(police, ADA).status_code == 200
    police.idp.turn_keys()
    assert sign_in(police, ADA).status_code == 200, "the new key was fetched"
    before = police.idp.counts()["/jwks"]
    with police.idp.fault("token", "claims", kid="of-nobody"):
        for _ in range(5):
            refused(police)
    assert police.idp.counts()["/jwks"] == before, "once in half a minute"
    assert sign_in(police, ADA).status_code == 200


def test_what_a_provider_publishes_is_fetched_once_for_many(police: Station) -> None:
    before = police.idp.counts()
    for _ in range(5):
        police.browser().request("GET", police.start)
    assert police.idp.counts() == before


def test_whoever_fails_again_and_again_waits_and_the_provider_is_not_asked(police: Station) -> None:
    browser = police.browser()
    codes = []
    for _ in range(14):
        start = browser.request("GET", police.start)
        state = parse_qs(urlsplit(start.headers["location"]).query)["state"][0]
        back = f"{police.url}/sign-in/back/met/idp?" + urlencode(
            {"state": state, "code": "guess", "iss": police.idp.issuer}
        )
        answer = browser.request("GET", back)
        codes.append(answer.status_code)
    assert codes[:10] == [403] * 10
    assert set(codes[11:]) == {429}
    assert sign_in(police, ADA).status_code == 200, "others do not wait"


# --- a provider that does not do well -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["down", "huge", "redirect", "text", "failed", "packed"])
def test_a_token_endpoint_that_does_not_do_well_is_told_of(police: Station, kind: str) -> None:
    browser = police.browser()
    back = begun(police, browser)
    with police.idp.fault("token", kind):
        answer = browser.request("GET", back)
    assert answer.status_code == 502, answer.text
    assert not token_in(browser, police.url)
    assert "/elsewhere" not in police.idp.counts(), "no redirect is followed"


@pytest.mark.slow
@pytest.mark.slow
def test_a_token_endpoint_that_drips_is_left(police: Station) -> None:
    browser = police.browser()
    back = begun(police, browser)
    began = time.monotonic()
    with police.idp.fault("token", "drip"):
        assert browser.request("GET", back).status_code == 502
    assert 9 < time.monotonic() - began < 14


# --- the proof that somebody is there -------------------------------------------------------------------------


def test_a_person_proves_anew_that_they_are_there_and_the_session_stays(police: Station) -> None:
    browser = police.browser()
    sign_in(police, ADA, browser)
    mine = token_in(browser, police.url)
    fresh = f"{police.url}/presence/with?next=/me"
    out = parse_qs(urlsplit(browser.request("GET", fresh).headers["location"]).query)
    assert (out["prompt"], out["max_age"]) == (["login"], ["0"])
    answer = browser.request("GET", browser.to_provider_and_back(fresh, ADA))
    assert answer.status_code == 200, answer.text
    assert "url=/me" in answer.text
    assert token_in(browser, police.url) == mine


@pytest.mark.parametrize(
    "more", [{"stale": True}, {"without": ["auth_time"]}, {"claims": {"auth_time": "now"}}], ids=str
)
def test_a_provider_that_asked_nobody_proves_nothing(police: Station, more: Any) -> None:
    browser = police.browser()
    sign_in(police, ADA, browser)
    back = browser.to_provider_and_back(f"{police.url}/presence/with", ADA)
    with police.idp.fault("token", "claims", **more):
        answer = browser.request("GET", back)
    assert answer.status_code == 403
    assert "did not prove anew" in answer.text
    assert "Ada Archer" in page_of(police, token_in(browser, police.url)), "the session stays as it was"


def test_somebody_else_at_the_provider_proves_nothing(police: Station) -> None:
    browser = police.browser()
    sign_in(police, ADA, browser)
    browser.cookies.pop(urlsplit(police.idp.issuer).netloc)
    answer = browser.request("GET", browser.to_provider_and_back(f"{police.url}/presence/with", VIC))
    assert answer.status_code == 403
    assert "somebody else" in answer.text


def test_a_plain_sign_in_is_no_fresh_one(police: Station) -> None:
    browser = police.browser()
    sign_in(police, ADA, browser)
    back = begun(police, browser)
    jar = browser.cookies[httpx.URL(police.url).netloc.decode()]
    name = next(one for one in jar if one.startswith("wicketgate-sign-in"))
    jar[name] = jar[name].replace("r=", f"r={'a' * 64}")
    assert browser.request("GET", back).status_code == 403


# --- what the document says later -----------------------------------------------------------------------------


def test_another_issuer_under_the_same_name_vouches_for_nobody_of_before(police: Station) -> None:
    mine = session(police, ADA)
    issuer = police.idp.issuer
    police.name(providers=providers_of("http://localhost:9"))
    try:
        answer = httpx.get(f"{police.url}/me", cookies={"wicketgate-duty": mine})
        assert answer.status_code == 401
        answer = httpx.get(police.start)
        assert (answer.status_code, answer.json()["code"]) == (502, "provider-unreachable")
        police.name(providers=providers_of("http://gate.example"))
        assert "https" in httpx.get(police.start).json()["detail"], (
            "nobody signs in over a way that others can read"
        )
    finally:
        police.name(providers=providers_of(issuer))
    assert sign_in(police, ADA).status_code == 200


@pytest.mark.slow
def test_a_slow_provider_holds_up_nobody_else(police: Station) -> None:
    """Run last: what this gateway knows of the provider is ten minutes old only in a gateway that begins anew."""
    with police.idp.fault("metadata", "slow", ms=8_000):
        police.made.stop()
        police.made.start()
        before = police.idp.counts()
        with ThreadPoolExecutor(6) as threads:
            waiting = [threads.submit(httpx.get, police.start, timeout=30) for _ in range(5)]
            time.sleep(0.5)
            assert httpx.get(f"{police.url}/sign-in").status_code == 200
            assert not any(one.done() for one in waiting), "whoever asks for something else does not wait"
            assert [one.result().status_code for one in waiting] == [303] * 5
        path = "/.well-known/openid-configuration"
        assert police.idp.counts()[path] == before[path] + 1, "all of them waited for one answer"
