"""The models of an experiment that trains none itself, as its settings name them."""

from dataclasses import replace
from typing import Any

from basemodel.schema import SettingsError, nearest
from basemodel.selection.names import KEYS, Candidate, candidates

SHELF = "shelf"  # all of the shelf whose weights are on this machine
FAMILY = "family"


def models(settings: Any) -> dict[Candidate, str | None]:
    """The models of a list in the settings, each with the family that it states, or None. What is
    given images of another size, timm:NAME@SIDE, is of the family of timm:NAME if it states none.

    An entry is what `candidates` takes; {name: timm:NAME, family: F} or {file: …, family: F} says
    in addition of what it is a variant. Raises SettingsError for the first wrong one.
    """
    plain, families = [], []
    for number, setting in enumerate(settings):
        family = None
        if isinstance(setting, dict):
            setting = dict(setting)
            known = (*KEYS, FAMILY) if "file" in setting else ("name", FAMILY)
            for key in setting if "embeddings" not in setting else ():
                if key not in known:
                    raise SettingsError(
                        f"models.{number}.{key}: there is no such setting; "
                        f"{nearest(str(key), list(known))}"
                    )
            family = setting.pop(FAMILY, None)
            if set(setting) == {"name"}:
                setting = setting["name"]
            if family is not None and not (isinstance(family, str) and family.strip()):
                raise SettingsError(f"models.{number}.family: {family!r} is no name; write text")
        plain.append(setting)
        families.append(family)
    found = candidates(plain, "models")
    for number, candidate in enumerate(found):
        if candidate.source == "embeddings":
            raise SettingsError(
                f"models.{number}: embeddings cannot be fine-tuned; name the model that made them"
            )
    of = dict(zip(found, families, strict=True))
    for candidate in found:
        if of[candidate] is None and candidate.source == "timm" and "@" in candidate.name:
            original = replace(candidate, name=candidate.name.partition("@")[0])
            of[candidate] = of.get(original) or original.label
    return of
