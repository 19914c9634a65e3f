"""The hot route: what sources send all day, answered without the ordinary server's layers.

The server's parser has framed each request already, so that both ways see the same requests; whatever is unusual about
a head is left to the ordinary way. Reads posted one by one are gathered for a moment, and parsed together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final

from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import Scope

from wicketgate.base.aside import TasksAside
from wicketgate.base.errors import InputError, StreamError, WicketgateError
from wicketgate.http.api.push import Push
from wicketgate.http.api.reads import Reads
from wicketgate.http.connections import HttpConnection
from wicketgate.http.gatekeeper import PUSH_PREFIX, Principal, source_in, withdrawn
from wicketgate.http.handing import FRAMING
from wicketgate.http.hot_post import HotPost
from wicketgate.http.problems import internal, log_unforeseen, problem_of
from wicketgate.http.underway import SMALL_BODY, UnderWay
from wicketgate.reads.observations import Payload
from wicketgate.reads.parse import JSON, together
from wicketgate.reads.takers import LINGER_S

READS_PATH: Final = "/v1/reads"
READS: Final = READS_PATH.encode()
PUSH: Final = PUSH_PREFIX.encode()
_JSON: Final = JSON.encode()
_AT_ONCE: Final = 500
_LONGEST: Final = 256 * 1024


def media_type_in(fields: Mapping[bytes, bytes]) -> bytes:
    """Return the media type of a body in lower case, without its parameters; empty where none is named."""
    return fields.get(b"content-type", b"").partition(b";")[0].strip().lower()


class HotRoute:
    """The hot route of one server.

    Parameters
    ----------
    tokens : callable
        Returns the committed tokens: name by SHA-256 in hexadecimal.

    Notes
    -----
    A connection has one post here at a time, so that connections bound what waits. What is answered is durable, as on
    the ordinary way.
    """

    def __init__(
        self, reads: Reads, push: Push, tokens: Callable[[], Mapping[str, str]], under_way: UnderWay
    ) -> None:
        self._reads = reads
        self._push = push
        self._tokens = tokens
        self._under_way = under_way
        self._gathered: dict[str, list[HotPost]] = {}
        self._taking = TasksAside()

    def begin(
        self, connection: HttpConnection, url: bytes, headers: Sequence[tuple[bytes, bytes]], *, lasts: bool
    ) -> HotPost | None:
        """Return the post that a head begins, or None where it is left to the ordinary way.

        Parameters
        ----------
        headers : sequence of (bytes, bytes)
            Names in lower case.
        lasts : bool
            Whether the connection goes on after the answer.
        """
        if url != READS and not url.startswith(PUSH):
            return None
        fields = dict(headers)
        if len(fields) < len(headers) or not FRAMING.isdisjoint(fields):
            return None
        length = fields.get(b"content-length", b"")
        if not length.isdigit() or len(length) > 7:
            return None
        size = int(length)
        if url == READS:
            if size > SMALL_BODY or media_type_in(fields) != _JSON:
                return None
            scope: Scope = {"headers": headers}
            take = self._gather
        else:
            path, _, query = url.partition(b"?")
            name = path[len(PUSH) :].decode("ascii", "replace")
            if size > _LONGEST or name not in self._push.adapters:
                return None
            scope = {"headers": headers, "query_string": query}
            take = partial(self._take_payload, name, fields.get(b"content-type", b""))
        known = source_in(scope, self._tokens(), pushed=url != READS)
        if known is None or connection.known_by(f"source:{known.source}", known.digest) is not None:
            return None
        scope["principal"] = Principal("source", known.source)
        if size > SMALL_BODY:
            try:
                self._under_way.hold(scope, size)
            except (InputError, StreamError):
                return None
        return HotPost(connection, known.source, known.digest, scope, take, self._under_way.end, lasts=lasts)

    def _still_known(self, post: HotPost) -> bool:
        return self._tokens().get(post.credential) == f"source:{post.source}"

    def _gather(self, post: HotPost) -> None:
        """Keep a read for a moment, so that those of others can be taken with it."""
        gathered = self._gathered.setdefault(post.source, [])
        if not gathered:
            asyncio.get_running_loop().call_later(LINGER_S, self._flush, post.source, gathered)
        gathered.append(post)
        if len(gathered) >= _AT_ONCE:
            self._flush(post.source, gathered)

    def _flush(self, source: str, gathered: list[HotPost]) -> None:
        if self._gathered.get(source) is not gathered:
            return  # they were so many that they went before their time
        del self._gathered[source]
        # Also those whose client has gone: cameras send, and do not wait.
        posts = [post for post in gathered if self._still_known(post)]
        if len(posts) < len(gathered):
            unknown = [post for post in gathered if not self._still_known(post)]
            self._answer(unknown, [problem_of(withdrawn())] * len(unknown))
        rows, which = together([bytes(post.body) for post in posts])
        if which:
            self._taking.begin(self._take_rows([posts[n] for n in which], source, rows))
        if len(which) < len(posts):
            for n in sorted(set(range(len(posts))).difference(which)):
                self._taking.begin(
                    self._take_alone(posts[n], self._reads.take_body(source, bytes(posts[n].body)))
                )

    async def _take_rows(self, posts: Sequence[HotPost], source: str, rows: Any) -> None:
        self._answer(posts, await _of_each(self._reads.take_together(source, rows), len(posts)))

    async def _take_alone(self, post: HotPost, taking: Coroutine[Any, Any, Response]) -> None:
        try:
            answer = await taking
        except WicketgateError as error:
            answer = problem_of(error)
        except Exception as error:  # noqa: BLE001 - answered here, as on the ordinary way
            log_unforeseen(error)
            answer = internal()
        self._answer([post], [answer])

    def _take_payload(self, name: str, content_type: bytes, post: HotPost) -> None:
        if not self._still_known(post):
            self._answer([post], [problem_of(withdrawn())])
            return
        query = post.scope["query_string"]
        payload = Payload(content_type=content_type.decode("latin-1"), body=bytes(post.body), query=query)
        camera = QueryParams(query).get("camera") or None if query else None
        self._taking.begin(self._take_alone(post, self._push.take(post.source, name, payload, camera)))

    def _answer(self, posts: Sequence[HotPost], answers: Sequence[Response]) -> None:
        former: Response | None = None
        fields = b""
        for post, answer in zip(posts, answers, strict=True):
            if answer is not former:  # most are the same
                former = answer
                fields = b"".join(b"%b: %b\r\n" % field for field in answer.raw_headers)
            self._under_way.end(post.scope)
            post.connection.answer(post, answer.status_code, fields, bytes(answer.body))


async def _of_each(taking: Coroutine[Any, Any, list[Response]], count: int) -> list[Response]:
    """Return the answer to each of some posts; an error answers all of them."""
    try:
        return await taking
    except WicketgateError as error:
        return [problem_of(error)] * count
    except Exception as error:  # noqa: BLE001 - answered here, as on the ordinary way
        log_unforeseen(error)
        return [internal()] * count
