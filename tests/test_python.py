"""basemodel.rank, score, compare and possible_best: what users of Python call."""

import doctest
import inspect
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import psutil
import pytest
import yaml

import basemodel
import notebooks
import rank_fixture
import rank_weights
from basemodel import metrics
from basemodel.data.listing import DataError
from basemodel.files import read_json
from basemodel.python.answer import answer
from basemodel.python.arrays import task_of
from basemodel.python.rank import METRICS
from basemodel.report.rank_files import write_answer
from basemodel.schema import SettingsError
from basemodel.statistics.possible_best import accuracies, compare
from basemodel.tables import read_csv
from noise import noise
from projects import ROOT

N = 60
LABELS = np.repeat(["ant", "bee"], N // 2)
NOISE = np.random.default_rng(0).normal(size=(N, 8))
BETTER = NOISE + 3 * (LABELS == "bee")[:, None]
BOTH = {"noise": NOISE, "better": BETTER}
DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(basemodel.rank).parameters.items()
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def ranked(tmp_path_factory):
    """A folder in which embeddings have been ranked, and the answer."""
    folder = tmp_path_factory.mktemp("ranked")
    results = folder / "results"
    return results, basemodel.rank(BOTH, labels=LABELS, results=results, progress=False)


def times(results):
    return {path: path.stat().st_mtime_ns for path in results.rglob("candidates/*/*.json")}


def test_settings_that_are_not_given_are_those_of_the_workflow():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    of_rank = {name: value for name, value in config["rank"].items() if name in DEFAULTS}
    assert {name: DEFAULTS[name] for name in of_rank} == of_rank
    assert set(config["rank"]) - set(of_rank) == {
        "verify", "seeds", "budget", "trainable", "epochs", "find"
    }  # fmt: skip
    assert DEFAULTS["seed"] == config["seed"]
    assert DEFAULTS["device"] == config["runtime"]["device"]
    named = [*config["metrics"], *metrics.available()]
    without_card = [name for name in named if "card" not in metrics.inputs(name)]
    assert list(dict.fromkeys(without_card)) == METRICS


def test_the_answer(ranked):
    results, found = ranked
    assert found.best == ["better"]
    assert found.page.is_file() and found.page.is_relative_to(results)
    assert "Start from embeddings:better" in found.text
    assert repr(found) == f"{found.text}The page: {found.page}"
    pd.testing.assert_frame_equal(found.table, read_csv(found.page.with_name("ranking.csv")))
    assert found.table["name"].tolist() == ["embeddings:better", "embeddings:noise"]
    assert found.ranking == read_json(found.page.with_name("ranking.json"))
    html = found._repr_html_()
    assert "Start from embeddings:better" in html and "<td>embeddings:noise</td>" in html


def test_what_is_there_is_not_computed_again(ranked):
    results, found = ranked
    before = times(results)
    again = basemodel.rank(BOTH, labels=LABELS, results=results, progress=False, by="knn")
    assert times(results).keys() == before.keys()
    cards = {path: when for path, when in before.items() if path.name == "card.json"}
    assert all(times(results)[path] == when for path, when in cards.items())
    assert again.best == ["better"] and again.ranking["by"] == "kNN"
    assert "by='knn'" in again.ranking["command"]


def test_a_damaged_array_is_computed_again(ranked, here):
    shutil.copytree(ranked[0], "results")
    [file] = Path("results").rglob("candidates/embeddings-noise-*/arrays/embeddings.npy")
    # Its path is part of a candidate's name: these are other candidates than in the fixture.
    basemodel.rank(BOTH, labels=LABELS, progress=False)
    [file] = {*Path("results").rglob("candidates/embeddings-noise-*/arrays/embeddings.npy")} - {
        file
    }
    whole = file.read_bytes()
    file.unlink()
    file.write_bytes(whole[:-4] + bytes(4))
    basemodel.rank(BOTH, labels=LABELS, progress=False)
    assert file.read_bytes() == whole


def test_a_candidate_that_takes_too_long_is_a_line_of_the_answer(here, capfd):
    others = psutil.Process().children()  # of earlier tests
    found = basemodel.rank(BOTH, labels=LABELS, timeout=0.01, jobs=1)
    assert found.best == []
    assert found.ranking["candidates"] == []
    [first, second] = found.ranking["failures"]
    assert first["reason"] == "took longer than 0.01 seconds"
    printed = capfd.readouterr().err
    assert "1 of 2: embeddings:noise: not ranked: took longer" in printed
    assert "\r" not in printed  # no bar in a pipe
    assert psutil.Process().children() == others


def test_one_that_cannot_be_used_harms_no_other(here):
    np.save("mine.npy", BETTER)
    np.save("short.npy", BETTER[1:])
    Path("labels.csv").write_text("label\n" + "\n".join(LABELS) + "\n")
    named = [{"embeddings": "mine.npy"}, {"embeddings": "short.npy"}]
    found = basemodel.rank("labels.csv", named, progress=False)
    assert found.best == ["mine"]
    [failure] = found.ranking["failures"]
    assert failure["reason"] == "short.npy has 59 rows, and the table of labels 60"
    assert found.table["failed"].notna().sum() == 1


def test_ctrl_c_keeps_what_is_done_and_ends_all_processes(here):
    np.save("mine.npy", BETTER)
    np.save("other.npy", NOISE)
    Path("labels.csv").write_text("label\n" + "\n".join(LABELS) + "\n")
    Path("run.py").write_text(
        "import basemodel\n"
        "others = [{'embeddings': 'other.npy', 'name': f'other{i}'} for i in range(9)]\n"
        "named = [{'embeddings': 'mine.npy'}, *others]\n"
        "basemodel.rank('labels.csv', named, jobs=1)\n"
    )
    process = subprocess.Popen([sys.executable, "run.py"], stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline() == "1 of 10: embeddings:mine\n"
    workers = psutil.Process(process.pid).children(recursive=True)
    assert workers
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.stderr.read()
    assert process.wait() != 0
    psutil.wait_procs(workers, timeout=20)
    assert not any(worker.is_running() for worker in workers)
    [card] = Path("results").rglob("embeddings-mine-*/card.json")
    before = card.stat().st_mtime_ns
    run = subprocess.run([sys.executable, "run.py"], capture_output=True, text=True)
    assert run.returncode == 0
    assert run.stderr.splitlines()[-1] == "10 of 10: embeddings:other8"
    assert "embeddings:mine" not in run.stderr
    assert card.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"images": "nowhere"}, DataError, "there is no such folder"),
        ({"images": "photos", "by": "linear"}, SettingsError, "did you mean linear_probe"),
        ({"images": "photos", "images_per_class": 1}, SettingsError, "images_per_class: 1 is not"),
        ({"images": "photos", "jobs": 0}, SettingsError, "jobs: 0 is not a whole number"),
        ({"images": "photos", "timeout": 0}, SettingsError, "timeout: 0 is not a number above 0"),
        ({"images": "photos", "labels": [1]}, SettingsError, "labels, groups: are for embeddings"),
        ({"images": "photos", "candidates": "resnet18"}, SettingsError, "where the model is from"),
        (
            {"images": "photos", "candidates": {"embeddings": "e.npy"}},
            SettingsError, "images is a folder",
        ),
        ({"images": NOISE}, SettingsError, "labels: embeddings need"),
        ({"images": NOISE, "labels": LABELS[:3]}, SettingsError, "and there are 3 labels"),
        ({"images": NOISE, "labels": LABELS, "candidates": []}, SettingsError, "leave them out"),
        ({"images": NOISE, "labels": np.ones(N)}, SettingsError, "not told from classes"),
    ],
)  # fmt: skip
def test_what_cannot_be_ranked_is_told_before_any_work(here, given, error, said):
    (here / "photos").mkdir()
    with pytest.raises(error, match=said) as raised:
        basemodel.rank(**given)
    assert "\n" not in str(raised.value)


