"""An account that is to be purged, and what tells of it."""

from storykeep.accounts.goodbye import requests
from storykeep.accounts.goodbye.requests import Request
from storykeep.capture.outage import spool
from storykeep.maintenance.deletions import carry_out

from .conftest import Scene
from .test_purge import TELLING


class Doomed:
    """An account, and every text that tells of it and of no other."""

    def __init__(self, scene: Scene, flavour: str = "facebook") -> None:
        found = scene.all(
            """
            select account_id, ig_user_id, username, creator_id, count(*)
            from app.accounts join app.connections using (account_id) join raw.stories using (account_id)
            where login_flavour = %s and exists (
                select from app.accounts as others
                where others.creator_id = accounts.creator_id having count(*) = 1
            ) and exists (
                select from raw.media_files
                where media_files.account_id = accounts.account_id and status = 'archived'
            )
            group by account_id order by 5 desc, 1 limit 1
            """,
            flavour,
        )
        self.account_id, self.ig_user_id, self.username, self.creator_id, _ = found[0]
        self.story_ids = {
            story for (story,) in scene.all("select story_id from raw.stories where account_id = %s", self.account_id)
        }
        told: dict[bool, set[str]] = {True: set(), False: set()}
        for account_id, payload in scene.all("select account_id, payload from raw.stories"):
            told[account_id == self.account_id] |= {payload[key] for key in TELLING if payload.get(key)}
        others = "\n".join(told[False])
        self.traces = {text for text in told[True] if text not in others} | {
            *self.story_ids,
            *(story.encode().hex() for story in self.story_ids),
            self.account_id,
            self.ig_user_id,
            self.username,
            self.creator_id,
        }
        self.files = {
            digest
            for (digest,) in scene.all(
                """
                select content_hash from raw.media_files where content_hash is not null
                group by content_hash having bool_and(account_id = %s)
                """,
                self.account_id,
            )
        }

    def left_in(self, text: str) -> set[str]:
        return {trace for trace in self.traces if trace in text}


def ask(scene: Scene, doomed: Doomed) -> Request:
    return requests.record(
        scene.conn, scene.settings.work_dir, "command", doomed.ig_user_id, [doomed.ig_user_id], scene.now
    )


def purge(scene: Scene, doomed: Doomed) -> Request:
    """Without a word to the API, so that the old token would be good still."""
    return carry_out(scene.settings, {}, ask(scene, doomed), scene.now)


def on_disk(scene: Scene) -> str:
    """What ticks have left for a time without Postgres."""
    place = spool.folder(scene.settings)
    return "\n".join(path.read_text("latin-1") for path in place.rglob("*") if path.is_file())
