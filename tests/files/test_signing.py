"""Signed tokens (R6.2, P16): dead after they expire, and by any change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.core.errors import AuthenticationError, InvalidInputError
from burgee.files.signing import SignedClaims, Signer

SIGNER = Signer(b"a secret of thirty-two bytes, or more")
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
CLAIMS = SignedClaims("acme", "018f", "GET", NOW + timedelta(hours=1), "Größe.csv", "text/csv", 120)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
ALL_CLAIMS = st.builds(
    SignedClaims,
    tenant=TEXTS,
    file=TEXTS,
    method=st.sampled_from(["GET", "PUT"]),
    expires=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    name=TEXTS,
    type=TEXTS,
    size=st.none() | st.integers(0, 2**60),
)


@given(claims=ALL_CLAIMS, early=st.timedeltas(timedelta(microseconds=1), timedelta(days=400)))
def test_before_it_expires_a_token_gives_its_claims_back(claims: SignedClaims, early: timedelta) -> None:
    token = SIGNER.sign(claims)
    assert SIGNER.verify(token, claims.method, claims.expires - early) == claims
    assert token.isascii()
    assert not set(token) & set("/+=?&#% ")


@given(claims=ALL_CLAIMS, late=st.timedeltas(timedelta(0), timedelta(days=400)))
def test_p16_after_it_expires_it_is_dead(claims: SignedClaims, late: timedelta) -> None:
    with pytest.raises(AuthenticationError):
        SIGNER.verify(SIGNER.sign(claims), claims.method, claims.expires + late)


@given(claims=ALL_CLAIMS, data=st.data())
def test_p16_with_any_bit_changed_it_is_dead(claims: SignedClaims, data: st.DataObject) -> None:
    token = bytearray(SIGNER.sign(claims).encode())
    token[data.draw(st.integers(0, len(token) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(AuthenticationError):
        SIGNER.verify(token.decode("latin-1"), claims.method, claims.expires - timedelta(seconds=1))


def test_each_bit_of_one_token_counts() -> None:
    token = SIGNER.sign(CLAIMS).encode()
    for place in range(len(token)):
        for bit in range(8):
            changed = bytearray(token)
            changed[place] ^= 1 << bit
            with pytest.raises(AuthenticationError):
                SIGNER.verify(changed.decode("latin-1"), "GET", NOW)


@pytest.mark.parametrize("method", ["PUT", "HEAD", "DELETE", "get", ""])
def test_another_method_than_it_was_signed_for_is_refused(method: str) -> None:
    with pytest.raises(AuthenticationError):
        SIGNER.verify(SIGNER.sign(CLAIMS), method, NOW)


def test_another_secret_signs_otherwise() -> None:
    with pytest.raises(AuthenticationError):
        Signer(bytes(32)).verify(SIGNER.sign(CLAIMS), "GET", NOW)


def test_parts_of_two_tokens_make_none() -> None:
    mine = SIGNER.sign(CLAIMS)
    theirs = SIGNER.sign(replace(CLAIMS, tenant="other"))
    with pytest.raises(AuthenticationError):
        SIGNER.verify(f"{theirs.partition('.')[0]}.{mine.partition('.')[2]}", "GET", NOW)


@pytest.mark.parametrize(
    "token",
    [None, 7, b"bytes", "", ".", "a.b", "\ud800.\udfff", "é.é", "x" * 100_000, SIGNER.sign(CLAIMS) + "="],
    ids=["none", "number", "bytes", "empty", "dot", "short", "surrogates", "accents", "huge", "padded"],
)
def test_what_is_no_token_is_refused_without_a_reason(token: str) -> None:
    with pytest.raises(AuthenticationError) as refused:
        SIGNER.verify(token, "GET", NOW)
    assert str(refused.value) == "this address is not valid, or not any more"


def test_what_can_not_be_signed_is_named() -> None:
    with pytest.raises(InvalidInputError, match="GET or PUT, not 'DELETE'"):
        SIGNER.sign(replace(CLAIMS, method="DELETE"))
    with pytest.raises(InvalidInputError, match="has no time zone"):
        SIGNER.sign(replace(CLAIMS, expires=datetime(2026, 1, 1)))  # noqa: DTZ001
    with pytest.raises(InvalidInputError, match="4096 characters"):
        SIGNER.sign(replace(CLAIMS, name="x" * 5000))


@pytest.mark.parametrize("secret", [b"", b"short", "text of more than thirty-two letters", None])
def test_a_weak_secret_is_refused(secret: bytes) -> None:
    with pytest.raises(InvalidInputError, match="32 bytes or more"):
        Signer(secret)
