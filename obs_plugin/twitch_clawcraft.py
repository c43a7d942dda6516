"""twitch-clawcraft: lets an AI agent run your Twitch stream through OBS, safely.

The one file OBS loads (Tools, Scripts): its hooks and nothing else. Every hook runs on OBS's UI thread, returns at
once and never lets an exception out, because OBS answers one with a window over the streamer's screen. The syntax
here stays readable for old Pythons, so that an OBS with one can say what is wrong.
"""

import sys

import obspython as obs

from clawcraft import standard_library

_mended = standard_library.use_own()

import functools
from typing import Any

_NEEDS = (3, 11)
_PACKAGE = "clawcraft"

_service = None
_panel = None
_problem = ""
# OBS runs this file again in the same module at "Reload scripts". What OBS tells of a stream that is just connecting
# has to be heard without a break, since OBS cannot be asked: a second start in that moment would crash it.
_observer = globals().get("_observer")
# What OBS may call, until unload. See _linked.
_callbacks: Any = {}


def _linked(callback):
    """A function for OBS in the place of ``callback``: a plain one, since OBS silently takes no other callable.

    OBS keeps a reference to it for good, even past unload (29.0.2), and with it would keep all that the callback
    reaches: 1.4 MB at each reload. So all it has is a key, which leads nowhere once the script is unloaded.
    """
    key = object()
    _callbacks[key] = callback

    def call(*args):
        target = _callbacks.get(key)  # looked up once: an output's thread may be here while the UI thread unloads
        return None if target is None else target(*args)

    return call


def _guarded(fallback):
    """Keep a defect in a hook out of OBS: one INFO line, and the hook's neutral answer."""

    def decorate(hook):
        @functools.wraps(hook)
        def run(*args):
            global _problem
            try:
                return hook(*args)
            except Exception as error:  # noqa: BLE001 - the last resort is the point
                _problem = f"{hook.__name__} failed: {type(error).__name__}: {error}"
                obs.script_log(obs.LOG_INFO, "[clawcraft] " + _problem)
                return fallback() if callable(fallback) else fallback

        return run

    return decorate


def _drop_package():
    """Forget the package, so that "Reload scripts" picks up changed code."""
    for name in [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]:
        del sys.modules[name]


def _problem_panel():
    properties = obs.obs_properties_create()
    obs.obs_properties_add_text(properties, "status", _problem, obs.OBS_TEXT_INFO)
    return properties


def script_description():
    return (
        "<b>twitch-clawcraft</b><br>Lets an AI agent start and stop your stream, change title and game, chat and clip,"
        " through a guarded local tool API."
    )


@_guarded(None)
def script_defaults(settings):
    if sys.version_info >= _NEEDS:
        from clawcraft.obs.adapter import ObsAdapter
        from clawcraft.panel import set_defaults

        set_defaults(ObsAdapter(obs, _linked).script_ui(settings).settings)


@_guarded(None)
def script_load(settings):
    global _service, _panel, _problem
    _stop()
    _problem = ""
    if sys.version_info < _NEEDS:
        found = f"{sys.version_info[0]}.{sys.version_info[1]}"
        _problem = f"OBS uses Python {found}; twitch-clawcraft needs 3.11 or newer (Tools, Scripts, Python Settings)."
        obs.script_log(obs.LOG_INFO, "[clawcraft] " + _problem)
        return
    _drop_package()
    from clawcraft.obs.adapter import ObsAdapter
    from clawcraft.panel import Panel, service_values
    from clawcraft.service import Service

    if _mended:
        obs.script_log(obs.LOG_INFO, "[clawcraft] " + _mended)
    adapter = ObsAdapter(obs, _linked)
    ui = adapter.script_ui(settings)
    _service = Service(adapter, service_values(ui.settings.values()), _observer)
    _panel = Panel(_service, ui)
    _service.start()


@_guarded(None)
def script_update(_settings):
    if _panel is not None:
        _panel.changed()


@_guarded(None)
def script_save(_settings):
    if _panel is not None:
        _panel.save()


@_guarded(_problem_panel)
def script_properties():
    return _problem_panel() if _panel is None else _panel.build()


@_guarded(None)
def script_unload():
    _stop()
    _callbacks.clear()
    _drop_package()


def _stop():
    global _service, _panel, _observer
    if _panel is not None:
        panel, _panel = _panel, None
        panel.close()
    if _service is not None:
        service, _service = _service, None
        _observer = service.stop()
