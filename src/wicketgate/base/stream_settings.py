"""How a deployment reaches its streams."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordLogin:
    """A user of an external server, by password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedLogin:
    """A user of the child process, by nkey: the seed signs a nonce, and is sent to nobody."""

    seed: str = field(repr=False)


Login = PasswordLogin | SeedLogin


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsSettings:
    """How to reach a NATS server or cluster.

    Attributes
    ----------
    url : str
        One server's, or those of a cluster with commas between them. With the scheme `tls` nothing is sent before the
        server's certificate is verified.
    login, system : Login
        The gateway's own user, and the system user, who is asked whether the server is durable.
    trusted : str or None
        The certificates trusted, in PEM; None for those of the system.
    standby : bool
        Whether two sequencers of this deployment take turns: the one that leads holds a lease.
    """

    url: str
    login: Login
    system: Login
    trusted: str | None = None
    replicas: int = 1
    standby: bool = False

    @property
    def urls(self) -> list[str]:
        """Each server's."""
        return self.url.split(",")

    @property
    def is_secure(self) -> bool:
        """Whether they speak TLS: all of them do, or none."""
        return self.url.startswith("tls:")
