"""Ticks of a slow API: every answer takes some time by the clock that the tick goes by, and none on this machine."""

from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock

import pytest

from storykeep.capture import tick
from storykeep.capture.engine import capture
from storykeep.graph.client import Answer
from storykeep.landing.runs import Run

from .conftest import Scene


@dataclass
class SlowApi:
    """An API each of whose answers takes `each`."""

    scene: Scene
    each: timedelta
    _lock: Lock = field(default_factory=Lock)

    def tick(self, run_id: str) -> Run:
        """A tick that asks for one thing at a time. Only its own clock goes on while it works, not the sandbox's."""
        scene = self.scene
        scene.control("POST", "clock", {"now": scene.now.isoformat()})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tick, "CHUNK", 1)
            patch.setattr(scene, "change", self._answered)
            return capture(scene.conn, scene.settings, scene.clients(), lambda: scene.now, run_id)

    def _answered(self, answer: Answer) -> Answer:
        with self._lock:  # the flavours are asked side by side
            self.scene.now += self.each
        return answer
