"""Lands what is in the spool with the code that lands the answers of a tick, as of the time at which it came."""

from dataclasses import dataclass, field

from storykeep.capture.asks import key_of
from storykeep.capture.incidents import Watch
from storykeep.capture.listing import Listing, land_listings, land_throttled
from storykeep.capture.outage.spooled import Record, restored
from storykeep.capture.reading import land_readings
from storykeep.capture.tick import Tick
from storykeep.clock import fixed_clock


@dataclass
class Past:
    """A run whose records are landed later, one after the other, by a tick that asks nothing."""

    tick: Tick
    _listings: dict[str, Listing] = field(default_factory=dict)
    _of_listings: Watch = field(default_factory=Watch)
    _of_readings: Watch = field(default_factory=Watch)

    def land(self, record: Record) -> None:
        """Land a record of the run; what concerns none of the tick's connections is left out.

        Raises ValueError when the record makes no sense.
        """
        self.tick.clock = fixed_clock(record.at)
        known = [one for one in record.answers if one.key.account_id in self.tick.connections]
        answers = [restored(one) for one in known]
        if unlisted := [account_id for account_id in record.unlisted if account_id in self.tick.connections]:
            land_throttled(self.tick, unlisted)
        if listed := [answer for answer in answers if not key_of(answer.ask).story_id]:
            for answer in listed:  # without the pages before it, a page would pass for the whole listing
                self._listings.setdefault(key_of(answer.ask).account_id, Listing(is_whole=False))
            land_listings(self.tick, listed, self._listings, self._of_listings)
        if read := [answer for answer in answers if key_of(answer.ask).story_id]:
            land_readings(self.tick, read, self._of_readings)
