"""Check settings against schemas/config.schema.yaml; report the first fault and a remedy."""

import difflib
import math
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from basemodel.models import catalog

SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "config.schema.yaml"
KINDS = Path(__file__).resolve().parent / "data" / "kinds"  # a module for each of image files


class SettingsError(ValueError):
    """A setting that cannot work; the message is for the user."""


def check(config: dict[str, Any]) -> None:
    """Raise SettingsError for the first setting that is missing or invalid."""
    _check_keys(config, "")
    errors = _errors(config)
    # That no kind of data set matches is the least helpful error.
    precise = [error for error in errors if error.validator != "oneOf"]
    error = jsonschema.exceptions.best_match(precise or errors)
    if error is None:
        return
    where = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))[0]
        path = f"{where}.{unknown}" if where else unknown
        raise SettingsError(f"{path}: there is no such setting; {nearest(unknown, known)}")
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance][0]
        path = f"{where}.{missing}" if where else missing
        raise SettingsError(f"{path}: is missing; config.yaml shows a value")
    described = error.schema.get("description")
    hint = _hint(error) if error.validator == "type" else ""
    raise SettingsError(
        f"{where}: {error.message}{hint}" + (f" ({described})" if described else "")
    )


def wants_text(config: dict[str, Any]) -> set[tuple]:
    """The places, as keys that lead there, that have something else where text is wanted."""
    return {
        tuple(error.absolute_path)
        for error in _errors(config)
        if error.validator == "type" and "string" in error.validator_value
    }


def _errors(config: dict[str, Any]) -> list[jsonschema.ValidationError]:
    return [fault for error in _validator().iter_errors(config) for fault in _faults(error)]


def nearest(word: str, known: list[str]) -> str:
    """What the user may have meant."""
    near = difflib.get_close_matches(str(word), known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"


def _check_keys(value: Any, where: str) -> None:
    """Names such as 2023, null and true need quotes, or YAML does not read them as text."""
    if not isinstance(value, dict):
        return
    for key, below in value.items():
        if not isinstance(key, str):
            raise SettingsError(
                f"{where or 'settings'}: the name {key!r} is not text; put it in quotes"
            )
        _check_keys(below, f"{where}.{key}" if where else key)


@cache
def _validator() -> jsonschema.Draft202012Validator:
    """Unlike plain JSON Schema, it rejects 2.0 as an integer, and .nan and .inf as numbers."""
    kinds = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    )
    strict = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=kinds)
    return strict(_schema())


def _schema() -> dict[str, Any]:
    """The schema, with the catalogue's architectures wherever it has settings for each of them, and
    the kinds of data sets that there are."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    top = schema["properties"]
    dataset = top["datasets"]["additionalProperties"]
    each_kind = [alternative["properties"]["kind"] for alternative in dataset["oneOf"]]
    own = [kind["const"] for kind in each_kind if "const" in kind]
    modules = {path.stem for path in KINDS.glob("*.py")}
    official = sorted(modules - {"__init__", *own})
    dataset["properties"]["kind"]["enum"] = [*own, *official]
    for kind in each_kind:
        if "enum" in kind:
            kind["enum"] = official
    for place in (top["architectures"], top["plan"]["properties"]["entered"]):
        each = dict.fromkeys(catalog.available(), place["additionalProperties"])
        place["properties"] = each | place.get("properties", {})
        place["additionalProperties"] = False
    return schema


def _faults(error: jsonschema.ValidationError) -> list[jsonschema.ValidationError]:
    """Of the alternatives for a data set, report only the errors of the one for its kind."""
    if error.validator != "oneOf":
        return [error]
    others = {fault.schema_path[0] for fault in error.context if list(fault.path) == ["kind"]}
    return [fault for fault in error.context if fault.schema_path[0] not in others] or [error]


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_: Any, value: Any) -> bool:
    return _is_integer(_, value) or (isinstance(value, float) and math.isfinite(value))


def _hint(error: jsonschema.ValidationError) -> str:
    """A hint at what YAML made of the user's value."""
    value, wanted = error.instance, error.validator_value
    if wanted == ["number", "null"]:
        wanted = "number"
    if wanted == "string" and not isinstance(value, dict | list):
        return "; put it in quotes"
    if wanted == "integer" and isinstance(value, float) and value.is_integer():
        return f"; write {value:.0f}"
    if wanted == "number" and isinstance(value, float):
        return ", which must be finite"
    if wanted == "number" and isinstance(value, str):
        try:  # YAML takes 1e-3 for text, because it has no decimal point
            return f"; write {float(value)!r}" if math.isfinite(float(value)) else ""
        except ValueError:
            return ""
    return ""
