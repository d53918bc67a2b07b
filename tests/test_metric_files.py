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
from basemodel.files import write_json
from basemodel.tables import read_csv
from later_metrics import LATER, data
from test_metrics import LABELS, SIX, inputs, relu_maps

# The folder of metrics ----------------------------------------------------------------------


def test_available_and_load():
    assert metrics.available() == sorted([*SIX, "feature_norm", *LATER])
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


def test_what_a_metric_may_leave_out(monkeypatch, tmp_path):
    """A file without the optional names is a metric, whose values are not compared or pooled."""
    (tmp_path / "Plain.py").write_text(
        'LABEL, NAME, LARGER_IS_BETTER = "plain", "plain", True\n'
        'INPUTS = ("card",)\n'
        "def compute(card):\n"
        '    return {"value": card["images"], "twice": 2 * card["images"]}\n'
    )
    monkeypatch.setattr(metrics, "FOLDER", tmp_path)
    monkeypatch.setattr(metrics, "__path__", [str(tmp_path)])
    found = metrics.compute("Plain", {"card": {"images": 3}})
    assert metrics.values_in_pool("Plain", [found]) == [{"value": 3, "twice": 6}]
    assert not metrics.compares_architectures("Plain")


def test_metrics_say_whether_and_why_they_compare_architectures():
    compared = {name for name in metrics.available() if metrics.compares_architectures(name)}
    for name in metrics.available():
        why = "Compares" if name in compared else "Does not compare"
        assert f"    {why} architectures: " in metrics.load(name).compute.__doc__


def test_over_pool_is_given_whole_models_only(monkeypatch, tmp_path):
    (tmp_path / "Pooled.py").write_text(
        'LABEL, NAME, LARGER_IS_BETTER = "pooled", "pooled", True\n'
        'INPUTS = ("card",)\n'
        "def compute(card):\n"
        "    return card\n"
        "def over_pool(terms):\n"
        '    return terms["a"] / terms["a"].max() + terms["b"].min()\n'
    )
    monkeypatch.setattr(metrics, "FOLDER", tmp_path)
    monkeypatch.setattr(metrics, "__path__", [str(tmp_path)])
    nan = float("nan")
    models = [{"a": 1.0, "b": 5.0}, {"a": 9.0, "b": nan}, {"a": 2.0, "b": 7.0}]
    table = metrics.values_in_pool("Pooled", models)
    assert [list(row) for row in table] == [["value", "a", "b"]] * 3
    assert [row["value"] for row in table] == pytest.approx([5.5, nan, 6], nan_ok=True)
    assert table[1]["a"] == 9
    undefined = metrics.values_in_pool("Pooled", [{"a": nan, "b": nan}] * 2)
    assert np.isnan([row["value"] for row in undefined]).all()
    assert metrics.values_in_pool("Pooled", []) == []


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


def run_on_dumps(tmp_path, metric, models, halves=True) -> pd.DataFrame:
    """The script on dumps given as arrays (labels: those of the first) or as cards."""
    files = {what: [] for what in metrics.inputs(metric) if what != "labels"}
    for number, model in enumerate(models):
        for what, paths in files.items():
            paths.append(tmp_path / f"{number}-{what}.{'json' if what == 'card' else 'npy'}")
            if what == "card":
                write_json(paths[-1], model[what])
            else:
                np.save(paths[-1], model[what])
    np.save(tmp_path / "labels.npy", models[0]["labels"])
    jobs.run(
        "metric.py",
        input={**files, "labels": tmp_path / "labels.npy"},
        output=[tmp_path / "out.csv"],
        params={"column": "subset", "rows": [f"s{k}" for k in range(len(models))]}
        | ({"halves": True} if halves else {}),
        wildcards={"metric": metric},
    )
    return read_csv(tmp_path / "out.csv")


def dumps(count=3, n=60, classes=5):
    """Dumps of embeddings, their images in the order of classes."""
    order = np.argsort(data(n, 40, classes)["labels"], kind="stable")
    base = {what: array[order] for what, array in data(n, 40, classes).items()}
    noise = np.random.default_rng(1).normal(size=(count, n, 40))
    return [
        base | {"embeddings": (base["embeddings"] + (1 + k) * noise[k]).astype(np.float32)}
        for k in range(count)
    ]


