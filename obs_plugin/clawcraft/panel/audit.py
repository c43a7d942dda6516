"""The box "What the agent did": the audit trail's last entries, from memory. Pure functions of them."""

import time

from clawcraft.authority.audit_entries import Entry
from clawcraft.obs.script_ui import Box, Info
from clawcraft.panel.status import escape
from clawcraft.service import Service
from clawcraft.text import quoted

MAX_TEXT = 60


def audit_box(service: Service) -> Box:
    assembly = service.assembly
    entries = [] if assembly is None else assembly.audit.latest()
    rows = (Info("audit", "", "<br>".join(map(audit_line, entries))),)
    return Box("group_audit", "What the agent did", rows, bool(entries))


def audit_line(entry: Entry) -> str:
    """When, what, by whom, how that was decided and what it came to; the agent's own words come last and quoted, so
    that none of them looks like a decision."""
    row = entry.first
    at = time.strftime("%H:%M:%S", time.localtime(row.at))
    action = (row.action or "").removeprefix("twitch.")
    came_to = entry.outcome or "no outcome yet"
    decided = "" if entry.decision == row.outcome == "allowed" else entry.decision
    words = " ".join(quoted(value, MAX_TEXT) for value in entry.args.values() if isinstance(value, str))
    return escape(" · ".join(filter(None, (at, f"{action} by {row.agent_id}", decided, came_to, words))))
