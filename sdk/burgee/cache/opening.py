"""The cache that the settings ask for."""

from typing import Any

from burgee.cache.encrypted import Encrypted
from burgee.cache.fallback import WithFallback
from burgee.cache.memory import MemoryCache
from burgee.cache.protocol import CacheProvider
from burgee.core.settings import Settings

MEMORY = "memory://"


def cache_of(settings: Settings) -> CacheProvider[Any]:
    """Memory, or Redis with memory for when it is away; encrypted if there is a key for it."""
    url = settings.cache.get_secret_value()
    made: CacheProvider[Any] = MemoryCache(ttl=settings.cache_ttl)
    if url != MEMORY:
        from burgee.cache.redis import RedisCache

        made = WithFallback(RedisCache(url, ttl=settings.cache_ttl), made)
    return made if settings.cache_key is None else Encrypted(made, settings.cache_key)
