"""Conditions with the harder words, and values that make engines differ about them: from a seed, or generated."""

import random
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from burgee.core.errors import InvalidInputError
from burgee.flags.changing.patterns import check
from burgee.flags.changing.rules import make_condition
from burgee.flags.model import Condition, Operator
from burgee.flags.operators import TIME, VERSION

ATTRIBUTE = "x"
BOUNDS = (
    datetime(2026, 11, 1, 10, 20, tzinfo=UTC),
    datetime(2026, 11, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 900_000, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)
VERSIONS = ("1.0.0", "1.2.10", "0.0.0-1", "1.0.0-alpha", "1.0.0-1a.99999999999999999999999+b.c", f"1.{'9' * 25}.0--")
UNBOUNDED = "(?:a|b){2,}[^a]"
PATTERNS = (
    r"^a\.",
    r"^[^\n]*$",
    r"^.$",
    r"b$",
    r"[\\']",
    "é|😀",
    "[à-ü]$",
    r"^(?:[0-9]{1,3}[.]){2}",
    r"[\[\]^a&-]{2}",
    r"\{|\}|\$|%",
    r"\s\S",
    r"^\D+$",
    UNBOUNDED,
    "(?:a|b){2,50}[^a]",
    r"(\W|_)?\w{3}",
    r"^$",
)
HOSTILE = (
    None,
    "",
    "abc",
    "2026-02-30",
    "2024-02-29",
    "1900-02-29",
    "2000-02-29",
    "0000-01-01",
    "2026-11-01\n",
    "2026-11-01T24:00",
    "2026-11-01T10:20:00.1234567",
    "2026-11-01T10:20:00+15:00",
    "2026-11-01T10:20:00z",
    "0001-01-01T00:00+14:00",
    "9999-12-31T23:59:59.999999-14:59",
    "\u0662\u0660\u0662\u0666-11-01",
    "infinity",
    "now",
    "1.2.3\n",
    "\n1.2.3",
    "v1.2.3",
    "1.2.3-a\n",
    "0.0.0-0",
    "a.",
    "1.2.3-",
    "1.2.3+",
    "1.0.0-a..b",
    "1.0.0-01",
    "1.0.0+01.0",
    "1.0.0--.-",
    "\u0661.\u0662.\u0663",  # digits, but Arabic ones
    "9" * 20_000,
    "1.0.0-" + "a." * 5_000 + "b",
    "ab" * 1_000,
    "é",
    "e\u0301",
    "😀",
    "'",
    '"',
    "\\",
    "\\n",
    "\n",
    "a\nb",
    "b\n",
    "%_$",
    "{}[]^-&",
)

_NUMBERS = ("0", "1", "2", "10", "9" * 25, "1" + "0" * 25)
_IDENTIFIERS = ("0", "1", "9", "10", "1a", "A", "a", "alpha", "b", "-", "a-b", "Z", "0-", "99999999999999999999999")
_WRONG = ("", "01", "é", "x_")
_TYPOS: tuple[str, ...] = ("", *"0139- :.+Zzé\n")
_ZONES = ("", "Z", "+00:00", "-00:00", "+05:30", "-05:00", "+14:59", "-14:59")


def moment_conditions() -> list[Condition]:
    """Before and after every bound."""
    return [make_condition(ATTRIBUTE, op, bound) for op in sorted(TIME) for bound in BOUNDS]


def text_conditions() -> list[Condition]:
    """Every word of texts, each with what makes it hard."""
    moments = moment_conditions()
    versions = [make_condition(ATTRIBUTE, op, version) for op in sorted(VERSION) for version in VERSIONS]
    return [*moments, *versions, *(make_condition(ATTRIBUTE, Operator.MATCHES, pattern) for pattern in PATTERNS)]


def texts(size: int) -> list[str | None]:
    """Hostile texts, the bounds, then versions and times near them, and what misses being one by a character."""
    chosen = random.Random(7)  # noqa: S311 - the same ones each time
    made = [*HOSTILE, *VERSIONS, *(bound.isoformat() for bound in BOUNDS)]
    while len(made) < size:
        text = _version(chosen) if chosen.random() < 0.5 else _time(chosen)
        made.append(_spoiled(chosen, text) if chosen.random() < 0.15 else text)
    return made


def times() -> list[datetime | None]:
    """Times about the bounds, and none."""
    steps = [timedelta(microseconds=us) for us in (-1, 0, 1)] + [timedelta(hours=h) for h in (-24, -5, -1, 1, 5, 24)]
    made: list[datetime | None] = [None]
    for bound in BOUNDS:
        for step in steps:
            try:
                made.append(bound + step)
            except OverflowError:
                continue
    return made


def _version(chosen: random.Random) -> str:
    text = ".".join(chosen.choice(_NUMBERS) for _ in range(3))
    for sign, share in (("-", 0.6), ("+", 0.3)):
        if chosen.random() < share:
            some = [chosen.choice(_IDENTIFIERS) for _ in range(chosen.randint(1, 3))]
            text += sign + ".".join(some)
    return text


def _time(chosen: random.Random) -> str:
    seconds = chosen.choice([0, 1, -1, 3_600, -18_000, 86_400, -86_400, 172_800, chosen.randint(-90_000, 90_000)])
    bound = chosen.choice([bound for bound in BOUNDS if 1 < bound.year < 9999])
    at = bound + timedelta(seconds=seconds)
    if chosen.random() < 0.15:
        return f"{at:%Y-%m-%d}"
    digits = chosen.randint(0, 6)
    fraction = f".{at:%f}"[: digits + 1] if digits else ""
    clock = chosen.choice([f"{at:%H:%M}", f"{at:%H:%M:%S}{fraction}"])
    return f"{at:%Y-%m-%d}{chosen.choice('T ')}{clock}{chosen.choice(_ZONES)}"


def _spoiled(chosen: random.Random, text: str) -> str:
    place = chosen.randrange(len(text))
    return text[:place] + chosen.choice(_TYPOS) + text[place + chosen.randint(0, 1) :]


_identifiers = st.sampled_from(_IDENTIFIERS) | st.integers(0, 10**30).map(str) | st.sampled_from(_WRONG)
_labels = st.lists(_identifiers, min_size=1, max_size=4).map(".".join)
_numbers = st.sampled_from(_NUMBERS) | st.integers(0, 3).map(str)

versions = st.builds(
    lambda numbers, prerelease, build: ".".join(numbers) + prerelease + build,
    st.lists(_numbers, min_size=3, max_size=3),
    st.just("") | _labels.map("-{}".format),
    st.just("") | _labels.map("+{}".format),
)
"""Versions, and what nearly is one."""

moments = st.datetimes(timezones=st.just(UTC)) | st.sampled_from(BOUNDS)


@st.composite
def moment_texts(draw: st.DrawFn, bound: datetime) -> str:
    """A time as text, in any zone, often a few seconds or days from the bound."""
    near = st.timedeltas(timedelta(days=-3), timedelta(days=3)) | st.timedeltas(timedelta(0), timedelta(seconds=2))
    try:
        at = bound + draw(near)
    except OverflowError:
        at = bound
    text = at.replace(tzinfo=None).isoformat(draw(st.sampled_from("T ")), "microseconds")
    text = text[: draw(st.sampled_from([10, 16, 19, 21, 22, 26]))]
    return text if len(text) == len("2026-11-01") else text + draw(st.sampled_from(_ZONES))


_literals = st.sampled_from(["a", "b", "é", "0", " ", "-", "'", "&", "~", "#", r"\.", r"\\", r"\[", r"\$", r"\n"])
_ends = st.sampled_from(["^", "$"])
_sets = st.sampled_from([".", r"\d", r"\W", r"\s", "[a-c]", "[^a]", r"[\]\\^-]", r"[^\n&&]", "[à-ü0]", "[$(?:.]"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.lists(inner, min_size=1, max_size=3).map("".join)
    group = st.builds("{}{})".format, st.sampled_from(["(", "(?:"]), joined)
    either = st.builds("(?:{}|{})".format, joined, joined)
    return joined | st.builds("{}{}".format, group | either, st.sampled_from(["", "?", "*", "+", "{2}", "{1,3}"]))


_pieces = st.recursive(
    st.builds("{}{}".format, _literals | _sets, st.sampled_from(["", "", "?", "*", "+", "{2,}"])) | _ends,
    _grown,
    max_leaves=6,
)


def _stands(pattern: str) -> bool:
    try:
        check(pattern)
    except InvalidInputError:
        return False
    return True


patterns = _pieces.filter(_stands)
"""Patterns that are not refused."""

subjects = st.text(st.sampled_from("abcéü0 -'&~#.\\[]$^\n(?:"), max_size=6)
"""Texts in which such patterns may be found."""