def test_a_full_disk_ends_it(here):
    """Files may have 50 kB, and the embeddings of one candidate need 96."""
    np.save("mine.npy", np.random.default_rng(0).normal(size=(N, 500)))
    Path("labels.csv").write_text("label\n" + "\n".join(LABELS) + "\n")
    Path("run.py").write_text(
        "import basemodel, resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "basemodel.rank('labels.csv', {'embeddings': 'mine.npy'})\n"
    )
    run = subprocess.run([sys.executable, "run.py"], capture_output=True, text=True)
    last = run.stderr.splitlines()[-1]
    assert "Stopped: " in last and "file size limit" in last


@pytest.mark.parametrize("made", rank_fixture.ALL.values(), ids=list(rank_fixture.ALL))
def test_every_answer_can_be_shown_and_names_are_escaped(here, made):
    found = made()
    write_answer(found, "ranking.json", "ranking.csv", "report.html", "answer.txt")
    shown = answer(here, {one["slug"]: one["name"] for one in found["candidates"]})
    assert "<script>" not in shown._repr_html_()
    assert shown.text and isinstance(shown.best, list)


@pytest.mark.parametrize(
    ("labels", "task", "found"),
    [
        ([1, 2], "auto", "classes"),
        (["a", "b"], "auto", "classes"),
        ([True, False], "auto", "classes"),
        ([0.5, 2], "auto", "number"),
        ([1.0, 2.0], "number", "number"),
        ([1.0, 2.0], "classes", "classes"),
        ([[0, 1], [1, 1]], "auto", "tags"),
    ],
)
def test_what_labels_are(labels, task, found):
    assert task_of(np.array(labels), task) == found


