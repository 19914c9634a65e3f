"""One operation of the API, and its form in an OpenAPI 3.1 document."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, get_args, get_origin

import msgspec

from wicketgate.base.shapes import shape
from wicketgate.http.codes import REQUEST, Code
from wicketgate.http.parameters import Number, Parameter, Seconds
from wicketgate.http.problems import Problem
from wicketgate.http.requests import size_words
from wicketgate.http.roles import ANYBODY, ROLES

JSON, NDJSON, TEXT, HTML = "application/json", "application/x-ndjson", "text/plain", "text/html"
EVENTS, PROBLEM = "text/event-stream", "application/problem+json"

TOKENS = ("source", "recipient", "overseer", "admin")
OFFICER = "duty"
"""Whom a session lets in, and no token."""
Bytes = Annotated[msgspec.Raw, shape(type="string", format="binary")]
PAGE: Content = {HTML: None}

_REF = "#/components/schemas/{name}"

Shape = Any
"""A type; a tuple of types, for any of them; a `Sample`; None, for anything."""
Content = Mapping[str, Shape]
"""Shapes by media type."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A text with an example of its own."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One method of one path.

    Attributes
    ----------
    id : str
        The `operationId`.
    at : str
        Method and path, such as `GET /v1/feeds`.
    takes, gives : mapping, or a type for JSON alone
        The body, and what is answered with `status`.
    most : int
        Bytes of the body; 0 where its content settles it.
    meaning : str
        Of the answer; where there is none, what its struct says of itself.
    codes : str
        With which it is refused, beside those that follow from the rest; separated by spaces.
    refusals : iterable of Code
        The same, of codes that stand in other places than a request.
    also : mapping
        Further answers that are no refusals: meaning and content by status.
    who : tuple of str
        The kinds of token that may call it; `OFFICER`; empty where anybody may.
    commits : bool
        Whether it waits for the streams.
    by_device : bool
        Whether Basic and `?key=` are taken too.
    as_page : bool
        Whether a browser is shown as a page what was wrong.
    """

    id: str
    at: str
    summary: str
    words: str = ""
    takes: Shape = None
    most: int = 0
    gives: Shape = None
    status: int = 200
    meaning: str = ""
    parameters: tuple[Parameter | Number | Seconds, ...] = ()
    codes: str = ""
    refusals: Iterable[Code] = ()
    also: Mapping[int, tuple[str, Content]] | None = None
    commits: bool = False
    by_device: bool = False
    as_page: bool = False
    who: tuple[str, ...] = ()
    tag: str = ""

    @property
    def method(self) -> str:
        """The method, in capitals."""
        return self.at.partition(" ")[0]

    @property
    def path(self) -> str:
        """The path, with its parameters in braces."""
        return self.at.partition(" ")[2]

    @property
    def is_for_officers(self) -> bool:
        """Return whether it is one of the duty officers' pages."""
        return OFFICER in self.who

    def body(self) -> Content:
        """Return the operation's body by media type."""
        return _by_media_type(self.takes)

    def answers(self) -> dict[int, tuple[str, Content]]:
        """Return the operation's answers by status, refusals left out.

        Each is its meaning and its content.
        """
        content = _by_media_type(self.gives)
        return {self.status: (self.meaning or _said_of(content), content), **(self.also or {})}

    def refused(self) -> dict[int, list[Code]]:
        """Return every code of the operation's refusals, by status."""
        names = ["unauthorised"] if self.who else []
        if self.who and not self.is_for_officers and set(self.who) < set(TOKENS):
            names.append("not-entitled")
        names += self.codes.split()
        names += ["too-large"] if self.takes is not None else []
        names += ["streams-unavailable"] if self.commits else []
        names += ["too-much-at-once", "busy"]  # before anything is read
        names += ["starting", "standby"]
        by_status: dict[int, list[Code]] = {}
        for one in (*(REQUEST[name] for name in dict.fromkeys(names)), *self.refusals):
            by_status.setdefault(one.status or 0, []).append(one)
        return dict(sorted(by_status.items()))

    def description(self) -> str:
        """Return the operation's words, with the consequences of the rest."""
        lines = [self.words] if self.words else []
        if self.most:
            lines.append(f"The body is at most {size_words(self.most)}.")
        if self.is_for_officers:
            lines.append("For duty officers who are signed in.")
        elif self.who:
            anybody = set(self.who) == set(TOKENS)
            kinds = "any known token" if anybody else " or ".join(f"`{kind}`" for kind in self.who)
            lines.append(f"Token: {kinds}.")
        roles = {role for some in ROLES.get(self.id, {}).values() for role in some}
        if roles:
            lines.append(f"Person: {' or '.join(f'`{role}`' for role in sorted(roles))}.")
        elif self.id in ANYBODY and not self.is_for_officers:
            lines.append("Person: any who is signed in.")
        return "\n\n".join(lines)

    def security(self) -> list[dict[str, list[str]]]:
        """Return the operation's security requirements.

        The kinds of token are roles.
        """
        if self.is_for_officers:
            return [{"session": []}]
        schemes = ["bearer", "basic", "key"] if self.by_device else ["bearer"]
        return [{scheme: [kind]} for scheme in schemes for kind in self.who]


