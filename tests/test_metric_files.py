"""A metric is a file: how it is found and loaded, and the script that computes it."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import jobs
from basemodel import metrics
from basemodel.tables import read_csv
from test_metrics import LABELS, SIX, inputs, relu_maps

# The folder of metrics ----------------------------------------------------------------------


def test_available_and_load():
    assert [name for name in metrics.available() if name.startswith("S")] == SIX
    for name in SIX:
        module = metrics.load(name)
        assert name == module.LABEL
    better = [name for name in SIX if metrics.load(name).LARGER_IS_BETTER]
    with_labels = [name for name in SIX if "labels" in metrics.inputs(name)]
    assert better == ["S1", "S3"] and with_labels == ["S1", "S2", "S3"]


def test_inputs_are_what_the_module_says():
    for name in metrics.available():
        assert metrics.inputs(name) == metrics.load(name).INPUTS


def test_a_metric_is_one_file_under_its_own_name(monkeypatch, tmp_path):
    """What takes embeddings only is given them, whatever else there is."""
    (tmp_path / "HowWide.py").write_text(
        'LABEL, NAME, LARGER_IS_BETTER = "width", "how wide", True\n'
        'INPUTS = ("embeddings",)\n'
        "def compute(embeddings):\n"
        '    return {"value": float(embeddings.shape[1])}\n'
    )
    (tmp_path / "_shared.py").write_text("")
    (tmp_path / "Wrong.py").write_text('INPUTS = ("pixels",)\n')
    monkeypatch.setattr(metrics, "FOLDER", tmp_path)
    monkeypatch.setattr(metrics, "__path__", [str(tmp_path)])
    assert metrics.available() == ["HowWide", "Wrong"]
    everything = inputs(relu_maps(), LABELS) | {"embeddings": np.zeros((12, 7))}
    assert metrics.compute("HowWide", everything) == {"value": 7.0}
    with pytest.raises(ValueError, match=r"Wrong\.py: INPUTS must be"):
        metrics.inputs("Wrong")


@pytest.mark.parametrize("name", ["s1", "S7", "__init__", "_blocks", "../blocks"])
def test_an_unknown_metric_is_refused(name):
    with pytest.raises(ValueError, match="no metric is called .*S1, S2"):
        metrics.load(name)


def test_listing_imports_no_metric_and_metrics_import_no_torch():
    code = (
        "import sys; from basemodel import metrics; names = metrics.available();"
        "assert not any(m.startswith('basemodel.metrics.') for m in sys.modules);"
        "[metrics.load(n) for n in names];"
        "assert not {'torch', 'scipy', 'pandas', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# The script ---------------------------------------------------------------------------------


def run_script(tmp_path, metric: str, maps: list[np.ndarray], subsets: list[str]) -> pd.DataFrame:
    paths = []
    for subset, array in zip(subsets, maps, strict=False):
        paths.append(str(tmp_path / f"{subset}.npy"))
        np.save(paths[-1], array)
    np.save(tmp_path / "labels.npy", LABELS)
    jobs.run(
        "metric.py",
        input={"featuremaps": paths, "labels": tmp_path / "labels.npy"},
        output=[tmp_path / "out.csv"],
        params={"column": "subset", "rows": subsets},
        wildcards={"metric": metric, "architecture": "alexnet", "target": "dtd"},
    )
    return read_csv(tmp_path / "out.csv")


@pytest.mark.parametrize("name", SIX)
def test_script_writes_a_row_a_subset_to_the_last_bit(name, tmp_path):
    maps = [relu_maps(seed=seed) for seed in range(3)]
    table = run_script(tmp_path, name, maps, ["class10-01", "class10-02", "image20-07"])
    expected = [metrics.compute(name, inputs(array, LABELS)) for array in maps]
    assert list(table.columns) == ["subset", *expected[0]]
    assert list(table["subset"]) == ["class10-01", "class10-02", "image20-07"]
    assert table.drop(columns="subset").to_dict("records") == expected
    first = (tmp_path / "out.csv").read_bytes()
    run_script(tmp_path, name, maps, ["class10-01", "class10-02", "image20-07"])
    assert (tmp_path / "out.csv").read_bytes() == first and b"\r" not in first


def test_script_names_the_file_that_fails_and_writes_nothing(tmp_path):
    bad = relu_maps()
    bad[0] = np.nan
    with pytest.raises(ValueError, match=r"class10-02\.npy: S5: .*image 0"):
        run_script(tmp_path, "S5", [relu_maps(), bad], ["class10-01", "class10-02"])
    assert not (tmp_path / "out.csv").exists()


def test_script_wants_a_subset_for_each_dump(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        run_script(tmp_path, "S5", [relu_maps()], ["class10-01", "class10-02"])


def test_metrics_only_import_numpy_and_this_package():
    for path in Path(metrics.__file__).parent.glob("[S_]*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module.startswith(("basemodel", "collections", "pathlib", "types"))
            elif isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= {"ast", "importlib", "math", "numpy"}
