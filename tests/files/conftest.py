"""The servers that tests of files share."""

from collections.abc import Iterator

import pytest

from services.clamav import ClamServer, running_clamd


@pytest.fixture(scope="session")
def clamd() -> Iterator[ClamServer]:
    """ClamAV's daemon, for all tests that do not harm it."""
    with running_clamd() as server:
        yield server
