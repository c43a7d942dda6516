"""The sentences of the status block, as HTML. Pure functions of what the service says of itself."""

from clawcraft.obs.port import ObsSnapshot
from clawcraft.panel.rows import AMBER, GREEN, GREY, RED, dot, escape
from clawcraft.service import Phase, View


def service_line(view: View) -> str:
    """Whether the service listens, where, and if not, what to do."""
    problems = "<br>".join(escape(problem) for problem in view.problems)
    if view.phase is Phase.LISTENING:
        listening = f"{dot(AMBER if problems else GREEN)}listening on {escape(view.url)}"
        return f"{listening}<br>{problems}" if problems else listening
    if view.phase is Phase.STARTING:
        return f"{dot(AMBER)}starting"
    return f"{dot(RED)}{escape(view.phase)}" + (f"<br>{problems}" if problems else "")


def obs_line(snapshot: ObsSnapshot) -> str:
    """OBS's version, its stream and its scene."""
    stream = snapshot.stream
    if stream.reconnecting:
        state = f"{dot(AMBER)}reconnecting"
    elif stream.active:
        state = f"{dot(GREEN)}streaming, {stream.dropped_frames} of {stream.total_frames} frames dropped"
    else:
        state = f"{dot(GREY)}not streaming"
    return f"{state} · scene {escape(snapshot.current_scene or 'none')} · OBS {escape(snapshot.version)}"
