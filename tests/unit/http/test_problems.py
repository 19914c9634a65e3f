from __future__ import annotations

import json

import pytest

from wicketgate.base import errors
from wicketgate.http.problems import CODES, problem, problem_of


@pytest.mark.parametrize("code", CODES)
def test_a_problem_says_the_same_in_its_head_and_its_body(code: str) -> None:
    response = problem(code, "what was wrong")
    body = json.loads(response.body)
    assert response.media_type == "application/problem+json"
    assert body == {
        "type": f"/docs#code-{code}",
        "title": CODES[code][1],
        "status": response.status_code,
        "code": code,
        "detail": "what was wrong",
    }
    assert response.status_code == CODES[code][0]
    assert ("www-authenticate" in response.headers) == (response.status_code == 401)
    assert ("retry-after" in response.headers) == (response.status_code in {429, 503, 507})


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InputError("x"), 400, "malformed"),
        (errors.InputError("x", code="zone-missing"), 400, "malformed"),
        (errors.DocumentRefused("x"), 422, "malformed"),
        (errors.DocumentRefused("x", code="signature-missing"), 422, "signature-missing"),
        (errors.NotEntitled("x"), 403, "not-entitled"),
        (errors.NotEntitled("x", code="revoked"), 403, "revoked"),
        (errors.Unreachable("x", code="provider-unreachable"), 502, "provider-unreachable"),
        (errors.Unreachable("x"), 500, "internal"),
        (errors.StreamError("x"), 503, "streams-unavailable"),
        (errors.StreamError("x", code="busy"), 503, "busy"),
        (errors.StreamError("x", code="stream-full"), 507, "stream-full"),
        (errors.StreamError("x", code="invented"), 503, "streams-unavailable"),
        (errors.FencedError("x"), 503, "streams-unavailable"),
        (errors.ShapeError("AB12CDE"), 500, "internal"),
        (errors.LedgerError("AB12CDE"), 500, "internal"),
        (errors.WicketgateError("AB12CDE"), 500, "internal"),
    ],
)
def test_each_error_of_ours_has_its_answer(error: errors.WicketgateError, status: int, code: str) -> None:
    response = problem_of(error)
    body = json.loads(response.body)
    assert (response.status_code, body["code"]) == (status, code)
    assert "AB12CDE" not in body["detail"]  # what is ours alone is not told
