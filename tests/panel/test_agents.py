"""The box "Agents": a token that is shown once and never saved, and a revocation that takes two presses."""

from clawcraft.panel.fields import SHOWN_AGENT_TOKEN
from tests.panel.conftest import Streamer
from tests.support.agents import add_agent
from tests.support.paths import data_folder
from tests.support.tool_client import ToolClient
from tests.support.waiting import wait_until


def shown_token(streamer: Streamer) -> str:
    token = streamer.obs._life.settings.get(SHOWN_AGENT_TOKEN) or ""
    assert streamer.visible(SHOWN_AGENT_TOKEN) == bool(token)
    return str(token)


def added(streamer: Streamer, name: str) -> ToolClient:
    streamer.obs.type_text("agent_name", name)
    streamer.obs.click("agent_add")
    client = streamer.client(shown_token(streamer), name)
    streamer.sees("agents_listed", f"<b>{name}</b>")
    return client


def test_a_new_agents_token_is_shown_until_it_is_hidden_and_never_saved(streamer: Streamer) -> None:
    streamer.start()
    assert "none" in streamer.text("agents_listed")
    agent = added(streamer, "producer")
    token = shown_token(streamer)
    assert "not seen" in streamer.text("agents_listed")
    assert agent.get("/status").json()["agent"]["name"] == "producer"
    streamer.sees("agents_listed", "last seen")
    assert token not in streamer.saved()
    streamer.obs.click("agent_hide")
    assert not streamer.visible(SHOWN_AGENT_TOKEN)
    assert token not in streamer.texts()


def test_a_name_that_cannot_be_one_or_is_taken_is_told_and_gets_no_token(streamer: Streamer) -> None:
    streamer.start()
    added(streamer, "producer")
    streamer.obs.type_text("agent_name", "two words")
    streamer.obs.click("agent_add")
    assert "2 to 120" in streamer.text("agents_note")
    assert not streamer.visible(SHOWN_AGENT_TOKEN)
    streamer.obs.type_text("agent_name", "producer")
    streamer.obs.click("agent_add")
    streamer.sees("agents_note", "there is an agent")
    assert not streamer.visible(SHOWN_AGENT_TOKEN)


def test_a_revocation_takes_two_presses_about_the_same_agent(streamer: Streamer) -> None:
    streamer.start()
    one, two = added(streamer, "one"), added(streamer, "two")
    assert streamer.choices("agent_chosen") == ["", "one", "two"]
    streamer.obs.click("agent_revoke")  # nobody is chosen
    assert "again" not in streamer.label("agent_revoke")
    streamer.obs.change("agent_chosen", "one")
    streamer.obs.click("agent_revoke")
    assert "again" in streamer.label("agent_revoke")
    streamer.obs.change("agent_chosen", "two")
    streamer.obs.click("agent_revoke")
    assert "again" in streamer.label("agent_revoke")
    assert one.get("/status").status_code == two.get("/status").status_code == 200
    streamer.obs.click("agent_revoke")
    wait_until(lambda: two.get("/status").status_code == 401, "two is out")
    assert one.get("/status").status_code == 200
    streamer.sees("agents_note", "two is revoked")
    assert streamer.choices("agent_chosen") == ["", "one"]


def test_what_the_tool_makes_shows_and_a_damaged_file_is_told(streamer: Streamer) -> None:
    streamer.start()
    folder = data_folder(streamer.folder)
    add_agent(folder, "narrow", only=frozenset({"twitch.set_title"}), until=1_790_000_000.0)
    streamer.sees("agents_listed", "only twitch.set_title")
    assert "until" in streamer.text("agents_listed") or "over since" in streamer.text("agents_listed")
    (folder / "agents.json").write_text("{")
    streamer.sees("agents_problem", "move the file away")
    (folder / "agents.json").unlink()
    streamer.sees("agents_problem", "")


def test_a_new_token_counts_whatever_the_file_of_the_agents_holds(streamer: Streamer) -> None:
    streamer.start()
    present = streamer.agent()
    assert present.get("/status").status_code == 200
    (data_folder(streamer.folder) / "agents.json").write_text("{")
    streamer.obs.click("token_new")
    streamer.obs.click("token_new")
    wait_until(lambda: present.get("/status").status_code == 401, "the present one is out")
    assert streamer.agent().get("/status").status_code == 200
    streamer.sees("tool_service_token_known", "one from before a rotation may still work")


def test_a_new_token_leaves_the_present_one_for_a_day_the_agents_and_the_services(streamer: Streamer) -> None:
    streamer.start()
    one = added(streamer, "one")
    streamer.obs.change("agent_chosen", "one")
    streamer.obs.click("agent_rotate")
    streamer.sees("agents_note", "one has a new token")
    streamer.sees("agents_listed", "former token until")
    new = streamer.client(shown_token(streamer), "one")
    assert [client.get("/status").status_code for client in (one, new)] == [200, 200]

    service = streamer.agent()
    streamer.obs.click("token_rotate")
    streamer.sees("token_former", "works until")
    renewed = streamer.agent()
    assert service.url == renewed.url
    assert [client.get("/status").status_code for client in (service, renewed)] == [200, 200]
    streamer.obs.click("token_new")
    streamer.obs.click("token_new")
    wait_until(lambda: service.get("/status").status_code == 401, "the former one is out as well")
    wait_until(lambda: renewed.get("/status").status_code == 401, "and the one after it")
    streamer.sees("token_former", "")
