"""A cache in Redis: one server, one behind Sentinel, or a cluster, by URL.

| URL                                            | what                             |
|------------------------------------------------|----------------------------------|
| `redis://[user:password@]host:port/db`         | one server; `rediss://` with TLS |
| `redis+sentinel://host:port,host:port/name/db` | the master that Sentinel names   |
| `redis+cluster://host:port,host:port`          | a cluster                        |

The client waits shortly and never tries again by itself: what to do when the server is away is the business of
`fallback`. Keys are found by SCAN, never KEYS, and removed by UNLINK.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib import import_module
from itertools import batched
from typing import Any, override
from urllib.parse import unquote, urlsplit

from burgee.cache.checks import check_jitter, check_key, check_open, check_tags, check_ttl, jittered
from burgee.cache.envelope import CLAIM, is_claim, seal, unseal
from burgee.cache.forks import on_fork
from burgee.cache.model import CacheEntry, CacheStats
from burgee.cache.patterns import escaped, literal, matcher
from burgee.cache.protocol import CacheProvider, Claim
from burgee.cache.redis_claims import RedisClaim, milliseconds
from burgee.cache.serializers import Serializer, Standard
from burgee.core.errors import BurgeeError, InvalidInputError, MissingExtraError

_log = logging.getLogger("burgee.cache")

_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
CLUSTER = "redis cluster"
_BATCH = 500  # keys of one command
_UNLOCK = """if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0"""
_PORT, _SENTINEL_PORT = 6379, 26379


class RedisCache[T](CacheProvider[T]):
    """Values in Redis.

    Args:
        url: where it is; see above.
        prefix: what all keys begin with there.
        ttl: seconds a value is kept unless said otherwise.
        jitter: by which share of it a ttl is shortened by chance, at most.
        timeout: seconds to wait for a connection or an answer.
        max_bytes: how large a value may be; a larger one is not kept. It must pass within `timeout`, or all would be
            taken for lost.
        connections: how many there may be at once.
        serializer: turns values to bytes.
    """

    blocks = True

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "burgee",
        ttl: float = 300.0,
        jitter: float = 0.0,
        timeout: float = 0.5,
        connections: int = 50,
        max_bytes: int = 32 * 1024 * 1024,
        serializer: Serializer[T] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connect, self._kind = connecting(url, check_ttl(timeout, "timeout"), connections)
        if type(max_bytes) is not int or max_bytes < 1:
            raise InvalidInputError(f"max_bytes is a whole number from 1, not {max_bytes!r}")
        self._max_bytes = max_bytes
        self._connected: Any = None
        self._closed = False
        self._connecting = threading.Lock()
        self._entries, self._tags, self._locks = (f"{check_key(prefix, 'a prefix')}:{part}:" for part in "etl")
        self._channel = f"{prefix}:changes"
        self._ttl, self._jitter = check_ttl(ttl), check_jitter(jitter)
        self._serializer: Serializer[Any] = Standard() if serializer is None else serializer
        self._clock = clock
        self._hits = self._misses = self._evicted = self._dropped = 0
        on_fork(self)

    def in_child(self) -> None:
        """Make the lock anew; connections are made anew by redis-py."""
        self._connecting = threading.Lock()

    @property
    def _client(self) -> Any:
        """The client, made at first use: a cluster is asked for its nodes then, and may be away."""
        client = self._connected
        if client is None:
            with self._connecting:
                check_open(self._closed)
                if self._connected is None:
                    self._connected = self._connect()
                client = self._connected
        return client

    @override
    def get_entry(self, key: str) -> CacheEntry[T] | None:
        name = self._entries + check_key(key)
        try:
            data = self._client.get(name)
        except Exception as error:  # noqa: BLE001 - only what is no text is told from the others
            data = error
        return self._counted(key, data)

    @override
    def get_many(self, keys: Iterable[str]) -> dict[str, CacheEntry[T]]:
        asked = list(dict.fromkeys(check_key(key) for key in keys))
        found: dict[str, CacheEntry[T]] = {}
        for some in batched(asked, _BATCH, strict=False):
            with self._client.pipeline(transaction=False) as pipe:
                for key in some:
                    pipe.get(self._entries + key)
                for key, data in zip(some, pipe.execute(raise_on_error=False), strict=True):
                    entry = self._counted(key, data)
                    if entry is not None:
                        found[key] = entry
        return found

    @override
    def set(self, key: str, value: T, ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        named = check_tags(tags)
        if named:
            self.set_many({key: value}, ttl, named)
            return
        self._put(self._client, self._entries + check_key(key), *self._made(value, ttl))

    @override
    def set_many(self, values: Mapping[str, T], ttl: float | None = None, tags: Iterable[str] = ()) -> None:
        named = check_tags(tags)
        seconds = self._ttl if ttl is None else check_ttl(ttl)
        made = [(check_key(key), *self._made(value, ttl)) for key, value in values.items()]
        for some in batched(made, _BATCH, strict=False):

            def write(pipe: Any, some: Iterable[tuple[str, bytes, float]] = some) -> None:
                for key, data, lasting in some:
                    self._put(pipe, self._entries + key, data, lasting)

            self._tagged([key for key, *_ in some], named, seconds, write)

    @override
    def delete(self, key: str) -> bool:
        return self.delete_many([key]) > 0

    @override
    def delete_many(self, keys: Iterable[str]) -> int:
        return self._unlinked(self._entries + key for key in dict.fromkeys(check_key(key) for key in keys))

    @override
    def clear_pattern(self, pattern: str) -> int:
        matches = matcher(check_key(pattern, "a pattern")).fullmatch
        start = len(self._entries)
        names = (name for name in self._scan(self._entries + literal(pattern)) if matches(name[start:]))
        return self._unlinked(names)

    @override
    def clear_tags(self, tags: Iterable[str]) -> int:
        count = 0
        for tag in check_tags(tags):
            name = self._tags + tag
            keys = [key.decode() for key in self._client.sscan_iter(name, count=_BATCH)]
            count += self._unlinked(self._entries + key for key in keys)
            for some in batched(keys, _BATCH, strict=False):
                self._client.srem(name, *some)
            count += self._unlinked(self._entries + key for key in keys)  # what was stored between, and lost its tag
        return count

    @override
    def clear(self) -> int:
        self._unlinked(self._scan(self._tags))  # first, so that nothing stored meanwhile loses its tags and stays
        return self._unlinked(self._scan(self._entries))

    @override
    @contextmanager
    def lock(self, key: str, ttl: float) -> Iterator[bool]:
        name, token = self._locks + check_key(key), uuid.uuid4().hex
        had = bool(self._client.set(name, token, nx=True, px=milliseconds(check_ttl(ttl))))
        try:
            yield had
        finally:
            if had:
                self._client.eval(_UNLOCK, 1, name, token)

    @override
    def claim(self, key: str, seconds: float, tags: Iterable[str] = ()) -> Claim[T] | None:
        name, named = self._entries + check_key(key), check_tags(tags)

        def run(script: str, tagging: bool, lasting: float, given: tuple[object, ...]) -> bool:
            if not named or not tagging:
                return bool(self._client.eval(script, 1, name, *given))
            command = ("EVAL", script, 1, name, *given)  # the pipe of a cluster has no verb for it
            return bool(self._tagged([key], named, lasting, lambda pipe: pipe.execute_command(*command)))

        def made(value: T, ttl: float | None) -> tuple[bytes, float]:
            data, lasting = self._made(value, ttl)
            return data if self._fits(name, data) else b"", lasting

        one = RedisClaim(run, check_ttl(seconds), made)
        return one if one.take() else None

    @override
    def stats(self) -> CacheStats:
        return CacheStats(self._kind, self._hits, self._misses, evicted=self._evicted, dropped=self._dropped)

    @override
    def close(self) -> None:
        with self._connecting:
            connected, self._connected, self._closed = self._connected, None, True
        if connected is not None:
            connected.close()

    def now(self) -> float:
        """Seconds since 1970, as this provider reckons."""
        return self._clock()

    def publish(self, messages: Iterable[str]) -> None:
        """Tell all who listen."""
        with self._client.pipeline(transaction=False) as pipe:
            for message in messages:
                pipe.publish(self._channel, message)
            pipe.execute()

    @contextmanager
    def subscription(self) -> Iterator[Any]:
        """What `publish` tells, as a subscription of redis-py."""
        with closing(self._client.pubsub()) as heard:
            heard.subscribe(self._channel)
            yield heard

    def _made(self, value: T, ttl: float | None) -> tuple[bytes, float]:
        """The bytes to store, and for how many seconds."""
        now = self._clock()
        until = now + jittered(self._ttl if ttl is None else check_ttl(ttl), self._jitter)
        return seal(self._serializer.dump(value), now, until), until - now

    def _tagged(self, keys: list[str], tags: tuple[str, ...], seconds: float, write: Callable[[Any], None]) -> Any:
        """What the last command of `write` answers. With it, and in one step, the tags name the keys.

        In a cluster they lie apart, and the tags are told before and after: who clears them finds the keys.
        """
        apart = bool(tags) and self._kind == CLUSTER
        with self._client.pipeline(transaction=bool(tags) and not apart) as pipe:
            self._tag(pipe, keys, tags, seconds)
            if apart:
                pipe.execute()
            write(pipe)
            answer = pipe.execute()[-1]
            if apart:
                self._tag(pipe, keys, tags, seconds)
                pipe.execute()
        return answer

    def _tag(self, pipe: Any, keys: list[str], tags: tuple[str, ...], seconds: float) -> None:
        for tag in tags:
            pipe.sadd(self._tags + tag, *keys)
            pipe.pexpire(self._tags + tag, milliseconds(seconds), nx=True)
            pipe.pexpire(self._tags + tag, milliseconds(seconds), gt=True)

    def _put(self, where: Any, name: str, data: bytes, seconds: float) -> None:
        if self._fits(name, data):
            where.set(name, data, px=milliseconds(seconds))
        else:
            where.unlink(name)

    def _fits(self, name: str, data: bytes) -> bool:
        if len(data) <= self._max_bytes:
            return True
        self._evicted += 1
        text = "a value of %d bytes is not kept: %s; at most %d bytes are"
        _log.warning(text, len(data), name.removeprefix(self._entries), self._max_bytes)
        return False

    def _counted(self, key: str, data: bytes | Exception | None) -> CacheEntry[T] | None:
        if isinstance(data, Exception):
            if "WRONGTYPE" not in str(data):
                raise data
            self._dropped += 1  # a stranger's list
            data = None
        entry = None if data is None or is_claim(data) else self._read(key, data)
        if entry is None:
            self._misses += 1
        else:
            self._hits += 1
        return entry

    def _read(self, key: str, data: bytes) -> CacheEntry[T] | None:
        try:
            body, created, expires = unseal(data)
            value = self._serializer.load(body)
        except BurgeeError:  # a library that is missing here
            raise
        except Exception:  # noqa: BLE001 - bytes of a stranger: Arrow alone raises seven kinds
            self._dropped += 1
            return None
        return CacheEntry(key, value, created, expires) if expires > self._clock() else None

    def _scan(self, start: str) -> Iterator[str]:
        for name in self._client.scan_iter(match=f"{escaped(start)}*", count=_BATCH):
            try:
                yield name.decode()
            except UnicodeDecodeError:  # none of ours
                continue

    def _unlinked(self, names: Iterable[str]) -> int:
        count = 0
        for some in batched(names, _BATCH, strict=False):
            with self._client.pipeline(transaction=False) as pipe:  # one by one: in a cluster they lie apart
                for name in some:
                    pipe.strlen(name)
                    pipe.unlink(name)
                told = pipe.execute(raise_on_error=False)  # what is no text has no length, and goes as well
            for size, gone in zip(told[::2], told[1::2], strict=True):
                if isinstance(gone, Exception):
                    raise gone
                count += gone and size != 1 + CLAIM  # a claim is no entry
        return count


def connecting(url: str, timeout: float, connections: int) -> tuple[Callable[[], Any], str]:
    """What makes a client of redis-py for a URL, and what kind it is. The URL is checked now."""
    try:
        redis, cluster, sentinel, retry, backoff = (
            import_module(name) for name in ("redis", "redis.cluster", "redis.sentinel", "redis.retry", "redis.backoff")
        )
    except ImportError:
        raise MissingExtraError("a cache in Redis", "redis") from None
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise InvalidInputError(
            f"a cache can't be at {parts.scheme or url!r}",
            hint=f"a URL begins with memory:// or {'://, '.join(_SCHEMES)}://",
        )
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": retry.Retry(backoff.NoBackoff(), 0),
        "max_connections": connections,
    }
    secure = parts.scheme.startswith("rediss")
    login = {"username": unquote(parts.username or "") or None, "password": unquote(parts.password or "") or None}
    if parts.scheme.endswith("+cluster"):
        nodes = [cluster.ClusterNode(host, port) for host, port in _hosts(parts.netloc, _PORT)]
        return lambda: redis.RedisCluster(startup_nodes=nodes, ssl=secure, **login, **options), CLUSTER
    if parts.scheme.endswith("+sentinel"):
        name, _, number = parts.path.strip("/").partition("/")
        if not name:
            raise InvalidInputError("a URL of Sentinel names the master: redis+sentinel://host:port/mymaster")
        quick = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout", "retry")}
        watching = sentinel.Sentinel(_hosts(parts.netloc, _SENTINEL_PORT), sentinel_kwargs=quick)
        made = watching.master_for(name, db=int(number or 0), ssl=secure, **login, **options)
        return lambda: made, "redis sentinel"
    try:
        single = redis.Redis.from_url(url, **options)
    except ValueError as error:
        raise InvalidInputError(f"this is no URL of Redis: {error}") from None
    return lambda: single, "redis"


def _hosts(netloc: str, default: int) -> list[tuple[str, int]]:
    places = []
    for place in netloc.rpartition("@")[2].split(","):
        host, _, port = place.strip().rpartition(":") if ":" in place else (place.strip(), "", "")
        if not host or (port and not port.isdigit()):
            raise InvalidInputError(f"{place!r} is no host:port")
        places.append((host, int(port or default)))
    return places
