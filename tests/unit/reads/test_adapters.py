"""The adapters together: that each is documented, what is answered, what the maintainers' own samples become."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.adapter_strategies import all_vectors
from wicketgate.base.errors import InputError
from wicketgate.reads.adapters import ADAPTERS, MAX_PAYLOAD, answer, parse
from wicketgate.reads.observations import MARKS, Keepalive, Observation, Payload

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT.parent / "shared" / "samples"
DOCS = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")

SAMPLED = [
    ("hikvision", "hikvision_anpr_v2.xml", "PECT600", "2024-01-19T11:17:19+08:00", 0.97, "away"),
    ("axis", "axis_ff_lpr_event.json", "RLE11684", "2021-06-11T10:05:38.252000+00:00", 0.719034, None),
    (
        "platerecognizer",
        "platerecognizer_stream_webhook.json",
        "pl8rec",
        "2025-11-24T10:00:00+00:00",
        0.902,
        None,
    ),
    ("viewtron", "viewtron_ipc_lpr.xml", "ABC1234", "2024-11-19T19:40:34.584193+00:00", None, None),
    ("viewtron", "viewtron_nvr_lpr.xml", "JP116D", "2026-02-27T16:37:48.473000+00:00", None, None),
    ("frigate", "frigate_events.jsonc", "ABC12345", "2020-12-04T23:19:22.082975+00:00", 0.933451, None),
    (
        "frigate",
        "frigate_tracked_object_update.jsonc",
        "123ABC",
        "2020-12-04T23:19:18.748393+00:00",
        0.95,
        None,
    ),
]


def sample(name: str) -> Payload:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"the captured payload {name} is not at ../shared/samples")
    text = path.read_text(encoding="utf-8")
    if name.endswith(".jsonc"):
        text = re.sub(r"(?m)//.*$", "", text)  # the documentation's comments; a message has none
    return Payload(content_type="", body=text.encode())


@pytest.mark.parametrize(
    ("name", "file", "plate", "at", "sure", "direction"), SAMPLED, ids=lambda value: str(value)
)
def test_captured_payloads(
    name: str, file: str, plate: str, at: str, sure: float | None, direction: str | None
) -> None:
    (one,) = parse(name, sample(file))
    assert isinstance(one, Observation)
    assert (one.plate, one.captured_at.isoformat()) == (plate, at)
    assert (one.confidence, one.direction) == (sure, direction)


@pytest.mark.parametrize("file", ["viewtron_ipc_keepalive.xml", "viewtron_nvr_keepalive.xml"])
def test_captured_keepalives(file: str) -> None:
    (one,) = parse("viewtron", sample(file))
    assert isinstance(one, Keepalive)
    assert one.cameras


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_each_adapter_is_documented_and_has_payloads(name: str) -> None:
    assert f"### `{name}`" in DOCS
    assert any(adapter == name for adapter, _ in all_vectors())


@pytest.mark.parametrize(
    "mark", ["colour-prefix-removed", *(mark for mark in MARKS if mark.startswith("confidence"))]
)
def test_marks_of_adapters_are_documented(mark: str) -> None:
    assert f"`{mark}`" in DOCS


def test_no_adapter_of_that_name() -> None:
    with pytest.raises(InputError):
        parse("nobody", Payload(content_type="", body=b""))


def test_too_large() -> None:
    with pytest.raises(InputError):
        parse("viewtron", Payload(content_type="", body=b" " * (MAX_PAYLOAD + 1)))


def test_answers() -> None:
    keepalive = (Keepalive(),)
    status, media_type, body = answer("viewtron", keepalive, "taken") or (0, "", b"")
    assert (status, media_type) == (200, "application/xml; charset=utf-8")
    assert b"<status>success</status>" in body
    assert answer("viewtron", keepalive, "quarantined") == (status, media_type, body)
    assert answer("viewtron", keepalive, "refused") is None
    assert answer("hikvision", keepalive, "taken") is None
    _, _, good = answer("bof2", keepalive, "taken") or (0, "", b"")
    _, _, poor = answer("bof2", keepalive, "quarantined") or (0, "", b"")
    assert b"<sendCaptureReturn></sendCaptureReturn>" in good
    assert b"<sendCaptureReturn>quarantined</sendCaptureReturn>" in poor
