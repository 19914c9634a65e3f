"""Check the figures of images: those that rows name, those for which a row came again, those that were fetched."""

from __future__ import annotations

from collections.abc import Mapping

from wicketgate.base.clock import HOUR_US
from wicketgate.clients.verify.in_force import Range
from wicketgate.regime.documents.fields import IMAGES
from wicketgate.regime.moment import RegimeAt

_FOLLOWS_US = 2 * HOUR_US
"""An image follows its read within minutes; a gateway that was away takes those that waited."""


class FollowedReads:
    """The reads taken lately, whose images can still follow them."""

    def __init__(self) -> None:
        self._lately: list[tuple[int, int]] = []

    def too_often(self, again: Mapping[str, Range], taken: int, period: tuple[int, int]) -> list[str]:
        """Return the names of which more rows came again than images can follow the reads that were taken.

        A row comes again once for each image that follows its read.
        """
        from_us, until_us = period
        self._lately = [
            *((end, reads) for end, reads in self._lately if end > from_us - _FOLLOWS_US),
            (until_us, taken),
        ]
        most = len(IMAGES) * sum(reads for _, reads in self._lately)
        return [
            f"{rows[0]} rows of `{name}` came again with an image, of {most} that can have followed their reads"
            for name, rows in again.items()
            if rows[0] > most
        ]


def again_without_images(again: Mapping[str, Range], moment: RegimeAt) -> list[str]:
    """Return the authorities whose rows came again, and that never showed the image for which a row does."""
    return [
        f"rows of `{name}` that came again with an image, and no version of it shows one"
        for name, (least, _) in again.items()
        if least and name in moment.regime.authorities and not _shows_images(name, moment)
    ]


def impossible_images(tables: Mapping[str, Mapping[str, Range]], moment: RegimeAt) -> list[str]:
    """Return the authorities with more images than their rows can name, or with images that none of them shows."""
    faults = []
    for name in tables["images"].keys() & tables["released"].keys() & tables["again"].keys():
        rows = tables["released"][name][1] + tables["again"][name][1]
        if tables["images"][name][0] > len(IMAGES) * rows:
            faults.append(f"rows of `{name}` name more images than two each")
    for member, words in (("images", "named by rows"), ("fetched", "fetched by its recipient")):
        faults += [
            f"images of `{name}` {words}, and no version of it shows one"
            for name, (least, _) in tables[member].items()
            if least and name in moment.regime.authorities and not _shows_images(name, moment)
        ]
    return faults


def _shows_images(name: str, moment: RegimeAt) -> bool:
    """Return whether a version of an authority shows an image."""
    return any(
        IMAGES & set(moment.authority(version).scope.fields)
        for version in moment.regime.authorities[name].versions
    )
