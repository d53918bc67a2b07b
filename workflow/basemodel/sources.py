"""The project's source files: the meaning of each, and which of the others it imports."""

import ast
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # workflow/: modules are found below it
PACKAGE = Path(__file__).resolve().parent.name
# The code that guards jobs does not affect their results: changing it must not rerun everything.
GUARDS = {f"{PACKAGE}/{name}.py" for name in ("fingerprint", "begun", "sources")}
BY_NAME = {"import_module", "__import__"}


@dataclass(frozen=True)
class Facts:
    """What matters about a file; it depends on the file's bytes alone."""

    meaning: str  # SHA-256 of the syntax tree without docstrings
    imports: tuple[str, ...]  # the project's modules, or functions and classes in them
    by_name: bool  # whether it imports modules by names computed at run time


# Returns the facts of the file at a path below ROOT, or None if there is none.
Look = Callable[[str], Facts | None]


def reached(script: str, modules: Iterable[str], look: Look) -> dict[str, Facts]:
    """The files that a script in scripts/ and further modules import, by path below ROOT.

    Raises FileNotFoundError for a missing script, ModuleNotFoundError for a missing module.
    """
    look = cache(look)
    waiting = [f"scripts/{script}"]
    if look(waiting[0]) is None:
        raise FileNotFoundError(f"no script {ROOT / waiting[0]}")
    for module in modules:
        paths = _paths(module, look)
        if len(paths) != len(module.split(".")):
            raise ModuleNotFoundError(f"no module {module} under {ROOT}")
        waiting += paths
    found = {}
    while waiting:
        path = waiting.pop()
        if path not in found and path not in GUARDS:
            found[path] = look(path)
            waiting += [file for name in found[path].imports for file in _paths(name, look)]
    return found


def _paths(name: str, look: Look) -> list[str]:
    """The files that importing a name runs: its packages', and its own if it is a module."""
    paths, place = [], Path()
    for part in name.split("."):
        place /= part
        package, module = f"{place}/__init__.py", f"{place}.py"
        if look(package):
            paths.append(package)
        elif look(module):
            return [*paths, module]
        else:
            break  # a function or a class
    return paths


def now(known: dict[str, Facts]) -> Look:
    """Looks at the files as they are now; files with a known SHA-256 are not parsed."""

    def look(path: str) -> Facts | None:
        try:
            source = (ROOT / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return known.get(hashlib.sha256(source).hexdigest()) or facts_of(source, path)

    return look


def facts_of(source: bytes, path: str) -> Facts:
    """Parse a file. Everything that a training script imports takes 0.1 s."""
    tree = ast.parse(source, path)
    names, by_name = set(), False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ImportError(f"{path}: relative imports are not followed; name {PACKAGE}")
            # `from package import name`: the name may be a module of the package.
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call):
            by_name |= getattr(node.func, "attr", getattr(node.func, "id", "")) in BY_NAME
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            body[:1] = [] if len(body) > 1 else [ast.Pass()]
    meaning = hashlib.sha256(_dump(tree).encode()).hexdigest()
    imports = sorted(name for name in names if name.split(".")[0] == PACKAGE)
    return Facts(meaning, tuple(imports), by_name)


def _dump(node: object) -> str:
    """A syntax tree as text that is the same in all versions of Python, unlike ast.dump's."""
    if isinstance(node, list):
        return f"[{','.join(map(_dump, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    # A field added by a later version is empty where its syntax is not used.
    fields = [
        f"{name}={_dump(value)}" for name, value in ast.iter_fields(node) if value not in (None, [])
    ]
    return f"{type(node).__name__}({','.join(fields)})"


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
