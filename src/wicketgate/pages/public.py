"""The public pages: the register in plain words, as HTML without scripts.

Everything here is rendering: a register (the value of `/register.json`) or an OpenAPI document becomes a
string. No socket or clock is touched, and of files only the templates and assets, once. What the register
holds was written by others: every text is escaped, and only `http` and `https` addresses become links. The
pages run under `CONTENT_SECURITY_POLICY`: no script, no inline style, nothing from elsewhere. A page with a map is
sent with `MAP_HEADERS` instead, which let scripts of our own in, and nothing that is inline or from elsewhere.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from jinja2 import ChainableUndefined, ChoiceLoader, Environment, PackageLoader, PrefixLoader, Undefined

from wicketgate.base.clock import MINUTE_US
from wicketgate.base.errors import InputError
from wicketgate.ledger.notes import unverified_checkpoint
from wicketgate.ledger.tiles import TILE_WIDTH
from wicketgate.pages import disclosures, phrases, reference, story
from wicketgate.pages.charts import figures_of_authority
from wicketgate.pages.consultations import consultations_of, groups_of, open_of
from wicketgate.pages.drift import drift_of
from wicketgate.pages.figures import earlier_of, figures_of_day, months_of, periods_of
from wicketgate.pages.local import local_moment
from wicketgate.pages.phrases import at_us_of
from wicketgate.pages.views import ShownNames, step_of, views_of
from wicketgate.pages.witnesses import said_of_witnesses
from wicketgate.pages.your_read import your_read_of

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
)
"""What every page is sent with."""
MAP_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        **HEADERS,
        "Content-Security-Policy": CONTENT_SECURITY_POLICY
        + "; script-src 'self'; worker-src 'self'; connect-src 'self'",
    }
)
"""What a page with a map is sent with."""
FORM_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        **HEADERS,
        "Content-Security-Policy": CONTENT_SECURITY_POLICY.replace(
            "form-action 'none'", "form-action 'self'"
        ),
    }
)
"""What the page of an open consultation is sent with: its form goes to this gateway, and nowhere else."""

STALE_AFTER_US = MINUTE_US  # an entry a second is promised; a page says so when the last one is this old

_FILTERS = (
    "number",
    "count",
    "day",
    "moment",
    "span",
    "duration",
    "distance",
    "inline",
    "prose",
    "sentence_case",
    "web_address",
    "entry_place",
)
_WORTH_COMPRESSING = 2_000
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".geojson": "application/geo+json",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file for the pages, with its headers.

    Its path holds its hash, so it never changes and may be kept for ever.
    """

    content: bytes
    media_type: str
    etag: str
    cache_control: str = "public, max-age=31536000, immutable"

    @property
    def compressed(self) -> bytes | None:
        """The content in gzip, where that is worth it; the same for every start. The first look compresses it."""
        return _gzipped(self.content) if len(self.content) > _WORTH_COMPRESSING else None


@cache
def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 6, mtime=0)


def _assets_in(folder: Traversable, below: str = "") -> Iterator[tuple[str, bytes]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _assets_in(item, f"{below}{item.name}/")
        elif "." + item.name.rpartition(".")[2] in _MEDIA_TYPES:
            yield below + item.name, item.read_bytes()


@dataclass(frozen=True, slots=True)
class Assets:
    """Assets by their path (`/assets/…`), and those paths by the name in the tree."""

    by_path: Mapping[str, Asset]
    paths: Mapping[str, str]


@cache
def assets_of(package: str | None = None) -> Assets:
    """Return the assets of the pages, and those of a package that adds to them.

    None can take the place of ours.
    """
    if package is None:
        return _load_assets("wicketgate.pages")
    ours, added = assets_of(), _load_assets(package)
    return Assets(
        MappingProxyType({**added.by_path, **ours.by_path}), MappingProxyType({**added.paths, **ours.paths})
    )


def _load_assets(package: str) -> Assets:
    assets: dict[str, Asset] = {}
    paths: dict[str, str] = {}
    for name, content in _assets_in(files(package) / "assets"):
        digest = hashlib.sha256(content).hexdigest()[:16]
        stem, dot, suffix = name.rpartition(".")
        path = f"/assets/{stem}.{digest}.{suffix}"
        assets[path] = Asset(
            content=content,
            media_type=_MEDIA_TYPES[dot + suffix],
            etag=f'"{digest}"',
        )
        paths[name] = path
    return Assets(MappingProxyType(assets), MappingProxyType(paths))


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPart:
    """What a package adds to one page.

    Attributes
    ----------
    template : str
        Of the package; it extends the page's own by its name.
    context : mapping
        What the template shows.
    counts : StoryCounts, optional
        On the first page, the counts to tell in place of the published figures.
    """

    template: str
    context: Mapping[str, Any]
    counts: story.StoryCounts | None = None


def _unless_missing(function: Callable[..., str]) -> Callable[..., str]:
    """Return a filter with an empty answer for a missing member."""

    @wraps(function)
    def of_what_is_there(value: object, *rest: Any, **named: Any) -> str:
        return "" if isinstance(value, Undefined) else function(value, *rest, **named)

    return of_what_is_there


def _checkpoint(register: Mapping[str, Any]) -> dict[str, str]:
    """Return origin, size, root and first bundle of the signed note.

    It is empty where the note is none. Nothing is verified.
    """
    try:
        head = unverified_checkpoint(str(register.get("checkpoint") or "").encode("utf-8", "surrogatepass"))
    except InputError:
        return {}
    return {
        "origin": head.origin,
        "size": phrases.number(head.size),
        "root": base64.b64encode(head.root).decode(),
        "first_bundle": "000" if head.size >= TILE_WIDTH else f"000.p/{head.size}",
    }


@cache
def templates(package: str | None = None) -> Environment:
    """Return the environment of every template, compiled once.

    Those of a package are below `added/`.
    """
    macros = PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})
    added = PrefixLoader({} if package is None else {"added": PackageLoader(package)})
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("wicketgate.pages", "templates"), macros, added]),
        autoescape=True,
        undefined=ChainableUndefined,  # a member that the register does not have is shown as nothing
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in _FILTERS:
        environment.filters[name] = _unless_missing(getattr(phrases, name))
    environment.filters["local"] = local_moment
    environment.globals |= {"asset": assets_of(package).paths.__getitem__, "reasons": phrases.REASONS}
    environment.globals |= {
        "attested": disclosures.attested,
        "attested_by_name": disclosures.attested_by_name,
    }
    return environment


