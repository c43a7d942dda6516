"""``schemas/`` compiled once, and requests checked against it. Immutable after construction; called on HTTP workers."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from clawcraft.actions.catalogue import BY_NAME, Kind
from clawcraft.authority.guard_rails import TextKind, Texts, strings
from clawcraft.contract.quick_check import PLAIN_TEXT, ecma, quick_check
from clawcraft.contract.strict_json import shown
from clawcraft.errors import InvalidRequest, UnknownAction
from clawcraft.jobs.model import Envelope
from clawcraft.text import first_unfit

MAX_VIOLATIONS: Final = 20
ASYNC_IDS: Final = ("request_id", "mission_id", "correlation_id")

Schema = dict[str, Any]


def _pattern(_: Any, pattern: str, instance: Any, __: Schema) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not ecma(pattern).search(instance):
        yield ValidationError("pattern")


def _multiple_of(_: Any, step: float, instance: Any, __: Schema) -> Iterator[ValidationError]:
    # Clients compute in binary floating point: 299 * 0.1 is 29.900000000000002 and means 29.9.
    if isinstance(instance, int | float) and not isinstance(instance, bool):
        quotient = instance / step
        if not math.isfinite(quotient) or abs(quotient - round(quotient)) > 1e-9 * max(1.0, abs(quotient)):
            yield ValidationError("multipleOf")


def _format(_: Any, name: str, instance: Any, __: Schema) -> Iterator[ValidationError]:
    if name == PLAIN_TEXT and isinstance(instance, str) and first_unfit(instance):
        yield ValidationError("format")


_Validator: Final[type[Validator]] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _pattern, "multipleOf": _multiple_of, "format": _format}
)


class Contract:
    """Every schema of ``schema_dir``: ``envelope.json``, ``actions/<name>.json`` and ``responses/<name>.json``.

    ``holds_secret`` tells whether a text gives a secret away. Raises ValueError if an action has no schema, or a schema
    no action.
    """

    def __init__(self, schema_dir: Path, holds_secret: Callable[[str], bool] = lambda _text: False) -> None:
        self._holds_secret = holds_secret
        files = {
            path.relative_to(schema_dir).as_posix(): json.loads(path.read_text("utf-8"))
            for path in sorted(schema_dir.rglob("*.json"))
        }
        for schema in files.values():
            # That each file is a schema the tests know: to check them here took longer than all else of a start.
            # Meeting $schema, jsonschema changes over to its own validator of that draft, without our two keywords.
            del schema["$schema"]
        self.envelope: Schema = files["envelope.json"]
        self.responses: Mapping[str, Schema] = _folder(files, "responses")
        self._args: Mapping[str, Schema] = _folder(files, "actions")
        for name in BY_NAME.keys() - self._args.keys():
            raise ValueError(f"{name}: no schema in schemas/actions/")
        for name in self._args.keys() - BY_NAME.keys():
            raise ValueError(f"{name}: no row in actions/catalogue.py")
        self._envelope_errors = _errors_of(self.envelope)
        self._args_errors = {name: _errors_of(schema) for name, schema in self._args.items()}
        self._check_fields = {name: _Validator(schema) for name, schema in self.envelope["properties"].items()}

    @property
    def actions(self) -> tuple[str, ...]:
        """Names of all actions, sorted."""
        return tuple(self._args)

    def args_schema(self, action: str) -> Schema:
        """The JSON Schema of ``action``'s args, as ``GET /tools`` shows it."""
        return {key: value for key, value in self._args[action].items() if not key.startswith("x-")}

    def for_agents(self, action: str) -> Mapping[str, str]:
        """``label`` and ``description`` of ``action`` for a model that sees little else of it."""
        words: Mapping[str, str] = self._args[action]["x-agent"]
        return words

    @property
    def texts(self) -> Texts:
        """The arguments that hold text, by action. What ``x-texts`` does not name is for viewers: a new argument is
        looked at until somebody says that it need not be. Raises ValueError for what there is not."""
        return {action: _texts(action, schema) for action, schema in self._args.items()}

    def claims(self, value: Any) -> dict[str, str]:
        """The envelope's text fields that are valid by themselves: what a refusal can name and a log can show."""
        if not isinstance(value, dict):
            return {}
        return {
            name: value[name]
            for name, validator in self._check_fields.items()
            if isinstance(value.get(name), str) and validator.is_valid(value[name])
        }

    def check(self, value: Any) -> Envelope:
        """The request in ``value``, with channel in lower case and duration on its step.

        Raises InvalidRequest with ``details.violations``, UnknownAction with ``details.allowed``.
        """
        _refuse(self._envelope_errors(value), "")
        action, args = value["action"], value.get("args", {})
        if action not in self._args:
            raise UnknownAction(f"there is no action {shown(action)!r}", details={"allowed": list(self.actions)})
        further = []
        if BY_NAME[action].kind is Kind.ASYNC and not any(name in value for name in ASYNC_IDS):
            message = f"{action} makes a job and needs one of {', '.join(ASYNC_IDS)}, to recognise a repeat"
            further.append({"path": "/request_id", "rule": "required", "message": message})
        _refuse(self._args_errors[action](args), "/args", further)
        self._refuse_secrets(args)
        return Envelope(
            action=action,
            args=_normalised(args, self._args[action]["properties"]),
            agent_id=value["agent_id"],
            request_id=value.get("request_id"),
            mission_id=value.get("mission_id"),
            correlation_id=value.get("correlation_id"),
        )

    def _refuse_secrets(self, args: Mapping[str, Any]) -> None:
        # A list's texts in one: viewers read a poll's choices together, also a token that is cut to fit them.
        found = [name for name, value in args.items() if self._holds_secret("".join(strings(value)))]
        if found:
            message = "must not contain a secret of this service: viewers would read it"
            violations = [{"path": f"/args/{name}", "rule": "secret", "message": message} for name in found]
            hint = "Never put a token or secret into a text. If somebody asked for one, tell the streamer."
            raise InvalidRequest(f"args/{found[0]}: {message}", hint=hint, details={"violations": violations})

    def check_field(self, name: str, text: str) -> str | None:
        """Why ``text`` cannot be the envelope's ``name``; None if it can."""
        errors = list(self._check_fields[name].iter_errors(text))
        return _explain(errors[0]) if errors else None


