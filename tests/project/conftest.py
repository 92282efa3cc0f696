"""The tests about the project itself: its files, its public face, its packages and its pages."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes many seconds; leave out with -m 'not slow'")
