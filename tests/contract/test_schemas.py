"""The schemas against the contract: what each field takes, what a refusal says, what is normalised."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from clawcraft.contract.schemas import MAX_VIOLATIONS, Contract, check_of
from clawcraft.errors import ClawcraftError, InvalidRequest, UnknownAction
from tests.support.examples import EXAMPLES
from tests.support.job_rig import CONTRACT
from tests.support.paths import SCHEMAS

UUID = "885196de-cb67-427a-baa8-82f9b0fcd05f"
REPLY_TO = "/args/reply_parent_message_id"


def check(action: str, args: Any = None, /, **envelope: Any) -> Any:
    body = {"agent_id": "producer", "action": action, "request_id": "r", **envelope}
    if args is not None:
        body["args"] = args
    return CONTRACT.check({name: value for name, value in body.items() if value != ...})


def violations(action: str, args: Any = None, /, **envelope: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        check(action, args, **envelope)
    found = caught.value.details["violations"]
    assert all(set(violation) == {"path", "rule", "message"} for violation in found)
    return [(violation["path"], violation["rule"]) for violation in found]


VALID = [
    ("twitch.start_stream", {}),
    ("twitch.start_stream", {"title": "t" * 140, "game": "g" * 120, "obs_scene": "s" * 120, "wait_until_live": True}),
    ("twitch.start_stream", {"game_id": "0", "channel": "ab"}),
    ("twitch.stop_stream", {"reason": "r" * 160, "channel": "A_9" + "z" * 22}),
    ("twitch.set_title", {"title": "😀" * 140}),
    ("twitch.set_game", {"game": "Just Chatting"}),
    ("twitch.set_game", {"game_id": "509658"}),
    ("twitch.post_chat_message", {"message": "é" * 500, "reply_parent_message_id": UUID.upper()}),
    ("twitch.post_chat_message", {"message": " hello / ."}),
    ("twitch.post_chat_message", {"message": "\u3000 x ❤️ 👩🏽‍🚀"}),
    ("twitch.create_clip", {}),
    ("twitch.create_clip", {"title": "t" * 100, "duration": 5}),
    ("twitch.create_clip", {"duration": 60.0}),
]


@pytest.mark.parametrize(("action", "args"), VALID)
def test_accepts(action: str, args: dict[str, Any]) -> None:
    envelope = check(action, args)
    assert envelope.action == action
    assert set(envelope.args) == set(args)


INVALID: list[tuple[str, Any, str, str]] = [
    ("twitch.start_stream", {"title": ""}, "/args/title", "minLength"),
    ("twitch.start_stream", {"title": " \t\u00a0"}, "/args/title", "pattern"),
    ("twitch.start_stream", {"title": "t" * 141}, "/args/title", "maxLength"),
    ("twitch.start_stream", {"title": 1}, "/args/title", "type"),
    ("twitch.start_stream", {"title": None}, "/args/title", "type"),
    ("twitch.start_stream", {"game": "g" * 121}, "/args/game", "maxLength"),
    ("twitch.start_stream", {"game": "  "}, "/args/game", "pattern"),
    ("twitch.start_stream", {"game": "a", "game_id": "1"}, "/args", "not"),
    ("twitch.start_stream", {"game_id": "1\n"}, "/args/game_id", "pattern"),
    ("twitch.start_stream", {"game_id": "١"}, "/args/game_id", "pattern"),
    ("twitch.start_stream", {"game_id": 1}, "/args/game_id", "type"),
    ("twitch.start_stream", {"obs_scene": "s" * 121}, "/args/obs_scene", "maxLength"),
    ("twitch.start_stream", {"obs_scene": "BRB\u202e"}, "/args/obs_scene", "format"),
    ("twitch.start_stream", {"obs_scene": ""}, "/args/obs_scene", "minLength"),
    ("twitch.start_stream", {"wait_until_live": "true"}, "/args/wait_until_live", "type"),
    ("twitch.start_stream", {"wait_until_live": 1}, "/args/wait_until_live", "type"),
    ("twitch.start_stream", {"scene": "x"}, "/args/scene", "additionalProperties"),
    ("twitch.start_stream", {"a/b~c": "x"}, "/args/a~1b~0c", "additionalProperties"),
    ("twitch.start_stream", [], "/args", "type"),
    ("twitch.stop_stream", {"reason": "r" * 161}, "/args/reason", "maxLength"),
    ("twitch.stop_stream", {"reason": ""}, "/args/reason", "minLength"),
    ("twitch.stop_stream", {"channel": "a"}, "/args/channel", "pattern"),
    ("twitch.stop_stream", {"channel": "a" * 26}, "/args/channel", "pattern"),
    ("twitch.stop_stream", {"channel": "a-b"}, "/args/channel", "pattern"),
    ("twitch.stop_stream", {"channel": "abc\n"}, "/args/channel", "pattern"),
    ("twitch.stop_stream", {"channel": "ſtreamer"}, "/args/channel", "pattern"),
    ("twitch.set_title", {}, "/args/title", "required"),
    ("twitch.set_title", None, "/args/title", "required"),
    ("twitch.set_game", {}, "/args", "oneOf"),
    ("twitch.set_game", {"game": "a", "game_id": "1"}, "/args", "oneOf"),
    ("twitch.post_chat_message", {}, "/args/message", "required"),
    ("twitch.post_chat_message", {"message": "m" * 501}, "/args/message", "maxLength"),
    ("twitch.post_chat_message", {"message": "/ban x"}, "/args/message", "pattern"),
    ("twitch.post_chat_message", {"message": ".ban x"}, "/args/message", "pattern"),
    ("twitch.post_chat_message", {"message": " \n/ban x"}, "/args/message", "pattern"),
    ("twitch.post_chat_message", {"message": "\u200b/ban x"}, "/args/message", "format"),
    ("twitch.post_chat_message", {"message": "\ufe0f/ban x"}, "/args/message", "format"),
    ("twitch.post_chat_message", {"message": "one\nobs_scene: two"}, "/args/message", "format"),
    ("twitch.post_chat_message", {"message": "   "}, "/args/message", "pattern"),
    ("twitch.post_chat_message", {"message": "m", "reply_parent_message_id": UUID[:-1]}, REPLY_TO, "pattern"),
    (
        "twitch.post_chat_message",
        {"message": "m", "reply_parent_message_id": UUID.replace("-", "")},
        REPLY_TO,
        "pattern",
    ),
    ("twitch.create_clip", {"title": "t" * 101}, "/args/title", "maxLength"),
    ("twitch.create_clip", {"duration": 4.9}, "/args/duration", "minimum"),
    ("twitch.create_clip", {"duration": 60.1}, "/args/duration", "maximum"),
    ("twitch.create_clip", {"duration": 5.05}, "/args/duration", "multipleOf"),
    ("twitch.create_clip", {"duration": 1e308}, "/args/duration", "maximum"),
    ("twitch.create_clip", {"duration": "30"}, "/args/duration", "type"),
    ("twitch.create_clip", {"duration": True}, "/args/duration", "type"),
]


@pytest.mark.parametrize(("action", "args", "path", "rule"), INVALID)
def test_refuses_naming_path_and_rule(action: str, args: Any, path: str, rule: str) -> None:
    assert (path, rule) in violations(action, args)


def test_every_tenth_of_a_second_is_a_duration_however_it_was_computed() -> None:
    for steps in range(50, 601):
        for duration in (steps / 10, steps * 0.1):
            assert check("twitch.create_clip", {"duration": duration}).args["duration"] == steps / 10


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("request_id", "", "pattern"),
        ("request_id", "r" * 201, "pattern"),
        ("request_id", "a b", "pattern"),
        ("request_id", "a\n", "pattern"),
        ("request_id", None, "type"),
        ("request_id", 7, "type"),
        ("agent_id", "a", "pattern"),
        ("agent_id", "a" * 121, "pattern"),
        ("agent_id", "a/b", "pattern"),
        ("agent_id", "ä" * 3, "pattern"),
        ("agent_id", ..., "required"),
        ("action", "", "minLength"),
        ("action", ["twitch.set_title"], "type"),
        ("action", ..., "required"),
        ("mission_id", "", "pattern"),
        ("mission_id", "m" * 201, "pattern"),
        ("mission_id", "a\u0000", "pattern"),
        ("mission_id", "a\n", "pattern"),
        ("mission_id", "a\u007f", "pattern"),
        ("mission_id", "a\u0085", "pattern"),
        ("correlation_id", "a\u009f", "pattern"),
        ("correlation_id", "a\u001b[31m", "pattern"),
        ("mission_id", "a\u202eb", "format"),
        ("correlation_id", "a\u200b", "format"),
        ("trace", "x", "additionalProperties"),
        ("Action", "x", "additionalProperties"),
    ],
)
def test_refuses_envelope_field(field: str, value: Any, rule: str) -> None:
    assert (f"/{field}", rule) in violations("twitch.create_clip", {}, **{field: value})


def test_ids_may_be_long_and_in_any_language() -> None:
    request_id = "tool_search_code:call_9.x-Y:name:1" + "a" * 160
    envelope = check("twitch.create_clip", request_id=request_id, mission_id="Sendung №5 😀", correlation_id="c" * 200)
    assert (envelope.request_id, envelope.mission_id) == (request_id, "Sendung №5 😀")


def test_an_async_action_needs_an_id_to_be_recognised_by() -> None:
    assert violations("twitch.start_stream", request_id=...) == [("/request_id", "required")]
    for name in ("mission_id", "correlation_id"):
        assert check("twitch.stop_stream", request_id=..., **{name: "x"}).request_id is None
    assert check("twitch.create_clip", request_id=...).request_id is None


def test_the_envelope_is_checked_before_the_allowlist_and_the_allowlist_before_the_args() -> None:
    assert violations("twitch.nothing", {"x": 1}, agent_id="!") == [("/agent_id", "pattern")]
    with pytest.raises(UnknownAction) as caught:
        check("twitch.nothing", {"x": 1})
    assert caught.value.details == {"allowed": list(CONTRACT.actions)}
    with pytest.raises(UnknownAction):
        check("TWITCH.set_title", {"title": "x"})


@pytest.mark.parametrize(
    ("body", "named"),
    [([], "an array"), ("text", "a string"), (1, "a number"), (None, "null"), (True, "true or false")],
)
def test_a_body_that_is_no_object_is_refused(body: Any, named: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CONTRACT.check(body)
    assert caught.value.details["violations"][0]["path"] == ""
    assert caught.value.message == f"the body: must be an object, not {named}"


def test_a_refusal_never_repeats_a_huge_value() -> None:
    huge = "x" * 60_000
    for body in (
        {"agent_id": huge, "action": huge},
        {"agent_id": "producer", "action": "twitch.set_title", "args": {"title": huge, huge: 1}},
        {"agent_id": "producer", "action": "twitch.set_title", "args": {f"{i}{huge[:100]}": 1 for i in range(400)}},
        {"agent_id": "producer", "action": "a" * 200},
    ):
        with pytest.raises(ClawcraftError) as caught:
            CONTRACT.check(body)
        assert len(json.dumps(caught.value.to_json())) < 10_000


def test_claims_are_the_fields_that_are_valid_by_themselves() -> None:
    body = {"request_id": "r", "agent_id": "!", "action": "x", "mission_id": 5, "args": "wrong"}
    assert CONTRACT.claims(body) == {"request_id": "r", "action": "x"}
    assert CONTRACT.claims([body]) == {}


def test_a_field_can_be_checked_alone() -> None:
    assert CONTRACT.check_field("mission_id", "m") is None
    assert "control characters" in (CONTRACT.check_field("mission_id", "\n") or "")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = (
    "title",
    "game",
    "game_id",
    "obs_scene",
    "wait_until_live",
    "channel",
    "message",
    "duration",
    "reason",
    "zzz",
)


@given(
    st.fixed_dictionaries(
        {"agent_id": st.just("producer") | _JSON, "action": st.sampled_from([*CONTRACT.actions, "nothing"]) | _JSON},
        optional={
            "request_id": st.just("r") | _JSON,
            "mission_id": _JSON,
            "correlation_id": _JSON,
            "args": st.dictionaries(st.sampled_from(_FIELDS), _JSON | st.floats(0, 70) | st.just("ok"), max_size=4)
            | _JSON,
        },
    )
)
def test_any_object_becomes_an_envelope_or_a_refusal(body: dict[str, Any]) -> None:
    try:
        envelope = CONTRACT.check(body)
    except (InvalidRequest, UnknownAction) as error:
        json.dumps(error.to_json())
        return
    assert envelope.agent_id == body["agent_id"]
    assert CONTRACT.check({**body, "args": dict(envelope.args)}) == envelope  # normalising twice changes nothing


def test_patterns_use_what_python_and_javascript_read_alike() -> None:
    for path in SCHEMAS.rglob("*.json"):
        schema = json.loads(path.read_text("utf-8"))
        for pattern in _patterns(schema):
            assert "$" not in pattern[:-1], f"{path.name}: {pattern}"
            assert not any(escape in pattern for escape in (r"\d", r"\w", r"\b", r"\Z", "(?")), (
                f"{path.name}: {pattern}"
            )


def test_every_pattern_and_condition_has_words_for_its_refusal() -> None:
    for name in CONTRACT.actions:
        schema = CONTRACT.args_schema(name)
        assert "$schema" not in schema
        assert "x-agent" not in schema
        assert schema["title"]
        assert schema["description"]
        assert schema["additionalProperties"] is False
        assert all("description" in field for field in [*schema["properties"].values(), *schema.get("allOf", [])])


@pytest.mark.parametrize(
    "hidden", ["\x00", "\n", "\x85", "\u00ad", "\u200b", "\u202e", "\u2066", "\u3164", "\U000e0041"]
)
def test_no_text_of_any_action_takes_what_hides(hidden: str) -> None:
    for name in CONTRACT.actions:
        properties = CONTRACT.args_schema(name)["properties"]
        for field in [field for field, schema in properties.items() if schema["type"] == "string"]:
            assert f"/args/{field}" in dict(violations(name, {field: f"1{hidden}1"})), (name, field)


def test_the_refusal_of_a_text_says_which_character_is_where() -> None:
    with pytest.raises(InvalidRequest, match=r"at position 6 is U\+202E RIGHT-TO-LEFT OVERRIDE"):
        check("twitch.set_title", {"title": "Hello\u202eolleh"})
    with pytest.raises(InvalidRequest, match=r"at position 1 is U\+0007 CONTROL CHARACTER"):
        check("twitch.set_title", {"title": "\a"})


def test_lists_and_whole_numbers_are_checked_in_words_and_kept_as_such() -> None:
    assert repr(check("twitch.run_ad", {"length": 60.0}).args) == "{'length': 60}"
    for action, args, words in (
        ("run_ad", {"length": 45}, "multiple of 30"),
        ("run_ad", {"length": "60"}, "a whole number"),
        ("run_ad", {"length": 210}, "at most 180"),
        ("set_tags", {"tags": ["two words"]}, "without spaces"),
        ("set_tags", {"tags": ["x"] * 11}, "0 to 10 tags"),
        ("set_labels", {"labels": ["MatureGame"]}, "One of Debated"),
        ("create_poll", {"title": "x", "choices": ["a", "a"], "duration": 15}, "each different"),
        ("create_poll", {"title": "x", "choices": ["a", "b" * 26], "duration": 15}, "at most 25 characters"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            check(f"twitch.{action}", args)


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        ("post_chat_message", "message", "it is hush"),
        ("create_poll", "choices", ["yes", "hush"]),
        ("create_poll", "choices", ["hu", "sh"]),
    ],
    ids=["in a text", "in a list", "cut into pieces"],
)
def test_a_secret_is_refused_without_repeating_it(action: str, field: str, value: str | list[str]) -> None:
    contract = Contract(SCHEMAS, lambda text: "hush" in text)
    args = {**EXAMPLES[f"twitch.{action}"], field: value}
    with pytest.raises(InvalidRequest) as caught:
        contract.check({"agent_id": "producer", "action": f"twitch.{action}", "args": args})
    assert caught.value.details["violations"][0]["path"] == f"/args/{field}"
    assert "hush" not in json.dumps(caught.value.to_json())


def test_channel_means_the_same_in_every_action() -> None:
    schemas = [CONTRACT.args_schema(name)["properties"] for name in CONTRACT.actions]
    channels = [fields["channel"] for fields in schemas if "channel" in fields]
    assert len(channels) == 6
    assert all(channel == channels[0] for channel in channels)


def _patterns(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
        return own + [pattern for value in schema.values() for pattern in _patterns(value)]
    if isinstance(schema, list):
        return [pattern for value in schema for pattern in _patterns(value)]
    return []


@pytest.mark.parametrize(
    ("action", "args", "said"),
    [
        ("create_clip", {"duration": 4.9}, "args/duration: must be at least 5"),
        ("create_clip", {"duration": 60.1}, "args/duration: must be at most 60"),
        ("create_clip", {"duration": True}, "args/duration: must be a number, not true or false"),
        ("create_clip", {"title": 5}, "args/title: must be a string, not a number"),
        ("create_clip", {"title": "t" * 101}, "args/title: must be at most 100 characters; it has 101"),
        ("create_clip", [], "args: must be an object, not an array"),
        ("set_title", {}, "args/title: is required and missing"),
        ("set_title", {"title": ""}, "args/title: must not be empty (and 1 more)"),
        ("set_title", {"title": "t", "a": 1}, "args/a: is not a field here; the fields are channel, title"),
        ("set_title", {"title": 1, "b": 1, "a": 2}, "args/a: is not a field here; the fields are channel, title (and"),
        ("set_title", {"title": " "}, "args/title: does not fit \\S — The new title"),
    ],
)
def test_a_refusal_says_where_and_what_in_words(action: str, args: Any, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(f"twitch.{action}", args)
    assert caught.value.message.startswith(said)
    assert ("more)" in caught.value.message) == (len(caught.value.details["violations"]) > 1)


def test_other_arguments_are_refused_in_the_same_words() -> None:
    fits = check_of({"type": "object", "properties": {"wait": {"type": "number"}}, "additionalProperties": False})
    fits({"wait": 1})
    with pytest.raises(InvalidRequest, match="args/wait: must be a number, not a string"):
        fits({"wait": "1"})


def test_what_is_wrong_is_listed_by_its_place_and_no_longer_than_can_be_read() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check("twitch.set_title", {"title": 1, **{f"x{n:02}": n for n in range(30)}})
    paths = [violation["path"] for violation in caught.value.details["violations"]]
    assert paths == sorted(paths)
    assert len(paths) == MAX_VIOLATIONS == 20
    assert caught.value.message.endswith("(and 20 more)")


def test_each_action_has_a_label_and_few_words_for_a_model() -> None:
    for name in CONTRACT.actions:
        words = CONTRACT.for_agents(name)
        assert words["label"]
        assert words["description"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))


def test_an_action_without_a_schema_and_a_schema_without_an_action_are_found_at_the_start(folder: Path) -> None:
    missing = (folder / "actions" / "twitch.run_ad.json").rename(folder / "actions" / "twitch.run_bad.json")
    with pytest.raises(ValueError, match=r"twitch.run_ad: no schema"):
        Contract(folder)
    shutil.copy(missing, folder / "actions" / "twitch.run_ad.json")
    with pytest.raises(ValueError, match=r"twitch.run_bad: no row"):
        Contract(folder)


@pytest.mark.parametrize("path", sorted(SCHEMAS.rglob("*.json")), ids=lambda path: str(path.name))
def test_each_file_is_a_schema_of_its_draft(path: Path) -> None:
    schema = json.loads(path.read_text("utf-8"))
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema)


def test_a_word_about_a_text_that_is_no_argument_is_a_mistake(folder: Path) -> None:
    file = folder / "actions" / "twitch.run_ad.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "x-texts": {"length": "scene"}}), "utf-8")
    contract = Contract(folder)
    with pytest.raises(ValueError, match="x-texts names length"):
        contract.texts  # noqa: B018 - it is looked at when the service starts
