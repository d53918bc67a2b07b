"""The code that a job's result depends on, and the code and settings that a run started with.

Snakemake reruns a job when its parameters change. So each rule has its script's `fingerprint` as a
parameter: a hash of the syntax trees, without docstrings, of the script and its import closure (the
modules of this project that it imports, directly or through others).

The main process writes a run record: hashes of all scripts, modules and rules, and the settings.
Jobs inherit its path, named after the hash of it all, in the environment. As a job imports the code
as it is when the job starts, perhaps days later, every script begins with `verify`. A cluster job
reads the Snakefile again, but with the recorded settings.
"""

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]  # workflow/: modules are found below it
PACKAGE = Path(__file__).resolve().parents[1].name
# Neither affects results, so changing them must not rerun everything: this module guards jobs, and
# the other has functions that users call.
OUTSIDE = (f"{PACKAGE}/run/{Path(__file__).name}", f"{PACKAGE}/__init__.py")
VARIABLE = "BASEMODEL_RUN"
EDITED = "edited while this run was going on; this job has done nothing, start the run again"


class Source(NamedTuple):
    """What is known of a source file; it depends on the file's bytes alone."""

    sha256: str  # of the bytes
    ast_hash: str  # of a Python file's syntax tree without docstrings; of others the same as sha256
    imports: list[str]  # the project's modules, or functions and classes in them
    imports_dynamically: bool  # by names that are computed at run time


Sources = Mapping[str, Source]  # by path below ROOT


class RunRecord(NamedTuple):
    root: str  # ROOT
    sources: Sources
    settings: dict[str, Any] | None


def fingerprint(script: str, *modules: str) -> str:
    """What it covers, and sixteen hex digits: "metric.py basemodel.metrics.S4 0123456789abcdef".

    It covers a script in workflow/scripts/ and its import closure, as they were when the run
    started. `modules`: further modules, which the script imports dynamically.
    Raises FileNotFoundError for a missing script, ModuleNotFoundError for a missing module;
    ValueError if the script reaches a module that imports others dynamically and none are given.
    """
    closure = import_closure(script, modules, _current().sources)
    for path, source in closure.items():
        package = path.rpartition("/")[0].replace("/", ".")
        if source.imports_dynamically and not any(m.startswith(f"{package}.") for m in modules):
            raise ValueError(
                f"{script} reaches {path}, which loads modules by name: "
                f"fingerprint() must be given those of {package} that the job uses"
            )
    return " ".join([script, *sorted(set(modules)), _hash(closure)])


def code_hash(*modules: str) -> str:
    """Sixteen hex digits of modules of this project and their import closure.

    For what is not a rule's job: the same in an installed package as in a clone.
    """
    return _hash(import_closure("", modules, _current().sources))


def verify(code: str) -> None:
    """End the job with a one-line message if its code was edited since the run started.

    `code`: its fingerprint from the start of the run. Takes 1 to 3 ms with a run record; without
    one, all is parsed and the message does not name the files.
    """
    script, *modules, expected = code.split()
    record, edited = run_record(), []
    try:
        closure = import_closure(script, modules, record.sources if record else _sources({}))
        if record:
            edited = [path for path, source in sorted(closure.items()) if _is_edited(path, source)]
        if not edited and _hash(closure) == expected:
            return
    except (OSError, ImportError, SyntaxError, ValueError):
        pass  # in the middle of an edit
    raise SystemExit(f"{', '.join(edited) or f'{script} or what it imports'}: {EDITED}")


def start_run(folder: Path, settings: dict[str, Any]) -> None:
    """Write the run record to a file in `folder` and its path to the environment.

    For the main process. If nothing can be written, jobs do without it. Parsing everything takes
    half a second, so files unchanged since the last record in `folder` are not parsed again.
    """
    sources = _sources(_last(folder))
    content = json.dumps(RunRecord(str(ROOT), sources, settings)).encode()
    path = folder.absolute() / f"{_sha256(content)[:16]}.json"
    part = path.with_name(f".{path.name}.{os.getpid()}")  # others may write the same file
    os.environ.pop(VARIABLE, None)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        os.environ[VARIABLE] = str(part.replace(path))
    except OSError:
        pass
    run_record.cache_clear()
    _current.cache_clear()


def recorded_settings() -> dict[str, Any] | None:
    """The settings that the run started with; for a process that reads the Snakefile for one job.

    Raises SystemExit if the rules, or the modules that this process has imported for them, were
    edited since: the job's parameters might differ from the recorded ones. None without a record.
    """
    if VARIABLE not in os.environ:
        return None
    record = run_record()
    if record is None:
        raise SystemExit(f"{os.environ[VARIABLE]}: no run record of this code; start the run again")
    ours = [module for name, module in sys.modules.items() if name.split(".")[0] == PACKAGE]
    paths = {os.path.relpath(module.__file__, ROOT) for module in ours if module.__file__}
    paths = {path for path in paths if path.startswith(PACKAGE)}
    paths |= {path for path in (*record.sources, *_paths()) if not path.endswith(".py")}
    edited = [path for path in sorted(paths) if _is_edited(path, record.sources.get(path))]
    if edited:
        raise SystemExit(f"{', '.join(edited)}: {EDITED}")
    return record.settings


