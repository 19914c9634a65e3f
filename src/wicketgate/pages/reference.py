"""The page `/docs`, read out of an OpenAPI 3.1 document.

It shows operations, bodies, answers and shapes.

Pure. `$ref` is followed for parameters, bodies and responses; a schema that is one becomes a link to its
place in the list of shapes, so a schema may refer to itself. Members that a page cannot show are left
out; the document itself stays at `/openapi.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
MAX_DEPTH = 4  # of members shown of a schema that is written out inside another
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "minLength": "length at least",
    "maxLength": "length at most",
    "minItems": "items at least",
    "maxItems": "items at most",
    "pattern": "matching",
    "default": "if left out:",
}


def read(api: Mapping[str, Any]) -> dict[str, Any]:
    """Return the title, version, operations by group and schemas of a document."""
    info = _mapping(api.get("info"))
    described = {str(tag.get("name")): tag.get("description") for tag in _list(api.get("tags"))}
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in described}
    taken: set[str] = set()
    for path, item in _mapping(api.get("paths")).items():
        for operation in _operations(api, path, _mapping(item)):
            while operation["id"] in taken:  # `/a/b` and `/a-b` give the same anchor
                operation["id"] += "-also"
            taken.add(operation["id"])
            groups.setdefault(operation["group"], []).append(operation)
    return {
        "title": str(info.get("title") or "API"),
        "version": str(info.get("version") or ""),
        "description": str(info.get("description") or ""),
        "groups": [
            {
                "name": name,
                "title": name.replace("-", " ").capitalize(),
                "description": described.get(name),
                "operations": found,
            }
            for name, found in groups.items()
            if found
        ],
        "codes": _codes(api),
        "schemas": [
            {
                "name": name,
                "id": schema_id(name),
                "type": type_words(_mapping(schema)),
                "description": str(_mapping(schema).get("description") or ""),
                "members": list(members(_mapping(schema))),
            }
            for name, schema in _mapping(_mapping(api.get("components")).get("schemas")).items()
        ],
    }


def _codes(api: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the stable codes, each with its operations.

    The first of a code bears the anchor of problems' `type`.
    """
    places = _mapping(api.get("x-code-places"))
    listed: list[dict[str, Any]] = []
    for one in api.get("x-codes") or []:
        code = str(one.get("code"))
        first = all(code != earlier["code"] for earlier in listed)
        where = str(places.get(str(one.get("where")), one.get("where")))
        listed.append({**one, "code": code, "where": where, "id": f"code-{code}" if first else None})
    return listed


