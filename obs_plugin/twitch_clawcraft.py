"""twitch-clawcraft: lets an AI agent run your Twitch stream through OBS, safely.

The one file OBS loads (Tools, Scripts): its hooks and nothing else. Every hook runs on OBS's UI thread, returns at
once and never lets an exception out, because OBS answers one with a window over the streamer's screen. The syntax
here stays readable for old Pythons, so that an OBS with one can say what is wrong.
"""

import functools
import json
import sys
from typing import Any

import obspython as obs

_NEEDS = (3, 11)
_PACKAGE = "clawcraft"

_service = None
_panel = None
_problem = ""
# OBS runs this file again in the same module at "Reload scripts". What the old instance knew of a stream that is
# just connecting has to outlive it, since OBS cannot be asked: a second start in that moment would crash OBS.
_carried = globals().get("_carried")
# What OBS may call, until unload. See _Obs.
_callbacks: Any = []


class _Obs:
    """obspython for the package, safe to give callbacks to.

    OBS keeps a reference to every callback for good, even past unload (29.0.2), and with it would keep all that the
    callback reaches: 1.4 MB at each reload. So OBS gets a plain function of this file, whose link is cut at unload.
    """

    def __getattr__(self, name):
        return getattr(obs, name)

    def obs_properties_add_button(self, properties, name, text, callback):
        return obs.obs_properties_add_button(properties, name, text, _linked(callback))

    def obs_property_set_modified_callback(self, prop, callback):
        return obs.obs_property_set_modified_callback(prop, _linked(callback))

    def obs_hotkey_register_frontend(self, name, description, callback):
        return obs.obs_hotkey_register_frontend(name, description, _linked(callback))

    def signal_handler_connect(self, handler, signal, callback):
        return obs.signal_handler_connect(handler, signal, _linked(callback))


_package_obs: Any = _Obs()


def _linked(callback):
    link = [callback]
    _callbacks.append(link)

    def call(*args):
        return link[0](*args) if link else None

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
        from clawcraft.panel import set_defaults

        set_defaults(obs, settings)


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
    from clawcraft.panel import Panel, service_values
    from clawcraft.service import Service

    values = _values(settings)
    _service = Service(_package_obs, service_values(values), _carried)
    _panel = Panel(_package_obs, _service, settings, values)
    obs.obs_frontend_add_event_callback(_on_frontend_event)
    _service.start()


@_guarded(None)
def script_update(settings):
    if _panel is not None:
        _panel.changed(_values(settings))


@_guarded(None)
def script_save(settings):
    if _panel is not None:
        _panel.save(settings)


@_guarded(_problem_panel)
def script_properties():
    return _problem_panel() if _panel is None else _panel.build()


@_guarded(None)
def script_unload():
    _stop()
    for link in _callbacks:
        link.clear()
    _drop_package()


def _on_frontend_event(code):
    # A plain function: OBS silently registers nothing else as a callback, no bound method and no partial.
    if _service is not None:
        _service.on_frontend_event(code)


def _values(settings):
    return json.loads(obs.obs_data_get_json(settings))


def _stop():
    global _service, _panel, _carried
    if _panel is not None:
        panel, _panel = _panel, None
        panel.close()
    if _service is not None:
        service, _service = _service, None
        _carried = service.stop()