@cache
def run_record() -> RunRecord | None:
    """What the main process recorded; None if it recorded nothing or ran other code than this."""
    record = _read(Path(os.environ.get(VARIABLE, "")))
    return record if record and record.root == str(ROOT) else None


def _read(path: Path) -> RunRecord | None:
    try:
        record = RunRecord(*json.loads(path.read_bytes()))
        sources = {path: Source(*source) for path, source in record.sources.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None  # missing, damaged, or written by another version of this module
    return record._replace(sources=sources)


def _last(folder: Path) -> Sources:
    """The sources of the last run record in a folder, if this module wrote it as it is now."""
    try:
        newest = max(folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
    except (OSError, ValueError):  # gone meanwhile; or there is none
        return {}
    record = _read(newest)
    own = record.sources.get(OUTSIDE[0]) if record else None
    return record.sources if own and own.sha256 == _sha256(Path(__file__).read_bytes()) else {}


@cache
def _current() -> RunRecord:
    """The run record; outside a run, the state at the first call."""
    return run_record() or RunRecord(str(ROOT), _sources({}), None)


def _paths() -> list[str]:
    """All scripts, modules and rules."""
    files = [ROOT.parent / "Snakefile", *(ROOT / "rules").glob("*.smk")]
    files += [file for part in ("scripts", PACKAGE) for file in (ROOT / part).rglob("*.py")]
    return sorted(os.path.relpath(file, ROOT) for file in files if file.exists())


def _sources(known: Sources) -> dict[str, Source]:
    """All as they are now. A file with the same bytes as one of `known` is not parsed."""
    found = {}
    for path in _paths():
        content, before = (ROOT / path).read_bytes(), known.get(path)
        same = before and before.sha256 == _sha256(content)
        found[path] = before if same else parse(content, path)
    return found


def _is_edited(path: str, recorded: Source | None) -> bool:
    """Whether a file is not the recorded one, but for comments, docstrings and layout."""
    try:
        content = (ROOT / path).read_bytes()
        if recorded and recorded.sha256 == _sha256(content):
            return False
        return recorded is None or recorded.ast_hash != parse(content, path).ast_hash
    except (OSError, ImportError, SyntaxError, ValueError):
        return True  # gone, or in the middle of an edit


def import_closure(script: str, modules: Iterable[str], sources: Sources) -> Sources:
    """The files that a script in scripts/, if one is named, and further modules import.

    Raises FileNotFoundError for a missing script, ModuleNotFoundError for a missing module.
    """
    waiting, closure = [f"scripts/{script}"] if script else [], {}
    if script and waiting[0] not in sources:
        raise FileNotFoundError(f"no script {ROOT / waiting[0]}")
    for module in modules:
        path = module.replace(".", "/")
        if not {f"{path}.py", f"{path}/__init__.py"} & sources.keys():
            raise ModuleNotFoundError(f"no module {module} under {ROOT}")
        waiting += _files_of(module, sources)
    while waiting:
        if (path := waiting.pop()) not in closure and path not in OUTSIDE:
            closure[path] = sources[path]
            waiting += [file for name in closure[path].imports for file in _files_of(name, sources)]
    return closure


def _files_of(name: str, sources: Sources) -> list[str]:
    """The files that importing a name (of a module, function or class) runs."""
    parts = name.split(".")
    paths = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    files = [file for path in paths for file in (f"{path}/__init__.py", f"{path}.py")]
    return [file for file in files if file in sources]


@cache
def parse(content: bytes, path: str) -> Source:
    """What is known of a file. Everything that a training script imports takes 0.1 s."""
    if not path.endswith(".py"):
        return Source(_sha256(content), _sha256(content), [], False)
    tree = ast.parse(content, path)
    names, dynamic = set(), False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ImportError(f"{path}: relative imports are not followed; name {PACKAGE}")
            # `from package import name`: the name may be a module of the package.
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            dynamic |= called in ("import_module", "__import__")
        match getattr(node, "body", None):
            case [ast.Expr(ast.Constant(str())), *rest]:  # a docstring
                node.body = rest or [ast.Pass()]
    imports = sorted(name for name in names if name.split(".")[0] == PACKAGE)
    return Source(_sha256(content), _sha256(_dump(tree).encode()), imports, dynamic)


def _dump(node: object) -> str:
    """A syntax tree as text that is the same in all versions of Python, unlike ast.dump's."""
    if isinstance(node, list):
        return f"[{','.join(map(_dump, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    # A field added by a later version is empty where its syntax is not used.
    fields = [f"{name}={_dump(v)}" for name, v in ast.iter_fields(node) if v not in (None, [])]
    return f"{type(node).__name__}({','.join(fields)})"


def _hash(closure: Sources) -> str:
    text = "\n".join(f"{path} {closure[path].ast_hash}" for path in sorted(closure))
    return _sha256(text.encode())[:16]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
