"""From cards and scores to the ranking: order, trust, notes, table; whatever is missing."""

import copy
import re

import numpy as np
import pytest
from PIL import Image

import jobs
from basemodel import metrics
from basemodel.files import read_json, write_json
from basemodel.metrics import PARC, LinearProbe, kNN
from basemodel.report.rank_answer import terminal
from basemodel.report.rank_csv import csv_rows
from basemodel.report.rank_page import page
from basemodel.selection.mistakes import confusion, hard_images
from basemodel.selection.names import parse, ranking_name
from basemodel.selection.pooled_scores import PAIR, pooled_scores, trust
from basemodel.selection.ranking import ranking
from basemodel.selection.scores import HALVES, halves, predictions, scored
from rank_fixture import USE

METRICS = ["LinearProbe", "kNN", "LogME", "NCTI", "LEEP", "S3", "S5", "S6"]
CLASSES, EACH = 4, 12
LABELS = np.repeat(np.arange(CLASSES), EACH)
FACTS = {
    "name": "beetles", "settings": {}, "versions": {}, "command": "snakemake rank",
    "verify_command": "snakemake rank_verify", "candidates_folder": "candidates",
}  # fmt: skip


def arrays(strength: float, seed: int, zeros: bool = True) -> dict[str, np.ndarray]:
    """Outputs of a network that tells the classes apart the better, the larger `strength` is."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(CLASSES, 20))
    embeddings = strength * centres[LABELS] + rng.normal(size=(len(LABELS), 20))
    maps = embeddings[:, :, None, None] + 0.3 * rng.normal(size=(len(LABELS), 20, 3, 3))
    return {
        "embeddings": embeddings.astype("f4"),
        "featuremaps": (np.maximum(maps, 0) if zeros else np.exp(maps)).astype("f4"),
        "probabilities": rng.dirichlet(np.ones(5), len(LABELS)).astype("f4"),
        "labels": LABELS,
    }


def card(name: str, untrained: bool = False, **changes) -> dict:
    candidate = parse(name)
    candidate = candidate.baseline if untrained else candidate
    return {
        "slug": candidate.slug, "candidate": candidate.label, "source": candidate.source,
        "name": candidate.name, "file": None, "architecture": candidate.architecture,
        "untrained": untrained, "failed": None, "remedy": None, "input": [3, 224, 224],
        "parameters": 1000, "multiply_adds": 5, "licence": "mit", "source_classes": 5,
        "imagenet_top1": None, "sha256": "ab", "notes": [], "images_per_second": 9.0,
        "seconds": {"loading": 0.1, "network": 2.0, "all": 2.5}, "device": "cpu", "threads": 1,
    } | changes  # fmt: skip


def chosen(folder, labelled: bool = True) -> dict:
    probe = []
    for position, label in enumerate(LABELS):
        file = f"{position}.png"
        if not (folder / file).exists():
            Image.new("RGB", (200, 150), (5 * position, 0, 0)).save(folder / file)
        probe.append({"file": file, "label": int(label) if labelled else None})
    return {
        "images": str(folder), "folder": str(folder), "use": USE, "probe": probe,
        "classes": list("abcd") if labelled else [], "test": probe[:3], "problems": [],
        "counts": [EACH] * CLASSES, "task": "classes" if labelled else None,
    }  # fmt: skip


MODELS = [
    ("timm:good.a", False, 3.0), ("timm:fair.a", False, 1.0), ("torchvision:poor", False, 0.5),
    ("timm:good.a", True, 0.1), ("timm:fair.a", True, 0.1), ("torchvision:poor", True, 0.1),
]  # fmt: skip


def experiment(labelled=True, zeros=True, models=MODELS):
    cards, scores = [], []
    for seed, (name, untrained, strength) in enumerate(models):
        cards.append(card(name, untrained, parameters=1000 * (seed + 1)))
        given = arrays(strength, seed, zeros)
        if not labelled:
            del given["labels"]
        predicted = predictions(given)
        found = {
            "scores": scored(given, METRICS, 0, predicted),
            "predictions": predicted,
            "seconds": 0.5,
        }
        scores.append(found)
    return cards, scores


def ranked(folder, cards, scores, labelled=True, imagenet=None, weights="balanced"):
    return ranking(
        chosen(folder, labelled),
        cards,
        scores,
        METRICS,
        "LinearProbe",
        weights,
        imagenet or {},
        FACTS,
        0,
    )


def test_candidates_are_ordered_by_the_probe_and_baselines_stand_apart(tmp_path):
    found = ranked(tmp_path, *experiment())
    assert [c["name"] for c in found["candidates"]] == [
        "timm:good.a", "timm:fair.a", "torchvision:poor"
    ]  # fmt: skip
    assert [c["rank"] for c in found["candidates"]] == [1, 2, 3]
    assert [c["possible_best"] for c in found["candidates"]] == [True, True, False]
    assert found["candidates"][0]["behind"] is None
    assert found["candidates"][2]["behind"]["low"] > 0
    evidence = found["evidence"]
    assert evidence["verdict"] == "some" and evidence["guessing"] == max(np.bincount(LABELS)) / len(
        LABELS
    )
    assert all(each["baseline"] for each in found["baselines"]) and len(found["baselines"]) == 3
    probe = found["candidates"][0]["scores"]["LinearProbe"]
    assert probe["low"] <= evidence["corrected"] <= probe["value"] <= probe["high"]
    expected = LinearProbe.compute(arrays(3.0, 0)["embeddings"], LABELS)["value"]
    assert probe["value"] == expected
    by = {score["name"]: score for score in found["scores"]}
    assert by["LinearProbe"]["trust"] == by["LogME"]["trust"] == "trusted"
    assert found["scores"][0]["name"] == "LinearProbe"
    assert found["timing"]["in_networks"] == pytest.approx(2 * 6 / (6 * 3.0))
    assert found["static_order"]["by"] == "parameters"
    assert found["static_order"]["slugs"][0] == "torchvision-poor"  # the largest
    assert found["confusion"]["candidate"] == "timm:good.a"
    assert np.sum(found["confusion"]["counts"]) == len(LABELS)
    assert "Start from one of 2 that may be the best: timm:good.a and" in terminal(found)
    assert "timm:fair.a" in page(found)


def test_a_score_that_puts_an_untrained_network_first_is_not_trusted(tmp_path):
    models = [*MODELS[:3], ("timm:good.a", True, 2.0), *MODELS[4:]]
    found = ranked(tmp_path, *experiment(models=models))
    by = {score["name"]: score for score in found["scores"]}
    assert by["LogME"]["trust"] == "untrusted"
    why = "puts untrained timm:good above timm:fair.a, by more than chance explains"
    assert by["LogME"]["why"] == why


def test_trust_by_hand():
    def of(name, *each):
        numbers, architectures, untrained = zip(*each, strict=True)
        measured = [
            {"value": value, "note": "none" if value is None else None} for value in numbers
        ]
        labels = [f"{'un' * c}trained {a}" for a, c in zip(architectures, untrained, strict=True)]
        return trust(name, measured, labels, architectures, untrained)

    assert of("LogME", (2, "a", False), (1, "a", True)) == ("trusted", "")
    assert of("LogME", (2, "a", False), (2, "a", True))[0] == "untrusted"  # as good is no better
    assert of("LogME", (2, "a", False), (3, "b", True))[0] == "untrusted"
    # S1 is not compared with another architecture
    assert of("S1", (2, "a", False), (3, "b", True))[0] == "within"
    assert of("S1", (2, "a", False), (3, "a", True)) == (
        "untrusted", "puts untrained a above trained a"
    )  # fmt: skip
    # The first of several is named
    assert of("LogME", (3, "a", False), (1, "b", False), (0, "c", False), (2, "d", True)) == (
        "untrusted", "puts untrained d above trained b"
    )  # fmt: skip
    # Smaller is better
    assert of("S5", (0.2, "a", False), (0.3, "a", True), (0.1, "b", True))[0] == "within"
    assert of("S5", (0.2, "a", False), (0.1, "a", True))[0] == "untrusted"
    # Nor is a pair of metrics of which neither compares architectures
    assert of(PAIR, (2, "a", False), (3, "b", True))[0] == "within"
    assert of("S5", (None, "a", False), (0.1, "a", True)) == ("n/a", "none")


def test_a_verdict_says_whether_chance_explains_it():
    def of(difference, *halves):
        measured = [
            {"value": 1.0, "halves": [1.0, 0.9, 1.1]},
            {"value": 1.0 + difference, "halves": [1.0 + each for each in halves]},
        ]
        return trust("LogME", measured, ["good", "bare"], ["a", "a"], [False, True])

    # What is the same for both is in no difference: 0.3, 0.3 and 0.31 here.
    assert of(0.3, 0.3, 0.2, 0.41) == (
        "untrusted", "puts bare above good, by more than chance explains"
    )  # fmt: skip
    assert of(0.3, 0.9, -0.4, 0.4) == ("untrusted", "puts bare above good, by what may be chance")
    assert of(0.0, 0.0, -0.1, 0.1) == ("untrusted", "puts bare level with good")
    assert of(-0.3, 0.0, 0.0, 0.0) == ("trusted", "")


def test_without_zeros_the_paper_pair_is_not_applicable(tmp_path):
    found = ranked(tmp_path, *experiment(zeros=False))
    by = {score["name"]: score for score in found["scores"]}
    for name in ("S5", "S6", PAIR):
        assert by[name]["trust"] == "n/a" and "no exact zeros" in by[name]["why"]
        assert found["candidates"][0]["scores"][name]["value"] is None


def test_the_pair_is_scaled_over_the_candidates_that_have_it():
    each = [{"terms": {"value": v}, "halves": []} for v in (0.2, 0.6, 0.4)]
    none = {"note": "not applicable"}
    scored = [{"S5": one, "S6": one} for one in each] + [{"S5": none, "S6": none}]
    found = [one["value"] for one in pooled_scores(scored, ["S5", "S6"])[PAIR]]
    assert found == [pytest.approx(1), pytest.approx(-1), pytest.approx(0), None]


def test_without_labels_only_what_needs_none_is_there(tmp_path):
    found = ranked(tmp_path, *experiment(labelled=False), labelled=False)
    assert not found["labelled"] and found["confusion"] is None and found["hard_images"] == []
    scores = found["candidates"][0]["scores"]
    assert scores["S5"]["value"] is not None
    assert scores["LogME"] == {
        "value": None, "low": None, "high": None, "note": "needs labelled images"
    }  # fmt: skip
    assert found["candidates"][0]["possible_best"] is found["evidence"] is None
    assert "no labels" in terminal(found) and page(found)


def test_a_failure_is_a_line_and_the_rest_is_ranked(tmp_path):
    cards, scores = experiment()
    cards[1] |= {"failed": "no such model", "remedy": "did you mean fair.b?"}
    found = ranked(tmp_path, cards, scores)
    assert [c["name"] for c in found["candidates"]] == ["timm:good.a", "torchvision:poor"]
    assert found["failures"] == [
        {"name": "timm:fair.a", "reason": "no such model", "remedy": "did you mean fair.b?"}
    ]
    rows = csv_rows(found)
    assert rows[-1] == {
        "name": "timm:fair.a", "failed": "no such model", "remedy": "did you mean fair.b?"
    }  # fmt: skip
    assert rows[0]["LinearProbe"] == found["candidates"][0]["scores"]["LinearProbe"]["value"]


def test_all_failed(tmp_path):
    cards, scores = experiment()
    for one in cards:
        one |= {"failed": "no weights", "remedy": "snakemake rank_fetch"}
    found = ranked(tmp_path, cards, scores)
    assert found["candidates"] == []
    # Of a model that cannot be had, its baseline fails as well: that is said once
    assert len(found["failures"]) == 3
    assert "No candidate could be ranked." in terminal(found) and page(found)


def test_imagenet_orders_if_all_candidates_have_it(tmp_path):
    cards, scores = experiment()
    known = {one["slug"]: 70.0 + i for i, one in enumerate(cards[:3])}
    found = ranked(tmp_path, cards, scores, imagenet=known)
    assert found["static_order"] == {
        "by": "imagenet", "slugs": ["torchvision-poor", "timm-fair.a", "timm-good.a"]
    }  # fmt: skip
    assert found["candidates"][0]["imagenet"] == pytest.approx(0.70)
    found = ranked(tmp_path, cards, scores, imagenet={cards[0]["slug"]: 70.0})
    assert found["static_order"]["by"] == "parameters"


def test_agreement_is_spearmans_rho_over_candidates(tmp_path):
    found = ranked(tmp_path, *experiment())
    names, rho = found["agreement"]["scores"], np.array(found["agreement"]["rho"])
    assert names[-1] == "parameters"
    i = names.index("LinearProbe")
    assert rho[i, i] == 1 and rho[i, names.index("LogME")] == 1
    assert rho[i, -1] == -1  # the larger, the worse, in this made example


# One candidate's scores ---------------------------------------------------------------------


def test_scores_are_the_metrics_and_their_halves():
    given = arrays(1.0, 0)
    found = scored(given, METRICS, 0, {})
    assert (
        found["LogME"]["terms"]["value"]
        > scored(arrays(0.1, 0), ["LogME"], 0, {})["LogME"]["terms"]["value"]
    )
    assert len(found["LogME"]["halves"]) == HALVES and found["S3"]["halves"] == []
    assert "value" not in found["NCTI"]["terms"]  # scaled when all are known
    del given["probabilities"]
    none = {"note": "no source classes are predicted"}
    assert scored(given, ["LEEP"], 0, {})["LEEP"] == none


def test_a_metric_that_cannot_take_so_many_images_says_so(monkeypatch):
    monkeypatch.setattr(PARC, "MOST_IMAGES", 5)
    found = scored(arrays(1.0, 0), ["PARC"], 0, {})["PARC"]
    assert found == {"note": "PARC: not applicable to more than 5 images"}


def test_a_metric_that_raises_is_a_note_and_the_rest_stands(tmp_path, monkeypatch):
    real = metrics.compute

    def compute(name, given):
        if name == "LogME" and given["embeddings"][0, 0] == first:
            raise ValueError("singular\nmatrix")
        return real(name, given)

    cards, scores = experiment()
    given = arrays(MODELS[1][2], 1)
    first = given["embeddings"][0, 0]
    monkeypatch.setattr(metrics, "compute", compute)
    scores[1]["scores"] = scored(given, METRICS, 0, {})
    found = ranked(tmp_path, cards, scores)
    notes = {each["name"]: each["scores"]["LogME"].get("note") for each in found["candidates"]}
    assert notes.pop("timm:fair.a") == "it failed: ValueError: singular matrix"
    assert set(notes.values()) == {None} and len(notes) == 2
    assert found["candidates"][1]["scores"]["LEEP"]["value"] is not None


def test_a_metric_that_cannot_be_pooled_is_a_note(tmp_path, monkeypatch):
    def over_pool(*_):
        raise ValueError("no extremes")

    cards, scores = experiment()
    monkeypatch.setattr(metrics.load("NCTI"), "over_pool", over_pool)
    found = ranked(tmp_path, cards, scores)
    note = found["candidates"][0]["scores"]["NCTI"]["note"]
    assert note == "it failed: ValueError: no extremes"
    assert found["candidates"][0]["scores"]["LogME"]["value"] is not None


def test_a_candidate_without_predictions_is_a_failure_and_the_rest_is_ranked(tmp_path):
    cards, scores = experiment()
    scores[1] = {"failed": "its images' classes cannot be predicted: ValueError: x", "seconds": 1}
    found = ranked(tmp_path, cards, scores)
    assert [each["name"] for each in found["candidates"]] == ["timm:good.a", "torchvision:poor"]
    [failure] = found["failures"]
    assert failure["name"] == "timm:fair.a" and "cannot be predicted" in failure["reason"]


def test_predictions_are_those_of_the_metrics():
    given = arrays(1.0, 0)
    found = predictions(given)
    scores = scored(given, ["LinearProbe", "kNN"], 0, found)
    for module in (LinearProbe, kNN):
        name = module.__name__.split(".")[-1]
        right = np.mean(np.array(found[name]) == LABELS)
        assert right == module.compute(given["embeddings"], LABELS)["value"]
        assert scores[name] == {"terms": {"value": right}, "halves": []}


@pytest.mark.parametrize("sizes", [[6, 6], [5, 7, 2], [2, 2, 3]])
def test_halves_are_stratified_and_without_replacement(sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    found = halves(labels, len(labels), 0)
    assert len({tuple(rows) for rows in found}) > 1
    for rows in found:
        assert len(set(rows)) == len(rows)
        for label, size in enumerate(sizes):
            assert (labels[rows] == label).sum() in (size // 2, -(-size // 2))


# Images that are hard -----------------------------------------------------------------------


def test_images_that_nobody_gets_right_are_shown_with_what_they_are_taken_for(tmp_path):
    images = chosen(tmp_path)
    right = LABELS.tolist()
    first, second = right.copy(), right.copy()
    first[0], second[0] = 2, 2  # agreed on
    first[13], second[13] = 0, 3
    first[20] = 3  # right by the second
    found = hard_images(images, [first, second])
    assert [one["file"] for one in found] == ["0.png", "13.png"]
    assert found[0]["predicted"] == [["c", 2]] and found[0]["label"] == "a"
    assert found[0]["thumbnail"].startswith("data:image/jpeg;base64,")
    counts = np.array(confusion(images, first, "x")["counts"])
    assert counts[0, 2] == 1 and counts[1, 0] == 1 and np.trace(counts) == len(LABELS) - 3


@pytest.mark.parametrize(
    ("folder", "name"),
    [("/a/beetles", "beetles"), ("beetles/", "beetles"), ("/a/Käfer 1", "Käfer_1"), ("/", "images"),
     ("/a/-x", "x"), ("/a/日本の虫", "日本の虫"), ("/a/Ka\u0308fer", "Käfer"), ("/a/жук", "жук"),
     ("/a/<x>{y}\x1b[31m\u202e", "_x_y_31m_"), ("/a/caf\udce9", "caf_"),
     ("/a/" + "虫" * 80, "虫" * 40)],
)  # fmt: skip
def test_a_ranking_is_called_after_its_folder(folder, name, tmp_path):
    assert ranking_name(folder, tmp_path) == name


def test_two_folders_of_one_name_have_two_rankings(tmp_path):
    def begun(name, **content):
        (tmp_path / name).mkdir(exist_ok=True)
        write_json(tmp_path / name / "images.json", content)

    begun("photos", folder="/a/photos")  # as earlier versions wrote it
    assert ranking_name("/a/photos", tmp_path) == "photos"
    other = ranking_name("/b/photos", tmp_path)
    assert re.fullmatch("photos-[0-9a-f]{6}", other)
    begun(other, images="/b/photos", folder="/b/photos")
    assert ranking_name("/b/photos", tmp_path) == other
    assert ranking_name("/c/photos", tmp_path) not in ("photos", other)
    (tmp_path / "photos" / "images.json").unlink()  # which moves no ranking that is there
    assert ranking_name("/b/photos", tmp_path) == other
    assert ranking_name("/a/photos", tmp_path) == "photos"


def test_a_table_gives_its_ranking_its_name(tmp_path):
    (tmp_path / "labels.csv").touch()
    assert ranking_name(str(tmp_path / "labels.csv"), tmp_path) == "labels"


# The scripts --------------------------------------------------------------------------------


def test_arrays_that_were_deleted_are_told_in_one_line(tmp_path):
    cards, _ = experiment()
    (tmp_path / "arrays").mkdir()
    write_json(tmp_path / "images.json", chosen(tmp_path))
    write_json(tmp_path / "card.json", cards[0] | {"arrays": {"featuremaps": "sha"}})
    named = {"card": "card.json", "arrays": "arrays", "images": "images.json"}
    with pytest.raises(SystemExit, match=r"arrays/featuremaps.npy is not .*delete .*/card.json"):
        jobs.run(
            "rank_scores.py",
            input={name: tmp_path / file for name, file in named.items()},
            output=[tmp_path / "scores.json"],
            params={"metrics": METRICS, "seed": 0},
        )


def test_scripts(tmp_path):
    cards, _ = experiment()
    write_json(tmp_path / "images.json", chosen(tmp_path))
    (tmp_path / "cropped").mkdir()
    outputs = []
    for seed, (one, (_, _, strength)) in enumerate(zip(cards, MODELS, strict=True)):
        folder = tmp_path / one["slug"]
        (folder / "arrays").mkdir(parents=True)
        given = arrays(strength, seed)
        names = ["embeddings", "featuremaps", "probabilities"]
        for name in names:
            np.save(folder / "arrays" / f"{name}.npy", given[name])
        one = copy.deepcopy(one) | {"arrays": dict.fromkeys(names, "sha")}
        if seed == 2:
            one |= {"failed": "crashed", "remedy": "leave it out"}
        write_json(folder / "card.json", one)
        outputs.append(folder / "scores.json")
        jobs.run(
            "rank_scores.py",
            input={
                "card": folder / "card.json",
                "arrays": folder / "arrays",
                "images": tmp_path / "images.json",
            },
            output=[outputs[-1]],
            params={"metrics": METRICS, "seed": 0},
        )
    assert read_json(outputs[2])["failed"] == "crashed" and "scores" not in read_json(outputs[2])
    jobs.run(
        "rank_report.py",
        input={
            "images": tmp_path / "images.json",
            "cards": [path.with_name("card.json") for path in outputs],
            "scores": outputs,
        },
        output={
            name: tmp_path / f"out.{name}" for name in ("json", "csv", "page", "answer")
        },
        params={
            "name": "beetles", "by": "LinearProbe", "weights": "balanced",
            "metrics": METRICS, "metadata": None,
            "candidates": {one["slug"]: one["candidate"] for one in cards},
            "python": {one["slug"]: repr(one["candidate"]) for one in cards},
            "settings": {}, "seed": 0,
        },
    )  # fmt: skip
    assert not (tmp_path / "cropped").exists()  # no candidate needs it any more
    found = read_json(tmp_path / "out.json")
    assert [c["name"] for c in found["candidates"]] == ["timm:good.a", "timm:fair.a"]
    assert found["failures"][0]["name"] == "torchvision:poor"
    assert "Any of the two may be the best: timm:good.a" in (tmp_path / "out.answer").read_text()
    assert "<html" in (tmp_path / "out.page").read_text()
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + 6


def test_natural_weights_count_a_class_as_in_the_folder(tmp_path):
    cards, scores = experiment()
    images = {**chosen(tmp_path), "counts": [97, 1, 1, 1]}
    given = ("LinearProbe", "natural", {}, FACTS, 0)
    found = ranking(images, cards, scores, METRICS, *given)
    assert found["evidence"]["guessing"] == pytest.approx(0.97)
    right = np.array(scores[0]["predictions"]["LinearProbe"]) == LABELS
    expected = 0.97 * right[LABELS == 0].mean() + 0.01 * sum(
        right[label == LABELS].mean() for label in (1, 2, 3)
    )
    by_name = {each["name"]: each for each in found["candidates"]}
    assert by_name["timm:good.a"]["scores"]["LinearProbe"]["value"] == pytest.approx(expected)
    assert found["evidence"]["verdict"] == "guessing" and "guessing 97.0" in terminal(found)
