"""From the code of a dialog to a lasting token, who gave it, and the accounts that it reaches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from storykeep.accounts.diagnosis import ANALYZE, PROFESSIONAL, named, unlinked
from storykeep.accounts.rows import NUMERIC_ID, USERNAME
from storykeep.accounts.signin.level import Level, level_of
from storykeep.accounts.signin.scopes import BUSINESS_SCOPE, lacking
from storykeep.accounts.signin.trouble import Trouble, trouble_of, trouble_of_code
from storykeep.accounts.states import Reason
from storykeep.graph import endpoints, tokens
from storykeep.graph.client import Answer, GraphClient
from storykeep.graph.errors import GoneError, GraphError, PermissionMissingError, ReconnectError
from storykeep.graph.pages import Page, is_professional, pages
from storykeep.graph.signin import SignIn, person, redeem
from storykeep.graph.values import text
from storykeep.settings import Flavour


@dataclass(frozen=True)
class Granted:
    """What the person who signed in gave the app. Scopes are None where the API does not tell them."""

    login_flavour: Flavour
    token: SecretStr
    issued_at: datetime | None
    expires_at: datetime | None
    data_access_expires_at: datetime | None
    scopes: tuple[str, ...] | None
    granter_id: str | None
    granter_name: str | None
    ticked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """An account that the token reaches, through a Page on facebook; `trouble` is why it cannot be connected."""

    ig_user_id: str
    username: str
    level: Level
    page: Page | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Discovery:
    """What a sign-in brought: at least one account."""

    granted: Granted
    found: tuple[Found, ...]


class DiscoveryError(Exception):
    """The way from the code to the accounts broke off, for the one reason in `trouble`."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble


def discover(client: GraphClient, code: SecretStr, redirect_uri: str, now: datetime) -> Discovery:
    """Everything that a code is worth. Raises DiscoveryError; the code is used up then, too."""
    try:
        short = redeem(client, code, redirect_uri, now)
    except GraphError as error:
        raise DiscoveryError(trouble_of_code(error)) from error
    try:
        return _facebook(client, short, now) if client.api.flavour == "facebook" else _instagram(client, short, now)
    except GraphError as error:
        raise DiscoveryError(trouble_of(error)) from error


def why_not_found(client: GraphClient, discovery: Discovery, username: str | None) -> Trouble:
    """Why the account that was invited is not among those found, though others are.

    On facebook a stranger's account can be asked for by its handle, as one of those found: without a professional
    account of that name the creator has a personal one; otherwise its Page belongs to somebody else.
    """
    others = ", ".join(f"@{one.username}" for one in discovery.found[:5])
    if client.api.flavour == "instagram":
        return Trouble(Reason.WRONG_ACCOUNT, f"signed in as {others}")
    try:
        asker = discovery.found[0].ig_user_id
        is_personal = username is not None and not is_professional(client, discovery.granted.token, asker, username)
    except GraphError:
        is_personal = False  # nobody can tell; the other reason is the likelier one
    if is_personal:
        return Trouble(Reason.PERSONAL_ACCOUNT, f"@{username}")
    return Trouble(Reason.WRONG_FACEBOOK_ACCOUNT, f"it leads to {others}")


def _instagram(client: GraphClient, short: SignIn, now: datetime) -> Discovery:
    long = tokens.exchange_instagram(client, short.token.token, now)
    scopes = long.permissions or short.token.permissions
    if missing := lacking("instagram", scopes):
        raise DiscoveryError(Trouble(Reason.MISSING_SCOPE, ", ".join(missing)))
    profile = tokens.me(client, long.token)
    granted = Granted(
        login_flavour="instagram",
        token=long.token,
        issued_at=now,
        expires_at=long.expires_at,
        data_access_expires_at=None,
        scopes=scopes,
        granter_id=short.ig_user_id or profile.ig_user_id,
        granter_name=profile.name,
    )
    if profile.account_type not in (None, *PROFESSIONAL):
        raise DiscoveryError(Trouble(Reason.PERSONAL_ACCOUNT, f"@{profile.username}"))
    username = _handle(profile.username)
    if username is None:
        raise DiscoveryError(Trouble(Reason.SIGN_IN_FAILED, "/me answered without a handle"))
    return Discovery(granted, (Found(profile.ig_user_id, username, level_of("instagram", scopes)),))


