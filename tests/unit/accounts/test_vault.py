import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from storykeep.accounts.vault import Vault
from storykeep.errors import StorykeepError

TOKEN = SecretStr("EAAtoken-that-nobody-may-see")


def key() -> SecretStr:
    return SecretStr(Fernet.generate_key().decode())


def test_opens_what_it_locked_and_the_locked_form_hides_the_token() -> None:
    vault = Vault([key()])
    locked = vault.lock(TOKEN)
    assert vault.unlock(locked) == TOKEN
    assert TOKEN.get_secret_value().encode() not in locked


def test_rotation_the_first_key_locks_and_every_key_opens() -> None:
    old, new = key(), key()
    locked_before = Vault([old]).lock(TOKEN)
    rotated = Vault([new, old])
    assert rotated.unlock(locked_before) == TOKEN
    locked_after = rotated.lock(TOKEN)
    assert Vault([new]).unlock(locked_after) == TOKEN
    with pytest.raises(StorykeepError):
        Vault([old]).unlock(locked_after)


def test_no_key_tells_how_to_make_one() -> None:
    with pytest.raises(StorykeepError) as told:
        Vault([])
    assert "STORYKEEP_TOKEN_KEYS" in str(told.value)
    assert "Fernet.generate_key()" in told.value.remedy


@pytest.mark.parametrize("malformed", ["not-a-key", "", "é" * 44, "A" * 44])
def test_malformed_key_is_named_by_its_number_and_never_shown(malformed: str) -> None:
    with pytest.raises(StorykeepError) as told:
        Vault([key(), SecretStr(malformed)])
    assert "key 2" in str(told.value)
    assert not malformed or malformed not in str(told.value)


def test_unknown_key_names_the_connection() -> None:
    with pytest.raises(StorykeepError) as told:
        Vault([key()]).unlock(Vault([key()]).lock(TOKEN), whose="@nora (acc_1)")
    assert str(told.value).startswith("@nora (acc_1): none of the token keys opens this token")


def test_relocking_uses_the_first_key_and_leaves_what_it_has_locked() -> None:
    old, new = key(), key()
    vault = Vault([new, old])
    relocked = vault.relock(Vault([old]).lock(TOKEN))
    assert Vault([new]).unlock(relocked) == TOKEN
    assert vault.relock(relocked) == relocked
    with pytest.raises(StorykeepError, match=r"^@nora \(acc_1\): none of the token keys opens this token"):
        Vault([new]).relock(Vault([old]).lock(TOKEN), whose="@nora (acc_1)")
