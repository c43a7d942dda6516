"""One valid request of each action: what tests send where any will do, and what the whole service has to carry out."""

from collections.abc import Mapping
from typing import Any, Final

EXAMPLES: Final[Mapping[str, dict[str, Any]]] = {
    "twitch.start_stream": {"title": "Hello"},
    "twitch.stop_stream": {"reason": "the show is over"},
    "twitch.set_title": {"title": "Hello"},
    "twitch.set_game": {"game": "Just Chatting"},
    "twitch.post_chat_message": {"message": "hi"},
    "twitch.create_clip": {"title": "a fine moment"},
    "twitch.get_clip": {"clip_id": "SimulatedClip"},
    "twitch.create_marker": {"description": "the boss fight"},
    "twitch.set_tags": {"tags": ["English", "Chill"]},
    "twitch.set_labels": {"labels": ["Gambling"]},
    "twitch.announce": {"message": "hi", "colour": "blue"},
    "twitch.shoutout": {"target": "friendlyneighbour"},
    "twitch.raid": {"target": "friendlyneighbour"},
    "twitch.cancel_raid": {},
    "twitch.run_ad": {"length": 60},
    "twitch.snooze_ad": {},
    "twitch.create_poll": {"title": "Which boss?", "choices": ["this", "that"], "duration": 60},
    "twitch.end_poll": {},
    "obs.switch_scene": {"obs_scene": "BRB"},
    "obs.screenshot": {},
}
