"""The one place where Redis clients are made."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from redis import ConnectionPool, Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

DEFAULT_URL = "redis://localhost:6379/0"
#: How often a command is sent again, within about a second, before its caller hears of a lost connection.
RETRIES = 3


def url_from_environment(environ: dict[str, str] | os._Environ[str] = os.environ) -> str:
    """The address that ``rq`` itself would use: RQ_REDIS_URL, REDIS_URL, or REDIS_HOST, REDIS_PORT,
    REDIS_DB and REDIS_PASSWORD."""
    url = environ.get("RQ_REDIS_URL") or environ.get("REDIS_URL")
    if url:
        return url
    if not any(environ.get(name) for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD")):
        return DEFAULT_URL
    password = environ.get("REDIS_PASSWORD")
    credentials = f":{quote(password, safe='')}@" if password else ""
    host = environ.get("REDIS_HOST") or "localhost"
    return f"redis://{credentials}{host}:{environ.get('REDIS_PORT') or 6379}/{environ.get('REDIS_DB') or 0}"


def client(connection: Redis | str | None) -> Redis:
    """A client that answers bytes: the caller's own if it does, else one of ours on the same server.

    ``connection`` is a client, a URL, or None for the environment's. RQ cannot read through a client made
    with
    ``decode_responses=True``, so such a client gets a sibling.
    """
    if connection is None or isinstance(connection, str):
        # redis-py retries nothing by default on a client made from a URL; all our calls may be sent twice.
        retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=1), RETRIES)
        return Redis.from_url(connection or url_from_environment(), retry=retry)
    if not connection.connection_pool.connection_kwargs.get("decode_responses"):
        return connection
    return sibling(connection)


def sibling(connection: Redis, **changes: Any) -> Redis:
    """Another client on the same server, with a pool of its own."""
    pool = connection.connection_pool
    kwargs = {**pool.connection_kwargs, "decode_responses": False, **changes}
    return Redis(connection_pool=ConnectionPool(connection_class=pool.connection_class, **kwargs))


def address(connection: Redis) -> str:
    """Host, port and database as text, for messages; never a password."""
    kwargs = connection.connection_pool.connection_kwargs
    where = kwargs.get("path") or f"{kwargs.get('host', 'localhost')}:{kwargs.get('port', 6379)}"
    return f"{where}/{kwargs.get('db', 0)}"


class HeldConnection:
    """One socket kept by one thread: no pool, no wrappers, which at one job a call is a fifth of the time.

    Nothing is retried here; a caller that gets ConnectionError or TimeoutError drops the socket and sends the
    same call number again.
    """

    __slots__ = ("_connection", "_pool")

    def __init__(self, client: Redis, *, socket_timeout_s: float) -> None:
        self._pool = sibling(client, socket_timeout=socket_timeout_s).connection_pool
        self._connection: Any = None

    def send(self, *command: Any) -> None:
        """Write a command without waiting for its reply."""
        if self._connection is None:
            connection = self._pool.connection_class(**self._pool.connection_kwargs)
            connection.connect()
            self._connection = connection
        self._connection.send_command(*command)

    def read(self) -> Any:
        """The next reply; raises what the server answered as an error."""
        return self._connection.read_response()

    def has_reply(self) -> bool:
        """Whether a reply can be read now. A readable socket is not enough: under TLS it may carry no data of
        ours."""
        return bool(self._connection.can_read(timeout=0))

    def execute_command(self, *command: Any, **_options: Any) -> Any:
        self.send(*command)
        return self._connection.read_response()

    def socket(self) -> Any:
        """The socket a selector can wait on; only after a ``send``."""
        return self._connection._sock

    def drop(self) -> None:
        """Close the socket; the next command opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()
