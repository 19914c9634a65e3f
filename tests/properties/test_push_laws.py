"""The law of pushes: any bytes become a read, a quarantine, a counted sign of life or a refusal; never nothing."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapter_strategies import all_vectors, mutated
from tests.push_desk import Desk
from wicketgate.reads.adapters import ADAPTERS, Adapters
from wicketgate.reads.observations import Payload

FORMS = {
    "by-query": 'format = "query"\nplate = "plate"\n[time]\npaths = "at"\n',
    "by-name": 'format = "file-name"\nfile_name = "{plate}_{time:%s}.jpg"\nplate = "plate"\n[time]\npaths = "time"\n',
    "by-lines": 'format = "csv"\nplate = "plate"\n[time]\npaths = "at"\n',
    "by-form": 'format = "form"\nplate = "plate"\n[time]\npaths = "at"\n',
    "by-path": 'format = "json"\neach = "$..a"\nplate = "$.plate"\n[time]\npaths = "$$.at"\n',
    "by-xpath": 'format = "xml"\neach = "//a"\nplate = "plate"\n[time]\npaths = "at"\n',
}
ALL = Adapters(FORMS)
names = st.sampled_from(sorted([*ADAPTERS, *FORMS]))
payloads = st.builds(
    Payload,
    content_type=st.sampled_from(["", "application/json", "multipart/form-data; boundary=b"])
    | st.text(max_size=20),
    body=st.binary(max_size=200) | st.sampled_from([payload.body for _, payload in all_vectors()]),
    topic=st.sampled_from(["", "frigate/events", "wicketgate/push/axis"]),
    query=st.binary(max_size=40) | st.sampled_from([b"", b"camera=c0", b"plate=AB12CDE&at=1783149302"]),
)


async def traces(name: str, payload: Payload, camera: str | None) -> tuple[int, int]:
    """Return how many things a payload was found to say, and how many traces they left."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        try:
            parsed = ALL.parse(name, payload)
            answer = await desk.push(*parsed, camera=camera)
            signs = sum(desk.pushes.signs.by_source().values())
            left = answer.accepted + answer.repeated + answer.held + len(answer.quarantined) + signs
            assert len(desk.codes) == len(answer.quarantined) + len(answer.images)
            return len(parsed), left
        finally:
            await desk.end()


def hold(name: str, payload: Payload, camera: str | None) -> None:
    said, left = asyncio.run(traces(name, payload, camera))
    assert said >= 1
    assert left >= said


@given(names, payloads, st.sampled_from([None, "c0", "nobody"]))
@settings(max_examples=60)
def test_any_bytes_leave_a_trace(name: str, payload: Payload, camera: str | None) -> None:
    hold(name, payload, camera)


@given(mutated(), st.sampled_from([None, "c0"]))
@settings(max_examples=60)
def test_what_is_nearly_a_payload_leaves_a_trace(drawn: tuple[str, Payload], camera: str | None) -> None:
    hold(*drawn, camera)
