"""Notices of schema drift on the status screen."""

from dataclasses import replace
from datetime import timedelta

from storykeep.report.drift import Notice

from .test_status import NOW, STATUS, printed


def test_new_signs_of_drift_stand_on_the_screen_with_version_and_time() -> None:
    notice = Notice("stories: media_type HOLOGRAM", "v26.0", NOW - timedelta(hours=3))
    text = printed(replace(STATUS, notices=(notice, replace(notice, what="insights: metric echoes", api_version=None))))
    assert "stories: media_type HOLOGRAM (v26.0, since 2026-11-21 09:00)" in text
    assert "insights: metric echoes (since 2026-11-21 09:00)" in text
    assert max(map(len, text.splitlines())) <= 80


def test_many_signs_are_cut_to_a_screen_and_none_take_no_line() -> None:
    many = tuple(Notice(f"stories: field f{number:02}", None, NOW) for number in range(30))
    text = printed(replace(STATUS, notices=many))
    assert "field f09" in text
    assert "field f10" not in text
    assert "and 20 more" in text
    assert "API changes" not in printed(STATUS)
