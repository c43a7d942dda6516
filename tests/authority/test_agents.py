"""Named agents: a token kept as a hash alone, what narrows its holder, and a file that whoever changes it changes at
once."""

import json
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from clawcraft.actions.catalogue import BY_NAME, Limit, Policy, stricter
from clawcraft.authority import agent_file
from clawcraft.authority.agent_file import AgentFile, AgentFileError, NamedAgent, check_name, end_of
from clawcraft.authority.agents import SERVICE_HOLDER, Agents
from clawcraft.authority.known_secrets import KnownSecrets
from clawcraft.authority.rate_limit import RateLimiter
from clawcraft.clock import rfc3339
from clawcraft.errors import ActionDisabled, AgentMismatch, RateLimited, Unauthorized
from clawcraft.secrets import Secret, SecretStore, new_token
from tests.support.agents import add_agent, agents_of, no_agents
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.http_service import CONTRACT
from tests.support.job_rig import start
from tests.support.settings import make_settings

TITLE, CLIP = "twitch.set_title", "twitch.create_clip"


@pytest.fixture
def agents(tmp_path: Path, clock: ManualClock, events: RecordedEvents) -> Agents:
    return agents_of(tmp_path, clock, events)


def holder_of(agents: Agents, token: Secret) -> str | None:
    return agents.of_token(token.reveal().encode())


# --- the file ---------------------------------------------------------------------------------------------------------


def test_what_is_kept_of_an_agent_is_what_was_said(tmp_path: Path) -> None:
    agent = NamedAgent(
        "a:b", "0" * 64, 1_780_000_000.0, 1_790_000_000.5, frozenset({TITLE}), {TITLE: Policy.ASK}, {TITLE: 3}
    )
    AgentFile(tmp_path).add(agent)
    assert AgentFile(tmp_path).read().agents == {"a:b": agent}


def test_an_agent_counts_at_once_whoever_made_renewed_or_revoked_it(tmp_path: Path, agents: Agents) -> None:
    first = add_agent(tmp_path, "producer")
    assert holder_of(agents, first) == "producer"
    second = new_token()
    AgentFile(tmp_path).renew("producer", second, 0.0)
    assert (holder_of(agents, first), holder_of(agents, second)) == (None, "producer")
    AgentFile(tmp_path).revoke("producer")
    assert holder_of(agents, second) is None
    with pytest.raises(ActionDisabled, match="revoked"):
        agents.named("producer")


def test_a_name_is_there_once_and_the_others_are_told(tmp_path: Path) -> None:
    file = AgentFile(tmp_path)
    add_agent(tmp_path, "producer")
    with pytest.raises(AgentFileError, match="renew"):
        add_agent(tmp_path, "producer")
    with pytest.raises(AgentFileError, match="there are: producer"):
        file.revoke("nobody")
    with pytest.raises(AgentFileError, match="there are: producer"):
        file.renew("nobody", new_token(), 0.0)


def test_the_number_of_agents_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_file, "MAX_AGENTS", 2)
    add_agent(tmp_path, "one")
    add_agent(tmp_path, "two")
    with pytest.raises(AgentFileError, match="revoke one"):
        add_agent(tmp_path, "three")


def spoiled(**changes: Any) -> str:
    agent = NamedAgent("producer", "0" * 64, 1_780_000_000.0).to_json()
    return json.dumps({"agents": [{**agent, **changes}]})


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"agents": [{}]}',
        spoiled(name="a b"),
        spoiled(token_sha256="short"),
        spoiled(until="soon"),
        spoiled(policy={TITLE: "perhaps"}),
        spoiled(limits={TITLE: 0}),
        spoiled(only=7),
        spoiled(off=1),
        spoiled(off=True),
        spoiled(former=[{"token_sha256": "short", "until": "2026-12-31"}]),
        spoiled(former=[{"token_sha256": "0" * 64}]),
        '{"agents": [], "service": [{}]}',
    ],
)
def test_a_file_that_is_not_understood_lets_no_agent_in_and_is_told_once(
    tmp_path: Path, agents: Agents, events: RecordedEvents, content: str
) -> None:
    token = add_agent(tmp_path, "other")
    (tmp_path / "agents.json").write_text(content)
    assert holder_of(agents, token) is None
    assert agents.all == []
    assert str(tmp_path / "agents.json") in agents.problem
    assert len(events.named("agents_unreadable")) == 1
    with pytest.raises(AgentFileError, match="move the file away"):
        add_agent(tmp_path, "another")
    (tmp_path / "agents.json").unlink()
    assert agents.problem == ""
    assert holder_of(agents, add_agent(tmp_path, "other")) == "other"


