"""The command that a run was started by, to be printed where a user may want to repeat it.

It is part of the run record and of no job's parameters: to spell it differently makes nothing
again.
"""

import json
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from basemodel.run import provenance


def options(
    configfiles: Iterable[Path],
    config: Mapping[str, Any],
    parse: Callable[[list[str]], Mapping[str, Any]],
) -> list[str]:
    """Those that say which settings a run has, one word of a command each.

    configfiles, config: of --configfile and --config, as Snakemake has read them
    (`workflow.config_settings`); parse: how it reads NAME=VALUE (`snakemake.cli.parse_config`).
    """
    files = [os.path.relpath(f) if f.is_relative_to(Path.cwd()) else str(f) for f in configfiles]
    items = [_item(name, value, parse) for name, value in config.items()]
    return [
        *(["--configfile", *files] if files else []),
        *(["--config", *items] if items else []),
    ]


def command(target: str) -> str:
    """What makes `target` again, for a shell: with the settings that this job's run has."""
    record = provenance.run_record()
    given = record.settings["options"] if record else []
    return shlex.join(["snakemake", target, "--cores", "all", *given])


def cores() -> int:
    """How many cores this job's run has; 1 where that is not known, as on a cluster."""
    record = provenance.run_record()
    return record.settings["cores"] or 1 if record else 1


def _item(name: str, value: Any, parse: Callable[[list[str]], Mapping[str, Any]]) -> str:
    """NAME=VALUE, from which Snakemake reads this value: text that it would not take as it is, and
    what is nested, as JSON, which is YAML too."""
    if value is None:
        return f"{name}="
    plain = f"{name}={value}"
    if not isinstance(value, dict | list) and parse([plain]) == {name: value}:
        return plain
    return f"{name}={json.dumps(value, ensure_ascii=False)}"
