"""The library's folders import one way only: from those that come before them."""

import ast
from pathlib import Path

import basemodel

ROOT = Path(basemodel.__file__).parent
# Files that everything may use, the folders along the path of an image (and the schema, from which
# errors of settings come), and files that look at the whole experiment.
BELOW = ["files", "tables", "seeds", "run"]
FOLDERS = [
    "data", "models", "schema", "compute", "training", "metrics", "statistics", "selection",
    "report", "python",
]  # fmt: skip
ABOVE = [
    "settings", "zoo", "checks", "prerequisites", "inline", "comparability", "work", "resources",
    "rates", "plan",
]  # fmt: skip
ORDER = [*BELOW, *FOLDERS, *ABOVE]


def place(name: str) -> int:
    """How far up something is; the files below are all on one level, those above too."""
    return max(ORDER.index(name), len(BELOW) - 1) if name not in ABOVE else len(ORDER)


def imported(file: Path) -> set[str]:
    """The parts of the library that a file names, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "basemodel":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("basemodel."):
            found.add(node.module.split(".")[1])
    return found


def test_everything_has_a_place():
    parts = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert parts - {"__init__", "__main__", "__pycache__"} == set(ORDER)


def test_imports_go_one_way():
    backward = []
    for file in ROOT.rglob("*.py"):
        part = file.relative_to(ROOT).parts[0].removesuffix(".py")
        if part in ("__init__", "__main__"):
            continue
        for other in imported(file):
            if other != part and place(other) > place(part):
                backward.append(f"{file.relative_to(ROOT)} imports {other}")
    assert backward == []
