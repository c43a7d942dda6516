"""EventSub of the local Twitch: sessions over WebSocket, subscriptions by Helix, and what goes wrong on purpose."""

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from twitch_sim.frames import CLOSE, PING, PONG, TEXT, Connection, frame

PATH = "/ws"
UNUSED_S = 10.0
MAX_SESSIONS = 3
SCOPES = {
    ("channel.chat.message", "1"): "user:read:chat",
    ("stream.online", "1"): None,
    ("stream.offline", "1"): None,
    ("channel.follow", "2"): "moderator:read:followers",
    ("channel.subscribe", "1"): "channel:read:subscriptions",
    ("channel.subscription.gift", "1"): "channel:read:subscriptions",
    ("channel.subscription.message", "1"): "channel:read:subscriptions",
    ("channel.raid", "1"): None,
}
"""By subscription type and version."""


@dataclass
class Session:
    """``connection`` is where it is now; ``subscriptions`` its rows, as Helix shows them."""

    id: str
    connection: Connection
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    user_id: str = ""
    silent: bool = False
    moves: int = 0


class EventSub:
    """Any thread. ``keepalive_s`` holds for sessions welcomed from then on; ``refuse_status`` answers instead of a
    WebSocket; ``welcome`` off: a connection is accepted, and nothing said; ``repeat``: each notification so often."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self.sessions: dict[str, Session] = {}
        self.connections = 0
        self.keepalive_s = 10
        self.refuse_status = 0
        self.welcome = True
        self.repeat = 1
        self.sent: list[str] = []
        """The ids of all notifications that a session was there for."""
        self.closed_with: list[int] = []

    # --- what happens ----------------------------------------------------------------------------------------------

    def notify(self, topic: str, event: Mapping[str, Any], message_id: str = "") -> int:
        """Tell every session that subscribed to ``topic``; how many."""
        told = 0
        for session in self._open():
            for row in [row for row in session.subscriptions if row["type"] == topic]:
                message_id = message_id or str(uuid.uuid4())
                metadata = {"subscription_type": topic, "subscription_version": row["version"]}
                message = self._message("notification", {"subscription": row, "event": event}, message_id, **metadata)
                with self._changed:  # a move waits until it is sent: it must not go where nobody listens any more
                    self.sent.append(message_id)
                    arrived = [session.connection.send_json(message) for _ in range(self.repeat)]
                told += all(arrived)
        return told

    def chat(self, text: str, user: str = "viewer", **more: Any) -> str:
        """Somebody writes in the first user's chat; the message's id."""
        message_id = str(more.pop("message_id", uuid.uuid4()))
        event = {
            "broadcaster_user_id": "1001",
            "chatter_user_id": str(more.pop("user_id", "2001")),
            "chatter_user_login": user,
            "chatter_user_name": user,
            "message_id": message_id,
            "message": {"text": text, "fragments": []},
            "badges": more.pop("badges", []),
            "reply": more.pop("reply", None),
            **more,
        }
        self.notify("channel.chat.message", event)
        return message_id

    def keepalive(self) -> None:
        """Now, besides those that come by themselves."""
        for session in self._open():
            session.connection.send_json(self._message("session_keepalive", {}))

    def reconnect(self, url: str) -> None:
        """Every session has to move to ``url``, which gets what makes it recognised there."""
        for session in self._open():
            session.moves += 1
            there = f"{url}?move={session.id}"
            shown = {"id": session.id, "status": "reconnecting", "keepalive_timeout_seconds": None}
            payload = {"session": {**shown, "reconnect_url": there}}
            session.connection.send_json(self._message("session_reconnect", payload))

    def revoke(self, topic: str, status: str = "authorization_revoked") -> None:
        for session in self._open():
            for row in [row for row in session.subscriptions if row["type"] == topic]:
                session.subscriptions.remove(row)
                payload = {"subscription": {**row, "status": status}}
                session.connection.send_json(self._message("revocation", payload, subscription_type=topic))

    def cut(self, *, within_a_frame: bool = False) -> int:
        """End every connection without a word, also in the middle of a message; how many."""
        sessions = self._open()
        for session in sessions:
            if within_a_frame:
                session.connection.send(frame(TEXT, b'{"metadata": {"message_type": "notification"}}')[:-9])
            self._forget(session)
            session.connection.cut()
        return len(sessions)

    def close(self, code: int) -> None:
        """Twitch ends every connection, and says why."""
        for session in self._open():
            self._forget(session)
            session.connection.close(code)

    def silence(self, silent: bool = True) -> None:
        """The connections stay, and bring nothing more, not even a keep-alive."""
        for session in self._open():
            session.silent = silent

    def wait_for(self, what: Callable[[], bool], timeout_s: float = 100.0) -> None:
        """Until ``what`` is true, looked at whenever something changes here. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(what, timeout_s):
                raise TimeoutError(f"not within {timeout_s} s; {len(self.sessions)} sessions")

    def subscribed(self, count: int = 1) -> bool:
        """Whether there is one session, and it has that many subscriptions."""
        with self._changed:
            return [len(session.subscriptions) for session in self.sessions.values()] == [count]

    # --- Helix -----------------------------------------------------------------------------------------------------

    def subscribe(self, body: Mapping[str, Any], user_id: str, scopes: tuple[str, ...]) -> tuple[int, Any]:
        """``POST /eventsub/subscriptions``: a status, and the answer's rows or message."""
        topic, version, transport = body.get("type"), body.get("version"), body.get("transport") or {}
        if (topic, version) not in SCOPES:
            return 400, "invalid subscription type and version"
        if transport.get("method") != "websocket":
            return 400, "invalid transport method"
        condition = body.get("condition") or {}
        if not condition or not all(condition.values()):
            return 400, "invalid condition"
        with self._changed:
            session = self.sessions.get(str(transport.get("session_id")))
            if session is None:
                return 400, "websocket transport session does not exist or has already disconnected"
            if session.user_id not in ("", user_id):
                return 400, "websocket transport cannot have subscriptions created by different users"
            scope = SCOPES[(str(topic), str(version))]
            mine = [condition[name] for name in ("user_id", "moderator_user_id") if name in condition]
            if (scope is not None and scope not in scopes) or any(each != user_id for each in mine):
                return 403, "subscription missing proper authorization"
            if any((row["type"], row["condition"]) == (topic, condition) for row in session.subscriptions):
                return 409, "subscription already exists"
            in_use = [other for other in self.sessions.values() if other.subscriptions and other is not session]
            if not session.subscriptions and len(in_use) >= MAX_SESSIONS:
                return 429, "number of websocket transports limit exceeded"
            row = {
                "id": str(uuid.uuid4()),
                "status": "enabled",
                "type": topic,
                "version": version,
                "condition": condition,
                "transport": transport,
                "created_at": self._timestamp(),
                "cost": 0,
            }
            session.user_id = user_id
            session.subscriptions.append(row)
            self._changed.notify_all()
            return 202, [row]

    # --- a connection's thread -------------------------------------------------------------------------------------

    def serve(self, connection: Connection, query: str, stopping: threading.Event) -> None:
        """From its handshake to its end."""
        with self._changed:
            self.connections += 1
            self._changed.notify_all()
        session = self._welcomed(connection, query) if self.welcome else None
        begun_s = said_s = time.monotonic()
        keepalive_s = self.keepalive_s
        try:
            while not stopping.is_set():
                received = connection.read(0.05)
                now_s = time.monotonic()
                if received is not None and not self._answered(connection, *received):
                    return
                if session is None or session.silent:
                    continue
                if not session.subscriptions and now_s - begun_s > UNUSED_S:
                    connection.close(4003)
                    return
                if now_s - said_s >= keepalive_s:
                    said_s = now_s
                    connection.send_json(self._message("session_keepalive", {}))
        except OSError:
            return
        finally:
            if session is not None and session.connection is connection:
                self._forget(session)

    def _answered(self, connection: Connection, opcode: int, payload: bytes) -> bool:
        if opcode == CLOSE:
            with self._changed:
                self.closed_with.append(int.from_bytes(payload[:2], "big"))
                self._changed.notify_all()
            connection.send(frame(CLOSE, payload))
            return False
        if opcode == PING:
            connection.send(frame(PONG, payload))
        elif opcode != PONG:
            connection.close(4001)  # a client has nothing to say here
            return False
        return True

    def _welcomed(self, connection: Connection, query: str) -> Session | None:
        moved = (parse_qs(query).get("move") or [""])[0]
        with self._changed:
            session = self.sessions.get(moved)
            if moved and session is None:
                connection.close(4007)
                return None
            if session is None:
                session = Session(f"AgoQsim{next(self._numbers):06d}", connection)
                self.sessions[session.id] = session
            shown = {"id": session.id, "status": "connected", "connected_at": self._timestamp(), "reconnect_url": None}
            payload = {"session": {**shown, "keepalive_timeout_seconds": self.keepalive_s}}
            connection.send_json(self._message("session_welcome", payload))
            session.connection = connection
            self._changed.notify_all()
            return session

    def _open(self) -> list[Session]:
        with self._changed:
            return [session for session in self.sessions.values() if not session.silent]

    def _forget(self, session: Session) -> None:
        with self._changed:
            self.sessions.pop(session.id, None)
            self._changed.notify_all()

    def _message(self, kind: str, payload: Mapping[str, Any], message_id: str = "", **more: Any) -> dict[str, Any]:
        metadata = {"message_id": message_id or str(uuid.uuid4()), "message_type": kind}
        return {"metadata": {**metadata, "message_timestamp": self._timestamp(), **more}, "payload": payload}

    def _timestamp(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).isoformat().replace("+00:00", "Z")
