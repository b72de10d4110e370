"""The token vault: tokens rest in Postgres encrypted, the keys rest outside it."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from storykeep.errors import StorykeepError

SETTING = "STORYKEEP_TOKEN_KEYS"
MAKE_KEY = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'


class Vault:
    """Locks tokens with the first of its keys and opens what any of them has locked.

    To rotate, put a new key in front and keep the old ones behind it until nothing is locked with them.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        if not keys:
            raise StorykeepError("no token key is set", where=SETTING, remedy=f"make one with: {MAKE_KEY}")
        fernets = [_fernet(number, key) for number, key in enumerate(keys, start=1)]
        self._first = fernets[0]
        self._fernet = MultiFernet(fernets)

    def lock(self, token: SecretStr) -> bytes:
        """Encrypt a token for the database."""
        return self._fernet.encrypt(token.get_secret_value().encode())

    def unlock(self, locked: bytes, *, whose: str = "") -> SecretStr:
        """Decrypt what lock() returned. Raises StorykeepError naming `whose` token it is when no key opens it."""
        try:
            return SecretStr(self._fernet.decrypt(bytes(locked)).decode())
        except InvalidToken:
            raise _lost(whose) from None

    def relock(self, locked: bytes, *, whose: str = "") -> bytes:
        """The same token locked with the first key; `locked` itself if it is. Raises StorykeepError like unlock()."""
        try:
            self._first.decrypt(bytes(locked))
            return bytes(locked)
        except InvalidToken:
            pass
        try:
            return self._fernet.rotate(bytes(locked))
        except InvalidToken:
            raise _lost(whose) from None


def _lost(whose: str) -> StorykeepError:
    return StorykeepError(
        "none of the token keys opens this token",
        where=whose,
        remedy=f"put the key that locked it back into {SETTING}, or import a new token",
    )


def _fernet(number: int, key: SecretStr) -> Fernet:
    try:
        return Fernet(key.get_secret_value())
    except ValueError:
        raise StorykeepError(
            f"key {number} is not a Fernet key", where=SETTING, remedy=f"make one with: {MAKE_KEY}"
        ) from None
