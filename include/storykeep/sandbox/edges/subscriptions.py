"""`subscribed_apps` of Pages and accounts: what the app gets webhooks of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from storykeep.sandbox import switches
from storykeep.sandbox.errors import bad_parameter, needs_page_token, unknown_path
from storykeep.sandbox.view import Params, View
from storykeep.sandbox.world.accounts import Account, Flavour
from storykeep.sandbox.world.pages import Page

_PAGE_FIELDS = (  # noqa: SIM905 - as a list it is a hundred lines
    "affiliation agent_messages agent_questions attire awards bio birthday business_integrity "
    "call_permission_reply call_settings_update calls category checkins comment_poll_response company_overview "
    "conversations culinary_team current_location description email feature_access_list feed follow founded "
    "general_info general_manager group_feed hometown hours inbox_labels invoice_access_bank_slip_events "
    "invoice_access_invoice_change invoice_access_invoice_draft_change invoice_access_onboarding_status_active "
    "leadgen leadgen_fat leadgen_update live_videos local_delivery location marketing_message_clicks "
    "marketing_message_deliveries marketing_message_delivery_failed marketing_message_echoes "
    "marketing_message_reads marketing_messages_subscriber_upload_status mcom_invoice_change members mention "
    "merchant_review message_context message_deliveries message_echoes message_edits message_mention "
    "message_reactions message_reads message_template_status_update messages messaging_account_linking "
    "messaging_appointments messaging_checkout_updates messaging_customer_information messaging_direct_sends "
    "messaging_fblogin_account_linking messaging_feedback messaging_game_plays messaging_handovers "
    "messaging_in_thread_lead_form_submit messaging_integrity messaging_optins messaging_optouts "
    "messaging_payments messaging_policy_enforcement messaging_postbacks messaging_pre_checkouts "
    "messaging_referrals mission name page_about_story page_change_proposal page_upcoming_change parking "
    "payment_options payment_request_update personal_info personal_interests phone picture price_range "
    "product_review products public_transit publisher_subscriptions ratings registration response_feedback "
    "send_cart standby story_poll_response story_share user_action video_text_question_responses videos website"
).split()
_FACEBOOK_FIELDS = (
    "comment_poll_response",
    "comments",
    "follow",
    "live_comments",
    "mentions",
    "message_edit",
    "message_reactions",
    "messages",
    "messaging_optins",
    "messaging_postbacks",
    "messaging_referral",
    "messaging_seen",
    "onboarding_welcome_message_series",
    "share_to_story",
    "standby",
    "story_insights",
    "story_poll_response",
)
_ACCOUNT_FIELDS: dict[Flavour, Sequence[str]] = {
    "facebook": _FACEBOOK_FIELDS,
    "instagram": (*(name for name in _FACEBOOK_FIELDS if name != "story_insights"), "messaging_handover"),
}


def subscribe_page(view: View, page: Page, params: Params) -> dict[str, Any]:
    """Subscribe to fields of a Page, in place of those before.

    Raises:
        ApiError: not a Page token, or a field that Pages do not have.
    """
    _check_page_token(view)
    view.state.subscriptions.put(page.page_id, _fields(params, _PAGE_FIELDS))
    return {"success": True}


def subscriptions_of_page(view: View, page: Page, _: Params) -> dict[str, Any]:
    """The app, if it is subscribed, with the fields."""
    _check_page_token(view)
    fields = view.state.subscriptions.of(page.page_id)
    app = {"id": view.state.tokens.apps["facebook"].id, "name": "Storykeep", "subscribed_fields": list(fields)}
    return {"data": [app] if fields else []}


def unsubscribe_page(view: View, page: Page, _: Params) -> dict[str, Any]:
    """Subscribe to nothing of a Page."""
    _check_page_token(view)
    view.state.subscriptions.drop(page.page_id)
    return {"success": True}


def subscribe_account(view: View, account: Account, params: Params) -> dict[str, Any]:
    """Subscribe to fields of an account, in place of those before.

    Raises:
        ApiError: the edge is not there, or a field that accounts on this host do not have.
    """
    _check_edge(view)
    view.state.subscriptions.put(account.ig_user_id, _fields(params, _ACCOUNT_FIELDS[view.call.host]))
    return {"success": True}


def subscriptions_of_account(view: View, account: Account, _: Params) -> dict[str, Any]:
    """The app, if it is subscribed, with the fields."""
    _check_edge(view)
    fields = view.state.subscriptions.of(account.ig_user_id)
    app = {"app_id": view.state.tokens.apps[view.call.host].id, "subscribed_fields": list(fields)}
    return {"data": [app] if fields else []}


def unsubscribe_account(view: View, account: Account, _: Params) -> dict[str, Any]:
    """Subscribe to nothing of an account."""
    _check_edge(view)
    view.state.subscriptions.drop(account.ig_user_id)
    return {"success": True}


def _check_page_token(view: View) -> None:
    if view.caller.kind != "PAGE":
        raise needs_page_token()


def _check_edge(view: View) -> None:
    if view.call.host == "facebook" and not switches.ACCOUNT_SUBSCRIPTIONS:
        raise unknown_path(view.call.path)


def _fields(params: Params, known: Sequence[str]) -> tuple[str, ...]:
    fields = tuple(name.strip() for name in params.get("subscribed_fields", "").split(",") if name.strip())
    if not fields:
        raise bad_parameter("The parameter subscribed_fields is required.")
    for place, name in enumerate(fields):
        if name not in known:
            listed = ", ".join(known).upper()
            raise bad_parameter(f'Param subscribed_fields[{place}] must be one of {{{listed}}} - got "{name}".')
    return fields
