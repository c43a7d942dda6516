"""The bounds that the streamer sets to what agents do, each off by default: when and how often a start may be, which
scenes, which words. The longest stream has a module of its own. Any thread, also OBS's UI thread: nothing here waits.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from clawcraft.authority.agent_starts import HOUR_S, START, AgentStarts
from clawcraft.clock import Clock, rfc3339
from clawcraft.errors import RefusedByGuardRail
from clawcraft.settings import Settings
from clawcraft.wording import first_link, refused_word


class TextKind(StrEnum):
    """What a text argument is. An action's schema says so in ``x-texts``, unless it is for viewers."""

    FOR_VIEWERS = "for viewers"
    """Viewers read it, in the agent's own words."""
    SCENE = "scene"
    LISTED_SCENE = "listed scene"
    """Only what the streamer listed: where a scene comes without a list, none."""
    CATEGORY = "category"
    """Viewers read it, but the name is Twitch's own; some are words or domains that a streamer may well refuse."""
    PRIVATE = "private"
    """For the log."""


RAID: Final = "twitch.raid"

Texts = Mapping[str, Mapping[str, TextKind]]
"""By action, then by argument."""


class GuardRails:
    """One check for each rail. What it refuses has not begun. ``texts`` says which arguments are texts."""

    def __init__(self, settings: Callable[[], Settings], clock: Clock, texts: Texts, starts: AgentStarts) -> None:
        self._settings = settings
        self._clock = clock
        self._texts = texts
        self._starts = starts

    def check(self, action: str, args: Mapping[str, Any]) -> None:
        """What is asked for: scenes, words, links. Raises RefusedByGuardRail."""
        settings = self._settings()
        if action == RAID:
            _check_raid(settings, args["target"])
        texts = [(name, kind, text) for name, kind in self._texts[action].items() for text in strings(args.get(name))]
        for name, kind, text in texts:
            if kind is TextKind.SCENE:
                _check_scene(settings, text)
            elif kind is TextKind.LISTED_SCENE:
                _check_listed(settings, text)
            elif kind is TextKind.FOR_VIEWERS:
                _check_words(settings, name, text)
                _check_links(settings, name, text)

    def check_time(self, action: str) -> None:
        """When, and how often. Not for a repeat, which gets what the first one came to. Raises RefusedByGuardRail."""
        if action == START:
            self._check_hours()
            self._check_starts()

    def status(self) -> dict[str, Any]:
        """For ``GET /status``: what is in force, null where nothing is; and when a start may be, null for now."""
        settings = self._settings()
        next_start_at = None
        try:
            self.check_time(START)
        except RefusedByGuardRail as error:
            next_start_at = error.details["next_start_at"]
        return {
            "next_start_at": next_start_at,
            "start_hours": str(settings.start_hours) if settings.start_hours else None,
            "starts_per_hour": settings.starts_per_hour or None,
            "starts_in_last_hour": len(self._starts.last_hour()),
            "allowed_scenes": list(settings.allowed_scenes) or None,
            "refuses_words": bool(settings.refused_words),
            "refuses_links": settings.refuse_links,
        }

    # --- one for each rail ----------------------------------------------------------------------------------------

    def _check_hours(self) -> None:
        hours = self._settings().start_hours
        now = datetime.fromtimestamp(self._clock.time())
        if hours is None or now in hours:
            return
        begin = hours.next_begin(now).astimezone()
        raise _refused(
            "TOOL_START_HOURS",
            f"the streamer lets agents start the stream only at {hours}, and here it is {now:%H:%M}",
            f"Tell the user; the next start is possible at {begin:%H:%M}. The streamer can always start by hand.",
            hours=str(hours),
            next_start_at=rfc3339(begin.timestamp()),
        )

    def _check_starts(self) -> None:
        limit = self._settings().starts_per_hour
        begun_s = self._starts.last_hour()
        if not limit or len(begun_s) < limit:
            return
        next_s = begun_s[-limit] + HOUR_S
        raise _refused(
            "TOOL_STARTS_PER_HOUR",
            f"agents have started the stream {len(begun_s)} times in the last hour, and the streamer allows {limit}",
            f"Tell the user; the next start is possible in {max(1, round((next_s - self._clock.time()) / 60))} minutes."
            " The streamer can always start by hand.",
            limit=limit,
            next_start_at=rfc3339(next_s),
        )


def _check_scene(settings: Settings, scene: str) -> None:
    allowed = settings.allowed_scenes
    # The default scene is the streamer's own choice.
    if allowed and scene != settings.default_scene:
        _check_listed(settings, scene)


def _check_listed(settings: Settings, scene: str) -> None:
    allowed = settings.allowed_scenes
    if scene in allowed:
        return
    if allowed:
        message = f"the streamer does not let agents show the scene {scene!r}"
        hint = "Use one of details.allowed, exactly as written."
    else:
        message = "the streamer has not listed any scene that agents may switch to"
        hint = "Tell the user: the list is Scenes allowed in the OBS script panel, or TOOL_ALLOWED_SCENES."
    raise _refused("TOOL_ALLOWED_SCENES", message, hint, scene=scene, allowed=list(allowed))


def _check_raid(settings: Settings, target: str) -> None:
    allowed = settings.raid_targets
    if target.lower() in allowed:
        return
    if allowed:
        message = f"the streamer does not let agents raid {target!r}"
        hint = "Use one of details.allowed; the streamer can list others in the OBS script panel, Guard rails."
    else:
        message = "no raid is possible: the streamer has not listed a channel that agents may raid"
        hint = "The streamer can list channels in the OBS script panel, Guard rails, or in TWITCH_RAID_TARGETS."
    raise _refused("TWITCH_RAID_TARGETS", message, hint, target=target, allowed=list(allowed))


def _check_words(settings: Settings, name: str, text: str) -> None:
    word = refused_word(text, settings.refused_words)
    if word is not None:
        raise _refused(
            "TOOL_REFUSED_WORDS",
            f"{name}: the streamer refuses the word {word!r} in what viewers read",
            "Say it in other words; do not look for another spelling.",
            argument=name,
            word=word,
        )


def _check_links(settings: Settings, name: str, text: str) -> None:
    link = first_link(text) if settings.refuse_links else None
    if link is not None:
        raise _refused(
            "TOOL_REFUSE_LINKS",
            f"{name}: the streamer refuses links in what viewers read, and {link!r} looks like one",
            "Leave the link out, and set a space behind each full stop; do not look for another spelling.",
            argument=name,
            link=link,
        )


def _refused(setting: str, message: str, hint: str, **details: Any) -> RefusedByGuardRail:
    rail = setting.partition("_")[2].lower()  # such as start_hours, the setting without its TOOL_
    return RefusedByGuardRail(message, hint=hint, details={"rail": rail, "setting": setting, **details})


def strings(value: Any) -> Iterator[str]:
    """The texts in an argument, itself or the items of a list."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
