"""Tables of tags and of numbers: how they are told apart, held out, ranked and shown."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from basemodel.data import tasks
from basemodel.data.folders import find
from basemodel.data.listing import DataError
from basemodel.files import write_json
from basemodel.report.rank_answer import terminal
from basemodel.report.rank_csv import csv_rows
from basemodel.report.rank_page import page
from basemodel.selection.division import divide
from basemodel.selection.held_out import for_fine_tuning
from basemodel.selection.images import choose
from noise import noise
from test_rank_embeddings import answer

OTHERS = ("file", "split", "group")


def rows_of(labels):
    return [{"file": f"{i}.png", "label": label} for i, label in enumerate(labels)]


def task_of(labels, task="auto"):
    return tasks.find(rows_of(labels), OTHERS, "labels.csv", task)


FLOATS = [str(0.5 * i) for i in range(12)]
DETECTED = {
    "words": (["ant", "bee"] * 6, "classes", ""),
    "digits": ([str(i % 10) for i in range(60)], "classes", ""),
    "codes with a leading zero": ([f"0{i}" for i in range(12)], "classes", ""),
    "zero and one": (["0", "1"] * 6, "classes", ""),
    "whole numbers written as decimals": (["1.0", "2.0", "3.0"] * 6, "classes", ""),
    "not numbers": (["nan", "inf", "1_0", "½"] * 3, "classes", ""),
    "decimals": (FLOATS, "number", "read as numbers; `rank.task: classes` takes them as classes"),
    "exponents": (["1e-3", "2.5E4", "-3"] * 4, "number", "read as numbers"),
    "as many integers as images": ([str(i) for i in range(12)], "number", "read as numbers"),
    "ages": (
        [str(i % 20) for i in range(80)],
        "classes",
        "the 20 whole numbers are taken as classes; `rank.task: number`",
    ),
    "tags": (
        ["a|b", "a", " b | a", "c"] * 3,
        "tags",
        "read as 3 tags; `rank.task: classes` takes each text as a class",
    ),
}


@pytest.mark.parametrize("case", DETECTED)
def test_what_labels_are(case):
    labels, task, said = DETECTED[case]
    found, notes = task_of(labels)
    assert found == task and len(notes) == bool(said)
    assert "".join(notes).startswith(said)
    assert task_of(labels, "classes") == ("classes", [])


def test_a_tag_called_none_is_told_from_no_tag():
    found, notes = task_of(["red|round", "none", "", "red"])
    assert found == "tags"
    assert "1 row without a label taken as without any tag" in notes[1]
    assert "none" in notes[2] and "leave the label empty where an image has no tag" in notes[2]


def columns(**values):
    return [
        {"file": f"{i}.png", **dict(zip(values, row, strict=True))}
        for i, row in enumerate(zip(*values.values(), strict=True))
    ]


def test_columns_of_0_and_1_are_tags():
    rows = columns(red=["1", "0", "1"], width=["9", "1", "0"], round=["False", "True", "True"])
    found, notes = tasks.find(rows, OTHERS, "labels.csv", "auto")
    assert found == "tags" and [row["label"] for row in rows] == ["red", "round", "red|round"]
    assert notes == ["read as 2 tags, one per column of 0 and 1: red, round"]
    labelled = [row | {"label": "x"} for row in rows]
    assert tasks.find(labelled, OTHERS, "labels.csv", "auto") == ("classes", [])
    one = columns(red=["1", "0"])
    assert tasks.find(one, OTHERS, "labels.csv", "auto") == ("classes", [])


WRONG = {
    "a word among numbers": (rows_of([*FLOATS, "?"]), "auto", r"but none in 1 row \(\?\)"),
    "words": (rows_of(["ant", "bee"]), "number", r"no number in 2 labels \(ant, bee\)"),
    "one number": (rows_of(["3.5"] * 4), "number", "every `label` is 3.5"),
    "one tag": (rows_of(["a", "", "a"]), "tags", r"only one tag \(a\)"),
    "one column": (columns(red=["1", "0"]), "tags", r"only one tag \(red\)"),
    "an empty cell": (columns(red=["1", ""], old=["0", "1"]), "auto", "red has 1 empty cell"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_one_line(case):
    rows, task, said = WRONG[case]
    with pytest.raises(DataError, match=f"labels.csv: .*{said}"):
        tasks.find(rows, OTHERS, "labels.csv", task)


def tagged(root, n=60, groups=False):
    """A table and n images; tag a is on two of three, b on one of six, rare on two images."""
    lines = ["file,label" + (",group" if groups else "")]
    for i in range(n):
        noise(root / f"{i}.png")
        tags = ["a"] * (i % 3 > 0) + ["b"] * (i % 6 == 0) + ["rare"] * (i in (4, 5))
        lines.append(f"{i}.png,{'|'.join(tags)}" + (f",g{i // 2}" if groups else ""))
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root / "labels.csv"


@pytest.mark.parametrize("groups", [False, True])
def test_tags_are_on_both_sides_of_the_split(tmp_path, groups):
    chosen = choose(tagged(tmp_path, groups=groups), 30, task="auto")
    assert chosen["task"] == "tags" and chosen["classes"] == ["a", "b"]
    assert chosen["problems"][0].startswith("labels.csv: read as 3 tags")
    assert "10 rows without a label taken as without any tag" in chosen["problems"][1]
    one = "group" if groups else "image"
    assert any(f"tag rare is left out: of the {one}s used" in line for line in chosen["problems"])
    sides = {part: [row["label"] for row in chosen[part]] for part in ("probe", "test")}
    for labels in sides.values():
        assert {0, 1} <= {tag for of in labels for tag in of} and [] in labels
    for row in (*chosen["probe"], *chosen["test"]):
        i = int(row["file"].removesuffix(".png"))
        assert row["label"] == [0] * (i % 3 > 0) + [1] * (i % 6 == 0)
    if groups:
        of = {part: {row["group"] for row in chosen[part]} for part in ("probe", "test")}
        assert of["probe"].isdisjoint(of["test"])
    else:
        assert len(chosen["test"]) in range(10, 15)
    tests = for_fine_tuning(chosen)["test"]
    assert [row["label"] for row in tests] and len(tests) == len(chosen["test"])


def test_at_most_ten_classes_worth_of_images_and_copies_with_other_labels_not_at_all(tmp_path):
    lines = ["file,label"]
    for i in range(40):
        noise(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{i / 8}")
    for i, label in ((40, "0.5"), (41, "7.25")):  # copies of 4.png, which has 0.5
        (tmp_path / f"{i}.png").write_bytes((tmp_path / "4.png").read_bytes())
        lines.append(f"{i}.png,{label}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    chosen = choose(tmp_path / "labels.csv", 2, task="auto")
    assert chosen["task"] == "number" and chosen["classes"] == []
    assert len(chosen["probe"]) == 20 and chosen["use"]["two_labels"] == 3
    assert {row["file"] for row in chosen["probe"]}.isdisjoint({"4.png", "40.png", "41.png"})
    for row in (*chosen["probe"], *chosen["test"]):
        assert row["label"] == int(row["file"].removesuffix(".png")) / 8
    assert choose(tmp_path / "labels.csv", 2, task="auto") == chosen


def test_metadata_in_a_folder_and_what_class_folders_cannot_be(tmp_path):
    tagged(tmp_path).rename(tmp_path / "metadata.csv")
    assert divide(tmp_path, task="auto").task == "tags"
    assert divide(tmp_path, task="classes").task == "classes"
    assert find(tmp_path, "metadata.csv", strict=False).task == "classes"  # as the experiment does
    (tmp_path / "metadata.csv").unlink()
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(4):
            noise(tmp_path / name / f"{i}.png")
    assert divide(tmp_path, task="auto").task == "classes"
    with pytest.raises(DataError, match="has no table of labels, and only that can have numbers"):
        divide(tmp_path, task="number")


def coco(root):
    (root / "annotations").mkdir()
    found = {"images": [], "annotations": [{"bbox": [1, 2, 3, 4]}]}
    write_json(root / "annotations" / "instances_train.json", found)


def voc(root):
    (root / "Annotations").mkdir()
    text = "<annotation><object><bndbox></bndbox></object></annotation>"
    (root / "Annotations" / "0.xml").write_text(text)


def yolo(root):
    (root / "labels").mkdir()
    (root / "labels" / "0.txt").write_text("3 0.5 0.5 0.25 0.1\n")


def masks(root):
    (root / "masks").mkdir()
    for i in range(4):
        Image.new("L", (40, 40)).save(root / "masks" / f"{i}_mask.png")


def objects(root):
    line = {"file_name": "images/0.png", "objects": {"bbox": [[1, 2, 3, 4]], "categories": [0]}}
    (root / "metadata.jsonl").write_text(json.dumps(line))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (coco, r"boxes or masks of COCO \(annotations/instances_train.json\)"),
        (voc, r"boxes of Pascal VOC \(Annotations/0.xml\)"),
        (yolo, r"boxes of YOLO \(labels/0.txt\)"),
        (masks, r"masks \(masks/\)"),
        (objects, r"boxes \(the column `objects`\)"),
    ],
)
def test_boxes_and_masks_are_told(tmp_path, made, said):
    (tmp_path / "images").mkdir()
    for i in range(4):
        noise(tmp_path / "images" / f"{i}.png")
    made(tmp_path)
    try:
        told = divide(tmp_path, task="auto").problems[0]
    except DataError as error:
        told = str(error)
    assert "`rank` compares models for labels of whole images" in told
    assert re.search(f"looks like {said}", told)


def test_class_folders_beside_a_json_are_classes(tmp_path):
    coco(tmp_path)
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for i in range(4):
            noise(tmp_path / name / f"{i}.png")
    found = divide(tmp_path)
    assert [*found.train] == ["ant", "bee"] and "looks like" not in "".join(found.problems)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """Embeddings that hold what tags and numbers say, well and badly."""
    root, rng = tmp_path_factory.mktemp("embedded"), np.random.default_rng(0)
    known = (rng.uniform(size=(200, 3)) < [0.5, 0.3, 0.2]).astype(int)
    number = known @ [1.0, 2.0, 4.0] + rng.normal(size=200)
    for name, strength in (("good", 4), ("fair", 1)):
        values = rng.normal(size=(200, 8)) + strength * known @ np.eye(3, 8)
        np.save(root / f"{name}.npy", values)
    names = [[tag for tag, has in zip("xyz", row, strict=True) if has] for row in known]
    (root / "tags.csv").write_text("\n".join(["id,label", *(f"1,{'|'.join(n)}" for n in names)]))
    (root / "numbers.csv").write_text("\n".join(["label", *map(str, number)]))
    return root


@pytest.mark.parametrize("task", ["tags", "number"])
def test_a_ranking_of_embeddings(embedded, task):
    table = embedded / {"tags": "tags.csv", "number": "numbers.csv"}[task]
    named = [{"embeddings": str(embedded / f"{name}.npy")} for name in ("fair", "good")]
    folder = embedded / task
    folder.mkdir()
    chosen, _, found = answer(folder, table, named)
    assert chosen["task"] == found["task"] == task and found["labelled"]
    first, second = found["candidates"]
    assert first["name"] == "embeddings:good" and not second["possible_best"]
    probe = first["scores"]["LinearProbe"]
    assert probe["low"] < probe["value"] < probe["high"] <= 1
    assert found["evidence"]["verdict"] == "one"
    assert second["behind"]["low"] > 0
    assert all(each["scores"]["LogME"]["value"] is not None for each in found["candidates"])
    assert first["scores"]["LEEP"]["note"].startswith("needs classes, and these are ")
    said, shown = terminal(found).replace("\n", " ").replace("\u00a0", " "), page(found)
    if task == "tags":
        assert (
            "labels: 100 of 200 images with 3 different tags: 40 held out, 60 over the limit"
            in said
        )
        assert "its linear probe gets a macro average precision of about 9" in said
        assert "linear probe, mAP" in said and "points behind" in said
        assert [each["name"] for each in found["images"]["classes"]] == ["x", "y", "z"]
        positives = np.mean([len(row["label"]) / 3 for row in chosen["probe"]])
        assert found["evidence"]["guessing"] == pytest.approx(positives)
        each = [tag["average_precision"] for tag in found["tags"]]
        assert np.mean(each) == pytest.approx(probe["value"])
        assert [tag["name"] for tag in found["tags"]] == ["x", "y", "z"]
        assert "Which tags are found" in shown
    else:
        assert "images with numbers" in said and "its linear probe gets an R² of about 0." in said
        assert "linear probe, R²" in said and "points" not in said
        assert found["evidence"]["guessing"] == 0
        assert 0.3 < probe["value"] < first["scores"]["rho"]["value"] < 1
        errors = [each["scores"]["MAE"] for each in found["candidates"]]
        assert 0 < errors[0]["low"] < errors[0]["value"] < errors[0]["high"] < errors[1]["value"]
        assert "MAE" in shown and "Which tags" not in shown
        assert "Spearman" in shown and csv_rows(found)[0]["rho"] is not None
    for wrong in ("images right", "Confusion", "get wrong", "None", "these classes"):
        assert wrong not in said and wrong not in shown, wrong


def test_numbers_that_mean_nothing_are_no_better_than_guessing(embedded):
    rng = np.random.default_rng(1)
    table = embedded / "nothing.csv"
    table.write_text("\n".join(["label", *map(str, rng.normal(size=200))]))
    named = [{"embeddings": str(embedded / f"{name}.npy")} for name in ("fair", "good")]
    folder = embedded / "nothing"
    folder.mkdir()
    *_, found = answer(folder, table, named)
    assert found["evidence"]["verdict"] == "guessing"
    assert "No candidate is shown to be better than guessing" in terminal(found)
