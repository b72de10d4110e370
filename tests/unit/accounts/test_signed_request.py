import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from storykeep.accounts.goodbye.signed_request import Signed, verified
from storykeep.errors import StorykeepError
from storykeep.settings import Flavour, GraphSettings

NOW = datetime(2026, 11, 5, 20, 0, tzinfo=UTC)
SECRETS: dict[Flavour, str] = {"facebook": "facebook-secret", "instagram": "instagram-secret"}


def app(flavour: Flavour) -> GraphSettings:
    return GraphSettings(flavour, "https://graph.example", "v26.0", "1", SecretStr(SECRETS[flavour]), "", "")


APPS = [app("facebook"), app("instagram")]


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def body(**told: Any) -> dict[str, Any]:
    return {"algorithm": "HMAC-SHA256", "issued_at": int(NOW.timestamp()), "user_id": "900001", "expires": 0} | told


def signed(content: Any, secret: str = SECRETS["facebook"]) -> str:
    part = encoded(json.dumps(content).encode())
    return f"{encoded(hmac.digest(secret.encode(), part.encode(), 'sha256'))}.{part}"


def why_not(text: str, now: datetime = NOW) -> str:
    with pytest.raises(StorykeepError) as refusal:
        verified(text, APPS, now)
    return refusal.value.what.removeprefix("refused: ")


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_whose_secret_signed_it_tells_which_app_it_is_of(flavour: Flavour) -> None:
    assert verified(signed(body(), SECRETS[flavour]), APPS, NOW) == Signed(flavour, "900001", None)


def test_a_user_id_stays_text_whatever_it_was_written_as() -> None:
    assert verified(signed(body(user_id=17841400000000001)), APPS, NOW).user_id == "17841400000000001"


def test_a_page_that_removed_the_app_is_told_from_a_person() -> None:
    found = verified(signed(body(user_id="0", profile_id="555")), APPS, NOW)
    assert found == Signed("facebook", None, "555")
    assert found.subject_id == "555"


@pytest.mark.parametrize("algorithm", ["none", "HMAC-SHA1", "hmac-sha256", "", None, ["HMAC-SHA256"]])
def test_another_algorithm_is_refused_even_with_a_good_signature(algorithm: Any) -> None:
    assert why_not(signed(body(algorithm=algorithm))) == "its algorithm is not HMAC-SHA256"


def with_another_body(text: str) -> str:
    return f"{text.partition('.')[0]}.{encoded(json.dumps(body(user_id='900002')).encode())}"


def with_a_padded_signature(text: str) -> str:
    return text.replace(".", "=.")


def with_a_second_dot(text: str) -> str:
    return f"{text}."


def in_the_other_alphabet(text: str) -> str:
    signature, _, part = text.partition(".")
    return f"{signature.replace('-', '+').replace('_', '/')}+.{part}"


def with_trailing_bits(text: str) -> str:
    """The same bytes, written otherwise: the last character of 32 bytes has two bits that count for nothing."""
    signature, _, part = text.partition(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return f"{signature[:-1]}{alphabet[alphabet.index(signature[-1]) ^ 1]}.{part}"


def cut_short(text: str) -> str:
    return text[1:]


def unsigned(text: str) -> str:
    return f".{text.partition('.')[2]}"


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (with_another_body, "it is not signed with the secret of an app that is set up"),
        (cut_short, "it is not signed with the secret of an app that is set up"),
        (with_trailing_bits, "a part of it is no base64url"),
        (with_a_padded_signature, "it is not two parts of base64url with a dot between"),
        (with_a_second_dot, "it is not two parts of base64url with a dot between"),
        (in_the_other_alphabet, "it is not two parts of base64url with a dot between"),
        (unsigned, "it is not two parts of base64url with a dot between"),
    ],
)
def test_a_forged_one_is_refused(forge: Callable[[str], str], reason: str) -> None:
    assert why_not(forge(signed(body()))) == reason


def test_one_of_another_app_is_refused() -> None:
    assert why_not(signed(body(), "another-secret")) == "it is not signed with the secret of an app that is set up"


@pytest.mark.parametrize("content", [[], "text", None, 7])
def test_what_is_no_object_is_refused(content: Any) -> None:
    assert why_not(signed(content)) == "its second part is no JSON object"


def test_endless_nesting_and_endless_length_are_refused() -> None:
    assert why_not(f"AAAA.{encoded(b'[' * 6_000)}") == "its second part is no JSON object"
    assert why_not(signed(body(more="a" * 10_000))) == "it is not two parts of base64url with a dot between"


@pytest.mark.parametrize(
    ("age", "is_taken"),
    [
        (timedelta(hours=24), True),
        (timedelta(hours=24, seconds=1), False),
        (-timedelta(minutes=5), True),
        (-timedelta(minutes=5, seconds=1), False),
    ],
)
def test_it_counts_for_a_day(age: timedelta, is_taken: bool) -> None:
    text = signed(body())
    if is_taken:
        assert verified(text, APPS, NOW + age).user_id == "900001"
    else:
        assert why_not(text, NOW + age).startswith("it was issued at 2026-11-05 20:00:00 UTC")


@pytest.mark.parametrize("issued_at", [None, "1793908800", True, 0, -1, 1e9, 2**32])
def test_without_a_time_it_is_refused(issued_at: Any) -> None:
    assert why_not(signed(body(issued_at=issued_at))) == "it does not say when it was issued"


@pytest.mark.parametrize("user_id", ["0", 0, None, "", 1.5, ["900001"]])
def test_about_nobody_it_is_refused(user_id: Any) -> None:
    assert why_not(signed(body(user_id=user_id))) == "it names nobody"


def test_a_refusal_quotes_nothing_of_it() -> None:
    text = with_another_body(signed(body()))
    with pytest.raises(StorykeepError) as refusal:
        verified(text, APPS, NOW)
    assert not any(part in str(refusal.value) for part in (*text.split("."), "900002", *SECRETS.values()))
