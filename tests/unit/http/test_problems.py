from __future__ import annotations

import importlib
import json
import pkgutil

import pytest

import wicketgate
from wicketgate.base import errors
from wicketgate.http.problems import CODES, problem, problem_of, status_and_title


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
        (errors.Unreachable("x"), 502, "provider-unreachable"),
        (errors.Unreachable("x", code="busy"), 503, "busy"),
        (errors.StreamError("x"), 503, "streams-unavailable"),
        (errors.StreamError("x", code="busy"), 503, "busy"),
        (errors.StreamError("x", code="stream-full"), 507, "stream-full"),
        (errors.StreamError("x", code="invented"), 503, "streams-unavailable"),
        (errors.FencedError("x"), 503, "streams-unavailable"),
        (errors.HistoryError("x"), 503, "history-unavailable"),
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


OURS = (
    errors.ShapeError,
    errors.ConfigurationError,
    errors.SignerError,
    errors.LedgerError,
    errors.VerificationError,
)
"""What is wrong with the gateway itself, and with nothing that a caller or somebody elsewhere did."""


def every_error(base: type[errors.WicketgateError] = errors.WicketgateError) -> set[type]:
    return {base, *(one for sub in base.__subclasses__() for one in every_error(sub))}


def test_every_class_of_errors_has_its_case(caplog: pytest.LogCaptureFixture) -> None:
    for module in pkgutil.walk_packages(wicketgate.__path__, "wicketgate."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = {one for one in every_error() if one.__module__.startswith("wicketgate.")}
    assert {errors.NoAnswer, errors.Unreachable} <= found
    for one in found - {errors.WicketgateError}:
        if one.__name__.startswith("_"):
            continue  # its own module catches it
        error = one.__new__(one)
        errors.WicketgateError.__init__(error, "AB12CDE")
        caplog.clear()
        status, _ = status_and_title(error)
        assert (status == 500) is issubclass(one, OURS), one
        if not isinstance(error, errors.HotlistRefused | errors.DocumentRefused):
            assert problem_of(error).status_code == status
            told = bool(caplog.records)
            assert told is (status == 500 or isinstance(error, errors.Unreachable)), one
            assert "AB12CDE" not in caplog.text