@pytest.mark.parametrize(
    ("labels", "task", "said"),
    [
        ([1.0, 2.0], "auto", "task='classes' or task='number'"),
        ([[0, 2]], "auto", "only tags"),
        ([1, 0], "tags", "only tags"),
        ([0.5, np.nan], "auto", "row 1 is nan"),
        (["a"], "number", "not numbers"),
    ],
)
def test_labels_that_are_not_clear(labels, task, said):
    with pytest.raises(SettingsError, match=said):
        task_of(np.array(labels), task)


def test_scores_are_the_metrics():
    rng = np.random.default_rng(1)
    maps = np.maximum(rng.normal(size=(N, 4, 3, 3)), 0)
    numbers = np.unique(LABELS, return_inverse=True)[1]
    table = basemodel.score(BETTER, LABELS, featuremaps=maps)
    for name in ("LogME", "LinearProbe", "kNN", "GBC", "S5"):
        given = {"embeddings": BETTER, "featuremaps": maps, "labels": numbers}
        assert table.loc[name, "value"] == metrics.compute(name, given)["value"]
        assert table.loc[name, "larger_is_better"] == (metrics.sign(name) > 0)
        assert table.loc[name, "compares_architectures"] == metrics.compares_architectures(name)
    assert np.isnan(table.loc["LEEP", "value"])
    assert table.loc["LEEP", "note"] == "no source classes are predicted"
    unlabelled = basemodel.score(BETTER, featuremaps=maps)
    assert unlabelled.loc["LogME", "note"] == "needs labelled images"
    assert unlabelled.loc["S5", "value"] == table.loc["S5", "value"]