def _facebook(client: GraphClient, short: SignIn, now: datetime) -> Discovery:
    granted = _granted(client, tokens.exchange_facebook(client, short.token.token, now).token)
    if missing := lacking("facebook", granted.scopes):
        raise DiscoveryError(Trouble(Reason.MISSING_SCOPE, ", ".join(missing)))
    shown = pages(client, granted.token)
    found = tuple(_reached(client, granted, _one_each(shown)))
    if not found:
        raise DiscoveryError(_no_account(granted, shown))
    return Discovery(granted, found)


def _granted(client: GraphClient, token: SecretStr) -> Granted:
    facts = tokens.debug_token(client, token)
    if not facts.is_valid:
        raise ReconnectError("debug_token says so", reason=facts.reason or "token_invalid")
    who = person(client, token)
    return Granted(
        login_flavour="facebook",
        token=token,
        issued_at=facts.issued_at,
        expires_at=facts.expires_at,
        data_access_expires_at=facts.data_access_expires_at,
        scopes=facts.scopes,
        granter_id=who.user_id,
        granter_name=who.name,
        ticked=facts.instagram_targets,
    )


def _no_account(granted: Granted, shown: list[Page]) -> Trouble:
    """Pages of a business portfolio stay hidden without a permission of their own."""
    if not shown and granted.ticked and BUSINESS_SCOPE not in (granted.scopes or ()):
        return Trouble(Reason.MISSING_SCOPE, BUSINESS_SCOPE)
    return Trouble(unlinked(shown, granted.ticked), named(shown))


def _one_each(shown: Iterable[Page]) -> list[Page]:
    """One Page for each account: the one with the better link, where two lead to it."""
    best: dict[str, Page] = {}
    for page in shown:
        if page.ig_user_id is None or not NUMERIC_ID.fullmatch(page.ig_user_id):
            continue
        rival = best.get(page.ig_user_id)
        if rival is None or _rank(page) > _rank(rival):
            best[page.ig_user_id] = page
    return list(best.values())


def _rank(page: Page) -> tuple[bool, bool]:
    return page.is_confirmed, bool(ANALYZE & set(page.tasks))


def _reached(client: GraphClient, granted: Granted, linked: list[Page]) -> Iterator[Found]:
    """Each account as it answers for itself: that a Page names it does not mean that the token may read it."""
    asks = [endpoints.profile(page.ig_user_id or "", granted.token, "facebook", key=page) for page in linked]
    for answers in client.answer(asks):
        for answer in answers:
            yield _found(granted, answer.ask.key, answer)  # type: ignore[arg-type]  # the key of the asks above


def _found(granted: Granted, page: Page, answer: Answer) -> Found:
    username = _handle(text((answer.body or {}).get("username")) or page.ig_username)
    return Found(
        ig_user_id=page.ig_user_id or "",
        username=username or "",
        level=level_of("facebook", granted.scopes, page.tasks),
        page=page,
        trouble=_trouble(page, username, answer.error),
    )


def _trouble(page: Page, username: str | None, error: GraphError | None) -> Trouble | None:
    if not ANALYZE & set(page.tasks):
        return Trouble(Reason.INSUFFICIENT_PAGE_ROLE, named([page]))
    if not page.is_confirmed and isinstance(error, GoneError | PermissionMissingError):
        return Trouble(Reason.PAGE_UNCONFIRMED, named([page]))
    if error is not None:
        return trouble_of(error)
    return None if username else Trouble(Reason.SIGN_IN_FAILED, "the account answered without a handle")


def _handle(username: str | None) -> str | None:
    handle = (username or "").lower()
    return handle if USERNAME.fullmatch(handle) else None
