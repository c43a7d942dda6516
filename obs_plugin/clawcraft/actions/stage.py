"""``obs.switch_scene`` and ``obs.screenshot``: what viewers see, changed and shown.

The first is called on a thread for actions (jobs/worker.py), the second on an HTTP worker.
"""

import base64

from clawcraft.actions.handlers import ActionContext, Result


def switch_scene(context: ActionContext) -> Result:
    """Gives ``{"status": "switched" | "already_shown", "scene", "previous"}``. That the streamer listed the scene is
    for the guard rails to check, again in the moment of the switch. Raises SceneNotFound with the scenes there are."""
    scene = context.args["obs_scene"]
    context.progress(50, "switching the scene in OBS")
    previous = context.stream.switch_scene(scene, context.may)
    return {"status": "already_shown" if scene == previous else "switched", "scene": scene, "previous": previous}


def screenshot(context: ActionContext) -> Result:
    """Gives ``{"status": "taken", "width", "height", "media_type": "image/jpeg", "bytes", "data"}``, the last in
    base64; it is answered once and kept nowhere. ``bytes`` counts the picture's own."""
    picture = context.stream.take_picture()
    return {
        "status": "taken",
        "width": picture.width,
        "height": picture.height,
        "media_type": "image/jpeg",
        "bytes": len(picture.jpeg),
        "data": base64.b64encode(picture.jpeg).decode("ascii"),
    }