class Pages:
    """The public pages.

    The templates are read and compiled once, whatever the number of these.

    Parameters
    ----------
    demonstration : bool
        Put the banner of a demonstration on every page, those that are given no register included. A register
        with `demonstration` puts it on its own pages in any case.
    base_url : str, optional
        The address of this gateway as the public reaches it, for the commands to copy.
    package : str, optional
        A package that adds to the pages: its `templates` and `assets`.
    """

    def __init__(
        self, *, demonstration: bool = False, base_url: str | None = None, package: str | None = None
    ) -> None:
        self._package = package
        self._demonstration = demonstration
        self._base_url = (base_url or "https://ADDRESS-OF-THIS-SITE").rstrip("/")

    def _render(self, template: str, register: Mapping[str, Any] | None = None, **context: Any) -> str:
        known = register or {}
        return (
            templates(self._package)
            .get_template(template)
            .render(
                register=known,
                base_url=self._base_url,
                demonstration=self._demonstration or known.get("demonstration") is True,
                **context,
            )
        )

    def front(self, register: Mapping[str, Any], now_us: int, part: FrontPart | None = None) -> str:
        """Return the page `/`.

        It has what was seen, what left and what stayed, and on what law.

        Parameters
        ----------
        part : FrontPart, optional
            What a package adds; the page must then be sent with `MAP_HEADERS`.
        """
        names = ShownNames(register)
        views = views_of(register, names)
        as_of_us = at_us_of(register.get("as_of"))
        figures = figures_of_day(register, {str(view["name"]): view for view in views})
        counts = part.counts if part is not None else None
        return self._render(
            "front.html" if part is None else f"added/{part.template}",
            register,
            now_us=now_us,
            sources=names.sources,
            figures=figures,
            story=story.tell(
                views, counts if counts is not None else story.of_figures(figures, register, views)
            ),
            past=sum(not view["is_current"] for view in views),
            open_consultations=open_of(register),
            stale=as_of_us is not None and now_us - as_of_us > STALE_AFTER_US,
            **(part.context if part is not None else {}),
        )

    def authorities(self, register: Mapping[str, Any], now_us: int) -> str:
        """Return the page `/authorities`: every one, in force, standing still and past."""
        names = ShownNames(register)
        views = views_of(register, names)
        return self._render(
            "authorities.html",
            register,
            now_us=now_us,
            in_force=sorted(
                (view for view in views if view["status"]["id"] == "in-force"),
                key=lambda view: view["own_use"],
            ),  # what goes to others is asked for first
            stopped=[
                view
                for view in views
                if view["is_current"] and view["has_begun"] and view["status"]["id"] != "in-force"
            ],
            to_come=[view for view in views if view["is_current"] and not view["has_begun"]],
            past=[view for view in views if not view["is_current"]],
            operator=names.operator,
        )

    def figures(self, register: Mapping[str, Any]) -> str:
        """Return the page `/figures`: traffic of the latest day, targeting of every month, what recipients attest."""
        views = {str(view["name"]): view for view in views_of(register, ShownNames(register))}
        return self._render(
            "figures.html",
            register,
            figures=figures_of_day(register, views),
            earlier=earlier_of(register),
            months=months_of(register),
            step=step_of(register),
        )

    def authority(self, register: Mapping[str, Any], name: str, version: int | str) -> str | None:
        """Return the page `/authorities/{name}/{version}`, or None for an unknown version."""
        names = ShownNames(register)
        versions = [view for view in views_of(register, names) if view["name"] == name]
        view = next((one for one in versions if str(one["version"]) == str(version)), None)
        if view is None:
            return None
        figures = figures_of_authority(register, name)
        return self._render("authority.html", register, authority=view, versions=versions, figures=figures)

    def why_not_less(self, register: Mapping[str, Any], part: FrontPart | None = None) -> str:
        """Return the page `/why-not-less`: the modes side by side.

        Parameters
        ----------
        part : FrontPart, optional
            What a package adds.
        """
        views = views_of(register, ShownNames(register))
        figures = periods_of(register)
        return self._render(
            "why-not-less.html" if part is None else f"added/{part.template}",
            register,
            by_mode=story.by_mode(views, register),
            latest={str(view["name"]): view for view in views},
            begins=figures[0].get("from") if figures else None,
            ends=figures[-1].get("until") if figures else None,
            **(part.context if part is not None else {}),
        )

    def consultations(self, register: Mapping[str, Any], now_us: int) -> str:
        """Return the page `/consultations`, by their status."""
        groups = groups_of(consultations_of(register))
        return self._render("consultations.html", register, groups=groups, now_us=now_us)

    def consultation(
        self,
        register: Mapping[str, Any],
        name: str,
        now_us: int,
        *,
        responses: Mapping[str, Any] | None = None,
        written: Mapping[str, str] | None = None,
        fault: str = "",
    ) -> str | None:
        """Return the page `/consultations/{id}`, or None for an unknown one.

        Parameters
        ----------
        responses : mapping, optional
            What the public said, once it has closed: `count`, `withheld`, `shown`, `page` and `pages`.
        written : mapping, optional
            What somebody wrote into the form that was not taken, and `fault`, a sentence that says why.
        """
        found = next((one for one in consultations_of(register) if one["id"] == name), None)
        if found is None:
            return None
        return self._render(
            "consultation.html",
            register,
            one=found,
            now_us=now_us,
            responses=responses,
            written=written or {},
            fault=fault,
        )

    def response_taken(self, register: Mapping[str, Any], name: str, receipt: Mapping[str, Any]) -> str:
        """Return the page of thanks for a response.

        `receipt` has `id`, `received_at`, `fact` and `opening`.
        """
        found: Mapping[str, Any] = next((one for one in consultations_of(register) if one["id"] == name), {})
        return self._render("response-thanks.html", register, one=found, receipt=receipt)

    def drift(self, register: Mapping[str, Any]) -> str:
        """Return the page `/drift`.

        Every document stands in the order of the ledger, with what it widened or narrowed.
        """
        return self._render("drift.html", register, rows=drift_of(register))

    def your_read(self, register: Mapping[str, Any], *, history: bool) -> str:
        """Return the page `/your-read`: what happens to a driver's read, in plain words.

        Parameters
        ----------
        history : bool
            Whether reads are kept for their source's retention.
        """
        names = ShownNames(register)
        said = your_read_of(register, views_of(register, names))
        return self._render("your-read.html", register, said=said, history=history, operator=names.operator)

    def about(self, register: Mapping[str, Any], *, contact: str, history: bool) -> str:
        """Return the page `/about`: whom to ask, the privacy notice, the accessibility statement.

        Parameters
        ----------
        contact : str
            Who answers, as the operator set it; empty where nobody did.
        history : bool
            Whether reads are kept for their source's retention.
        """
        charter = register.get("charter", {}).get("document", {})
        return self._render(
            "about.html",
            register,
            contact=contact,
            history=history,
            names=ShownNames(register),
            sources=[one for one in charter.get("organisations", ()) if "source" in one.get("roles", ())],
            guardians=[
                one for one in charter.get("offices", ()) if one.get("id", "").endswith("/data-protection")
            ],
            overseers=[
                office
                for one in charter.get("organisations", ())
                if "overseer" in one.get("roles", ())
                for office in charter.get("offices", ())
                if office.get("id", "").startswith(f"{one.get('id')}/")
            ],
            feed_term=charter.get("limits", {}).get("feed_term", ""),
        )

    def how_to_verify(self, register: Mapping[str, Any]) -> str:
        """Return the page `/verify`: the checks open to anybody, with commands."""
        return self._render("verify.html", register, checkpoint=_checkpoint(register))

    def witnesses(self, register: Mapping[str, Any], seen: Mapping[str, Any]) -> str:
        """Return the page `/witnesses`: who cosigns the log, how far they are, and what one refused."""
        return self._render("witnesses.html", register, **said_of_witnesses(register, seen))

    def docs(self, openapi: Mapping[str, Any]) -> str:
        """Return the page `/docs`: a readable reference of an OpenAPI 3.1 document."""
        return self._render("docs.html", api=reference.read(openapi))

    def problem(self, status: int, title: str, detail: str) -> str:
        """Return the page for a person's error."""
        return self._render("problem.html", status=status, title=title, detail=detail)

    def not_found(self) -> str:
        """Return the page for an unknown address."""
        return self.problem(
            404,
            "Page not found",
            "If you typed the address, check it. The register’s first page lists every authority.",
        )
