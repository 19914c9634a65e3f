"""What an erratum costs: it is decided on the gateway's loop, and a source may say thousands."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import made_gateway as made
from wicketgate.base.clock import rfc3339
from wicketgate.feeds.errata import WrongRow, errata_for
from wicketgate.gate import tables
from wicketgate.regime.moment import RegimeAt


def test_an_erratum_looks_at_the_authorities_that_got_the_read_and_makes_nothing_of_other_cameras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 20,000 cameras it held the loop for 48 ms, and longer with each authority that there was."""
    shown, looked = [], []
    real_shown, real_scope = tables.shown_camera, tables.in_scope

    def shown_camera(camera: Any, **how: Any) -> str:
        shown.append(camera.id)
        return real_shown(camera, **how)

    def in_scope(cameras: Any, authority: Any, cap: Any) -> Any:
        looked.append(authority.name)
        return real_scope(cameras, authority, cap)

    with closing(made.standard(tmp_path / "log", seconds=2)) as world:
        world.list_cameras(200, 100)
        assert len(world.state.feeds) > 1
        camera = next(one for one in world.state.cameras if "ccz-boundary" in one.groups)
        read = {
            "plate": "AB12CDE",
            "captured_at": rfc3339(world.at_us),
            "source": camera.source,
            "camera": camera.id,
        }
        row = WrongRow(made.FEED, 1, world.at_us, {"seq": 1, "read": read})
        moment = RegimeAt(world.state.regime, world.parsed, world.at_us)
        monkeypatch.setattr(tables, "shown_camera", shown_camera)
        monkeypatch.setattr(tables, "in_scope", in_scope)
        [erratum] = errata_for([row], "AB12CDF", world.state, moment, set(), lambda name, terms: None)  # type: ignore[arg-type, return-value]
    assert '"plate":"AB12CDF"' in erratum.read
    assert set(shown) == {camera.id}
    assert looked == [made.FEED]
