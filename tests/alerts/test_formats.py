"""The body of an alert: no word of an agent pings anybody, becomes a link or markup, or adds a line."""

import json
from typing import Any

import pytest

from clawcraft.alerts.alert import Alert, State
from clawcraft.alerts.formats import body
from clawcraft.secrets import Secret
from clawcraft.settings import AlertFormat, alert_format_of
from tests.support.settings import make_settings

NASTY = "@everyone <!channel> <https://evil.example|here> `code` [x](https://evil.example)\n**new** & \u202eline"


def alert(**changes: Any) -> Alert:
    fields: dict[str, Any] = {
        "event": "job_failed",
        "state": State.RAISED,
        "summary": "It failed: start the stream (stream_key_refused)",
        "at_s": 1_780_000_000.0,
        "fix": "Look at Settings → Stream_key.",
        "said": NASTY,
        "ids": {"action": "twitch.start_stream", "agent_id": NASTY},
    }
    return Alert(**{**fields, **changes})


def said(form: AlertFormat, told: Alert, lost: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body(form, told, "1.0", lost))
    return found


def test_discord_pings_nobody_and_shows_foreign_words_as_they_are() -> None:
    sent = said(AlertFormat.DISCORD, alert())
    assert sent["allowed_mentions"] == {"parse": []}
    assert sent["flags"] & 4
    first, quoted, fix, ids = sent["content"].split("\n")
    assert "failed" in first
    for line in (quoted, *ids.split(" · ")):
        assert line[0] == line[-1] == "`"
        assert "`" not in line[1:-1]
    assert "@everyone" in quoted
    assert "\u202e" not in sent["content"]
    assert fix == r"Look at Settings → Stream\_key."


def test_slack_gets_entities_for_what_it_would_understand() -> None:
    sent = said(AlertFormat.SLACK, alert())
    assert "<" not in sent["text"]
    assert ">" not in sent["text"]
    assert "&lt;!channel&gt;" in sent["text"]
    assert "&amp;" in sent["text"]
    assert len(sent["text"].split("\n")) == 4
    assert (sent["link_names"], sent["unfurl_links"]) == (False, False)


def test_json_says_which_words_are_foreign() -> None:
    told = alert(repeats=3)
    sent = said(AlertFormat.JSON, told, lost=2)
    assert sent["untrusted"]["agent_id"].startswith("@everyone")
    assert "\n" not in sent["untrusted"]["message"]
    assert (sent["id"], sent["event"], sent["state"]) == (told.id, "job_failed", "raised")
    assert (sent["repeats"], sent["lost_before"]) == (3, 2)
    assert sent["at"] == "2026-05-28T20:26:40.000Z"


@pytest.mark.parametrize("form", [AlertFormat.DISCORD, AlertFormat.SLACK, AlertFormat.JSON])
def test_long_words_are_cut_to_what_every_receiver_takes(form: AlertFormat) -> None:
    sent = said(form, alert(said="x" * 100_000, fix="y" * 5_000, ids={"agent_id": "z" * 5_000}))
    assert len(sent.get("content") or sent.get("text") or json.dumps(sent)) <= 2_000


def test_what_was_lost_is_said() -> None:
    assert "3 alerts before this one" in said(AlertFormat.DISCORD, alert(), lost=3)["content"]
    assert "4 more times" in said(AlertFormat.SLACK, alert(repeats=4))["text"]


@pytest.mark.parametrize(
    ("url", "chosen", "form"),
    [
        ("https://discord.com/api/webhooks/1/k", "auto", "discord"),
        ("https://ptb.discord.com/api/webhooks/1/k", "auto", "discord"),
        ("https://discordapp.com/api/webhooks/1/k", "auto", "discord"),
        ("https://hooks.slack.com/services/T/B/k", "auto", "slack"),
        ("https://evildiscord.com/x", "auto", "json"),
        ("https://alerts.example/x", "auto", "json"),
        ("https://alerts.example/x", "slack", "slack"),
    ],
)
def test_the_form_is_that_of_the_host_unless_it_is_said(url: str, chosen: str, form: str) -> None:
    settings = make_settings(alert_webhook_url=Secret(url), alert_format=AlertFormat(chosen))
    assert alert_format_of(settings) == form
