"""Tables keep names as they are, and invalid accuracies are neither written nor read."""

import json

import numpy as np
import pandas as pd
import pytest

import jobs
from basemodel.tables import read_csv, require_fractions, write_csv

ODD = ["2023", "007", "null", "NA", "nan", "true", "1e5", "inf", "none", "a,b", "greek"]


def test_names_stay_text_and_numbers_numbers(tmp_path):
    table = pd.DataFrame(
        {
            "target": ODD,
            "title": ODD[::-1],
            "second": "",
            "accuracy": [0.1, np.nan, np.inf, -np.inf, 1 / 3, 1, 0, 1e-300, 2, 3, 4],
            "layer": range(11),
        }
    )
    write_csv(tmp_path / "a.csv", table)
    found = read_csv(tmp_path / "a.csv")
    assert list(found["target"]) == ODD and list(found["title"]) == ODD[::-1]
    assert list(found["second"]) == [""] * 11
    np.testing.assert_array_equal(found["accuracy"], table["accuracy"])
    assert found["layer"].dtype == np.int64
    write_csv(tmp_path / "b.csv", found)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("value", [np.nan, None, -0.01, 1.01, np.inf, "none"])
def test_what_is_no_fraction_is_named_with_its_row(value):
    table = pd.DataFrame(
        {"architecture": "vgg16", "epoch": [1, 2], "accuracy": pd.Series([1, value], dtype=object)}
    )
    with pytest.raises(ValueError, match=rf"^tests: vgg16, epoch 2 has {value}, not a fraction"):
        require_fractions(table, "accuracy", ["architecture", "epoch"], "tests")
    require_fractions(table[:1], "accuracy", ["architecture", "epoch"], "tests")


def gather(tmp_path, test_accuracy=0.5, train_accuracy=0.5, accuracy=0.5):
    """Run scripts/accuracies.py on two base models and their fine-tunings; the second is given."""
    cards, tuned = [], []
    for subset, *values in [
        ("class2-1", 0, 1.0, 1), ("class2-2", test_accuracy, train_accuracy, accuracy)
    ]:  # fmt: skip
        names = {"architecture": "vgg16", "subset": subset}
        cards.append(tmp_path / f"{subset}.json")
        card = {**names, "policy": "class2", "classes": 5, "images": 50}
        card |= {"test_accuracy": values[0], "train_accuracy": values[1]}
        cards[-1].write_text(json.dumps(card))
        tuned.append(tmp_path / f"{subset}-null.json")
        tuned[-1].write_text(json.dumps({**names, "target": "null", "accuracy": values[2]}))
    meta = tmp_path / "meta.json"
    sizes = {"train": 9, "test": 3}
    meta.write_text(json.dumps({"dataset": "null", "classes": [1], "images": sizes}))
    output = {name: tmp_path / f"{name}.csv" for name in ("base_models", "targets", "fine_tuning")}
    jobs.run(
        "accuracies.py",
        input={"cards": cards, "targets": [meta], "fine_tunings": tuned},
        output=output,
        params={"titles": [["null", "NA"]]},
    )
    return {name: read_csv(path) for name, path in output.items()}


def test_accuracies_are_gathered(tmp_path):
    found = gather(tmp_path)
    assert list(found["base_models"]["test_accuracy"]) == [0, 0.5]
    assert list(found["fine_tuning"]["target"]) == ["null", "null"]
    assert found["targets"].iloc[0].to_dict() == {
        "target": "null", "title": "NA", "classes": 1, "train": 9, "test": 3
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"test_accuracy": np.nan}, "base models, test_accuracy: vgg16, class2-2 has nan"),
        ({"train_accuracy": None}, "base models, train_accuracy: vgg16, class2-2 has nan"),
        ({"accuracy": np.nan}, "fine-tuning accuracies: vgg16, null, class2-2 has nan"),
        ({"accuracy": 50}, "fine-tuning accuracies: vgg16, null, class2-2 has 50"),
    ],
)
def test_an_accuracy_over_no_images_makes_no_table(tmp_path, values, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        gather(tmp_path, **values)
    assert not list(tmp_path.glob("*.csv"))


def test_normal_trainings_accuracies_are_looked_at_too(tmp_path):
    history = [{"loss": 1, "accuracy": 0.5, "test_accuracy": a} for a in (0.5, np.nan)]
    card = tmp_path / "model.json"
    card.write_text(json.dumps({"architecture": "vgg16", "history": history}))
    with pytest.raises(ValueError, match="normal training, test_accuracy: vgg16, epoch 2 has nan"):
        jobs.run("epoch_accuracies.py", input={"cards": [card]}, output=[tmp_path / "t.csv"])
    assert not (tmp_path / "t.csv").exists()
