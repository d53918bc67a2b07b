"""Run the cells of a notebook here; python tests/notebooks.py FILE also writes their outputs."""

import ast
import contextlib
import io
import sys
from pathlib import Path
from typing import Any

import nbformat


def run(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """Run the code cells of a notebook, put what they print and show into it, and return all names
    that they leave."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(cells, 1):
        *body, last = ast.parse(cell.source).body
        shown = isinstance(last, ast.Expr)
        module = ast.Module(body if shown else [*body, last], [])
        printed, value = io.StringIO(), None
        with contextlib.redirect_stdout(printed):
            exec(compile(module, f"cell {number}", "exec"), names)
            if shown:
                value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
        cell.execution_count, cell.outputs = number, []
        if text := printed.getvalue():
            cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=text))
        if value is not None:
            data = {"text/plain": repr(value)}
            if hasattr(value, "_repr_html_"):
                data["text/html"] = value._repr_html_()
            cell.outputs.append(
                nbformat.v4.new_output("execute_result", data, execution_count=number)
            )
    return names


if __name__ == "__main__":
    file = Path(sys.argv[1]).resolve()
    found = nbformat.read(file, as_version=4)
    run(found)
    nbformat.write(found, file)
