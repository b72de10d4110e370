"""Which story metrics may be asked for together. One that the API refuses fails its whole call."""

from collections.abc import Collection
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class MetricGroup:
    """Metrics of one insights call. A breakdown may only be asked of metrics that have it."""

    name: str
    metrics: tuple[str, ...]
    breakdown: str | None = None

    def without(self, refused: Collection[str]) -> "MetricGroup | None":
        """The group less the metrics that this media is known to refuse; None when nothing is left."""
        left = tuple(metric for metric in self.metrics if metric not in refused)
        return replace(self, metrics=left) if left else None

    def singles(self) -> tuple["MetricGroup", ...]:
        """The same metrics one by one (`core:reach`), to find out which one the API refuses (error code 100)."""
        return tuple(replace(self, name=f"{self.name}:{metric}", metrics=(metric,)) for metric in self.metrics)


STORY_GROUPS: tuple[MetricGroup, ...] = (
    MetricGroup(
        "core",
        (
            "reach",
            "views",
            "replies",
            "shares",
            "follows",
            "profile_visits",
            "total_interactions",
            "reposts",
            "navigation",
        ),
    ),
    MetricGroup("navigation", ("navigation",), breakdown="story_navigation_action_type"),
    MetricGroup("profile_activity", ("profile_activity",), breakdown="action_type"),
)
