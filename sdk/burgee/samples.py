"""Made-up data to try burgee on: a shop's clickstream and its users. The same seed gives the same frames.

The numbers are invented so as to look like a shop's: more people look than buy, evenings and weekends are
busier than nights and Mondays, phones see more and buy less, and whoever pays for a plan buys more.
"""

import numpy as np
import pandas as pd

from burgee.core.clock import to_us
from burgee.core.errors import InvalidInputError

_COUNTRIES = {"DE": 0.26, "US": 0.22, "FR": 0.17, "GB": 0.14, "ES": 0.12, "IT": 0.09}
_PLATFORMS = {"web": 0.45, "android": 0.32, "ios": 0.23}
_PLANS = {"free": 0.7, "plus": 0.22, "pro": 0.08}

_WEEKDAYS = np.array([0.85, 0.9, 0.95, 1.0, 1.15, 1.3, 1.2])  # Monday first
_HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 10, 11, 13, 12, 10, 10, 11, 13, 16, 19, 21, 18, 11, 5], dtype=float)

_TO_CART = {"web": 0.30, "android": 0.22, "ios": 0.25}  # of the sessions that look at a product
_TO_PURCHASE = {"free": 0.30, "plus": 0.42, "pro": 0.52}  # of the sessions that fill the cart
_LOOKS = 0.78  # of the sessions
_SESSIONS_A_DAY = 0.09  # of a user

_EVENTS = np.array(["catalog", "product_view", "add_to_cart", "purchase"])


def users(seed: int = 7, n: int = 1000) -> pd.DataFrame:
    """The shop's users, one row each: those of `shop(seed)` and as many more as asked for.

    Columns: `id` (`u0001`, …), `country` (two letters), `platform` (`web`, `android`, `ios`), `plan` (`free`,
    `plus`, `pro`), `age` in years, `signup` (a time in 2025, UTC). A user is the same whatever `n` is.
    """
    _require_positive("n", n)
    random = [np.random.default_rng([seed, column]).random(n) for column in range(5)]
    joined = to_us("2025-01-01") // 1_000_000 + (random[4] * 365 * 86_400).astype("int64")
    return pd.DataFrame(
        {
            "id": [f"u{number:04d}" for number in range(1, n + 1)],
            "country": _choose(random[0], _COUNTRIES),
            "platform": _choose(random[1], _PLATFORMS),
            "plan": _choose(random[2], _PLANS),
            "age": (18 + 60 * random[3] ** 1.6).astype("int64"),
            "signup": pd.to_datetime(joined, unit="s", utc=True).as_unit("us"),
        }
    )


def shop(seed: int = 7, users: int = 600, days: int = 90, start: str = "2026-01-01") -> pd.DataFrame:
    """The shop's clickstream, one row per event, ordered by time.

    Columns: `user_id`, `session_id`, `event` (`catalog`, `product_view`, `add_to_cart`, `purchase`),
    `timestamp` (UTC, whole seconds), `country`, `platform`, `plan`, and `value`, the money of a purchase,
    null in other events. Users are the first of `users(seed)`.

    Every session begins at the catalog. Most go on to look at products, some of these fill the cart, and
    some of these buy. Sessions follow the hour of the day and the day of the week.

    Args:
        seed: another one makes another shop.
        users: how many there are.
        days: how many days of events, from `start` on; sessions begun on the last go on to their end.
        start: the first day, e.g. `2026-01-01`.
    """
    _require_positive("users", users)
    _require_positive("days", days)
    rng = np.random.default_rng([seed, 100])
    people = _people(seed, users)
    sessions = _sessions(rng, people, days, to_us(start) // 1_000_000)
    looks = rng.random(len(sessions)) < _LOOKS
    views = np.where(looks, 1 + rng.poisson(1.6, len(sessions)), 0)
    carts = looks & (rng.random(len(sessions)) < sessions["platform"].map(_TO_CART).to_numpy())
    buys = carts & (rng.random(len(sessions)) < sessions["plan"].map(_TO_PURCHASE).to_numpy())
    # One row per event of a session: the catalog, the views, the cart, the purchase, in this order.
    counts = np.column_stack([np.ones(len(sessions), dtype="int64"), views, carts, buys])
    steps = np.repeat(np.tile(np.arange(4), len(sessions)), counts.ravel())
    events = sessions.loc[np.repeat(sessions.index.to_numpy(), counts.sum(axis=1))].reset_index(drop=True)
    first = steps == 0
    pause = np.where(first, 0, 5 + rng.exponential(45, len(events))).astype("int64")
    elapsed = pause.cumsum()
    began = np.maximum.accumulate(np.where(first, elapsed, 0))
    seconds = events["began"].to_numpy() + elapsed - began
    amount = np.round(rng.lognormal(3.4, 0.7, len(events)), 2)
    events["event"] = _EVENTS[steps]
    events["timestamp"] = pd.to_datetime(seconds, unit="s", utc=True).as_unit("us")
    events["value"] = np.where(steps == 3, amount, np.nan)  # noqa: PLR2004 - a purchase
    columns = ["user_id", "session_id", "event", "timestamp", "country", "platform", "plan", "value"]
    return events.sort_values("timestamp", kind="stable", ignore_index=True)[columns]


def _people(seed: int, n: int) -> pd.DataFrame:
    return users(seed, n)


def _sessions(rng: np.random.Generator, people: pd.DataFrame, days: int, start: int) -> pd.DataFrame:
    """One row per session, by the second it began (since 1970): its user's columns, `session_id` and `began`."""
    eagerness = rng.gamma(1.2, 1 / 1.2, len(people))  # some come every day, many hardly ever
    visits = rng.poisson(eagerness * _SESSIONS_A_DAY * days)
    sessions = people.loc[np.repeat(people.index.to_numpy(), visits)].rename(columns={"id": "user_id"})
    first = pd.Timestamp(start, unit="s").day_of_week
    day = _WEEKDAYS[(first + np.arange(days)) % 7]
    days_in = rng.choice(days, len(sessions), p=day / day.sum())
    hours = rng.choice(24, len(sessions), p=_HOURS / _HOURS.sum())
    sessions["began"] = start + days_in * 86_400 + hours * 3600 + rng.integers(0, 3600, len(sessions))
    sessions = sessions.sort_values("began", kind="stable", ignore_index=True)
    sessions["session_id"] = [f"s{number:06d}" for number in range(1, len(sessions) + 1)]
    return sessions


def _choose(random: "np.typing.NDArray[np.float64]", shares: dict[str, float]) -> list[str]:
    bounds = np.cumsum(list(shares.values()))
    names = list(shares)
    return [names[place] for place in np.searchsorted(bounds[:-1], random, side="right")]


def _require_positive(name: str, value: int) -> None:
    if value < 1:
        msg = f"{name} must be 1 or more, not {value}"
        raise InvalidInputError(msg)
