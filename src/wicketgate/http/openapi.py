"""The API's description, OpenAPI 3.1. A test holds it to the routes that there are."""

from __future__ import annotations

from typing import Any

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Wicketgate", "version": "0.1.0"},
    "paths": {},
}
