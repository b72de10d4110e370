"""Hands digests to Airflow's own notifiers; the type of the connection says to which."""

import html
import smtplib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook, BaseNotifier
from airflow.sdk.exceptions import AirflowException
from airflow.sdk.log import mask_secret

from storykeep.accounts.digests import Digest
from storykeep.accounts.notify import ChannelDownError, NotDeliveredError

TIMEOUT_SECONDS = 20
MOST_LETTERS = 200
TYPES = ("smtp", "slackwebhook", "http")


def deliver(channel: str, digest: Digest, alert_to: Sequence[str]) -> None:
    """Send a digest through the Airflow connection `channel`; `alert_to` are the data team's e-mail addresses.

    Raises ChannelDownError when the channel takes nothing, NotDeliveredError when it does not take this digest.
    """
    try:
        connection = BaseHook.get_connection(channel)
    except Exception as error:
        raise _down(channel, error, "set the connection, or take it out of STORYKEEP_ALERT_CONNECTIONS") from None
    notifier = _notifier(connection, channel, digest, alert_to)
    try:
        notifier.notify({})  # not called as a whole: that takes names of brands and accounts for templates
    except smtplib.SMTPRecipientsRefused:
        raise NotDeliveredError(
            "the mail server refuses the recipient",
            where=_place(channel, digest),
            remedy="correct the contact of the brand, or STORYKEEP_ALERT_TO",
        ) from None
    except Exception as error:
        # Its text may hold the address, which may hold a secret.
        raise _down(channel, error, "see that its server runs; check host, login and extra") from None


def _notifier(connection: Any, channel: str, digest: Digest, alert_to: Sequence[str]) -> BaseNotifier:
    if connection.conn_type == "smtp":
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        return SmtpNotifier(
            smtp_conn_id=channel,
            from_email=connection.extra_dejson.get("from_email") or connection.login,
            to=_addresses(channel, digest, alert_to),
            subject=digest.subject,
            html_content=f"<pre>{html.escape(digest.text)}</pre>",
        )
    if connection.conn_type == "slackwebhook":
        from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

        text = html.escape(digest.text, quote=False)  # Slack's own rule: & < > begin markup
        return SlackWebhookNotifier(slack_webhook_conn_id=channel, text=text, timeout=TIMEOUT_SECONDS)
    if connection.conn_type == "http":
        from airflow.providers.http.notifications.http import HttpNotifier

        _mask_path(connection.host or "")
        # A redirect would turn the POST into a GET of another page, and count as delivered.
        options = {"timeout": TIMEOUT_SECONDS, "max_redirects": 0}
        return HttpNotifier(http_conn_id=channel, json={"text": digest.text}, extra_options=options)
    raise ChannelDownError(
        f"alerts cannot be sent through a connection of type {connection.conn_type!r}",
        where=channel,
        remedy=f"use one of type {', '.join(TYPES)}",
    )


def _addresses(channel: str, digest: Digest, alert_to: Sequence[str]) -> list[str]:
    """The brand's contact; the data team where it has none."""
    contact = digest.brand.contact if digest.brand else None
    addresses = [contact] if contact else list(alert_to)
    if not addresses:
        raise NotDeliveredError("there is no address", where=_place(channel, digest), remedy="set STORYKEEP_ALERT_TO")
    return addresses


def _mask_path(url: str) -> None:
    """A webhook's path is its secret, and what fails to connect is logged with it."""
    path = urlsplit(url).path
    if path.strip("/"):
        mask_secret(path)


def _place(channel: str, digest: Digest) -> str:
    return f"{channel} to {digest.brand.name if digest.brand else 'the data team'}"


def _down(channel: str, error: Exception, remedy: str) -> ChannelDownError:
    return ChannelDownError(f"this channel is down ({_reason(error)})", where=channel, remedy=remedy)


def _reason(error: Exception) -> str:
    """What may be shown of an error: its kind, the status that a server gave, the word of the system."""
    told = [type(error).__name__]
    if isinstance(error, AirflowException):  # "404:Not Found"
        told.append(str(error)[:MOST_LETTERS])
    if isinstance(error, smtplib.SMTPResponseException):
        told.append(str(error.smtp_code))
    if isinstance(error, OSError) and error.strerror:
        told.append(error.strerror)
    return ", ".join(told)
