"""Settings of backups: to whom their keys are encrypted."""

from __future__ import annotations

import re
from typing import Final

from wicketgate.base.errors import ConfigurationError

_MOST: Final = 20
_RECIPIENT: Final = re.compile(r"age1[02-9ac-hj-np-z]{58}", re.ASCII)


def parse_backup(data: object) -> tuple[str, ...]:
    """Return the recipients in the table `backup`: age keys (`age1…`).

    Raises
    ------
    ConfigurationError
        Saying what is wrong.
    """
    if not isinstance(data, dict) or data.keys() - {"recipients"}:
        raise ConfigurationError("[backup] holds `recipients` alone")
    recipients = data.get("recipients", [])
    if not isinstance(recipients, list) or not 1 <= len(recipients) <= _MOST:
        raise ConfigurationError(f"`recipients` in [backup] are 1 to {_MOST} age keys")
    if not all(isinstance(one, str) and _RECIPIENT.fullmatch(one) for one in recipients):
        raise ConfigurationError("`recipients` in [backup] are age keys, like `age1…`")
    return tuple(recipients)
