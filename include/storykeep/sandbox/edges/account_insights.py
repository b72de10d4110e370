"""`/{ig-user-id}/insights`: what an account reaches as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storykeep.sandbox.edges.times import read_time, wire_time
from storykeep.sandbox.errors import bad_parameter, unknown_metric
from storykeep.sandbox.paging import link
from storykeep.sandbox.view import Params, View
from storykeep.sandbox.world.accounts import Account
from storykeep.sandbox.world.audience import PACIFIC, Audience, ends_of_days, start_of

_LONGEST = timedelta(days=30)
_LEAST_AUDIENCE = 100
_MOST_ROWS = 45
_FOLLOWS_LAG = timedelta(hours=6)
_ONLINE_LAG = timedelta(days=2)
_SPANS = {"day": timedelta(days=1), "week": timedelta(days=7), "days_28": timedelta(days=28)}
_OF_FOLLOWERS = ("follower_count", "online_followers", "follows_and_unfollows", "follower_demographics")
_DEMOGRAPHICS = ("age", "city", "country", "gender")


@dataclass(frozen=True, slots=True)
class _Metric:
    """How a metric may be asked; `series` and `total` are its metric types."""

    periods: tuple[str, ...] = ("day",)
    series: bool = False
    total: bool = True
    breakdowns: tuple[str, ...] = ()


_METRICS = {
    "reach": _Metric(("day", "week", "days_28"), series=True, breakdowns=("media_product_type", "follow_type")),
    "views": _Metric(breakdowns=("follow_type", "media_product_type")),
    "accounts_engaged": _Metric(),
    "replies": _Metric(),
    "reposts": _Metric(),
    **{
        name: _Metric(breakdowns=("media_product_type",))
        for name in ("total_interactions", "likes", "comments", "saves", "shares")
    },
    "profile_links_taps": _Metric(breakdowns=("contact_button_type",)),
    "follows_and_unfollows": _Metric(breakdowns=("follow_type",)),
    "follower_count": _Metric(series=True, total=False),
    "online_followers": _Metric(("lifetime",), series=True, total=False),
    "follower_demographics": _Metric(("lifetime",), breakdowns=_DEMOGRAPHICS),
    "engaged_audience_demographics": _Metric(("lifetime",), breakdowns=_DEMOGRAPHICS),
    # Both were removed officially, and yet still answer.
    "profile_views": _Metric(),
    "website_clicks": _Metric(),
}


@dataclass(frozen=True, slots=True)
class _Question:
    """What was asked of the whole account, once it is known to be allowed."""

    audience: Audience
    now: datetime
    since: datetime
    until: datetime
    period: str
    breakdowns: tuple[str, ...]
    timeframe: str | None


def account_insights(view: View, account: Account, params: Params) -> dict[str, Any]:
    """The asked insights; what has too small an audience is left out.

    Raises:
        ApiError: a metric, period, metric type, breakdown, timeframe or range that cannot be.
    """
    metrics = [metric.strip() for metric in params.get("metric", "").split(",") if metric.strip()]
    if not metrics:
        raise bad_parameter("The parameter metric is required.")
    as_total = params.get("metric_type", "default") == "total_value"
    question = _question(view, account, params)
    for place, metric in enumerate(metrics):
        _check(metric, place, question, as_total)
    answers = ((metric, _answer(metric, question, as_total)) for metric in metrics)
    body: dict[str, Any] = {
        "data": [_row(account, metric, question.period, answer) for metric, answer in answers if answer is not None]
    }
    if question.period != "lifetime":
        body["paging"] = _links(view, question.since, question.until)
    return body


def _question(view: View, account: Account, params: Params) -> _Question:
    since, until = read_time(params, "since"), read_time(params, "until")
    until = until or view.now
    since = since or until - timedelta(days=1)
    if since > until:
        raise bad_parameter("Invalid parameter: since must not be after until")
    if until - since > _LONGEST:
        raise bad_parameter("There cannot be more than 30 days (2592000 s) between since and until")
    breakdowns = tuple(part.strip() for part in params.get("breakdown", "").split(",") if part.strip())
    audience = Audience(view.state.world, account)
    period = params.get("period")
    if period is None:
        raise bad_parameter("The parameter period is required.")
    return _Question(audience, view.now, since, until, period, breakdowns, params.get("timeframe"))


def _check(metric: str, place: int, question: _Question, as_total: bool) -> None:
    known = _METRICS.get(metric)
    if known is None:
        raise unknown_metric(place, sorted(_METRICS))
    if question.period not in known.periods:
        raise bad_parameter(f"Incompatible metrics ({metric}) with period ({question.period})")
    if not known.series and not as_total:
        raise bad_parameter(
            f"The following metrics ({metric}) should be specified with parameter metric_type=total_value"
        )
    unfit = [one for one in question.breakdowns if one not in known.breakdowns]
    if unfit or (question.breakdowns and not as_total):
        raise bad_parameter(f"Incompatible breakdowns ({', '.join(question.breakdowns)}) with metrics ({metric})")
    if known.breakdowns == _DEMOGRAPHICS and not question.breakdowns:
        raise bad_parameter(f"The following metrics ({metric}) should be specified with parameter breakdown")
    if metric == "engaged_audience_demographics" and question.timeframe not in ("this_week", "this_month"):
        raise bad_parameter("timeframe must be one of the following values: this_week, this_month")


def _answer(metric: str, question: _Question, as_total: bool) -> dict[str, Any] | None:
    """`values` or `total_value`; None where the metric is missing from the answer."""
    known, audience = _METRICS[metric], question.audience
    if metric in _OF_FOLLOWERS and audience.followers(question.now) < _LEAST_AUDIENCE:
        return None
    if as_total and not known.total:
        return None
    if metric == "follower_demographics":
        return _demographics(audience.followers(question.now), question, ())
    if metric == "engaged_audience_demographics":
        return _engaged(question)
    if metric == "online_followers":
        return {"values": [_online(end, question) for end in ends_of_days(question.since, question.until)]}
    if metric == "follows_and_unfollows":
        return {"total_value": _follows(question)}
    return {"total_value": _total(metric, question)} if as_total else {"values": _series(metric, question)}


def _series(metric: str, question: _Question) -> list[dict[str, Any]]:
    """A value for every Pacific day that ended in the range; follows of the last hours are still missing."""
    lag = _FOLLOWS_LAG if metric == "follower_count" else timedelta()
    name = "follows" if metric == "follower_count" else metric
    return [
        {"value": question.audience.total(name, end - _SPANS[question.period], end), "end_time": wire_time(end)}
        for end in ends_of_days(question.since, min(question.until, question.now))
        if end <= question.now - lag
    ]


def _total(metric: str, question: _Question) -> dict[str, Any]:
    until = min(question.until, question.now)
    value = question.audience.total(metric, question.since, until) if question.since < until else 0
    return {"value": value, **_split(value, question.audience, question.breakdowns)}


def _follows(question: _Question) -> dict[str, Any]:
    """Who came and who went; without the breakdown there is no value."""
    until = min(question.until, question.now - _FOLLOWS_LAG)
    if not question.breakdowns or until <= question.since:
        return {}
    gone = question.audience.total("unfollows", question.since, until)
    come = question.audience.total("follows", question.since, until)
    rows: dict[tuple[str, ...], int] = {("FOLLOWER",): come, ("NON_FOLLOWER",): gone}
    return {"breakdowns": [_breakdown(question.breakdowns, rows)]}


def _engaged(question: _Question) -> dict[str, Any] | None:
    """The demographics of those who engaged since Monday or since the first of the month, if they are enough."""
    today = question.now.astimezone(PACIFIC).date()
    first = today - timedelta(days=today.weekday()) if question.timeframe == "this_week" else today.replace(day=1)
    count = question.audience.total("accounts_engaged", start_of(first), question.now)
    if count < _LEAST_AUDIENCE:
        return None
    return _demographics(count, question, (str(question.timeframe).upper(),))


def _demographics(count: int, question: _Question, timeframe: tuple[str, ...]) -> dict[str, Any]:
    """The greatest 45 rows of a split; a timeframe is a dimension of its own."""
    split = question.audience.split(count, question.breakdowns)
    greatest = sorted(split.items(), key=lambda row: row[1], reverse=True)[:_MOST_ROWS]
    rows = {(*timeframe, *values): number for values, number in greatest}
    keys = (*(("timeframe",) if timeframe else ()), *question.breakdowns)
    return {"total_value": {"breakdowns": [_breakdown(keys, rows)]}}


def _online(end: datetime, question: _Question) -> dict[str, Any]:
    """The hours of the day that ended then; those of the last two days are still empty."""
    day = (end - timedelta(hours=12)).astimezone(PACIFIC).date()
    is_known = end <= question.now - _ONLINE_LAG
    return {"value": question.audience.online(day) if is_known else {}, "end_time": wire_time(end)}


def _split(total: int, audience: Audience, dimensions: Sequence[str]) -> dict[str, Any]:
    if not dimensions:
        return {}
    return {"breakdowns": [_breakdown(dimensions, audience.split(total, dimensions))]}


def _breakdown(keys: Sequence[str], rows: dict[tuple[str, ...], int]) -> dict[str, Any]:
    """Rows of a split; what never happened is left out."""
    results = [{"dimension_values": list(values), "value": number} for values, number in rows.items() if number]
    return {"dimension_keys": list(keys), "results": results}


def _row(account: Account, metric: str, period: str, answer: dict[str, Any]) -> dict[str, Any]:
    title = metric.replace("_", " ").capitalize()
    return {
        "name": metric,
        "period": period,
        **answer,
        "title": title,
        "description": f"{title} of this account.",
        "id": f"{account.ig_user_id}/insights/{metric}/{period}",
    }


def _links(view: View, since: datetime, until: datetime) -> dict[str, str]:
    """The same question about the range before and the range after."""
    length = until - since
    ranges = {"previous": (since - length, since), "next": (until, until + length)}
    return {
        name: link(view, {"since": f"{begin.timestamp():.0f}", "until": f"{end.timestamp():.0f}"})
        for name, (begin, end) in ranges.items()
    }
