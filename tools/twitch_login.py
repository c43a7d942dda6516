#!/usr/bin/env python3
"""Connects the streamer's Twitch account, or with --bot a second one in whose name chat messages are sent: prints a
code, waits until it is entered on twitch.tv, stores the tokens where the service in OBS finds them. OBS may run
meanwhile; it takes them over by itself. Client id and events to hear are those of the environment, else of the panel in
the scene collection in use, as OBS has saved it last.

Exit status: 0 connected, 1 refused, expired or failed, 2 a setting is wrong or missing, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import _venv
import data_folder

if TYPE_CHECKING:
    from clawcraft.confirmed import Panel
    from clawcraft.secrets import SecretStore
    from clawcraft.settings import Settings

PLUGIN = _venv.ROOT / "obs_plugin"


def main() -> int:
    options = _options()
    _venv.enter("requirements.txt")
    sys.path.insert(0, str(PLUGIN))
    from clawcraft.secrets import SecretStore, SecretStoreError
    from clawcraft.settings import SettingsError, load_settings

    folder = data_folder.find(options.data_dir)
    given = {"TWITCH_CLIENT_ID": options.client_id, "TWITCH_AUTH_BASE_URL": options.auth_url}
    store = SecretStore(folder)
    try:
        environment = {**os.environ, **{name: text for name, text in given.items() if text}}
        settings = load_settings(environment, store, _panel(folder), folder)
        if not settings.twitch_client_id:
            where = "--client-id, TWITCH_CLIENT_ID, or in the panel (dev.twitch.tv/console/apps)"
            return _failed(f"a client id is needed: {where}", 2)
        return _log_in(settings, store, bot=options.bot)
    except SettingsError as error:
        return _failed(str(error), 2)
    except SecretStoreError as error:
        return _failed(str(error), 1)
    except KeyboardInterrupt:
        print("\nNot connected.")
        return 130


def _panel(folder: Path) -> Panel:
    """What counts of the panel of the OBS whose folder for the service ``folder`` is; nothing where it is no OBS's. A
    note on stderr says where it is not known."""
    from clawcraft.checks import Outcome
    from clawcraft.confirmed import Confirmed
    from clawcraft.panel.fields import service_values
    from diagnosis import files
    from installer import homes

    home = homes.ObsHome(folder.parent.parent, "given")
    if home.own_folder != folder or not home.folder.is_dir():
        return {}
    listed, panel = files.listing(home)
    if listed.outcome is Outcome.FAILED:
        print(f"note: {listed.message}; Twitch may be asked for less than the panel says", file=sys.stderr)
    return Confirmed(folder).sift(service_values(panel))[0]


def _log_in(settings: Settings, store: SecretStore, *, bot: bool) -> int:
    from clawcraft import VERSION
    from clawcraft.authority.policy import ChosenPolicies, in_force
    from clawcraft.clock import SystemClock
    from clawcraft.errors import ClawcraftError
    from clawcraft.telemetry.events import EventLog
    from clawcraft.twitch.bot import BOT_SCOPES, BotSecrets, bot_settings
    from clawcraft.twitch.channel_sections import ADS_SCOPE
    from clawcraft.twitch.credentials import CredentialStore
    from clawcraft.twitch.login import CALL_TIMEOUT_S, DeviceLogin, LoginState
    from clawcraft.twitch.oauth import GrantRefused, OAuth
    from clawcraft.twitch.renewal import Renewal, refusal
    from clawcraft.twitch.scopes import login_scopes
    from clawcraft.twitch.transport import Transport

    scopes: tuple[str, ...] = (
        *login_scopes(in_force(settings.given_policies, ChosenPolicies(settings.data_dir)), settings.twitch_events),
        ADS_SCOPE,
    )
    if bot:
        store, settings, scopes = BotSecrets(store), bot_settings(settings), BOT_SCOPES
        print("Log in to twitch.tv as the bot, in a private window for instance; then")
    clock = SystemClock()
    agent = f"twitch-clawcraft-login/{VERSION}"
    transport = Transport(lambda: settings, clock, threading.Event.wait, lambda *_: None, agent)
    try:
        oauth = OAuth(transport, lambda: settings)
        login = DeviceLogin(oauth, clock, settings.twitch_client_id, scopes)
        code = login.start()
        print(f"Open  {code.verification_uri}\nand enter the code  {code.user_code}\n")
        print(f"Waiting, at most {code.expires_in_s / 60:.0f} minutes; Ctrl-C ends it.", flush=True)
        state = login.wait(threading.Event().wait)
        if login.grant is None:
            why = "the code has expired" if state is LoginState.EXPIRED else "the login was refused"
            return _failed(f"{why}; run this again for a new code", 1)
        credentials = CredentialStore(store, lambda: settings)
        renewal = Renewal(credentials, oauth, threading.Event(), EventLog())
        grant = login.grant
        with renewal.turn():  # the service in OBS takes the pair over at once, and must not renew it meanwhile
            # Stored before anything else can fail: the tokens exist nowhere else.
            credentials.write(grant.access, grant.refresh, login.client_id)
            print(f"Connected; the tokens are in {store.path}")
            credentials.look()
            if credentials.pair is not None and grant.refresh is not None:
                grant = renewal.ask(credentials.pair, grant.refresh, login.client_id)
                credentials.write(grant.access, grant.refresh, login.client_id, proved=True)
                print("The token renews itself.")
        identity = oauth.validate(grant.access, CALL_TIMEOUT_S)
        print(f"The account is {identity.login}." if identity else "But Twitch does not accept the new token.")
        return 0 if identity else 1
    except GrantRefused as refused:
        error = refusal(refused, lost=False)
        return _failed(f"the token works for a few hours only: {error.message}. {error.hint}", 1)
    except ClawcraftError as error:
        return _failed(f"{error.message}. {error.hint}", 1)
    finally:
        transport.close()


def _failed(message: str, status: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return status


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client-id", default="", help="client id of your Twitch application (TWITCH_CLIENT_ID)")
    parser.add_argument("--bot", action="store_true", help="connect the second account, which speaks in chat")
    data_folder.add_option(parser)
    parser.add_argument("--auth-url", default="", help="another OAuth server, for a local mock (TWITCH_AUTH_BASE_URL)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