def check_of(schema: Schema) -> Callable[[Any], None]:
    """What checks arguments by ``schema``, in the contract's words. It raises InvalidRequest."""
    errors_of = _errors_of(schema)
    return lambda args: _refuse(errors_of(args), "/args")


def _errors_of(schema: Schema) -> Callable[[Any], list[ValidationError]]:
    fits, validator = quick_check(schema), _Validator(schema)
    return lambda value: [] if fits(value) else list(validator.iter_errors(value))


def _folder(files: Mapping[str, Schema], folder: str) -> dict[str, Schema]:
    prefix = f"{folder}/"
    return {
        name.removeprefix(prefix).removesuffix(".json"): schema
        for name, schema in files.items()
        if name.startswith(prefix)
    }


def _texts(action: str, schema: Schema) -> dict[str, TextKind]:
    names = {name for name, field in schema["properties"].items() if _has_text(field)}
    said: Mapping[str, str] = schema.get("x-texts", {})
    for name in said.keys() - names:
        raise ValueError(f"{action}: x-texts names {name}, which is no argument of format {PLAIN_TEXT}")
    return {name: TextKind(said.get(name, TextKind.FOR_VIEWERS)) for name in sorted(names)}


def _has_text(schema: Schema) -> bool:
    return schema.get("format") == PLAIN_TEXT or ("items" in schema and _has_text(schema["items"]))


def _normalised(args: Mapping[str, Any], properties: Schema) -> dict[str, Any]:
    # One spelling for one meaning, so that idempotency compares meanings.
    normal = dict(args)
    if "channel" in normal:
        normal["channel"] = normal["channel"].lower()
    for name, schema in properties.items():
        if name in normal and schema.get("type") == "integer":
            normal[name] = int(normal[name])
        elif name in normal and "multipleOf" in schema:
            normal[name] = round(float(normal[name]), 6)
    return normal


def _refuse(errors: list[ValidationError], prefix: str, further: list[dict[str, str]] | None = None) -> None:
    violations = list(further or [])
    for error in errors:
        violations += _violations(error, prefix)
    if not violations:
        return
    violations.sort(key=lambda violation: violation["path"])
    first = violations[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    where = first["path"].removeprefix("/") or "the body"
    raise InvalidRequest(f"{where}: {first['message']}{more}", details={"violations": violations[:MAX_VIOLATIONS]})


def _violations(error: Any, prefix: str) -> Iterator[dict[str, str]]:
    path = prefix + "".join(f"/{_pointer(str(part))}" for part in error.absolute_path)
    rule = str(error.validator)
    if rule == "required":
        # One error for each name; the name is only in the library's message, so work it out.
        missing = [name for name in error.validator_value if name not in error.instance]
        name = next((name for name in missing if error.message.startswith(repr(name))), missing[0])
        yield {"path": f"{path}/{name}", "rule": rule, "message": "is required and missing"}
    elif rule == "additionalProperties":
        known = sorted(error.schema["properties"])
        for name in [name for name in error.instance if name not in known][:MAX_VIOLATIONS]:
            message = f"is not a field here; the fields are {', '.join(known)}"
            yield {"path": f"{path}/{_pointer(name)}", "rule": rule, "message": message}
    else:
        yield {"path": path, "rule": rule, "message": _explain(error)}


def _pointer(part: str) -> str:
    return shown(part).replace("~", "~0").replace("/", "~1")


def _explain(error: Any) -> str:
    """A sentence about the rule that broke; never the library's own, which repeats the whole value."""
    limit, instance = error.validator_value, error.instance
    match error.validator:
        case "type":
            return f"must be {_ARTICLES[limit]}, not {_ARTICLES[_type_of(instance)]}"
        case "minLength":
            return "must not be empty" if limit == 1 else f"must be at least {limit} characters"
        case "maxLength":
            return f"must be at most {limit} characters; it has {len(instance)}"
        case "minimum":
            return f"must be at least {limit}"
        case "maximum":
            return f"must be at most {limit}"
        case "multipleOf":
            return f"must be a multiple of {limit}"
        case "format":
            position, name = first_unfit(instance) or (0, "")
            return f"must not have control, bidirectional or invisible characters; at position {position} is {name}"
        case "pattern":
            return f"does not fit {limit} — {error.schema['description']}"
        case _:
            return str(error.schema["description"])


_ARTICLES: Final = {
    "string": "a string",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", dict: "object", list: "array", int: "number", float: "number"}
    return names.get(type(value), "null")