def test_a_disk_that_refuses_the_file_for_a_moment_is_asked_again(
    tmp_path: Path, agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = add_agent(tmp_path, "producer")
    with monkeypatch.context() as patch:
        patch.setattr(AgentFile, "read", lambda file: (tmp_path / "agents.json" / "no").read_text())
        assert holder_of(agents, token) is None
        assert "cannot be read" in agents.problem
    assert holder_of(agents, token) == "producer"


# --- names and ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "a b", "ä-agent", "x" * 121, "", "a\n"])
def test_a_name_is_what_an_agent_id_may_be(name: str) -> None:
    assert CONTRACT.check_field("agent_id", name)
    with pytest.raises(AgentFileError):
        check_name(name)


def test_a_name_may_be_all_that_an_agent_id_may_be() -> None:
    name = "Ab0._:-" + "x" * 113
    assert CONTRACT.check_field("agent_id", name) is None
    assert check_name(name) == name


def test_an_end_is_a_time_or_a_day_to_its_end() -> None:
    assert end_of("2026-12-31T20:00:00+01:00") == end_of("2026-12-31T19:00:00Z")
    assert end_of("2026-12-31") == datetime.fromisoformat("2027-01-01").timestamp()
    for wrong in ("tomorrow", "", "2026-13-01", "9999-12-31"):
        with pytest.raises(AgentFileError, match="2026-12-31"):
            end_of(wrong)


def test_after_its_end_a_token_is_over_and_says_so(tmp_path: Path, agents: Agents, clock: ManualClock) -> None:
    end_s = clock.now_s + 60
    token = add_agent(tmp_path, "producer", until=end_s)
    clock.advance(59.9)
    assert holder_of(agents, token) == "producer"
    clock.advance(0.1)
    with pytest.raises(Unauthorized, match=rfc3339(end_s)):
        holder_of(agents, token)
    with pytest.raises(ActionDisabled):
        agents.policy(Policy.ALLOW, TITLE, "producer")
    assert [agent.name for agent in agents.all] == ["producer"]  # to be renewed


# --- another token, with an overlap -----------------------------------------------------------------------------------


def test_an_old_token_is_good_until_the_overlap_ends_and_then_says_so(
    tmp_path: Path, agents: Agents, clock: ManualClock
) -> None:
    first, second = add_agent(tmp_path, "producer"), new_token()
    until_s = clock.now_s + 3600
    AgentFile(tmp_path).rotate("producer", second, until_s, clock.now_s)
    assert holder_of(agents, first) == holder_of(agents, second) == "producer"
    clock.advance(3599)
    assert holder_of(agents, first) == "producer"
    clock.advance(1)
    with pytest.raises(Unauthorized, match=f"replaced.*{rfc3339(until_s)}"):
        holder_of(agents, first)
    assert holder_of(agents, second) == "producer"
    again = agents_of(tmp_path, clock, RecordedEvents())  # another life of the service
    with pytest.raises(Unauthorized, match="replaced"):
        holder_of(again, first)


def test_revoking_or_renewing_ends_every_token_at_once(tmp_path: Path, agents: Agents, clock: ManualClock) -> None:
    file = AgentFile(tmp_path)
    tokens = [add_agent(tmp_path, "producer"), new_token(), new_token()]
    for token in tokens[1:]:
        file.rotate("producer", token, clock.now_s + 3600, clock.now_s)
    assert [holder_of(agents, token) for token in tokens] == ["producer"] * 3
    last = new_token()
    file.renew("producer", last, clock.now_s)
    assert [holder_of(agents, token) for token in (*tokens, last)] == [None, None, None, "producer"]
    file.rotate("producer", tokens[0], clock.now_s + 3600, clock.now_s)
    file.revoke("producer")
    assert [holder_of(agents, token) for token in (tokens[0], last)] == [None, None]


def test_the_end_of_an_agent_is_also_that_of_its_former_token(
    tmp_path: Path, agents: Agents, clock: ManualClock
) -> None:
    first = add_agent(tmp_path, "producer", until=clock.now_s + 60)
    AgentFile(tmp_path).rotate("producer", new_token(), clock.now_s + 3600, clock.now_s)
    clock.advance(60)
    with pytest.raises(Unauthorized, match="good until"):
        holder_of(agents, first)


def test_the_services_own_token_overlaps_too_and_its_end_can_be_at_once(
    tmp_path: Path, agents: Agents, clock: ManualClock
) -> None:
    file, old, new = AgentFile(tmp_path), new_token(), new_token()
    file.end_service_overlap()  # there is nothing to end
    file.rotate_service(old, new, clock.now_s + 3600, clock.now_s)
    assert holder_of(agents, old) == holder_of(agents, new) == SERVICE_HOLDER
    assert agents.service_overlap_until == clock.now_s + 3600
    assert agents.all == []
    clock.advance(3600)
    assert agents.service_overlap_until is None
    with pytest.raises(Unauthorized, match="replaced"):
        holder_of(agents, old)
    file.rotate_service(new, old, clock.now_s + 3600, clock.now_s)
    assert holder_of(agents, new) == SERVICE_HOLDER
    file.end_service_overlap()
    assert holder_of(agents, new) is None


def test_former_tokens_are_few_and_forgotten_after_a_month(tmp_path: Path, clock: ManualClock) -> None:
    file = AgentFile(tmp_path)
    add_agent(tmp_path, "producer")
    for _ in range(agent_file.MAX_FORMER + 2):
        file.rotate("producer", new_token(), clock.now_s + 60, clock.now_s)
    assert len(file.read().agents["producer"].former) == agent_file.MAX_FORMER
    clock.advance(60 + agent_file.FORMER_KEPT_S)
    file.rotate("producer", new_token(), clock.now_s + 60, clock.now_s)
    assert len(file.read().agents["producer"].former) == 1


def test_a_former_token_is_as_secret_as_one_that_counts(tmp_path: Path, agents: Agents, clock: ManualClock) -> None:
    token = add_agent(tmp_path, "producer")
    AgentFile(tmp_path).rotate("producer", new_token(), clock.now_s + 60, clock.now_s)
    assert agents.holds_token(f"it is {token.reveal()}")
    assert token.reveal() not in (tmp_path / "agents.json").read_text()


# --- what narrows -----------------------------------------------------------------------------------------------------


def test_off_is_stricter_than_ask_and_ask_than_allow() -> None:
    for general, own in product(Policy, Policy):
        both = stricter(general, own)
        assert both == stricter(own, general)
        assert (both is Policy.OFF) == (Policy.OFF in (general, own))
        assert (both is Policy.ALLOW) == (general is own is Policy.ALLOW)


def test_an_agents_own_policy_only_narrows(tmp_path: Path, agents: Agents) -> None:
    add_agent(tmp_path, "asks", policy={TITLE: Policy.ASK, CLIP: Policy.ALLOW})
    add_agent(tmp_path, "titles-only", only=frozenset({TITLE}))
    assert agents.policy(Policy.ALLOW, TITLE, "asks") is Policy.ASK
    assert agents.policy(Policy.OFF, TITLE, "asks") is Policy.OFF
    assert agents.policy(Policy.OFF, CLIP, "asks") is Policy.OFF
    assert agents.policy(Policy.ASK, TITLE, "titles-only") is Policy.ASK
    # Also an action that does not exist yet: the list says what there is for this agent.
    assert agents.policy(Policy.ALLOW, "twitch.of_the_future", "titles-only") is Policy.OFF
    assert agents.policy(Policy.ASK, TITLE, SERVICE_HOLDER) is Policy.ASK


def test_an_agent_that_is_switched_off_may_do_what_it_could_once_it_is_on_again(tmp_path: Path, agents: Agents) -> None:
    policy = {TITLE: Policy.OFF, CLIP: Policy.ASK}
    add_agent(tmp_path, "producer", policy=policy)
    add_agent(tmp_path, "titles-only", only=frozenset({TITLE}))
    file = AgentFile(tmp_path)
    before = file.read().agents
    for name in before:
        for _ in range(2):
            file.switch(name, on=False)
        for action in (*BY_NAME, "twitch.of_the_future"):
            assert agents.policy(Policy.ALLOW, action, name) is Policy.OFF
        assert agents.named(name).described().startswith("switched off; ")
    # What an older version reads: nothing for either.
    assert [row["only"] for row in json.loads(file.path.read_text())["agents"]] == [[], []]
    file.set_policies("producer", {CLIP: Policy.ASK})
    file.renew("producer", new_token(), 0.0)
    assert agents.policy(Policy.ALLOW, CLIP, "producer") is Policy.OFF
    for name, agent in before.items():
        for _ in range(2):
            file.switch(name, on=True)
        found = agents.named(name)
        assert (found.off, found.only, found.policy) == (False, agent.only, agent.policy)


def test_an_agent_whose_policies_an_older_version_switched_off_is_let_act_again(tmp_path: Path, agents: Agents) -> None:
    add_agent(tmp_path, "producer", policy=dict.fromkeys(BY_NAME, Policy.OFF))
    old = json.loads((tmp_path / "agents.json").read_text())
    assert "off" not in old["agents"][0]
    AgentFile(tmp_path).switch("producer", on=True)
    assert agents.policy(Policy.ALLOW, TITLE, "producer") is Policy.ALLOW


def test_an_agents_own_limit_only_narrows(tmp_path: Path, agents: Agents) -> None:
    add_agent(tmp_path, "producer", limits={TITLE: 3, CLIP: 1000})
    assert agents.limit(Limit(60, 20), TITLE, "producer") == Limit(3, 3)
    assert agents.limit(Limit(60, 20), CLIP, "producer") == Limit(60, 20)
    assert agents.limit(Limit(60, 20), "twitch.set_game", "producer") == Limit(60, 20)


def test_each_agent_has_its_own_bucket_of_each_action(tmp_path: Path, agents: Agents, clock: ManualClock) -> None:
    add_agent(tmp_path, "aa")
    add_agent(tmp_path, "bb", limits={TITLE: 1})
    limiter = RateLimiter(lambda: make_settings(rate_limit_per_min=2), clock, agents)
    stop, title = BY_NAME["twitch.stop_stream"], BY_NAME[TITLE]
    for holder, granted in (("aa", 2), ("bb", 1), (SERVICE_HOLDER, 2)):
        for _ in range(granted):
            limiter.take(title, holder)
        with pytest.raises(RateLimited):
            limiter.take(title, holder)
        limiter.take(stop, holder)


# --- who says to be whom ----------------------------------------------------------------------------------------------


def test_a_named_agent_speaks_for_itself_and_the_services_token_for_anybody(agents: Agents) -> None:
    assert agents.claim("agent", start("r")).holder == "agent"
    assert agents.claim(SERVICE_HOLDER, start("r", agent_id="whoever")).holder == SERVICE_HOLDER
    for other in ("Agent", "agents"):
        with pytest.raises(AgentMismatch) as refused:
            agents.claim("agent", start("r", agent_id=other))
        assert refused.value.details == {"agent_id": "agent"}


def test_no_text_gives_a_named_agents_token_away(tmp_path: Path, agents: Agents) -> None:
    known = KnownSecrets(make_settings, SecretStore(tmp_path), agents.holds_token)
    token = add_agent(tmp_path, "producer").reveal()
    assert known.one_in(f"my token is {token}!")
    assert known.one_in(" ".join(token))
    assert not known.one_in(token[:-1])
    assert not known.one_in("x" * 500)
    assert known.one_in(f"half \ud800 a pair {token}")
    assert not no_agents().holds_token(token)
