"""The images of a recipient against a gateway that lies: what a row names is what is kept, or nothing is."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wicketgate.base.errors import InputError, NotEntitled, VerificationError, WicketgateError
from wicketgate.clients.recipient.images import ImageFetcher, ImageFolder, wanted_of
from wicketgate.clients.verify.remote import HttpAnswer
from wicketgate.feeds.batches import Batch

BODIES = (b"\xff\xd8\xff-one", b"\x89PNG-two", b"\xff\xd8\xff-three")
NAMES = [hashlib.sha256(body).hexdigest() for body in BODIES]


def image(number: int, **more: Any) -> dict[str, Any]:
    """Return what a row says of an image."""
    body = BODIES[number]
    form = "image/png" if body.startswith(b"\x89") else "image/jpeg"
    return {"ref": f"ref-{number}", "sha256": NAMES[number], "type": form, "bytes": len(body), **more}


def batch(*images: Any, number: int = 1) -> Batch:
    lines = [json.dumps({"seq": 1, "read": {"patch_image": one}}).encode() for one in images]
    return Batch(header={"batch": number, "released_at": "2026-07-08T12:00:00Z"}, lines=tuple(lines))


def line(number: int, **more: Any) -> bytes:
    body = BODIES[number]
    value = {"ref": f"ref-{number}", "data": base64.b64encode(body).decode(), **more}
    return json.dumps(value).encode() + b"\n"


class Lying:
    """A gateway that answers as it is told, one answer after another."""

    def __init__(self, *answers: bytes | int) -> None:
        self.answers = list(answers)
        self.asked: list[list[str]] = []

    def post(self, path: str, body: bytes, *, most: int) -> HttpAnswer:
        assert path == "/v1/feeds/f/images"
        self.asked.append(json.loads(body)["refs"])
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            return HttpAnswer(status=answer, body=b'{"code":"revoked"}')
        return HttpAnswer(status=200, body=answer)


def fetcher(folder: Path, *answers: bytes | int) -> ImageFetcher:
    return ImageFetcher(Lying(*answers), "f", ImageFolder(folder, "f"))  # type: ignore[arg-type]


def at_once(ask: Callable[[], Any]) -> Any:
    return ask()


def kept(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("2026-07-08/*"))


def take(made: ImageFetcher, batches: Sequence[Batch]) -> None:
    made.take(batches, at_once)


def test_a_full_answer_is_asked_on_behind_its_last_line(tmp_path: Path) -> None:
    made = fetcher(tmp_path, line(0), line(1) + line(2))
    take(made, [batch(image(0), image(1)), batch(image(2), image(0), number=2)])
    assert made.remote.asked == [["ref-0", "ref-1", "ref-2"], ["ref-1", "ref-2"]]  # type: ignore[attr-defined]
    assert kept(tmp_path) == sorted(NAMES)
    assert ImageFolder(tmp_path, "f").batch == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (line(0, data=base64.b64encode(b"another").decode()), VerificationError),
        (line(0, data=base64.b64encode(BODIES[0][::-1]).decode()), VerificationError),
        (line(1), InputError),
        (b"", InputError),
        (b"\n\n", InputError),
        (b"[1]\n", InputError),
        (b"\xff\xfe\n", InputError),
        (b'{"ref":"ref-0","data":"%%%"}\n', InputError),
        (403, NotEntitled),
        (404, InputError),
        (405, InputError),
        (400, InputError),
    ],
)
def test_what_is_not_what_the_row_names_is_not_kept(
    tmp_path: Path, answer: bytes | int, error: type[Exception]
) -> None:
    made = fetcher(tmp_path, answer)
    with pytest.raises(error):
        take(made, [batch(image(0))])
    assert kept(tmp_path) == []
    assert ImageFolder(tmp_path, "f").batch is None, "the next run asks again"


def test_those_before_a_wrong_one_are_kept(tmp_path: Path) -> None:
    made = fetcher(tmp_path, line(0) + line(1, data=base64.b64encode(b"x").decode()))
    with pytest.raises(VerificationError):
        take(made, [batch(image(0), image(1))])
    assert kept(tmp_path) == [NAMES[0]]
    again = fetcher(tmp_path, line(1))
    take(again, [batch(image(0), image(1))])
    assert again.remote.asked == [["ref-1"]]  # type: ignore[attr-defined]
    assert (again.tally.known, again.tally.fetched) == (1, 1)


@pytest.mark.parametrize(
    "said",
    [
        image(0, sha256="../../etc/passwd"),
        image(0, sha256=NAMES[0].upper()),
        image(0, ref="a/b"),
        image(0, ref=""),
        image(0, type="text/html"),
        image(0, bytes="7"),
        image(0, bytes=True),
        {},
        "x",
        7,
    ],
)
def test_what_a_row_says_becomes_no_other_name(tmp_path: Path, said: Any) -> None:
    with pytest.raises(InputError):
        take(fetcher(tmp_path), [batch(said)])
    assert list(tmp_path.iterdir()) == []


@given(st.one_of(st.binary(max_size=200).map(lambda data: data + b'_image"'), st.just(b'[{"a_image":1}]')))
def test_any_row_gives_images_or_an_input_error(data: bytes) -> None:
    header = {"batch": 1, "released_at": "2026-07-08T12:00:00Z"}
    with contextlib.suppress(InputError):
        list(wanted_of(Batch(header=header, lines=(data,))))


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_any_answer_is_refused_as_one(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("images")
    with pytest.raises(WicketgateError):
        take(fetcher(folder, data), [batch(image(0))])
    assert kept(folder) == []


@pytest.mark.parametrize(
    "text", ["", "{}", "[", '{"feed":"f"}', '{"feed":"f","batch":-1}', '{"feed":"g","batch":1}']
)
def test_a_cursor_that_is_not_this_feeds_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "cursor.json").write_text(text)
    with pytest.raises(WicketgateError):
        ImageFolder(tmp_path, "f")


def test_a_batch_goes_back_for_nobody(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path, "f")
    folder.reach(7)
    folder.reach(3)
    assert ImageFolder(tmp_path, "f").batch == 7
