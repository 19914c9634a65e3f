"""Keys of content at both sequencers: with the streams' servers before they are used, gone from both when they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wicketgate.base.clock import HOUR_US
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.hour_keys import HourKeys, KeyRing
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.server import NatsServer
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.commits.stored import KINDS
from wicketgate.gateway.history.holding import HistoryHold
from wicketgate.gateway.standby.keys import HELD_FOR_S, SHARED, SharedKeys

HOUR = 400_000
AT_US = HOUR * HOUR_US + 5


class Side:
    """One of the two sequencers, as far as keys go."""

    def __init__(self, link: Link, folder: Path, secret: bytes = b"s" * 32) -> None:
        self.folder = folder
        self.keys = KeyRing(folder / "content-keys", KINDS)
        self.images = KeyRing(folder / "content-keys" / "images", ())
        self.quarantine = HourKeys(folder / "quarantine-keys")
        self.now_s = 0.0
        self.shared = SharedKeys(
            link,
            secret,
            folder.name,
            keys=self.keys,
            images=self.images,
            quarantine=self.quarantine,
            now_s=lambda: self.now_s,
        )

    def files(self) -> set[str]:
        found = self.folder.rglob("*.key")
        return {str(path.relative_to(self.folder)) for path in found}


@pytest.fixture
async def pair(link: Link, tmp_path: Path) -> tuple[Side, Side]:
    """One that leads, and one that waits."""
    first, second = Side(link, tmp_path / "first"), Side(link, tmp_path / "second")
    for side in (first, second):
        await side.shared.open()
    await first.shared.lead(AT_US)
    return first, second


async def test_what_one_seals_the_other_opens(pair: tuple[Side, Side]) -> None:
    first, second = pair
    sealed = {
        "rows": first.keys.seal("rows", b"rows", AT_US),
        "responses-c1": first.keys.of("responses-c1").seal(b"said", AT_US),
        "images": first.images.of("tfl").seal(b"image", AT_US),
        "quarantine": first.quarantine.seal(b"sent", AT_US),
    }
    await first.shared.settled()
    await second.shared.look()
    assert second.keys.open("rows", sealed["rows"]) == b"rows"
    assert second.keys.of("responses-c1").open(sealed["responses-c1"]) == b"said"
    assert second.images.of("tfl").open(sealed["images"]) == b"image"
    assert second.quarantine.open(sealed["quarantine"]) == b"sent"
    assert second.files() == first.files()


async def test_a_key_is_with_the_servers_before_anything_under_it_is_appended(
    pair: tuple[Side, Side], link: Link
) -> None:
    first, second = pair
    await link.ensure_stream("TEST")
    writer = await StreamWriter(link, "TEST").open()
    for hour in range(1, 8):
        at_us = AT_US + hour * HOUR_US
        data = first.keys.seal("acts", b"%d" % hour, at_us)  # made just now, on the loop
        await writer.submit(data, f"m{hour}")
        # Whoever finds the message finds the key, though the first one is gone the moment after.
        await second.shared.look()
        assert second.keys.open("acts", data) == b"%d" % hour
    await writer.close()


async def test_what_ends_at_one_ends_at_the_other_and_with_the_servers(
    pair: tuple[Side, Side], link: Link
) -> None:
    first, second = pair
    sealed = first.keys.seal("reads", b"x", AT_US)
    first.images.of("tfl").seal(b"y", AT_US)
    await first.shared.settled()
    await second.shared.look()
    first.keys.end_before("reads", AT_US + HOUR_US)
    first.images.of("tfl").end_before(AT_US + HOUR_US)
    await first.shared.settled()
    await second.shared.look()
    assert second.keys.open("reads", sealed) is None
    assert second.files() == first.files()
    third = Side(link, first.folder.parent / "third")
    await third.shared.look()
    assert third.files() == first.files(), "the servers hold it no longer"


async def test_the_servers_write_none_of_it_to_their_disks(
    pair: tuple[Side, Side], server: NatsServer
) -> None:
    first, _ = pair
    first.keys.seal("rows", b"x", AT_US)
    await first.shared.settled()
    held = [key for name in KINDS for key in first.keys.of(name).held().values()]
    assert held
    folder = first.folder.parent / "nats"
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in folder.rglob("*.blk") if SHARED in str(path)]
    assert not any(key in data for key in held for data in files)


async def test_servers_that_forgot_are_told_again(pair: tuple[Side, Side], link: Link) -> None:
    first, second = pair
    await second.shared.look()
    await link.jetstream.delete_stream(SHARED)
    first.keys.seal("rows", b"x", AT_US + 5 * HOUR_US)
    await first.shared.restore()
    await second.shared.look()
    await second.shared.look()
    assert second.files() == first.files()


async def test_another_deployments_keys_are_passed_over(pair: tuple[Side, Side], link: Link) -> None:
    first, _ = pair
    first.keys.seal("rows", b"x", AT_US)
    await first.shared.settled()
    other = Side(link, first.folder.parent / "other", secret=b"o" * 32)
    await other.shared.look()
    assert other.files() == set()


async def test_two_keys_for_one_hour_are_a_fault(pair: tuple[Side, Side]) -> None:
    first, second = pair
    second.keys.seal("rows", b"of its own", AT_US)
    await first.shared.settled()
    with pytest.raises(ConfigurationError, match="another key"):
        await second.shared.look()


async def test_what_the_other_lacks_is_kept_for_an_hour_and_no_longer(pair: tuple[Side, Side]) -> None:
    first, second = pair
    assert await first.shared.held_back(900) == 900, "nobody else has said anything"
    await second.shared.say(400)
    for _ in range(3):
        assert await first.shared.held_back(900) == 400
        first.now_s += HELD_FOR_S / 4
    await second.shared.say(800)
    assert await first.shared.held_back(900) == 800
    assert first.shared.histories() == []
    await second.shared.say(850, HistoryHold(700, AT_US))
    assert await first.shared.held_back(900) == 850, "its history alone does not hold the rest back"
    assert first.shared.histories() == [HistoryHold(700, AT_US)]
    first.now_s += HELD_FOR_S
    assert await first.shared.held_back(900) == 900
    assert first.shared.histories() == []


def test_an_adopted_key_is_durable_and_an_ended_one_is_not_adopted(tmp_path: Path) -> None:
    one, other = HourKeys(tmp_path / "one"), HourKeys(tmp_path / "other")
    sealed: Any = one.seal(b"x", AT_US)
    ((hour, key),) = one.held().items()
    assert hour == HOUR
    other.adopt(hour, key)
    other.adopt(hour, key)
    assert HourKeys(tmp_path / "other").open(sealed) == b"x"
    other.end_before(AT_US + HOUR_US)
    other.adopt(hour, key)
    assert other.held() == {}
    assert other.open(sealed) is None