def _operations(api: Mapping[str, Any], path: str, item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for method in METHODS:
        if method not in item:
            continue
        operation = _mapping(item[method])
        body = resolve(api, operation.get("requestBody"))
        security = operation.get("security", api.get("security"))
        by_place = {  # the operation's own parameter goes before one of its path
            (one.get("name"), one.get("in")): one
            for source in (item, operation)
            for one in (resolve(api, each) for each in _list(source.get("parameters")))
        }
        yield {
            "id": slug(f"{method}-{path}"),
            "group": str((operation.get("tags") or ["other"])[0]),
            "method": method.upper(),
            "path": path,
            "summary": str(operation.get("summary") or ""),
            "description": str(operation.get("description") or ""),
            "public": not any(_list(security)),  # `{}` among them means that none is needed
            "by_session": _is_by_session(api, _list(security)),
            "parameters": [
                {
                    "name": one.get("name"),
                    "place": one.get("in"),
                    "required": one.get("required") is True,
                    "description": str(one.get("description") or ""),
                    "type": type_words(_mapping(one.get("schema"))),
                }
                for one in by_place.values()
            ],
            "body": {
                "description": str(body.get("description") or ""),
                "required": body.get("required") is True,
                "content": _content(body),
            }
            if body
            else None,
            "responses": [
                {
                    "status": str(status),
                    "description": str(answer.get("description") or ""),
                    "content": _content(answer),
                }
                for status, answer in (
                    (status, resolve(api, each))
                    for status, each in _mapping(operation.get("responses")).items()
                )
            ],
        }


def _is_by_session(api: Mapping[str, Any], security: list[Mapping[str, Any]]) -> bool:
    """Say whether an operation is opened by a cookie and nothing else."""
    schemes = _mapping(_mapping(api.get("components")).get("securitySchemes"))
    named = [_mapping(schemes.get(name)) for one in security for name in one]
    return bool(named) and all(scheme.get("in") == "cookie" for scheme in named)


def _content(holder: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for media_type, each in _mapping(holder.get("content")).items():
        schema = _mapping(_mapping(each).get("schema"))
        found.append({"media_type": media_type, "type": type_words(schema), "members": list(members(schema))})
        if "example" in _mapping(each):
            example = each["example"]
            found[-1]["example"] = example if isinstance(example, str) else json.dumps(example, indent=2)
    return found


def members(schema: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the members of an object's schema.

    Those of objects written out inside it come under `outer.inner`.
    """
    if "$ref" in schema or depth >= MAX_DEPTH:
        return
    items = _mapping(schema.get("items"))
    if items:
        yield from members(items, f"{prefix}[]." if not prefix else f"{prefix[:-1]}[].", depth + 1)
    required = set(_strings(schema.get("required")))
    for name, each in _mapping(schema.get("properties")).items():
        inner = _mapping(each)
        yield {
            "name": f"{prefix}{name}",
            "type": type_words(inner),
            "required": name in required,
            "description": str(inner.get("description") or ""),
        }
        yield from members(inner, f"{prefix}{name}.", depth + 1)


def type_words(schema: Mapping[str, Any], depth: int = 0) -> list[tuple[str, str]]:
    """Return the type of a value as texts with anchors.

    The anchor is that of a schema which the text links to, or ''.

    >>> type_words({"type": ["integer", "null"], "minimum": 0})
    [('integer or null', ''), (', at least 0', '')]
    """
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        return [(name, schema_id(name))]
    pieces: list[tuple[str, str]] = []
    for keyword, joiner in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        for each in _list(schema.get(keyword)) if depth < MAX_DEPTH else []:
            pieces += ([(joiner, "")] if pieces else []) + type_words(each, depth + 1)
    if not pieces:
        if "const" in schema:
            pieces.append((json.dumps(schema["const"]), ""))
        elif "enum" in schema and isinstance(schema["enum"], list):
            pieces.append(("one of " + ", ".join(json.dumps(one) for one in schema["enum"]), ""))
        elif _mapping(schema.get("items")) and depth < MAX_DEPTH:
            pieces += [("list of ", ""), *type_words(_mapping(schema["items"]), depth + 1)]
        else:
            kinds = [schema["type"]] if isinstance(schema.get("type"), str) else _strings(schema.get("type"))
            pieces.append((" or ".join(kinds) or "any value", ""))
    if isinstance(schema.get("format"), str):
        pieces.append((f" ({schema['format']})", ""))
    for keyword, words in _BOUNDS.items():
        if keyword in schema:
            value = schema[keyword]
            pieces.append((f", {words} {value if isinstance(value, str) else json.dumps(value)}", ""))
    return pieces


def resolve(api: Mapping[str, Any], value: object) -> Mapping[str, Any]:
    """Return a mapping with its `$ref` followed.

    It is empty where that leads nowhere within the document.
    """
    found = _mapping(value)
    for _ in range(MAX_DEPTH):
        if "$ref" not in found:
            return found
        target: object = api
        for step in str(found["$ref"]).removeprefix("#/").split("/"):
            target = _mapping(target).get(step.replace("~1", "/").replace("~0", "~"))
        found = _mapping(target)
    return {}


def schema_id(name: str) -> str:
    """Return the anchor of a named schema."""
    return slug(f"shape-{name}")


def slug(text: str) -> str:
    """Return text as an anchor: lower case, digits and single hyphens.

    >>> slug("get-/v1/feeds/{authority}")
    'get-v1-feeds-authority'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
