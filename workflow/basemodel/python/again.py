"""The line of Python and the command that make an answer of basemodel.rank again, or go on."""

import inspect
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import basemodel


def _changed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are not the defaults of basemodel.rank."""
    usual = inspect.signature(basemodel.rank).parameters
    return {name: value for name, value in settings.items() if value != usual[name].default}


def call(
    images: str, given: list[Any], settings: Mapping[str, Any], results: Path, seed: int
) -> str:
    """The line of Python that makes this again."""
    more = _changed({**settings, "seed": seed})
    if str(results) != "results":
        more["results"] = str(results)
    parts = [repr(images), *([repr(given)] if given else [])]
    return f"basemodel.rank({', '.join([*parts, *(f'{n}={v!r}' for n, v in more.items())])})"


def snakemake(
    images: str, given: list[Any], settings: Mapping[str, Any], results: Path, seed: int
) -> str:
    """The command that fine-tunes, in a clone of the project; nested settings are JSON."""
    more = {"images": str(Path(images).expanduser().absolute())}
    more |= {"candidates": given} if given else {}
    more |= {"rank": changed} if (changed := _changed(settings)) else {}
    more |= {"seed": seed} if seed else {}
    more["results"] = str(results.absolute())
    items = [
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in more.items()
    ]
    return shlex.join(["snakemake", "rank_verify", "--cores", "all", "--config", *items])
