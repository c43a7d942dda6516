"""The routes below ``/operator``: the page, its state, the audit trail, and what the streamer does there.

They translate between HTTP and the parts; no route chooses a status of failure. Called on HTTP workers.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import bottle

from clawcraft import VERSION
from clawcraft.actions.catalogue import BY_NAME
from clawcraft.authority.audit_entries import Entry, Kind, Row
from clawcraft.authority.audit_pages import AuditPages, Filter
from clawcraft.clock import rfc3339
from clawcraft.contract import strict_json
from clawcraft.errors import ActionDisabled, ClawcraftError, InvalidRequest, StorageUnavailable, Unauthorized
from clawcraft.http import query, responses, wire
from clawcraft.http.gate import Environ, Gate
from clawcraft.http.responses import Response
from clawcraft.jobs.slots import Slots
from clawcraft.operator.assets import HEADERS, INDEX, Assets
from clawcraft.operator.changes import Changes
from clawcraft.operator.controls import BY, Controls
from clawcraft.operator.door import PATH, Door
from clawcraft.operator.pairing import DIGITS, PageAccess
from clawcraft.operator.picture import LatestPicture
from clawcraft.operator.state import PageState, Shown
from clawcraft.secrets import SecretStoreError

LOOK_UP_S: Final = 0.4
"""How often a page that waits has OBS looked at, and whether anybody still waits."""
KINDS: Final = {
    "agents": frozenset({Kind.ASKED}),
    "refused": frozenset({Kind.COUNTED}),
    "streamer": frozenset({Kind.OPERATOR, Kind.SERVICE}),
}
_BROWSERS: Final = (
    *(("OBS/", "OBS dock"), ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome")),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    *(("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("Mac OS", "macOS"), ("Linux", "Linux")),
)
_TAG: Final = re.compile(r"[0-9a-f]{0,32}")
_PLACE: Final = re.compile(r"[0-9]{1,18}")
_SPACES: Final = re.compile(r"[\s-]+")


@dataclass
class OperatorPage:
    """See the module; ``monotonic`` gives seconds."""

    gate: Gate
    door: Door
    access: PageAccess
    state: PageState
    controls: Controls
    audit: AuditPages
    picture: LatestPicture
    changes: Changes
    slots: Slots
    monotonic: Callable[[], float]

    def __post_init__(self) -> None:
        self._assets = Assets()

    def add_to(self, table: bottle.Bottle) -> None:
        table.get(PATH, callback=lambda environ: self._assets.answer(INDEX), quick=True)
        table.get(f"{PATH}/static/<name>", callback=lambda environ, name: self._assets.answer(name), quick=True)
        table.post(f"{PATH}/pair", callback=self.pair)
        table.get(f"{PATH}/session", callback=self.get_session, unlogged=True)
        table.get(f"{PATH}/state", callback=self.get_state, unlogged=True)
        table.get(f"{PATH}/audit", callback=self.get_audit, unlogged=True)
        table.get(f"{PATH}/picture", callback=self.get_picture, unlogged=True)
        table.post(f"{PATH}/leave", callback=self.leave)
        for name, change in (
            ("answer", self.controls.answer),
            ("pause", self.controls.switch_pause),
            ("policy", self.controls.set_policy),
            ("agent", self.controls.switch_agent),
        ):
            table.post(f"{PATH}/{name}", callback=lambda environ, change=change: self._change(environ, change))

    # --- the door -------------------------------------------------------------------------------------------------

    def pair(self, environ: Environ) -> Response:
        """``{"code"}``: spaces in it do not count."""
        self.door.check_reading(environ)
        self.door.check_origin(environ)
        code = _SPACES.sub("", str(self._body(environ).get("code", ""))[:40])
        if not re.fullmatch(rf"[0-9]{{{DIGITS}}}", code):
            raise InvalidRequest(f"a code has {DIGITS} digits", hint="Enter the digits that the panel shows.")
        try:
            self.access.pairing.claim(code)
        except ClawcraftError:
            self.door.failed(environ)
            raise
        name = _browser(str(environ.get("HTTP_USER_AGENT", "")))
        try:
            token = self.access.pages.add(name)
        except SecretStoreError as error:
            raise StorageUnavailable(str(error)) from error
        self.controls.audit.operator("page paired", page=name)
        self.controls.audit.store()
        environ[wire.TOKEN_CHECKED](True)
        return responses.json_answer(200, {"ok": True}, {"Set-Cookie": self.door.cookie(token)})

    def leave(self, environ: Environ) -> Response:
        page = self.door.check_change(environ)
        try:
            self.access.pages.revoke(page.id)
        except SecretStoreError as error:
            raise StorageUnavailable(str(error)) from error
        self.controls.audit.operator("page left", page=page.name, by=BY)
        self.controls.audit.store()
        return responses.json_answer(200, {"ok": True}, {"Set-Cookie": self.door.no_cookie()})

    # --- what is shown --------------------------------------------------------------------------------------------

    def get_session(self, environ: Environ) -> Response:
        """What the page asks first. Not to be paired is an answer: a browser would log a refusal as an error."""
        self.door.check_reading(environ)
        query.parse(environ["QUERY_STRING"], ())
        try:
            self.door.page(environ)
        except Unauthorized:
            return responses.json_answer(200, {"ok": True, "paired": False})
        body = {"ok": True, "paired": True, "csrf": self.door.csrf(environ), "version": VERSION}
        return responses.json_answer(200, body)

    def get_state(self, environ: Environ) -> Response:
        """With ``tag``, the one that the page shows, only once there is another, or ``wait`` seconds have passed."""
        page = self._reading(environ)
        values = query.parse(environ["QUERY_STRING"], ("tag", "wait"))
        wait_s, tag = query.wait_s(values), values.get("tag", "")
        if not _TAG.fullmatch(tag):
            raise query.refusal("tag", "pattern", "is not a tag from an earlier answer")
        shown = self._another_than(tag, wait_s, f"operator/{page}", environ)
        body = {"ok": True, "tag": shown.tag, "figures": shown.figures}
        return responses.json_answer(200, body if shown.tag == tag else {**body, "state": shown.state})

    def get_audit(self, environ: Environ) -> Response:
        """``before`` or ``after`` a place, else the newest; filters ``agent``, ``action``, ``kind``, ``text``."""
        self._reading(environ)
        values = query.parse(environ["QUERY_STRING"], ("before", "after", "limit", "agent", "action", "kind", "text"))
        query.one_of(values, "kind", tuple(KINDS))
        for name in ("before", "after"):
            if name in values and not _PLACE.fullmatch(values[name]):
                raise query.refusal(name, "pattern", "is not a place from an earlier answer")
        wanted = Filter(
            values.get("agent", ""),
            values.get("action", ""),
            KINDS.get(values.get("kind", ""), frozenset()),
            values.get("text", "")[:200],
        )
        limit = query.limit(values)
        if "after" in values:
            page = self.audit.newer(int(values["after"]), limit, wanted)
        else:
            page = self.audit.older(int(values["before"]) if "before" in values else None, limit, wanted)
        body = {
            "ok": True,
            "entries": [_entry(seq, entry) for seq, entry in page.entries],
            "later": [_later(row) for row in page.later],
            "oldest": page.oldest,
            "newest": page.newest,
            "more": page.more,
        }
        return responses.json_answer(200, body)

    def get_picture(self, environ: Environ) -> Response:
        self._reading(environ)
        if not self.state.has_picture:
            raise ActionDisabled("obs.screenshot is switched off", hint="Switch it on in 'What agents may do'.")
        query.parse(environ["QUERY_STRING"], ("at",))  # so that no browser shows an older one
        return responses.answer(200, self.picture.jpeg(), "image/jpeg", HEADERS)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _reading(self, environ: Environ) -> str:
        """The id of the page."""
        self.door.check_reading(environ)
        return self.door.page(environ).id

    def _change(self, environ: Environ, change: Callable[[Mapping[str, Any]], None]) -> Response:
        self.door.check_change(environ)
        change(self._body(environ))
        return responses.json_answer(200, {"ok": True})

    def _body(self, environ: Environ) -> Mapping[str, Any]:
        self.gate.check_json_type(environ)
        query.parse(environ["QUERY_STRING"], ())
        body = strict_json.parse(environ["wsgi.input"].read())
        if not isinstance(body, dict):
            raise InvalidRequest("the body is not a JSON object")
        return body

    def _another_than(self, tag: str, wait_s: float, holder: str, environ: Environ) -> Shown:
        until_s = self.monotonic() + wait_s
        seen = self.changes.count  # before the look: what changes after it wakes at once
        shown = self.state.read()
        if shown.tag != tag or not wait_s:
            return shown
        with self.slots.waiting(holder) as granted:
            while granted and shown.tag == tag and not self.changes.closed and not environ[wire.CLIENT_GONE]():
                slice_s = min(LOOK_UP_S, until_s - self.monotonic())
                if slice_s <= 0:
                    break
                self.changes.wait(seen, slice_s)
                self.door.page(environ)  # it may have been revoked meanwhile
                seen = self.changes.count
                shown = self.state.read()
        return shown


def _entry(seq: int, entry: Entry) -> dict[str, Any]:
    action = entry.first.action
    label = BY_NAME[action].label if action is not None and action in BY_NAME else None
    return {"seq": seq, "label": label, **entry.to_json()}


def _later(row: Row) -> dict[str, Any]:
    """A row of an entry that the page has already: what changes in it."""
    entry = Entry(Row(row.ref, row.at, Kind.ASKED, "", "{}"), (row,)).to_json()
    if row.kind == Kind.DECIDED:
        return {"ref": row.ref, "decision": entry["decision"].removeprefix(", ")}
    return {name: value for name, value in entry.items() if name not in ("time", "kind", "decision")} | {
        "ended": rfc3339(row.at)
    }


def _browser(user_agent: str) -> str:
    """Which browser on which system, as far as it says so."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "A browser")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser
