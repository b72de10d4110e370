"""Which Pages and accounts the app gets webhooks of."""

from __future__ import annotations


class Subscriptions:
    """The subscribed fields by id of Page or account."""

    def __init__(self) -> None:
        self._fields: dict[str, tuple[str, ...]] = {}

    def put(self, owner_id: str, fields: tuple[str, ...]) -> None:
        """Subscribe to these fields and no others."""
        self._fields[owner_id] = fields

    def of(self, owner_id: str) -> tuple[str, ...]:
        """The fields that are subscribed to."""
        return self._fields.get(owner_id, ())

    def drop(self, owner_id: str) -> None:
        """Subscribe to nothing."""
        self._fields.pop(owner_id, None)

    def forget(self) -> None:
        """Return to a world without subscriptions."""
        self._fields.clear()