def test_script_reads_cards(tmp_path):
    models = [{"card": {"classes": k}, "labels": LABELS} for k in (100, 50)]
    table = run_on_dumps(tmp_path, "source_classes", models)
    assert list(table["value"]) == list(table["value_even"]) == [100, 50]


def test_script_names_the_card_that_lacks_a_number(tmp_path):
    models = [{"card": {"parameters": 5}, "labels": LABELS}, {"card": {}, "labels": LABELS}]
    with pytest.raises(ValueError, match=r"1-card\.json: parameters: .*train the base model again"):
        run_on_dumps(tmp_path, "parameters", models)


def test_script_adds_the_values_on_halves(tmp_path):
    models = dumps()
    table = run_on_dumps(tmp_path, "kNN", models)
    assert list(table.columns) == ["subset", "value", "value_even", "value_odd"]
    for first, column in enumerate(["value_even", "value_odd"]):
        for found, model in zip(table[column], models, strict=True):
            half = {what: array[first::2] for what, array in model.items()}
            assert set(np.bincount(half["labels"])) == {6}
            assert found == metrics.compute("kNN", half)["value"]
    assert list(table["value_even"]) != list(table["value_odd"])
    assert "value_even" not in run_on_dumps(tmp_path, "kNN", models, halves=False)


@pytest.mark.parametrize("name", ["NCTI", "ETran"])
def test_script_pools_the_models_and_each_half_of_them(name, tmp_path):
    models = dumps()
    table = run_on_dumps(tmp_path, name, models)
    for column, part in [("value", slice(None)), ("value_even", slice(0, None, 2))]:
        rows = [
            metrics.compute(name, {what: array[part] for what, array in model.items()})
            for model in models
        ]
        expected = [row["value"] for row in metrics.values_in_pool(name, rows)]
        assert list(table[column]) == pytest.approx(expected, rel=1e-12)
        assert len(set(expected)) == 3
    assert list(table.columns)[:2] == ["subset", "value"]


@pytest.mark.parametrize("name", ["HScore", "SFDA", "NCTI", "PARC"])
def test_a_half_that_is_too_small_is_nan(name, tmp_path):
    """Two images of each class: one in each half."""
    table = run_on_dumps(tmp_path, name, dumps(n=20, classes=10))
    assert table["value"].notna().all()
    assert table[["value_even", "value_odd"]].isna().all(axis=None)


def test_a_metric_that_cannot_take_so_many_images_is_nan(tmp_path, monkeypatch):
    monkeypatch.setattr("basemodel.metrics.PARC.MOST_IMAGES", 40)
    table = run_on_dumps(tmp_path, "PARC", dumps(n=60))
    assert table["value"].isna().all() and table[["value_even", "value_odd"]].notna().all(axis=None)


def test_one_image_has_no_halves(tmp_path):
    model = {what: array[:1] for what, array in dumps(count=1)[0].items()}
    table = run_on_dumps(tmp_path, "LEEP", [model])
    assert table["value"].notna().all()
    assert table[["value_even", "value_odd"]].isna().all(axis=None)


def test_halves_of_a_metric_of_featuremaps(tmp_path):
    model = {"featuremaps": relu_maps(), "labels": LABELS}
    table = run_on_dumps(tmp_path, "S5", [model])
    assert (
        table["value_odd"][0] == metrics.compute("S5", {"featuremaps": relu_maps()[1::2]})["value"]
    )


def test_metrics_only_import_numpy_and_this_package():
    """And SciPy, where it is needed: that loading them does not is tested above."""
    for path in Path(metrics.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module.startswith(
                    (
                        "basemodel",
                        "collections",
                        "functools",
                        "itertools",
                        "pathlib",
                        "scipy",
                        "types",
                        "typing",
                    )
                )
            elif isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= {"ast", "importlib", "math", "numpy"}
