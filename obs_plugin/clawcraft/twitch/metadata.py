"""A channel's title and game: find the game, change, read back. Any thread; used by three actions."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from clawcraft.errors import ClawcraftError, GameNotFound
from clawcraft.twitch.helix import Channel, Game, Helix

READ_BACK_PAUSES_S: Final = (0.5, 1.0, 2.0)
"""Helix has answered 204 and shown the old title for a moment, or not applied the change at all."""
_MAX_SUGGESTIONS: Final = 10


class ChannelMetadata:
    """Changes what viewers see above the player."""

    def __init__(self, pause: Callable[[float], None]) -> None:
        self._pause = pause

    def apply(self, helix: Helix, broadcaster_id: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Set ``title`` and ``game`` or ``game_id`` of ``args``.

        Gives ``{"status": "updated", "channel", "broadcaster_id", "previous", "current", "verified"}``; ``verified``
        tells whether Helix shows the new values. A title goes through even if the game is not found, and
        ``details.applied`` of that error says so. Raises GameNotFound and what Helix raises.
        """
        changes: dict[str, str] = {}
        if "title" in args:
            changes["title"] = args["title"]
        not_found: GameNotFound | None = None
        try:
            game = find_game(helix, args)
            if game is not None:
                changes["game_id"] = game.id
        except GameNotFound as error:
            if not changes:
                raise
            not_found = error
        previous = helix.channel(broadcaster_id)
        helix.modify_channel(broadcaster_id, changes)
        result = self._read_back(helix, previous, changes)
        if not_found is not None:
            not_found.details["applied"] = result
            raise not_found
        return result

    def _read_back(self, helix: Helix, previous: Channel, changes: Mapping[str, str]) -> dict[str, Any]:
        current: Channel | None = None
        for pause_s in (*READ_BACK_PAUSES_S, None):
            try:
                current = helix.channel(previous.id)
            except ClawcraftError:
                # Twitch accepted the change; that it cannot be read back does not undo it.
                break
            if _shows(current, changes) or pause_s is None or pause_s >= helix.deadline.remaining_s:
                break
            self._pause(pause_s)
        verified = current is not None and _shows(current, changes)
        result: dict[str, Any] = {
            "status": "updated",
            "channel": previous.login,
            "broadcaster_id": previous.id,
            "previous": previous.to_json(),
            "current": current.to_json() if current is not None else None,
            "verified": verified,
        }
        if not verified:
            result["warning"] = "Twitch accepted the change, but does not show it yet"
        return result


def find_game(helix: Helix, args: Mapping[str, Any]) -> Game | None:
    """The category of ``args``: by id, by its exact name, or by its name in other case; never a guess.

    None if ``args`` names none. Raises GameNotFound with ``details.suggestions``.
    """
    if "game_id" in args:
        game_id = args["game_id"]
        if not game_id.strip("0"):
            return Game("0", "")
        found = helix.games(game_id=game_id)
        if not found:
            raise GameNotFound(f"Twitch has no category with the id {game_id}", details={"suggestions": []})
        return found[0]
    name = args.get("game")
    if name is None:
        return None
    exact = helix.games(name=name)
    if exact:
        return exact[0]
    near = helix.search_categories(name)
    same = {game.id: game for game in near if _folded(game.name) == _folded(name)}
    if len(same) == 1:
        return next(iter(same.values()))
    shown = [*same.values(), *(game for game in near if game.id not in same)][:_MAX_SUGGESTIONS]
    raise GameNotFound(
        f"{len(same)} categories are named {name!r}" if same else f"Twitch has no category named {name!r}",
        details={
            "suggestions": [game.name for game in shown],
            "candidates": [{"game_id": game.id, "game": game.name} for game in shown],
        },
        hint="Use the game_id of one of details.candidates." if same else None,
    )


def _shows(channel: Channel, changes: Mapping[str, str]) -> bool:
    title, game_id = changes.get("title"), changes.get("game_id")
    shows_title = title is None or _squeezed(channel.title) == _squeezed(title)
    return shows_title and (game_id is None or channel.game_id == game_id.lstrip("0"))


def _folded(name: str) -> str:
    return _squeezed(name).casefold()


def _squeezed(text: str) -> str:
    # Twitch trims titles and joins runs of spaces.
    return " ".join(text.split())
