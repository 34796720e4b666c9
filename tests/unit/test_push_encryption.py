"""Push messages as RFC 8291 and RFC 8292 have them, opened by a receiver written from the RFCs."""

import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.notifications.pushing.encryption import (
    MAX_TEXT_BYTES,
    TooLong,
    encrypt,
    point_of,
    receiver_key,
)
from chalicelib.notifications.pushing.vapid import VapidKey, derived_key
from local.push_service import Browser, InvalidPush, PushService, base64url, from_base64url
from tests.clock import StoppedClock


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(datetime(2026, 6, 15, tzinfo=UTC))


# RFC 8291, appendix A.
TEXT = b"When I grow up, I want to be a watermelon"
AS_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
UA_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
UA_PUBLIC = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def key(private: str) -> EllipticCurvePrivateKey:
    return derive_private_key(int.from_bytes(from_base64url(private), "big"), SECP256R1())


def rfc_browser() -> Browser:
    return Browser(b"", key(UA_PRIVATE), from_base64url(AUTH))


def test_the_rfcs_own_example_is_encrypted_to_the_letter() -> None:
    made = encrypt(
        TEXT,
        from_base64url(UA_PUBLIC),
        from_base64url(AUTH),
        sender=key(AS_PRIVATE),
        salt=from_base64url(SALT),
    )
    assert base64url(made) == BODY


def test_the_receiver_opens_the_rfcs_own_example() -> None:
    browser = rfc_browser()
    assert base64url(browser.p256dh) == UA_PUBLIC
    assert browser.decrypt(from_base64url(BODY)) == TEXT


@given(st.binary(max_size=MAX_TEXT_BYTES))
def test_any_encrypted_push_is_decrypted_by_its_browser_and_has_at_most_4096_bytes(
    text: bytes,
) -> None:
    browser, other = Browser(b""), Browser(b"")
    made = encrypt(text, browser.p256dh, browser.auth)
    assert len(made) <= 4096
    assert browser.decrypt(made) == text
    with pytest.raises(InvalidPush):
        other.decrypt(made)


def test_two_pushes_of_one_text_have_nothing_in_common() -> None:
    browser = Browser(b"")
    one, two = (encrypt(b"text", browser.p256dh, browser.auth) for _ in range(2))
    assert one[:16] != two[:16]
    assert one[21:86] != two[21:86]
    assert one[86:] != two[86:]


def test_a_longer_text_than_every_push_service_takes_is_refused() -> None:
    browser = Browser(b"")
    with pytest.raises(TooLong):
        encrypt(b"x" * (MAX_TEXT_BYTES + 1), browser.p256dh, browser.auth)


@pytest.mark.parametrize(
    "point",
    [
        b"",
        b"\x04" + bytes(64),  # not on the curve
        b"\x04" + b"\xff" * 64,
        bytes(65),
        from_base64url(UA_PUBLIC)[:-1],
        from_base64url(UA_PUBLIC) + b"\x00",
        b"\x02" + from_base64url(UA_PUBLIC)[1:33],  # compressed
    ],
)
def test_bytes_that_are_no_point_of_the_curve_are_no_key(point: bytes) -> None:
    with pytest.raises(ValueError, match=r"point|key|Invalid"):
        receiver_key(point)


# Who sends


PINNED = 0xD592BCBDAF7F1FE0


def vapid(clock: StoppedClock, secret: str = "s" * 64) -> VapidKey:
    return VapidKey(lambda: secret, "https://console.example", clock)


def test_the_key_is_the_same_for_the_same_secret_and_another_for_another(
    clock: StoppedClock,
) -> None:
    again = vapid(clock)
    assert vapid(clock).public == again.public
    assert vapid(clock).key_id == again.key_id
    # Pinned: another derivation would silence every browser that is subscribed.
    assert derived_key("s" * 64).private_numbers().private_value % 2**64 == PINNED
    assert vapid(clock, "t" * 64).public != again.public
    assert len(from_base64url(again.public)) == 65


def test_a_push_is_signed_for_its_push_service_for_half_a_day(clock: StoppedClock) -> None:
    signing = vapid(clock)
    header = signing.authorization("https://push.example:8443/send/abc?d=1")
    token, public = header.removeprefix("vapid t=").split(", k=")
    assert public == signing.public
    point = from_base64url(public)
    verified = jwt.decode(
        token,
        receiver_key(point),
        algorithms=["ES256"],
        audience="https://push.example:8443",
        options={"verify_exp": False},
    )
    assert verified == {
        "aud": "https://push.example:8443",
        "exp": int(clock.now().timestamp()) + 12 * 3600,
        "sub": "https://console.example",
    }
    assert signing.authorization("https://push.example:8443/send/other") == header


@pytest.mark.parametrize("hours", [7, 13])
def test_a_token_is_made_anew_long_before_it_expires(clock: StoppedClock, hours: int) -> None:
    signing = vapid(clock)
    before = signing.authorization("https://push.example/a")
    clock.advance(timedelta(hours=hours))
    assert signing.authorization("https://push.example/a") != before


# The push service of this machine


def sent(service: PushService, made: dict[str, object], signing: VapidKey, **changes: str) -> int:
    keys = made["keys"]
    assert isinstance(keys, dict)
    endpoint = str(made["endpoint"])
    body = encrypt(
        json.dumps({"title": "Hello"}).encode(),
        from_base64url(keys["p256dh"]),
        from_base64url(keys["auth"]),
    )
    headers = {
        "Authorization": signing.authorization(endpoint),
        "Content-Encoding": "aes128gcm",
        "TTL": "60",
        "Topic": "abc",
        "Urgency": "high",
        **changes,
    }
    return service.take(endpoint.rpartition("/")[2], headers, body)


def test_the_local_push_service_takes_what_is_right_and_refuses_what_is_not() -> None:
    clock = StoppedClock(datetime.now(UTC))
    signing, stranger = vapid(clock), vapid(clock, "t" * 64)
    service = PushService("http://127.0.0.1:1")
    made = service.subscribe(signing.public)
    assert sent(service, made, signing) == 201
    assert [each.message for each in service.arrived] == [{"title": "Hello"}]
    assert sent(service, made, stranger) == 403
    assert sent(service, made, signing, Authorization="") == 401
    elsewhere = signing.authorization("https://push.example/x")
    assert sent(service, made, signing, Authorization=elsewhere) == 403
    late = StoppedClock(datetime(2020, 1, 1, tzinfo=UTC))
    old = vapid(late).authorization(str(made["endpoint"]))
    assert sent(service, made, signing, Authorization=old) == 403
    for wrong in ({"TTL": ""}, {"Topic": "a" * 33}, {"Urgency": "now"}, {"Content-Encoding": "x"}):
        assert sent(service, made, signing, **wrong) == 400, wrong
    name = str(made["endpoint"]).rpartition("/")[2]
    headers = {"Authorization": signing.authorization(str(made["endpoint"])), "TTL": "1"}
    headers["Content-Encoding"] = "aes128gcm"
    assert service.take(name, headers, b"\x00" * 200) == 400
    assert service.take(name, headers, b"\x00" * 4097) == 413
    assert service.take("made-up", headers, b"") == 404
    service.unsubscribe(name)
    assert sent(service, made, signing) == 410
    assert len(service.arrived) == 1
    with pytest.raises(InvalidPush):
        service.subscribe("made-up")


def test_a_key_as_a_point_is_what_browsers_take() -> None:
    made = derived_key("s" * 64).public_key()
    assert point_of(made) == made.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert point_of(made)[0] == 4
