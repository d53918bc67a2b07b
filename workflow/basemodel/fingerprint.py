"""Fingerprints of code: what a job's result depends on, without comments, layout or time stamps.

Snakemake reruns a job when its parameters change, so a rule that passes the fingerprint of its
script as a parameter reruns when the script's meaning changes: the script itself or any module of
this project that it imports, directly or through others.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # workflow/: modules are found below it
PACKAGE = Path(__file__).resolve().parent.name


def fingerprint(script: str, *modules: str) -> str:
    """Sixteen hex digits over a script in workflow/scripts/ and all that it imports from here.

    `modules` names further modules that the script loads by name ("basemodel.metrics.s4").
    Raises FileNotFoundError for a script, and ModuleNotFoundError for a module, that is not there.
    """
    files = _reachable(ROOT / "scripts" / script)
    for module in modules:
        files |= _reachable(_file(module))
    text = "\n".join(f"{file.relative_to(ROOT)} {_meaning(file)}" for file in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _reachable(file: Path) -> frozenset[Path]:
    found, waiting = {file}, [file]
    while waiting:
        for imported in _imports(waiting.pop()) - found:
            found.add(imported)
            waiting.append(imported)
    return frozenset(found)


@cache
def _imports(file: Path) -> frozenset[Path]:
    """The project's files that a file imports, packages' __init__ included."""
    names = set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ImportError(f"{file}: relative imports are not followed; name {PACKAGE}")
            # `from package import name`: the name may be a module of the package.
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    files = set()
    for name in names:
        parts = name.split(".")
        if parts[0] == PACKAGE:
            whole = [_find(".".join(parts[:end])) for end in range(1, len(parts) + 1)]
            files |= {file for file in whole if file}
    return frozenset(files)


def _find(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None  # a function or a class of the module before the last dot


def _file(module: str) -> Path:
    file = _find(module)
    if file is None:
        raise ModuleNotFoundError(f"no module {module} under {ROOT}")
    return file


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


@cache
def _meaning(file: Path) -> str:
    """The syntax tree as text, without docstrings; comments and layout are not part of it."""
    tree = _tree(file)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            body[:1] = [] if len(body) > 1 else [ast.Pass()]
    return ast.dump(tree)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
