"""Settings: everything that can be set from outside, from the environment (`BURGEE_*`), validated once.

| variable                      | meaning                                                                |
|-------------------------------|------------------------------------------------------------------------|
| `BURGEE_WORKSPACE`            | what `burgee.open()` opens: a folder, `memory://` or a server's URL    |
| `BURGEE_TOKEN`                | the API key or JWT for a server                                        |
| `BURGEE_DATABASE`             | SQLAlchemy URL of the database, instead of SQLite in the folder        |
| `BURGEE_DATABASE_CONNECTIONS` | how many connections to it one process may have at once                |
| `BURGEE_DURABILITY`           | `safe`: every commit on disk; `fast`: the last may go at a power cut   |
| `BURGEE_ARCHIVE`              | where the archives go: a folder or `s3://bucket/prefix`                |
| `BURGEE_TIMEOUT`              | seconds a server may take to answer one request                        |
| `BURGEE_RETRIES`              | how often a request that is safe to repeat is tried again              |
| `BURGEE_PROGRESS`             | `0` switches progress bars off                                         |
| `BURGEE_JWT_SECRET`           | key with which the server checks JWTs (HS256); none: no JWTs accepted  |
| `BURGEE_JWT_PUBLIC_KEY`       | PEM with which the server checks JWTs (RS256, ES256)                   |
| `BURGEE_JWT_AUDIENCE`         | the `aud` a JWT must carry                                             |
| `BURGEE_JWT_TENANT_CLAIM`     | the claim that names the tenant                                        |
| `BURGEE_PRIVACY_KEY`          | wraps the keys of personal fields; several for rotation, newest first  |
| `BURGEE_CACHE`                | where the cache is: `memory://`, or a URL of Redis (see `cache.redis`) |
| `BURGEE_CACHE_TTL`            | seconds a value is cached unless said otherwise                        |
| `BURGEE_CACHE_KEY`            | encrypts what is cached; several for rotation, newest first            |
| `BURGEE_FILES`                | where files go: a folder or `s3://bucket/prefix`                       |
| `BURGEE_SEARCH`               | what finds documents: `tantivy`, `fts5` or an Elasticsearch's URL      |
| `BURGEE_SEARCH_API_KEY`       | the API key for it, instead of a user and password in its URL          |
| `BURGEE_SEARCH_CA`            | whom it is trusted by: a file of certificates, or one's SHA-256        |
| `BURGEE_FILES_LIMIT`          | bytes one file may have                                                |
| `BURGEE_FILES_QUOTA`          | bytes a tenant's files may have together, unless set for the tenant    |
| `BURGEE_FILES_TYPES`          | which types of files come in: `text/csv,image/*` (see `files.content`) |
| `BURGEE_PUBLIC_URL`           | where others reach this workspace's server: signed addresses begin so  |
| `BURGEE_SCANNER`              | what scans files that come in: `clamd://host:port`, `clamd:///path`    |
| `BURGEE_MAX_BODY`             | bytes a request to the server may have                                 |
"""

from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from burgee.core.errors import InvalidInputError

type Durability = Literal["safe", "fast"]


class Settings(BaseSettings):
    """The settings of a workspace, client or server."""

    model_config = SettingsConfigDict(env_prefix="BURGEE_", frozen=True, extra="forbid", hide_input_in_errors=True)

    workspace: str = "./.burgee"
    token: SecretStr | None = None
    database: SecretStr | None = None  # a URL may hold a password
    database_connections: int = Field(default=20, ge=1)
    durability: Durability = "safe"
    archive: str | None = None
    timeout: float = Field(default=30.0, gt=0)
    retries: int = Field(default=3, ge=0, le=10)
    progress: bool = True
    jwt_secret: SecretStr | None = None
    jwt_public_key: str | None = None
    jwt_audience: str | None = None
    jwt_tenant_claim: str = "tenant"
    privacy_key: SecretStr | None = None
    cache: SecretStr = SecretStr("memory://")  # a URL may hold a password
    cache_ttl: float = Field(default=300.0, gt=0)
    cache_key: SecretStr | None = None
    files: str | None = None
    search: SecretStr | None = None  # a URL may hold a password
    search_api_key: SecretStr | None = None
    search_ca: str | None = None
    files_limit: int = Field(default=5 * 1024**3, gt=0)
    files_quota: int | None = Field(default=None, ge=0)
    files_types: str | None = None
    public_url: str | None = Field(default=None, pattern="^https?://.")
    scanner: str | None = None
    max_body: int = Field(default=64 * 1024 * 1024, gt=0)


def load_settings() -> Settings:
    """The settings from the environment; what can't be used is named, its value is not shown."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = "BURGEE_" + "_".join(map(str, first["loc"])).upper()
        raise InvalidInputError(f"the environment variable {name} can't be used: {first['msg']}") from None
