"""Fingerprints of code: what a job's result depends on, without comments, layout or time stamps.

Snakemake reruns a job when its parameters change, so a rule that passes the fingerprint of its
script as a parameter reruns when the script's meaning changes: the script itself or any module of
this project that it imports, directly or through others.

A run records its code as it was when the run began, but every job imports the code as it is when
the job starts. So all scripts begin with `verify`, which ends the job if the two differ.
"""

import hashlib

from basemodel import begun, sources
from basemodel.sources import Facts


def fingerprint(script: str, *modules: str) -> str:
    """What it covers, and sixteen hex digits: "metric.py basemodel.metrics.S4 0123456789abcdef".

    It covers a script in workflow/scripts/ and all that it imports from this project, as they were
    when the run began. `modules`: further modules, which the script loads by name.
    Raises FileNotFoundError for a missing script, ModuleNotFoundError for a missing module;
    ValueError if the script reaches a module that loads others by name and none are given.
    """
    files = sources.reached(script, modules, begun.begun().look)
    for path, facts in files.items():
        package = path.rpartition("/")[0].replace("/", ".")
        if facts.by_name and not any(module.startswith(f"{package}.") for module in modules):
            raise ValueError(
                f"{script} reaches {path}, which loads modules by name: "
                f"fingerprint() must be given those of {package} that the job uses"
            )
    return " ".join([script, *sorted(set(modules)), _digest(files)])


def verify(code: str) -> None:
    """End the job with a one-line message if its code has changed since the run began.

    `code`: its fingerprint from the beginning of the run.
    """
    script, *modules, given = code.split()
    then = begun.handed_down()
    edited = set()
    try:
        files = sources.reached(script, modules, sources.now(then.facts if then else {}))
        if _digest(files) == given:
            return
        if then:
            edited = {path for path, facts in files.items() if facts != then.look(path)}
    except (OSError, ImportError, SyntaxError, ValueError):
        pass  # in the middle of an edit
    named = ", ".join(sorted(edited)) or f"{script} or what it imports"
    raise SystemExit(f"{named}: {begun.EDITED}")


def _digest(files: dict[str, Facts]) -> str:
    text = "\n".join(f"{path} {files[path].meaning}" for path in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
