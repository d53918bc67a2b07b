"""The code and settings that a run began with, for all processes that belong to it.

The main process, which records the provenance of all jobs, writes both to a file when it begins and
names the file in an environment variable that the jobs inherit. A cluster job reads the Snakefile
again, perhaps days later and from edited files; this module gives it the recorded settings and
fingerprints. It also saves jobs from parsing code that has not changed.
"""

import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from basemodel import sources
from basemodel.sources import Facts

VARIABLE = "BASEMODEL_RUN"
EDITED = "edited while this run was going on; this job has done nothing, start the run again"


@dataclass(frozen=True)
class Begun:
    """The files of scripts, modules and rules as they were when a run began, and its settings."""

    root: str  # the folder workflow/
    files: dict[str, str]  # path below root: SHA-256 of the bytes
    facts: dict[str, Facts]  # by SHA-256, of the Python files
    settings: dict[str, Any] | None = None

    def look(self, path: str) -> Facts | None:
        """The facts of a file, or None if there was none."""
        return self.facts.get(self.files.get(path, ""))


def take(settings: dict[str, Any] | None = None) -> Begun:
    """The current state of everything; takes 0.3 s."""
    root = sources.ROOT
    python = [path for part in ("scripts", sources.PACKAGE) for path in (root / part).rglob("*.py")]
    files, facts = {}, {}
    for path in sorted(python):
        source, name = path.read_bytes(), path.relative_to(root).as_posix()
        sha256 = files[name] = hashlib.sha256(source).hexdigest()
        facts[sha256] = sources.facts_of(source, name)
    return Begun(str(root), {**files, **_rules()}, facts, settings)


def begin(folder: Path, settings: dict[str, Any]) -> None:
    """Write what a run begins with to a file in `folder`; for its main process.

    If nothing can be written, jobs do without it.
    """
    global _of_this_process
    _of_this_process = take(settings)
    text = json.dumps(asdict(_of_this_process))
    path = folder.absolute() / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    os.environ.pop(VARIABLE, None)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")  # others may write the same file
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError:
        return
    os.environ[VARIABLE] = str(path)


def resume() -> dict[str, Any] | None:
    """The settings that the run began with; for a process that reads the Snakefile for one job.

    Raises SystemExit if the rules, or the modules that this process has imported for them, have
    changed since: the job's parameters might differ from the recorded ones. None if nothing was
    recorded.
    """
    if VARIABLE not in os.environ:
        return None
    begun = handed_down()
    if begun is None:
        raise SystemExit(
            f"{os.environ[VARIABLE]}: what this run began with cannot be read; start the run again"
        )
    then = {path: sha256 for path, sha256 in begun.files.items() if not path.endswith(".py")}
    edited = {path for path, _ in then.items() ^ _rules().items()}
    look = sources.now(begun.facts)
    edited |= {path for path in _imported() if look(path) != begun.look(path)}
    if edited:
        raise SystemExit(f"{', '.join(sorted(edited))}: {EDITED}")
    return begun.settings


@cache
def handed_down() -> Begun | None:
    """What the main process recorded; None if it recorded nothing or ran other code than this."""
    try:
        noted = json.loads(Path(os.environ.get(VARIABLE, "")).read_text(encoding="utf-8"))
        noted["facts"] = {
            sha256: Facts(facts["meaning"], tuple(facts["imports"]), facts["by_name"])
            for sha256, facts in noted["facts"].items()
        }
        begun = Begun(**noted)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # missing or damaged
    return begun if begun.root == str(sources.ROOT) else None


def begun() -> Begun:
    """What the run began with; outside a run, the state at the first call."""
    global _of_this_process
    if _of_this_process is None:
        _of_this_process = handed_down() or take()
    return _of_this_process


_of_this_process: Begun | None = None


def _rules() -> dict[str, str]:
    """The Snakefile's parts, comments and all: path from ROOT and SHA-256."""
    root = sources.ROOT
    files = [root.parent / "Snakefile", *sorted((root / "rules").glob("*.smk"))]
    return {
        os.path.relpath(path, root): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.exists()
    }


def _imported() -> set[str]:
    """The project's modules that this process has imported, as paths below ROOT."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    package = sources.ROOT / sources.PACKAGE
    resolved = {Path(file).resolve() for file in files if file and f"/{sources.PACKAGE}/" in file}
    return {
        file.relative_to(sources.ROOT).as_posix()
        for file in resolved
        if file.is_relative_to(package)
    }
