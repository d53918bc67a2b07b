"""Images whose labels are in a table: the same as folders give, and what is wrong in one line."""

import json
import unicodedata

import pandas as pd
import pytest

from basemodel.data.folders import state
from basemodel.data.kinds import checked_listing, found_classes
from basemodel.data.listing import Counts, DataError
from basemodel.selection.division import divide
from basemodel.selection.images import choose
from test_folders import make

LABELS = {"ant": 9, "bee": 6}


@pytest.fixture
def images(tmp_path):
    """Class folders, and rows of a table that names their images."""
    make(tmp_path, LABELS)
    rows = [(f"{name}/{i}.png", name) for name, count in LABELS.items() for i in range(count)]
    return tmp_path, rows


def write(path, rows, header="file,label", separator=",", encoding="utf-8"):
    lines = [header.replace(",", separator), *(separator.join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


@pytest.mark.parametrize("header", ["file,label", "File_Name,Label", "path,label", "image,label"])
@pytest.mark.parametrize(
    ("name", "separator", "encoding"),
    [("labels.csv", ",", "utf-8"), ("labels.tsv", "\t", "utf-8"), ("l.CSV", ";", "utf-8-sig")],
)
def test_a_table_is_read_as_the_folders_are(images, header, name, separator, encoding):
    root, rows = images
    table = write(root / name, rows[::-1], header, separator, encoding)
    by_table, by_folder = divide(table), divide(root)
    assert (by_table.train, by_table.test) == (by_folder.train, by_folder.test)
    assert by_table.problems == []
    chosen, expected = choose(table, 5), choose(root, 5)
    assert chosen["images"] == str(table) and chosen["folder"] == str(root)
    assert all(rows[::-1][image.pop("row")][0] == image["file"] for image in chosen["probe"])
    for part in ("classes", "probe", "test", "use"):
        assert chosen[part] == expected[part]


def test_rows_of_json_and_parquet_are_a_table_too(images):
    root, rows = images
    lines = [json.dumps({"file_name": f, "label": n == "bee", "size": 3}) for f, n in rows]
    (root / "labels.jsonl").write_text("\n".join(lines))
    assert [*divide(root / "labels.jsonl").train] == ["False", "True"]
    frame = pd.DataFrame([{"file": file, "label": name == "bee"} for file, name in rows])
    try:
        frame.to_parquet(root / "labels.parquet")
    except ImportError:
        (root / "labels.parquet").touch()
        with pytest.raises(DataError, match="reading parquet needs pyarrow: pip install pyarrow"):
            divide(root / "labels.parquet")
    else:
        assert [*divide(root / "labels.parquet").train] == ["False", "True"]


def test_splits_and_groups(images):
    root, rows = images
    splits = ["Training", "train", "VAL", "testing", "dev"]
    rows = [(*row, splits[i % 5], f"g{i % 2}" if i % 3 else "") for i, row in enumerate(rows)]
    found = divide(write(root / "l.csv", rows, "file,label,split,group"))
    given = dict.fromkeys(splits, 0)
    for *_, split, _ in rows:
        given[split] += 1
    assert sum(map(len, found.train.values())) == given["Training"] + given["train"] == 6
    assert sum(map(len, found.test.values())) == given["testing"] == 3
    assert "6 rows of the split val not used, as there is test" in found.problems[0]
    groups = {file: group for file, *_, group in rows}
    for image in [i for part in ("probe", "test") for i in choose(root / "l.csv", 9)[part]]:
        assert image.get("group", "") == groups[image["file"]]


def test_labels_are_text_as_it_is_written(images):
    root, rows = images
    odd = {"ant": "NA", "bee": " 01 "}
    assert [*divide(write(root / "l.csv", [(f, odd[n]) for f, n in rows])).train] == ["01", "NA"]


def test_files_may_be_written_as_elsewhere(tmp_path):
    name = unicodedata.normalize("NFD", "käfer")
    make(tmp_path, {name: 3, "ant": 3})
    rows = [(rf"{unicodedata.normalize('NFC', name)}/{i}.png", "a") for i in range(3)]
    rows += [(str(tmp_path / f"ant/{i}.png") if i else r"ant\0.png", "b") for i in range(3)]
    found = divide(write(tmp_path / "l.csv", rows))
    assert found.problems == [] and [*found.train] == ["a", "b"]
    assert choose(tmp_path / "l.csv", 3)["use"]["given"] == 6


WRONG = {
    "columns": ("id,breed", [("ant/0", "ant")], "needs the columns `file` (or file_name, filename"),
    "too many values": ("file,label", [("ant/0.png", "a", "b")], "line 2 has 3 values, and there"),
    "an open quote": ("file,label", [("ant/0.png", '"a')], "cannot be read as a table"),
    "no rows": ("file,label", [], "has no rows"),
    "two labels": (
        "file,label", [("ant/0.png", "a"), ("bee/0.png", "b"), ("./ant/0.png", "c")],
        "1 file in rows that differ: ./ant/0.png (label a and c); keep one row of each image",
    ),
    "train and test": (
        "file,label,split", [("ant/0.png", "a", "train"), ("ant/0.png", "a", "test")],
        "1 file in rows that differ: ant/0.png (split train and test)",
    ),
    "unknown split": (
        "file,label,split", [("ant/0.png", "a", "train"), ("ant/1.png", "a", "hold"),
        ("ant/2.png", "a", "")], "`split` is hold (1 rows), empty (1 rows); write train, test or",
    ),
    "no train": ("file,label,split", [("ant/0.png", "a", "test")], "no row is of the split train"),
    "nothing there": (
        "file,label", [("x/0.png", "a"), ("x/1.png", "b")],
        "2 files not there (x/0.png, x/1.png)",
    ),
    "one class": ("file,label", [("ant/0.png", "a"), ("ant/1.png", "a")], "one class with at"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line(images, case):
    header, rows, line = WRONG[case]
    table = write(images[0] / "l.csv", rows, header)
    with pytest.raises(DataError) as refused:
        divide(table)
    text = str(refused.value)
    assert line in text and "\n" not in text and str(table) in text


def test_a_table_in_another_encoding_is_named(images):
    table = write(images[0] / "l.csv", [("ant/0.png", "Käfer")], encoding="latin-1")
    with pytest.raises(DataError, match="is not text in UTF-8; save it as such"):
        divide(table)


def test_what_is_left_out_is_counted_with_examples(images):
    root, rows = images
    rows = [
        *rows,
        rows[0],
        *((f"gone/{i}.png", "ant") for i in range(5)),
        ("bee/0.gif", ""),
        ("", "x"),
    ]
    found = divide(write(root / "l.csv", rows))
    assert found.problems == [
        "l.csv: left out: 1 row without a file (row 24 first); 1 row without a label (bee/0.gif); "
        "1 row repeated (ant/0.png); 5 files not there (gone/0.png, gone/1.png, gone/2.png, …)"
    ]
    assert found.given == sum(LABELS.values())


def test_a_data_set_of_kind_folder_may_be_a_table(images):
    root, rows = images
    write(root / "l.csv", rows)
    dataset = {"kind": "folder", "path": f"{root.name}/l.csv"}
    found = checked_listing(root.parent, dataset, False)
    assert found.counts == Counts(2, 12, 3) and found_classes(root.parent, dataset) is None
    expected = checked_listing(root.parent, {"kind": "folder", "path": root.name}, False)
    assert (found.train, found.test) == (expected.train, expected.test)
    write(root / "l.csv", [*rows, ("gone.png", "ant")])
    with pytest.raises(DataError, match=r"1 file not there \(gone.png\)$"):
        checked_listing(root.parent, dataset, False)


def test_the_state_is_that_of_the_table_and_of_its_images(images):
    root, rows = images
    table = write(root / "l.csv", rows)
    first = state(table)
    make(root, {"ant": 9})
    second = state(table)
    write(table, rows[:-1])
    assert len({first, second, state(table), ""}) == 4


def test_a_folder_with_metadata_as_hugging_face_has_it(tmp_path):
    make(tmp_path, {"pictures": 12})
    rows = [(f"{i}.png", "ab"[i % 2], "x") for i in range(10)]
    write(tmp_path / "pictures" / "metadata.csv", rows, "file_name,label,text")
    found = divide(tmp_path)
    assert [*found.train] == ["a", "b"] and found.given == 10
    assert found.problems == [
        "read from pictures/, the only folder with images",
        "labels are read from pictures/metadata.csv",
        "2 images of the folder not used: pictures/10.png, pictures/11.png",
    ]
    assert checked_listing(tmp_path.parent, {"kind": "folder", "path": tmp_path.name}, False)


def test_or_in_each_split(tmp_path):
    for split, count in (("train", 8), ("test", 4)):
        make(tmp_path, {split: count})
        rows = [(f"{i}.png", "ab"[i % 2]) for i in range(count)]
        write(tmp_path / split / "metadata.csv", rows, "file_name,label")
    found = divide(tmp_path)
    assert found.train["a"] and found.test == {"a": found.test["a"], "b": found.test["b"]}
    assert {file.split("/")[0] for files in found.test.values() for file in files} == {"test"}


def test_metadata_without_labels_leave_class_folders_as_they_are(images):
    root, rows = images
    plain = divide(root)
    write(root / "metadata.csv", rows, "file_name,text")
    found = divide(root)
    assert found.train == plain.train
    assert "it has file_name, text; the table is not used" in found.problems[0]
