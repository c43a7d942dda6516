"""A channel's title and game: find the game, change, read back. Any thread; used by three actions."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from clawcraft.errors import ClawcraftError, GameNotFound, Timeout, TwitchRejected, TwitchUnavailable
from clawcraft.twitch.broadcaster import Broadcaster
from clawcraft.twitch.helix import Channel, Game, Helix

READ_BACK_PAUSES_S: Final = (0.5, 1.0, 2.0)
"""Helix has answered 204 and shown the old title for a moment, or not applied the change at all."""
READ_S: Final = 5.0
"""Knowing what is shown, before and after a change, is worth this much of an action's time, and no more."""
_MAX_SUGGESTIONS: Final = 10
_NAMES: Final = {"title": "title", "game_id": "game"}
_NO_SUGGESTION: Final = "No category resembles this; ask for its exact name as Twitch spells it."


def change_metadata(
    helix: Helix, broadcaster: Broadcaster, args: Mapping[str, Any], pause: Callable[[float], None]
) -> dict[str, Any]:
    """Set ``title`` and ``game`` or ``game_id`` of ``args``; ``pause`` waits so many seconds.

    Gives ``{"status": "updated", "channel", "broadcaster_id", "previous", "current", "verified"}``; ``verified``
    tells whether Helix shows the new values, ``previous`` is None if Helix did not say. Title and game go through
    each by itself if the other one is not found, refused or forbidden meanwhile, and ``details.applied`` of that error
    says so; the title also if Twitch does not say which game is meant. Raises GameNotFound and what Helix raises.
    """
    changes: dict[str, str] = {}
    if "title" in args:
        changes["title"] = args["title"]
    not_found: ClawcraftError | None = None
    try:
        game = find_game(helix, args, within_s=helix.deadline.remaining_s / 3 if changes else None)
        if game is not None:
            changes["game_id"] = game.id
    except (GameNotFound, TwitchUnavailable, Timeout) as error:
        if not changes:
            raise
        not_found = error
    previous = _read_before(helix, broadcaster.id)
    refused = _change(helix, broadcaster.id, changes)
    result = _read_back(helix, broadcaster, previous, changes, pause)
    failure = refused or not_found
    if failure is not None:
        failure.details["applied"] = result
        raise failure
    return result


def _change(helix: Helix, broadcaster_id: str, changes: dict[str, str]) -> ClawcraftError | None:
    """Change all at once, or each by itself where Twitch refuses them together: a banned word in the title must
    not cost the game. Leaves in ``changes`` what went through; gives the error of the rest."""
    try:
        helix.modify_channel(broadcaster_id, changes)
        return None
    except TwitchRejected as error:
        if len(changes) < 2 or error.details.get("twitch_status") not in (400, 403, 422):
            raise
    failed: list[ClawcraftError] = []
    for name, value in list(changes.items()):
        try:
            helix.modify_channel(broadcaster_id, {name: value})
        except ClawcraftError as error:
            error.details["refused"] = _NAMES[name]
            failed.append(error)
            del changes[name]
    if not changes:
        raise failed[0]
    return failed[0] if failed else None


def _read_back(
    helix: Helix,
    broadcaster: Broadcaster,
    previous: Channel | None,
    changes: Mapping[str, str],
    pause: Callable[[float], None],
) -> dict[str, Any]:
    current: Channel | None = None
    for pause_s in (*READ_BACK_PAUSES_S, None):
        try:
            current = helix.channel(broadcaster.id, within_s=READ_S)
        except ClawcraftError:
            # Twitch accepted the change; that it cannot be read back does not undo it.
            break
        if not _not_shown(current, changes) or pause_s is None or pause_s >= helix.deadline.remaining_s:
            break
        pause(pause_s)
    missing = list(changes) if current is None else _not_shown(current, changes)
    result: dict[str, Any] = {
        "status": "updated",
        "channel": broadcaster.login,
        "broadcaster_id": broadcaster.id,
        "previous": previous.to_json() if previous is not None else None,
        "current": current.to_json() if current is not None else None,
        "verified": not missing,
    }
    if missing:
        names = " and ".join(_NAMES[name] for name in missing)
        result["warning"] = f"Twitch accepted the change, but does not show the new {names} yet"
    return result


def _read_before(helix: Helix, broadcaster_id: str) -> Channel | None:
    """What the channel shows now, if Twitch says so soon: not knowing it is no reason not to change it."""
    try:
        return helix.channel(broadcaster_id, within_s=min(READ_S, helix.deadline.remaining_s / 2))
    except (TwitchUnavailable, Timeout):
        return None


def find_game(helix: Helix, args: Mapping[str, Any], *, within_s: float | None = None) -> Game | None:
    """The category of ``args``: by id, by its exact name, or by its name in other case; never a guess. ``within_s``
    bounds each of its two calls.

    None if ``args`` names none. Raises GameNotFound with ``details.suggestions``.
    """
    if "game_id" in args:
        game_id = args["game_id"]
        if not game_id.strip("0"):
            return Game("0", "")
        found = helix.games(game_id=game_id, within_s=within_s)
        if not found:
            message, hint = f"Twitch has no category with the id {game_id}", "Ask for the category by its exact name."
            raise GameNotFound(message, details={"suggestions": []}, hint=hint)
        return found[0]
    name = args.get("game")
    if name is None:
        return None
    exact = helix.games(name=name, within_s=within_s)
    if exact:
        return exact[0]
    near = helix.search_categories(name, within_s=within_s)
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
        hint="Use the game_id of one of details.candidates." if same else None if shown else _NO_SUGGESTION,
    )


def _not_shown(channel: Channel, changes: Mapping[str, str]) -> list[str]:
    """Which of ``changes`` the channel does not show."""
    title, game_id = changes.get("title"), changes.get("game_id")
    missing = [] if title is None or _squeezed(channel.title) == _squeezed(title) else ["title"]
    return missing if game_id is None or channel.game_id == game_id.lstrip("0") else [*missing, "game_id"]


def _folded(name: str) -> str:
    return _squeezed(name).casefold()


def _squeezed(text: str) -> str:
    # Twitch trims titles and joins runs of spaces.
    return " ".join(text.split())