def tagged(tag: str, who: tuple[str, ...], *operations: Operation) -> tuple[Operation, ...]:
    """Return operations under a tag.

    They are for those who may call each of them that names nobody else.
    """
    return tuple(replace(one, tag=tag, who=one.who or who) for one in operations)


def _by_media_type(given: Shape) -> Content:
    if given is None:
        return {}
    return given if isinstance(given, Mapping) else {JSON: given}


def _said_of(content: Content) -> str:
    for one in content.values():
        for part in _parts(one):
            return _paragraph(_element(part).__doc__ or "")
    return "The page." if HTML in content else "Done."


class Components:
    """The shapes of operations as JSON Schema.

    There is one for each struct, by the struct's name.

    Parameters
    ----------
    contents : iterable of Content
        All that will be asked for.
    """

    def __init__(self, contents: Iterable[Content]) -> None:
        types: dict[int, Shape] = {id(Problem): Problem}
        for content in contents:
            types |= {id(part): part for one in content.values() for part in _parts(one)}
        schemas, components = msgspec.json.schema_components(types.values(), ref_template=_REF)
        self._schemas = dict(zip(types, map(_plain, schemas), strict=True))
        self.schemas: dict[str, Any] = {name: _plain(one) for name, one in sorted(components.items())}

    def content(self, content: Content) -> dict[str, Any]:
        """Return bodies in OpenAPI's form."""
        return {media_type: self._body(media_type, one) for media_type, one in content.items()}

    def _body(self, media_type: str, one: Shape) -> dict[str, Any]:
        if isinstance(one, Sample):
            return {"schema": {"type": "string"}, "example": one.text}
        parts = [self._schemas[id(part)] for part in _parts(one)]
        if not parts:
            return {}
        example = _example(media_type, one)
        schema = parts[0] if len(parts) == 1 else {"anyOf": parts}
        return {"schema": schema} if example is None else {"schema": schema, "example": example}

    def refusal(self, codes: Sequence[Code], *, as_page: bool) -> dict[str, Any]:
        """Return the answer of a refusal with one of these codes."""
        named = {one.code: one.meaning.removesuffix(".") for one in codes}
        schema = {**self._schemas[id(Problem)], "properties": {"code": {"enum": sorted(named)}}}
        return {
            "description": " ".join(f"`{code}`: {meaning}." for code, meaning in named.items()),
            "content": {PROBLEM: {"schema": schema}, **(self.content(PAGE) if as_page else {})},
        }


def _parts(one: Shape) -> tuple[Shape, ...]:
    if one is None or isinstance(one, Sample):
        return ()
    return one if isinstance(one, tuple) else (one,)


def _element(part: Shape) -> Shape:
    """Return a type without its annotations.

    Of a list it is that of its elements.
    """
    origin: object = get_origin(part)
    if origin is Annotated or origin is list:
        return _element(get_args(part)[0])
    return part


def _is_list(part: Shape) -> bool:
    origin: object = get_origin(part)
    return _is_list(get_args(part)[0]) if origin is Annotated else origin is list


def _paragraph(docstring: str) -> str:
    return " ".join(inspect.cleandoc(docstring).split("\n\n")[0].split())


def _plain(schema: Any) -> Any:
    """Return a schema without titles and null defaults.

    Of each description it keeps the first paragraph.
    """
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "properties":
            plain[name] = {member: _plain(one) for member, one in value.items()}
        elif name == "description":
            plain[name] = _paragraph(value)
        elif name != "title" and not (name == "default" and value is None):
            plain[name] = _plain(value)
    return plain


def _example(media_type: str, one: Shape) -> object:
    """Return the examples of a shape in its media type's form.

    None where there is none.
    """
    parts = _parts(one)
    from wicketgate.http.openapi.examples import (
        EXAMPLES,  # of bodies of everything: looked at when it is described
    )

    known = [text for part in parts for text in EXAMPLES.get(_element(part), ())]
    if not known:
        return None
    if media_type == NDJSON:
        return "".join(text + "\n" for text in dict.fromkeys(known))
    values = [json.loads(text) for text in known]
    return values if _is_list(parts[0]) else values[0]


def written(operations: Iterable[Operation]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the `paths` and the `schemas` of a document."""
    operations = tuple(operations)
    components = Components(content for one in operations for content in _contents(one))
    paths: dict[str, Any] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _written(one, components)
    return paths, components.schemas


def _contents(one: Operation) -> Iterator[Content]:
    yield one.body()
    yield from (content for _, content in one.answers().values())


def _written(one: Operation, components: Components) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status, (meaning, content) in sorted(one.answers().items()):
        body = components.content(content)
        answers[str(status)] = {"description": meaning, **({"content": body} if body else {})}
    for status, codes in one.refused().items():
        answers[str(status)] = components.refusal(codes, as_page=one.as_page)
    body = components.content(one.body())
    return {
        "operationId": one.id,
        "tags": [one.tag],
        "summary": one.summary,
        "description": one.description(),
        "security": one.security(),
        "parameters": [
            {
                "name": each.name,
                "in": each.place,
                "required": each.required,
                "description": each.words,
                "schema": each.schema,
            }
            for each in one.parameters
        ],
        **({"requestBody": {"required": True, "content": body}} if body else {}),
        "responses": answers,
    }
