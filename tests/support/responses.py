"""Answers against ``schemas/responses/``."""

import json
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

_FOLDER: Final = Path(__file__).resolve().parents[2] / "schemas" / "responses"
_REGISTRY: Final[Registry[Any]] = Registry().with_resources(
    (path.name, Resource.from_contents(json.loads(path.read_text("utf-8")))) for path in _FOLDER.glob("*.json")
)


def fits(schema: str, body: Any) -> bool:
    """Whether ``body`` has the form that ``schema`` says; the assertion that fails says where it differs."""
    validator = Draft202012Validator({"$ref": f"{schema}.json"}, registry=_REGISTRY)
    differences = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]
    assert differences == []
    return True
