"""What is false, what is not there, and what cannot be reached are told apart, each in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import made_gateway as made
from tests.made_gateway import FEED, TOKEN, World, serve
from wicketgate.cli import main


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made_world = made.standard(tmp_path_factory.mktemp("told") / "log")
    yield made_world
    made_world.close()


def with_header(batches: list[bytes], change: Callable[[dict[str, Any]], object]) -> list[bytes]:
    """Return batches of which the second has another header."""
    line, _, rows = batches[1].partition(b"\n")
    header = json.loads(line)
    change(header)
    return [batches[0], json.dumps(header, separators=(",", ":")).encode() + b"\n" + rows, *batches[2:]]


HEADERS: dict[str, Callable[[dict[str, Any]], object]] = {
    **{
        f"promise {value!r}": lambda header, value=value: header.update(promise=value)
        for value in (None, [], "x", 7, True, {}, [["salt"]])
    },
    **{
        f"{member} {value!r}": lambda header, member=member, value=value: header.update({member: value})
        for member in ("batch", "commit", "authority", "rows", "root", "sha256", "released_at")
        for value in (None, {}, [], -1, 10**30)
    },
    **{
        f"promise.{member} {value!r}": lambda header, member=member, value=value: header["promise"].update(
            {member: value}
        )
        for member in ("salt", "second", "merge_by", "signature")
        for value in (None, {}, [], -1)
    },
    "no promise": lambda header: header.pop("promise"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_malformed_header_is_false_in_words(
    name: str, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = [bytes(batch) for batch in world.batches[FEED]]
    lied = with_header(honest, HEADERS[name])
    feed, token = tmp_path / "feed", tmp_path / "token"
    feed.write_bytes(b"".join(lied))
    token.write_text(TOKEN)
    token.chmod(0o600)
    try:
        with serve(world) as gateway:
            assert (
                main(["verify", gateway.url, "--feed-file", str(feed), "--state", str(tmp_path / "v")]) == 1
            )
            world.batches[FEED][:] = lied
            out, state = str(tmp_path / "out"), str(tmp_path / "r")
            words = ["receive", FEED, "--from", gateway.url, "--token-file", str(token)]
            assert main([*words, "--out", out, "--state", state]) == 1
    finally:
        world.batches[FEED][:] = honest
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err


@pytest.mark.parametrize("path", ["/log/checkpoint", "/register.json", "/log/key"])
@pytest.mark.parametrize("status", [404, 403, 503])
def test_what_shows_no_log_is_out_of_reach_and_not_false(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, status: int
) -> None:
    with serve(world) as gateway:
        gateway.lies[path] = lambda _served, _query: (status, b"<html>no such page</html>")
        assert main(["verify", gateway.url, "--state", str(tmp_path / "v")]) == 3
    if status != 503:
        assert "whoever answers there shows no log" in "".join(capsys.readouterr())


def test_a_tile_that_is_not_there_is_false(world: World, tmp_path: Path) -> None:
    with serve(world) as gateway:
        gateway.lies["/log/tile/entries/000.p/53"] = lambda _served, _query: (404, b"")
        assert main(["verify", gateway.url, "--state", str(tmp_path / "v")]) == 1
