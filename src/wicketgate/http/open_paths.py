"""What answers without a credential: the public pages, and where people come to be known."""

from __future__ import annotations

from wicketgate.http.lost import NOT_FOUND

PEOPLE_PATHS = frozenset(
    {
        "/sign-in",
        "/sign-in/code",
        "/sign-in/passkey",
        "/sign-in/passkey/begin",
        "/enrol",
        "/enrol/begin",
        "/oauth/device_authorization",
        "/oauth/token",
    }
)
"""Where people come to be known: at the gateway alone."""
PEOPLE_PREFIXES = ("/sign-in/with/", "/sign-in/back/")
PUBLIC_PATHS = frozenset(
    {
        "/",
        "/authorities",
        "/figures",
        "/consultations",
        "/drift",
        "/why-not-less",
        *("/verify", "/your-read", "/about", NOT_FOUND),
        "/docs",
        "/register.json",
        "/witnesses",
        "/witnesses.json",
        "/openapi.json",
        "/healthz",
        "/readyz",
        *PEOPLE_PATHS,
    }
)
DEMONSTRATION_PREFIX = "/demonstration/"
"""Below which a demonstration shows more; where vehicles are real, nothing is there."""
PUBLIC_PREFIXES = (
    *("/assets/", "/authorities/", "/consultations/", "/figures/", "/log/"),
    DEMONSTRATION_PREFIX,
    *PEOPLE_PREFIXES,
)
