"""The cache beside its peers: hits in memory, hits in Redis, and functions whose results are kept.

By hand: `python tests/benchmarks/cache.py`. Redis is started here, on a free port.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from burgee.cache.facade import Cache
from burgee.cache.memory import MemoryCache
from burgee.cache.redis import RedisCache
from services.redis import running_redis

VALUE = {"country": "DE", "plan": "pro", "orders": 12, "total": 431.5}
ROUNDS = 7


def each(work: Callable[[], object], times: int) -> float:
    """Microseconds of one call: the median of some rounds."""
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(times):
            work()
        took.append((time.perf_counter() - start) / times * 1e6)
    return median(took)


async def each_async(work: Callable[[], object], times: int) -> float:
    """The same of something to be awaited."""
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(times):
            await work()  # type: ignore[misc] # a coroutine
        took.append((time.perf_counter() - start) / times * 1e6)
    return median(took)


def said(what: str, ours: float, peer: str, theirs: float) -> None:
    """One line: ours, theirs, and how many times theirs is."""
    print(f"{what:<28} burgee {ours:7.2f} us   {peer:<10} {theirs:7.2f} us   ratio {ours / theirs:5.2f}")


def memory() -> None:
    """Hits in memory: a text and a small mapping."""
    from aiocache import SimpleMemoryCache
    from cashews import Cache as Cashews

    ours = MemoryCache[object]()
    cashews, aiocache = Cashews(), SimpleMemoryCache()
    cashews.setup("mem://")

    async def peers(value: object) -> tuple[float, float]:
        await cashews.set("k", value, expire=300)
        await aiocache.set("k", value, ttl=300)
        return await each_async(lambda: cashews.get("k"), 20_000), await each_async(lambda: aiocache.get("k"), 20_000)

    for what, value in (("a text", "x" * 20), ("a mapping", VALUE)):
        ours.set("k", value)
        took = each(lambda: ours.get_entry("k"), 100_000)
        theirs = asyncio.run(peers(value))
        said(f"memory, {what}", took, "cashews", theirs[0])
        said(f"memory, {what}", took, "aiocache", theirs[1])


def functions() -> None:
    """A function whose result is kept in memory."""
    from cashews import Cache as Cashews

    cache = Cache(MemoryCache(), "bench")
    cashews = Cashews()
    cashews.setup("mem://")

    @cache.cached(ttl=300)
    def ours(number: int, word: str) -> str:
        return f"{number} {word}"

    @cashews(ttl=300)
    async def theirs(number: int, word: str) -> str:
        return f"{number} {word}"

    ours(1, "a")
    took = each(lambda: ours(1, "a"), 20_000)
    said("@cached, memory", took, "cashews", asyncio.run(each_async(lambda: theirs(1, "a"), 5_000)))


def redis() -> None:
    """Hits in Redis beside redis-py alone."""
    import redis as bare

    with running_redis() as server:
        ours = RedisCache[str](server.url)
        client = bare.Redis.from_url(server.url)
        ours.set("k", "x" * 20)
        client.set("k", "x" * 20)
        pairs = [(each(lambda: ours.get_entry("k"), 2_000), each(lambda: client.get("k"), 2_000)) for _ in range(3)]
        said("Redis", median(one for one, _ in pairs), "redis-py", median(other for _, other in pairs))
        ours.close()
        client.close()


if __name__ == "__main__":
    memory()
    functions()
    redis()
