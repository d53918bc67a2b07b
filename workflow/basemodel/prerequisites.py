"""Files and fonts that packing needs: looked for when a run asks for what is yet to be packed."""

from pathlib import Path
from typing import Any

from basemodel.data import kinds
from basemodel.files import read_json
from basemodel.schema import SettingsError
from basemodel.settings import data_root, from_files, used


def require_files(config: dict[str, Any]) -> None:
    """Raise SettingsError with a line for each missing file or folder that is yet to be packed."""
    lines = []
    for name in used(config):
        packed = Path(config["results"], "data", name, "meta.json").exists()
        if name in from_files(config) and not packed:
            absent = kinds.missing(data_root(config), config["datasets"][name])
            lines += [f"  {name}: {path}" for path in absent]
    if lines:
        raise SettingsError(
            f"data_root: of the data sets' files, {len(lines)} are missing:\n"
            + "\n".join(lines)
            + "\n`snakemake fetch` with the same settings downloads what it can and tells where to "
            "get the rest. Or name another data_root."
        )


def require_glyphs(config: dict[str, Any], name: str) -> None:
    """Raise SettingsError if no font has a character of this data set, and it is yet to be packed.

    Fonts take half a second to read.
    """
    dataset = config["datasets"][name]
    if dataset["kind"] != "glyphs":
        return
    characters = "".join(dataset["characters"])
    meta = Path(config["results"], "data", name, "meta.json")
    if meta.exists() and "".join(read_json(meta)["classes"]) == characters:
        return
    from basemodel.data import glyphs

    if absent := glyphs.undrawn(characters):
        named = ", ".join(f"{c!r} (U+{ord(c):04X})" for c in absent)
        raise SettingsError(
            f"datasets.{name}.characters: no font that matplotlib ships draws {named}; take it out"
        )
