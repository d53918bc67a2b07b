"""Embeddings that the user has as candidates: with and without image files, and what is wrong."""

import os
import re
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

import jobs
from basemodel.data.folders import state
from basemodel.data.listing import DataError
from basemodel.files import read_json
from basemodel.models.failures import Unusable
from basemodel.report.rank_answer import terminal
from basemodel.report.rank_csv import csv_rows
from basemodel.report.rank_page import page
from basemodel.selection.check import fault
from basemodel.selection.embeddings import read
from basemodel.selection.images import choose
from basemodel.selection.names import candidates, parse, with_baselines
from basemodel.selection.ranking import ranking

METRICS = ["LinearProbe", "kNN", "LogME", "LEEP", "S3", "S5", "S6"]
CLASSES, ROWS = ("ant", "bee", "cow"), 45
LABELS = [CLASSES[row % 3] for row in range(ROWS)]


def embeddings(wrong=()):
    """Rows by which the classes can be told apart; the first value is the row's number.

    `wrong`: rows that look like the next class.
    """
    rng = np.random.default_rng(0)
    centres = 3 * rng.normal(size=(3, 8))
    looks = [(row + (row in wrong)) % 3 for row in range(ROWS)]
    values = centres[looks] + 0.1 * rng.normal(size=(ROWS, 8))
    return np.column_stack([np.arange(ROWS) / 100, values])


@pytest.fixture
def table(tmp_path):
    """Labels alone."""
    (tmp_path / "labels.csv").write_text("\n".join(["label", *LABELS]) + "\n")
    np.save(tmp_path / "e.npy", embeddings())
    return tmp_path / "labels.csv"


@pytest.fixture
def pictures(tmp_path, table):
    """Image files too; that of the second row cannot be decoded."""
    rows = ["file,label"]
    for row, label in enumerate(LABELS):
        colour = (80 * (row % 3), 3 * row, 120)
        Image.new("RGB", (40, 36), colour).save(tmp_path / f"{row}.png")
        rows.append(f"{row}.png,{label}")
    (tmp_path / "1.png").write_bytes(b"no image")
    table.write_text("\n".join(rows) + "\n")
    return table


def answer(folder, table, named):
    """images.json, the cards and the ranking, by way of the rules' scripts."""
    everyone = with_baselines(candidates(named))
    images = folder / "images.json"
    pixels = any(one.source != "embeddings" for one in everyone.values())
    params = {"images": str(table), "state": "", "images_per_class": 10}
    params |= {"near_copies": "report", "pixels": pixels, "task": "auto"}
    jobs.run("rank_images.py", params=params, output=[images])
    cards, scores = {}, []
    for slug, candidate in everyone.items():
        place = folder / "candidates" / slug
        place.mkdir(parents=True, exist_ok=True)
        card, scored = place / "card.json", place / "scores.json"
        jobs.run(
            "rank_candidate.py",
            input={"images": images},
            output={"card": card, "arrays": place / "arrays", "failures": place / "failures.json"},
            params={"candidate": asdict(candidate), "dtype": "float32"},
            config={"results": str(folder), "candidates": named, "models": []},
        )
        jobs.run(
            "rank_scores.py",
            input={"card": card, "arrays": place / "arrays", "images": images},
            output=[scored],
            params={"metrics": METRICS, "seed": 0},
        )
        cards[slug] = read_json(card)
        scores.append(read_json(scored))
    facts = {"name": "labels", "settings": {}, "versions": {}, "command": "snakemake rank"}
    facts |= {"verify_command": "snakemake rank_verify", "candidates_folder": "candidates"}
    chosen = read_json(images)
    given = ("LinearProbe", "balanced", {}, facts, 0)
    found = ranking(chosen, [*cards.values()], scores, METRICS, *given)
    return chosen, cards, found


def test_without_image_files(tmp_path, table):
    named = [{"embeddings": str(tmp_path / "e.npy"), "name": "mine"}]
    wrong = [0, 3, 6, 9, 12]
    np.save(tmp_path / "e.npy", embeddings(wrong))
    np.save(tmp_path / "worse.npy", embeddings([*wrong, *range(1, 40, 6)]).astype(np.float16))
    named.append({"embeddings": str(tmp_path / "worse.npy")})
    chosen, cards, found = answer(tmp_path, table, named)
    assert len(chosen["probe"]) == 30 and chosen["use"]["held_out"] == 9
    for one in candidates(named):
        card = cards[one.slug]
        array = np.load(tmp_path / "candidates" / one.slug / "arrays/embeddings.npy")
        assert array.dtype == np.float32 and card["shapes"] == {"embeddings": [30, 9]}
        rows = [image["row"] for image in chosen["probe"]]
        np.testing.assert_allclose(array[:, 0], np.array(rows) / 100, rtol=1e-3)
    for image in chosen["probe"]:
        assert LABELS[image["row"]] == chosen["classes"][image["label"]]
        assert image["file"] == f"row {image['row'] + 1}"
    first, second = found["candidates"]
    assert [first["name"], second["name"]] == ["embeddings:mine", "embeddings:worse"]
    assert first["parameters"] is first["side"] is first["images_per_second"] is None
    assert found["baselines"] == found["static_order"]["slugs"] == []
    assert "parameters" not in found["agreement"]["scores"]
    known = {name for name, score in first["scores"].items() if score["value"] is not None}
    assert known == {"LinearProbe", "kNN", "LogME"}
    assert first["scores"]["S3"]["note"] == "there is no single featuremap"
    hard = {image["file"]: image["thumbnail"] for image in found["hard_images"]}
    used = {f"row {row + 1}" for row in wrong} & {image["file"] for image in chosen["probe"]}
    assert used and hard.keys() >= used and set(hard.values()) == {None}
    lines = terminal(found).splitlines()
    assert lines[1].startswith(
        "Any of the two may be the best: embeddings:mine and embeddings:worse."
    )
    assert re.search(r"embeddings:mine .*% \(.*\) +– +– –$", "\n".join(lines), re.MULTILINE)
    shown = page(found)
    assert "There is no untrained baseline" in shown and "None" not in shown
    assert csv_rows(found)[0]["parameters"] is None


