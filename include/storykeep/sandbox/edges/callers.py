"""Who calls: the token, its proof, its permissions, and the app itself."""

from __future__ import annotations

import hmac
from datetime import datetime

from storykeep.sandbox import switches
from storykeep.sandbox.errors import (
    ApiError,
    bad_parameter,
    data_access_over,
    no_permission,
    no_proof,
    no_token,
    token_ended,
    token_expired,
    token_malformed,
)
from storykeep.sandbox.tokens import AppCredentials, Grant, TokenBook
from storykeep.sandbox.world.accounts import Flavour


def authenticate(book: TokenBook, host: Flavour, token: str | None, proof: str | None, now: datetime) -> Grant:
    """The grant of a call's token.

    Raises:
        ApiError: no token, one of the other host, a dead one, or a proof that is wrong or missing.
    """
    grant = live_grant(book, host, token, now)
    if proof is None and host == "facebook" and switches.PROOF_REQUIRED:
        raise no_proof()
    check_proof(book.apps[host], host, grant.token, proof)
    return grant


def live_grant(book: TokenBook, host: Flavour, token: str | None, now: datetime) -> Grant:
    """The grant of a token that is alive.

    Raises:
        ApiError: no token, one of the other host, or a dead one.
    """
    if not token:
        raise no_token()
    grant = book.find(token)
    if grant is None or grant.account.flavour != host:
        raise token_malformed(host)
    dead = why_dead(grant, now)
    if dead is not None:
        raise dead
    return grant


def why_dead(grant: Grant, now: datetime) -> ApiError | None:
    """The error of a dead token, None for a live one."""
    if grant.ended is not None and grant.is_ended(now):
        return token_ended(grant.ended.event)
    if grant.expires_at is not None and grant.is_expired(now):
        return token_expired(grant.expires_at, now)
    return None


def check_scope(grant: Grant, scope: str, now: datetime) -> None:
    """Look for a permission.

    Raises:
        ApiError: it was not granted, or was withdrawn, or the data access has ended.
    """
    if not grant.holds(scope, now):
        raise no_permission()
    if not grant.allows(scope, now):
        raise data_access_over()


def check_proof(app: AppCredentials, host: Flavour, token: str, proof: str | None) -> None:
    """Compare an appsecret_proof, if one was sent.

    Raises:
        ApiError: it is wrong.
    """
    if proof is None or (host == "instagram" and not switches.PROOF_ON_INSTAGRAM):
        return
    if not hmac.compare_digest(_proof(app, token), proof.encode()):
        raise bad_parameter("Invalid appsecret_proof provided in the API argument")


def _proof(app: AppCredentials, token: str) -> bytes:
    return hmac.digest(app.secret.encode(), token.encode(), "sha256").hex().encode()


def check_app(app: AppCredentials, client_id: str | None, client_secret: str | None) -> None:
    """Compare an app's credentials.

    Raises:
        ApiError: they are not the app's.
    """
    if client_id != app.id or client_secret != app.secret:
        raise ApiError(400, 101, "Error validating application. Cannot get application info due to a system error.")


def check_caller(book: TokenBook, host: Flavour, token: str | None, proof: str | None, now: datetime) -> None:
    """Accept the app's own token or any live one.

    Raises:
        ApiError: it is neither.
    """
    if token == book.apps[host].token:
        check_proof(book.apps[host], host, token, proof)
    else:
        authenticate(book, host, token, proof, now)
