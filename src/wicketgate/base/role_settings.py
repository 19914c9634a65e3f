"""The settings of a role on another host: what a `wicketgate.toml` says there, and where the streams are."""

from __future__ import annotations

import tomllib
from pathlib import Path

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.settings import Settings, parse_settings


def load_role_settings(folder: Path, streams_url: str | None) -> Settings:
    """Return the settings of a role in its own folder.

    Parameters
    ----------
    streams_url : str, optional
        Where the streams are, instead of what the file says.

    Raises
    ------
    ConfigurationError
        If there is no file, it is none of a role, or says nothing of the streams.
    """
    path = folder / "wicketgate.toml"
    try:
        text = path.read_bytes()
        said = tomllib.loads(text.decode())
    except OSError as error:
        raise ConfigurationError(
            f"`{path}` cannot be read: a role on another host needs one, with `[streams]`, as in docs/operator.md"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"`{path.name}` is not TOML: {error}") from error
    if not isinstance(said.get("streams"), dict):
        raise ConfigurationError(f"`{path.name}` needs `[streams]`: this role follows another machine's")
    return parse_settings(text, folder, streams_url=streams_url, follows=True)