def test_beside_a_network_on_images(tmp_path, pictures):
    timm = pytest.importorskip("timm")
    torch = pytest.importorskip("torch")
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "w.pth")
    named = [
        {"file": str(tmp_path / "w.pth"), "architecture": "timm:test_resnet"},
        {"embeddings": str(tmp_path / "e.npy")},
    ]
    chosen, cards, found = answer(tmp_path, pictures, named)
    assert [card["failed"] for card in cards.values()] == [None] * 3
    assert [one["name"] for one in found["baselines"]] == ["untrained timm:test_resnet"]
    assert 1 not in {image["row"] for image in chosen["probe"]}  # cannot be decoded
    for image in chosen["probe"]:
        assert image["file"] == f"{image['row']}.png" and image["sha256"]
    mine = next(one for one in found["candidates"] if one["name"] == "embeddings:e")
    assert mine["scores"]["LinearProbe"]["value"] == 1.0
    assert found["static_order"]["slugs"] == [candidates(named)[0].slug]  # without embeddings
    assert "embeddings:e" in terminal(found) and "embeddings:e" in page(found)


def test_rows_are_those_of_the_table_whatever_is_left_out(tmp_path):
    rows = [
        ("a.png", label, "test" if row % 4 == 3 else "train") for row, label in enumerate(LABELS)
    ]
    splits = ["train", "train", "train", "test"]
    rows = [(f"{row}.png", label, splits[row % 4]) for row, label in enumerate(LABELS)]
    rows[0] = ("0.png", "", "train")
    rows[5] = rows[2]
    (tmp_path / "l.tsv").write_text("\n".join(map("\t".join, [("file", "label", "split"), *rows])))
    with pytest.raises(DataError, match="file.* not there"):
        choose(tmp_path / "l.tsv", 10)
    chosen = choose(tmp_path / "l.tsv", 10, pixels=False)
    assert chosen["rows"] == ROWS and chosen["use"]["undecodable"] == 0
    assert len(chosen["probe"]) == 30
    for image in chosen["probe"]:
        file, label, split = rows[image["row"]]
        assert image["file"] == file and split == "train"
        assert chosen["classes"][image["label"]] == label


def test_a_table_of_labels_alone_needs_all_candidates_to_be_embeddings(table):
    with pytest.raises(DataError, match=r"labels.csv: needs the columns `file` .* it has label"):
        choose(table, 10)


def test_labels_that_change_are_noticed(table):
    before, facts = state(table, pixels=False), table.stat()
    table.write_text("\n".join(["label", *LABELS[1:], LABELS[0]]) + "\n")
    os.utime(table, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert table.stat().st_size == facts.st_size
    assert state(table, pixels=False) != before


def not_finite(array, value, row=17):
    array[row, 3] = value
    return array


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (embeddings()[:40], "has 40 rows, and the table of labels 45; give each row"),
        (not_finite(embeddings(), np.nan), "a value that is not finite, in row 17 (from 0)"),
        (not_finite(embeddings(), 1e300, 44), "a value that is not finite, in row 44 (from 0)"),
        (embeddings()[:, 0], "has the shape [45], not [rows, values]"),
        (embeddings()[:, :0], "has the shape [45, 0]"),
        (embeddings().astype(int), "holds int64, not floats"),
        (np.array([{}] * ROWS), "holds Python objects, not numbers"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b"1,2,3\n", "is not an array that numpy.save wrote"),
        (b"", "is empty"),
        (b"\x93NUMPY\x01\x00v\x00{'descr'", "is cut off or damaged"),
    ],
)
def test_what_is_no_such_array_is_one_line(tmp_path, array, said):
    file = tmp_path / "e.npy"
    if isinstance(array, bytes):
        file.write_bytes(array)
    else:
        np.save(file, array)
    error = fault(parse({"embeddings": str(file)}), tmp_path, ROWS)
    assert said in str(error) and str(error).startswith(str(file)) and "\n" not in str(error)


def test_a_file_that_is_cut_off_or_no_file_is_one_line(tmp_path, table):
    file = tmp_path / "e.npy"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(Unusable, match="is cut off or damaged"):
        read(str(file), ROWS)
    file.unlink()
    with pytest.raises(Unusable, match="there is no file"):
        read(str(file), ROWS)
    os.mkfifo(file)
    with pytest.raises(Unusable, match="is not a regular file"):
        read(str(file), ROWS)


def test_one_that_cannot_be_used_is_a_card(tmp_path, table):
    np.save(tmp_path / "short.npy", embeddings()[1:])
    named = [{"embeddings": str(tmp_path / f"{name}.npy")} for name in ("e", "short")]
    _, cards, found = answer(tmp_path, table, named)
    assert [one["name"] for one in found["candidates"]] == ["embeddings:e"]
    [failure] = found["failures"]
    assert "has 44 rows, and the table of labels 45" in failure["reason"]
