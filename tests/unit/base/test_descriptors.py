from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from wicketgate.base import descriptors as module
from wicketgate.base.descriptors import RESERVE, Descriptors
from wicketgate.base.errors import ConfigurationError

LOOKED = """
import os, resource
from wicketgate.base.descriptors import Descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 400))
held = Descriptors.raised()
print(resource.getrlimit(resource.RLIMIT_NOFILE), held.limit, held.look())
opened = []
while not held.look():
    opened.append(os.open("/dev/null", os.O_RDONLY))
print(len(opened))
try:
    while True:
        opened.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    print(held.look())
for one in opened[:100]:
    os.close(one)
print(held.look())
"""


def test_the_limit_is_raised_and_its_end_seen_before_it_is_reached() -> None:
    done = subprocess.run([sys.executable, "-c", LOOKED], capture_output=True, text=True, check=True)
    raised, opened, at_the_end, after = done.stdout.splitlines()
    assert raised == "(400, 400) 400 False"
    assert 400 - RESERVE - 20 < int(opened) < 400 - RESERVE // 2
    assert (at_the_end, after) == ("True", "False")


@pytest.mark.parametrize(
    ("hard", "limit"), [(1024, 1024), (resource.RLIM_INFINITY, 1 << 20), (RESERVE + 64, RESERVE + 64)]
)
def test_what_is_allowed(monkeypatch: pytest.MonkeyPatch, hard: int, limit: int) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(module.resource, "getrlimit", lambda _: (256, hard))
    monkeypatch.setattr(module.resource, "setrlimit", lambda _, pair: asked.append(pair))
    assert Descriptors.raised().limit == limit
    assert asked == [(hard, hard)] * (hard != 256)


def test_too_few_are_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.resource, "getrlimit", lambda _: (200, 200))
    with pytest.raises(ConfigurationError, match="LimitNOFILE"):
        Descriptors.raised()


def test_the_reserve_is_divided_among_nobody() -> None:
    assert Descriptors(20_000).divide([8_192, 0]) == [8_192, 0]
    over_http, over_mqtt = Descriptors(1_024).divide([8_000, 24_000])
    assert over_http + over_mqtt == 1_024 - RESERVE
    assert (over_http, over_mqtt) == (208, 624)


def test_a_look_leaves_nothing_open() -> None:
    before = os.listdir("/proc/self/fd")
    Descriptors(1 << 20).look()
    assert os.listdir("/proc/self/fd") == before
