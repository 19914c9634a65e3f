"""Which camera a name means, and which cameras can be registered."""

from __future__ import annotations

import pytest

from wicketgate.base.errors import InputError
from wicketgate.commits.cameras import Camera
from wicketgate.commits.state import State
from wicketgate.commits.transactions import CameraSet
from wicketgate.reads.cameras import CameraNames, check_cameras


def camera(id_: str, /, **more: object) -> CameraSet:
    return CameraSet(id=id_, **more)  # type: ignore[arg-type]


def test_names_follow_the_register() -> None:
    state = State(revision=1)
    names = CameraNames(lambda: state)
    assert names.find("tfl", ["c0"]) is None
    state.cameras = [
        Camera(source="tfl", id="c0", groups=(), active=True, aliases=("SN",)),
        Camera(source="tfl", id="c1", groups=(), active=False, aliases=("old",)),
        Camera(source="tfl", id="SN", groups=(), active=True),
    ]
    assert names.find("tfl", ["c0"]) is None  # the register has not changed, it says
    state.revision = 2
    found = names.find("tfl", ["nobody", "c0"])
    assert found is not None
    assert found == (0, state.cameras[0])
    sn = names.find("tfl", [" SN "])
    assert sn is not None
    assert sn[0] == 2  # an id goes before an alias
    assert names.find("tfl", ["old", "c1", ""]) is None
    assert names.find("hackney", ["c0"]) is None
    assert names.ids("tfl") == {"c0": 0, "SN": 2}
    assert names.ids("hackney") == {}


@pytest.mark.parametrize(
    "cameras",
    [
        [],
        [camera("ccz-0001", groups=("ccz",), latitude=51.5, longitude=-0.1, heading=360.0)],
        [camera("Gate 0 north"), camera("x" * 64), camera("a.b:c_d-e")],
        [camera("c0", zone="Europe/London", aliases=("Škoda gate #1", "c0"))],
        [camera("c0", latitude=0.0, longitude=0.1)],
        [camera("c0", name="Waterloo Bridge, north side"), camera("c1", name="Waterloo Bridge, north side")],
        [camera("c0", name="Ž" * 120)],
        [camera("c0", aliases=tuple(map(str, range(8)))), camera("c1", aliases=("x" * 64,))],
    ],
)
def test_what_can_be_registered(cameras: list[CameraSet]) -> None:
    check_cameras(cameras)


@pytest.mark.parametrize(
    ("cameras", "said"),
    [
        ([camera("")], "ids have"),
        ([camera(" c0")], "ids have"),
        ([camera("c0 ")], "ids have"),
        ([camera("c0\n")], "ids have"),
        ([camera("c\t0")], "ids have"),
        ([camera("x" * 65)], "ids have"),
        ([camera("é")], "ids have"),
        ([camera("c0", groups=("a b",))], "groups have"),
        ([camera("c0", latitude=0.0, longitude=0.0)], "0,0 is no position: leave both out"),
        ([camera("c0", latitude=51.5)], "send both"),
        ([camera("c0", latitude=51.5, longitude=181.0)], "between"),
        ([camera("c0", latitude=-90.1, longitude=1.0)], "between"),
        ([camera("c0", heading=-1.0)], "heading"),
        ([camera("c0", zone="Europe/Londinium")], "no time zone"),
        ([camera("c0", zone="../../etc/passwd")], "no time zone"),
        ([camera("c0", zone="")], "no time zone"),
        ([camera("c0", aliases=tuple(map(str, range(9))))], "at most 8"),
        ([camera("c0", aliases=("",))], "aliases have"),
        ([camera("c0", aliases=(" x",))], "aliases have"),
        ([camera("c0", aliases=("a\x00b",))], "aliases have"),
        ([camera("c0", aliases=("x" * 65,))], "aliases have"),
        ([camera("c0", aliases=("c1",)), camera("c1")], "another camera"),
        ([camera("c1"), camera("c0", aliases=("c1",))], "another camera"),
        ([camera("c0", name="")], "names have"),
        ([camera("c0", name=" Bridge")], "names have"),
        ([camera("c0", name="Bridge\nNorth")], "names have"),
        ([camera("c0", name="Bridge\u202eNorth")], "names have"),
        ([camera("c0", name="x" * 121)], "names have"),
        ([camera("c0", aliases=("SN",)), camera("c1", aliases=("SN",))], "another camera"),
    ],
)
def test_what_cannot(cameras: list[CameraSet], said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_cameras(cameras)
