"""The findings of admission and changes of standing, as the fold keeps them."""

from __future__ import annotations

from typing import Any

import msgspec


class Admitted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The findings of a document's admission.

    What does not concern its kind stays as it is here.

    Attributes
    ----------
    cameras : int
        Of an authority or a draft: active cameras in its scope.
    cap : int or None
        The most cameras that it may use, or that its decision can cover; None is any number.
    need : str
        Of an authority: `covered`, `notice`, `marked`, `within` or `urgent`.
    wider : tuple of str
        Of an authority, a draft or a charter: what no consultation covers, in words.
    by : tuple of str
        Of an authority: the consultations that cover the rest.
    due_us : int or None
        Of an authority with the need `within`: by when.
    fulfils : tuple of str
        Of a decision: the `name@version` that waited for it.
    stops : tuple of str
        Of a charter: the authorities that a key had signed which it declares lost or compromised. Of a quashing: those
        that rest on the consultation that it quashes.
    voids : tuple of str
        Of a charter: the consultations whose decision such a key had signed; they cover nothing more.
    figures : dict
        Of a review: what the authority cost and what came of it since the last one (`review_figures.since_review`).
    """

    cameras: int = 0
    cap: int | None = None
    need: str = "covered"
    wider: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    due_us: int | None = None
    fulfils: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    voids: tuple[str, ...] = ()
    figures: dict[str, Any] = {}


class Stood(msgspec.Struct, frozen=True, kw_only=True):
    """The standing of an authority or a consultation from now on.

    It stands so by a document or by the clock.

    Attributes
    ----------
    about : str
        The authority's name, or `consultation/` and the consultation's id.
    version : int
        Of the authority: the version that counts; 0 for a consultation.
    status : str
        One of `regime.standing.Status`, or of `regime.standing.ConsultationStatus`.
    """

    about: str
    version: int
    status: str


class WitnessingStood(msgspec.Struct, frozen=True, kw_only=True):
    """What stops, or goes on, by how many witnesses cosign the log; `entry` says so.

    `cosigned` is of how many entries it was cosigned by as many as the charter demands.
    """

    stopped: tuple[str, ...]
    cosigned: int
    entry: int
