"""The Helix endpoints of a show beside title, chat and clips, one method each. Any thread.

What would happen twice if it were sent twice is not repeatable: none of that is retried after a lost answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from clawcraft.twitch.helix import Helix, Row
from clawcraft.twitch.transport import Reply

LABELS: Final = (
    *("DebatedSocialIssuesAndPolitics", "DrugsIntoxication", "Gambling"),
    *("ProfanityVulgarity", "SexualThemes", "ViolentGraphic"),
)
"""The content labels that a channel sets for itself; Twitch sets MatureGame, by the category."""


class ShowHelix(Helix):
    """Twitch's API for one action; every method raises as those of ``Helix`` do."""

    # --- tags and labels: PATCH /channels, which may be repeated ----------------------------------------------------

    def channel_row(self, broadcaster_id: str, *, within_s: float | None = None) -> Row:
        """``{"tags": [...], "content_classification_labels": [...], …}``; empty where Twitch knows no such channel.
        ``within_s`` as for ``channel``."""
        rows = self._rows("GET", "channels", params={"broadcaster_id": broadcaster_id}, within_s=within_s)
        return rows[0] if rows else {}

    def set_tags(self, broadcaster_id: str, tags: Sequence[str]) -> None:
        """These and no others."""
        self._send("PATCH", "channels", params={"broadcaster_id": broadcaster_id}, body={"tags": list(tags)})

    def set_labels(self, broadcaster_id: str, labels: Sequence[str]) -> None:
        """These and no others of LABELS."""
        body = {"content_classification_labels": [{"id": label, "is_enabled": label in labels} for label in LABELS]}
        self._send("PATCH", "channels", params={"broadcaster_id": broadcaster_id}, body=body)

    # --- the stream -------------------------------------------------------------------------------------------------

    def create_marker(self, broadcaster_id: str, description: str | None) -> Row:
        """``{"id", "created_at", "position_seconds", "description"}``."""
        body = {"user_id": broadcaster_id}
        if description is not None:
            body["description"] = description
        return self._rows("POST", "streams/markers", body=body, repeatable=False)[0]

    def run_ad(self, broadcaster_id: str, length_s: int) -> Row:
        """``{"length", "message", "retry_after"}``: Twitch may run a shorter one."""
        body = {"broadcaster_id": broadcaster_id, "length": length_s}
        return self._rows("POST", "channels/commercial", body=body, repeatable=False)[0]

    def snooze_ad(self, broadcaster_id: str) -> Row:
        """``{"snooze_count", "snooze_refresh_at", "next_ad_at"}``."""
        params = {"broadcaster_id": broadcaster_id}
        return self._rows("POST", "channels/ads/schedule/snooze", params=params, repeatable=False)[0]

    # --- chat and other channels ------------------------------------------------------------------------------------

    def announce(self, broadcaster_id: str, message: str, colour: str) -> None:
        params = {"broadcaster_id": broadcaster_id, "moderator_id": self.identity.user_id}
        body = {"message": message, "color": colour}
        self._send("POST", "chat/announcements", params=params, body=body, repeatable=False)

    def shoutout(self, broadcaster_id: str, target_id: str) -> None:
        params = {
            "from_broadcaster_id": broadcaster_id,
            "to_broadcaster_id": target_id,
            "moderator_id": self.identity.user_id,
        }
        self._send("POST", "chat/shoutouts", params=params, repeatable=False)

    def raid(self, broadcaster_id: str, target_id: str) -> Row:
        """``{"created_at", "is_mature"}``: the raid goes after 90 s, or when the streamer says so."""
        params = {"from_broadcaster_id": broadcaster_id, "to_broadcaster_id": target_id}
        return self._rows("POST", "raids", params=params, repeatable=False)[0]

    def cancel_raid(self, broadcaster_id: str) -> Reply:
        """404: no raid is pending; where that is ``doubtful``, an earlier try may have cancelled it."""
        return self._send("DELETE", "raids", params={"broadcaster_id": broadcaster_id}, fine=404)

    # --- polls ------------------------------------------------------------------------------------------------------

    def create_poll(self, broadcaster_id: str, title: str, choices: Sequence[str], duration_s: int) -> Row:
        """The poll, as ``poll`` gives it."""
        body: dict[str, Any] = {"broadcaster_id": broadcaster_id, "title": title, "duration": duration_s}
        body["choices"] = [{"title": choice} for choice in choices]
        return self._rows("POST", "polls", body=body, repeatable=False)[0]

    def poll(self, broadcaster_id: str, poll_id: str | None) -> Row | None:
        """``{"id", "title", "status", "choices": [{"title", "votes"}], …}`` of that poll, or of the newest one."""
        params = {"broadcaster_id": broadcaster_id, **({"id": poll_id} if poll_id else {"first": "1"})}
        rows = self._rows("GET", "polls", params=params)
        return rows[0] if rows else None

    def end_poll(self, broadcaster_id: str, poll_id: str, *, show_result: bool) -> Row:
        """The poll as it ended. 400: it had ended before."""
        body: Mapping[str, str] = {
            "broadcaster_id": broadcaster_id,
            "id": poll_id,
            "status": "TERMINATED" if show_result else "ARCHIVED",
        }
        return self._rows("PATCH", "polls", body=body, repeatable=False)[0]
