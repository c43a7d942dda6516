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
    "obs.switch_scene": {"obs_scene": "BRB"},
    "obs.screenshot": {},
}