def test_scores_of_several_models_and_of_other_labels():
    table = basemodel.score(BOTH, LABELS)
    assert list(table.columns[:2]) == ["noise", "better"]
    assert table.loc["LogME", "better"] > table.loc["LogME", "noise"]
    tags = np.random.default_rng(2).integers(0, 2, (N, 3))
    assert basemodel.score(NOISE, tags).loc["GBC", "note"] == "needs classes, and these are tags"
    numbers = BETTER[:, 0] + 0.5
    assert basemodel.score(BETTER, numbers).loc["LinearProbe", "value"] > 0.5
    grouped = basemodel.score(NOISE, LABELS, groups=np.arange(N) // 3)
    assert grouped.loc["LinearProbe", "value"] != table.loc["LinearProbe", "noise"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "nothing is given"),
        ({"embeddings": NOISE[:, :0]}, r"shape \(60, 0\)"),
        ({"embeddings": NOISE, "labels": LABELS[1:]}, "not .n, D. of 59 images"),
        ({"embeddings": np.where(NOISE > 2, np.inf, NOISE)}, "finite"),
        ({"embeddings": BOTH, "probabilities": NOISE}, "embeddings: by model, and the others"),
        ({"embeddings": NOISE, "groups": [1]}, r"groups: \(1,\) of 60 images"),
    ],
)
def test_what_cannot_be_scored(given, said):
    with pytest.raises(SettingsError, match=said):
        basemodel.score(**given)


def test_possible_best():
    rng = np.random.default_rng(3)
    correct = rng.random((4, 80)) < [[0.9], [0.85], [0.8], [0.3]]
    expected = compare(accuracies(correct), 0).possible_best
    assert (basemodel.possible_best(correct) == expected).all()
    labels = rng.integers(0, 5, 80)
    assert (basemodel.possible_best(np.where(correct, labels, -1), labels) == expected).all()
    fixed = basemodel.possible_best(correct, cross_validated=False)
    assert not (fixed & ~expected).any()
    assert basemodel.possible_best(correct, groups=np.arange(80) // 20).sum() >= expected.sum()
    assert basemodel.possible_best(correct[:1]).tolist() == [True]
    with pytest.raises(SettingsError, match="add labels if these are predictions"):
        basemodel.possible_best(np.ones((2, 3), int))
    with pytest.raises(ValueError, match="at least 2 are needed"):
        basemodel.possible_best(correct, groups=np.zeros(80))


def examples(name):
    [found] = doctest.DocTestFinder().find(getattr(basemodel, name), name, globs={})
    assert found.examples
    return doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(found).failed


@pytest.mark.parametrize("name", ["score", "compare", "possible_best"])
def test_the_examples_of_the_documentation(name):
    assert examples(name) == 0


def photos(folder):
    for name in ("ant", "bee"):
        for number in range(8):
            noise(folder / "photos" / name / f"{number}.png", 40, 30)


@pytest.mark.full
def test_the_examples_of_rank(here, monkeypatch):
    rank_weights.weights(0)
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    photos(here)
    assert examples("rank") == 0


@pytest.mark.full
def test_as_a_command(here):
    photos(here)
    asked = [sys.executable, "-m", "basemodel", "rank", "photos", "timm:no_such", "--by", "knn"]
    run = subprocess.run(asked, capture_output=True, text=True)
    assert run.returncode == 1
    assert "timm has no model 'no_such'" in run.stdout
    assert "The page: results/rank/photos/python/report.html" in run.stdout
    assert run.stderr.endswith("Fewer than two candidates could be used: name some more.\n")
    run = subprocess.run([*asked[:4], "nowhere"], capture_output=True, text=True)
    assert run.stderr == "error: nowhere: there is no such folder; correct its name\n"


@pytest.mark.full
def test_the_notebook_runs(here):
    rank_weights.weights(1)
    notebook = nbformat.read(ROOT / "docs" / "rank.ipynb", as_version=4)
    stored = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert stored == list(range(1, len(stored) + 1))  # run from top to bottom
    names = notebooks.run(notebook)
    assert names["answer"].page.is_file()
    assert names["model"](names["transform"]("signs/star/0.png").unsqueeze(0)).shape == (1, 4)
