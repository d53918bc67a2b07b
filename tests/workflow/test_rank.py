"""`snakemake rank` as a user runs it, on base models of the smoke experiment and a bad name."""

import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

import miniatures
from basemodel.report import rank_words
from basemodel.selection import kept
from basemodel.selection.shelf import shelf
from projects import EXPERIMENT, Project

TRAINED = ["base:resnet18/class5-1", "base:resnet18/image2-1", "base:alexnet/class5-2"]
BAD = "timm:no_such_model"
RANK = {"images_per_class": 6, "verify": 1, "seeds": 2, "epochs": 1, "trainable": "last"}


def overlay(project, named, **more):
    file = project.folder / "rank.yaml"
    settings = {
        "images": str(project.folder / "beetles"),
        "candidates": named,
        "rank": RANK,
    } | more
    file.write_text(json.dumps(settings))
    return (str(file),)


@pytest.fixture(scope="module")
def ranked(finished, tmp_path_factory):
    """A copy of the finished experiment with a folder of images, ranked once."""
    project = Project(tmp_path_factory.mktemp("ranked") / "project")
    shutil.copytree(finished.folder, project.folder, symlinks=True)
    for label in range(3):
        for number in range(10):
            path = project.folder / "beetles" / f"class {label}" / f"{number}.png"
            miniatures.image(path, label, number)
    run = project.snakemake("--", "rank", overlay=overlay(project, [*TRAINED, BAD]))
    assert run.returncode == 0, run.stdout + run.stderr
    return project, run


def of(project):
    return project.results / "rank" / "beetles"


def test_the_answer_is_in_the_terminal_and_on_the_page(ranked):
    project, run = ranked
    printed = run.stdout + run.stderr
    found = json.loads((of(project) / "ranking.json").read_text())
    leader = found["candidates"][0]["name"]
    assert rank_words.sentences(found)[0].replace("\u00a0", " ")[:60] in printed
    assert leader in printed
    assert f"{BAD}: timm has no model 'no_such_model'" in printed
    assert len(found["candidates"]) == 3 and len(found["baselines"]) == 2
    assert [failure["name"] for failure in found["failures"]] == [BAD]
    page = (of(project) / "report.html").read_text()
    assert leader in page and "no_such_model" in page
    rows = (of(project) / "ranking.csv").read_text().splitlines()
    assert len(rows) == 1 + 3 + 2 + 1
    assert re.search(r"^The page: .*rank/beetles/report\.html$", printed, re.MULTILINE)
    settings = f"--cores all --configfile {EXPERIMENT} rank.yaml"
    assert f"\n    snakemake rank_verify {settings}\n" in printed
    assert f"<code>snakemake rank {settings}</code>" in page
    embeddings = rank_words.embeddings(found, found["candidates"][0])
    assert len(np.load(project.folder / embeddings)) == found["images"]["probe"]


def would_run(project, candidates, *targets, **more):
    run = project.snakemake("-n", "--", *targets, overlay=overlay(project, candidates, **more))
    assert run.returncode == 0, run.stdout + run.stderr
    table = re.findall(r"^(\w+) +([\d,]+)  ", run.stdout + run.stderr, re.MULTILINE)
    return {rule: int(count) for rule, count in table if rule not in ("rank", "rank_verify")}


def test_only_what_failed_is_tried_again(ranked):
    project, _ = ranked
    # And its baseline.
    again = {"rank_check": 1, "rank_candidate": 2, "rank_scores": 2, "rank_report": 1}
    assert would_run(project, [*TRAINED, BAD], "rank") == again
    assert would_run(project, TRAINED, "rank") == {"rank_check": 1, "rank_report": 1}


def test_what_lists_candidates_and_how_settings_are_given_remake_nothing(ranked):
    project, _ = ranked
    run = project.snakemake("--", "rank", overlay=overlay(project, TRAINED))
    assert run.returncode == 0, run.stdout + run.stderr
    assert would_run(project, TRAINED, "rank", rank=RANK | {"find": "resnet*"}) == {}
    shutil.copy(project.folder / "rank.yaml", project.folder / "same.yaml")
    run = project.snakemake("-n", "--", "rank", overlay=("same.yaml",))
    assert re.findall(r"^(rank\w*) +1 ", run.stdout + run.stderr, re.MULTILINE) == ["rank"]


def test_a_page_stays_until_the_next_is_whole(ranked):
    project, _ = ranked
    run = project.snakemake("--", "rank", overlay=overlay(project, TRAINED))
    assert run.returncode == 0, run.stdout + run.stderr
    kept = [of(project) / name for name in ("report.html", "ranking.csv", "ranking.json")]
    before = [file.read_bytes() for file in kept]
    template = project.folder / "workflow/basemodel/report/templates/page.html.j2"
    text = template.read_text()
    template.write_text("{% nothing %}" + text)
    run = project.snakemake("--", "rank", overlay=overlay(project, [*TRAINED, BAD]))
    assert run.returncode == 1 and "unknown tag 'nothing'" in run.stdout + run.stderr
    assert [file.read_bytes() for file in kept] == before
    template.write_text(text)
    assert would_run(project, [*TRAINED, BAD], "rank").get("rank_report") == 1
    assert would_run(project, TRAINED, "rank").get("rank_report") == 1
    run = project.snakemake("--", "rank", overlay=overlay(project, TRAINED))
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(kept[2].read_text())["failures"] == []


def test_featuremaps_that_are_deleted_make_nothing_run(ranked):
    project, _ = ranked
    before = would_run(project, TRAINED, "rank")
    file = next((of(project) / "candidates").glob("base-*/arrays/featuremaps.npy"))
    elsewhere = file.rename(project.folder / "featuremaps.npy")
    assert would_run(project, TRAINED, "rank") == before
    elsewhere.rename(file)  # later tests change metrics


def test_a_new_candidate_costs_its_own_jobs(ranked):
    project, _ = ranked
    more = [*TRAINED, "base:vgg16/class5-1"]
    assert would_run(project, more, "rank") == {
        "rank_check": 1, "rank_candidate": 2, "rank_scores": 2, "rank_report": 1
    }  # fmt: skip


def test_a_metric_passes_no_image_through_a_network(ranked):
    project, _ = ranked
    file = project.folder / "workflow/basemodel/metrics/LogME.py"
    text = file.read_text()
    try:
        file.write_text(f"{text}\nUNUSED = 1\n")
        found = would_run(project, TRAINED, "rank")
        found.pop("rank_check", None)  # is due, if no test before has ranked just these
        assert found == {"rank_scores": 5, "rank_report": 1}
    finally:
        file.write_text(text)


def test_changed_images_are_ranked_again(ranked):
    project, _ = ranked
    run = project.snakemake("--", "rank", overlay=overlay(project, TRAINED))
    assert run.returncode == 0, run.stdout + run.stderr
    assert would_run(project, TRAINED, "rank") == {}
    image = project.folder / "beetles" / "class 0" / "0.png"
    content, before = image.read_bytes(), image.stat()
    miniatures.image(image, 0, 77)
    assert would_run(project, TRAINED, "rank") == {
        "rank_images": 1, "rank_candidate": 5, "rank_scores": 5, "rank_report": 1
    }  # fmt: skip
    image.write_bytes(content)
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert would_run(project, TRAINED, "rank") == {}


def test_embeddings_alone_and_replaced_by_others_of_the_same_size_and_time(ranked):
    project, _ = ranked
    (project.folder / "labels.csv").write_text("label\n" + "ant\nbee\n" * 20)
    values = np.random.default_rng(0).normal(size=(40, 5)) + [[0], [3]] * 20
    for name in "ef":
        np.save(project.folder / f"{name}.npy", values)
    named = [{"embeddings": "e.npy", "name": "mine"}, {"embeddings": "f.npy"}]
    alone = {"images": "labels.csv"}
    run = project.snakemake("--", "rank", overlay=overlay(project, named, **alone))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Any of the two may be the best: embeddings:mine" in run.stdout + run.stderr
    assert would_run(project, named, "rank", **alone) == {}
    file = project.folder / "e.npy"
    before = file.stat()
    np.save(file, values[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert would_run(project, named, "rank", **alone) == {
        "rank_check": 1, "rank_candidate": 1, "rank_scores": 1, "rank_report": 1
    }  # fmt: skip
    run = project.snakemake("-n", "--", "rank_verify", overlay=overlay(project, named, **alone))
    assert "config: candidates: embeddings cannot be fine-tuned" in run.stdout + run.stderr


def test_weights_of_the_same_size_and_time_are_noticed(ranked):
    project, _ = ranked
    weights = project.results / "models" / "alexnet" / "class5-2.safetensors"
    content, before = weights.read_bytes(), weights.stat()
    weights.write_bytes(content[:-4] + bytes(4))
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert would_run(project, TRAINED, "rank") == {
        "rank_check": 1, "rank_candidate": 1, "rank_scores": 1, "rank_report": 1
    }  # fmt: skip
    weights.write_bytes(content)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert would_run(project, TRAINED, "rank") == {}


def test_a_table_of_accuracies_of_the_same_size_and_time_is_noticed(ranked):
    project, _ = ranked
    table = project.folder / "table.csv"

    def jobs(content):
        table.write_text(content)
        os.utime(table, ns=(10**18, 10**18))
        return would_run(project, TRAINED, "rank", rank={"metadata": str(table)} | RANK)

    first = jobs("model,top1\na,70.1\n")
    assert first == {"rank_report": 1}
    run = project.snakemake(
        "--", "rank", overlay=overlay(project, TRAINED, rank={"metadata": str(table)} | RANK)
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert jobs("model,top1\na,70.1\n") == {}
    assert jobs("model,top1\na,70.2\n") == first


def test_verifying_fine_tunes_the_shortlist_and_keeps_the_best_network(ranked):
    project, _ = ranked
    run = project.snakemake("--", "rank_verify", overlay=overlay(project, TRAINED))
    assert run.returncode == 0, run.stdout + run.stderr
    printed = run.stdout + run.stderr
    assert re.search(r"Trains on \d+ images, chooses on \d+, fine-tunes \d candidates: ", printed)
    found = json.loads((of(project) / "verified" / "ranking.json").read_text())["verify"]
    assert 1 <= len(found["rows"]) <= 2
    assert all(1 <= len(row["accuracies"]) <= 2 for row in found["rows"])
    assert "The best network is " in " ".join(printed.split("\n")) and found["kept"].endswith(
        "verified/best.safetensors"
    )
    network = kept.load(of(project) / "verified")
    assert network.card["name"] == next(
        row["name"] for row in found["rows"] if row["slug"] == found["best"]
    )
    with Image.open(project.folder / "beetles" / "class 0" / "0.png") as image:
        shares = network(image.convert("RGB"))
    assert len(shares) == len(network.classes) == 3 and float(shares.sum()) == pytest.approx(1)
    assert would_run(project, TRAINED, "rank_verify") == {}


def test_a_fine_tuning_that_failed_is_tried_again(ranked):
    project, _ = ranked
    [failures, *_] = sorted((of(project) / "candidates").glob("*/finetune/0-failures.json"))
    before = failures.read_text()
    failures.write_text('["out of memory"]')
    again = would_run(project, TRAINED, "rank_verify")
    assert again["rank_finetune"] >= 1 and "rank_candidate" not in again
    failures.write_text(before)


def test_fewer_than_two_candidates_are_an_error(ranked):
    project, _ = ranked
    run = project.snakemake("--", "rank", overlay=overlay(project, [TRAINED[0], BAD]))
    assert run.returncode == 1
    assert "Fewer than two candidates could be used" in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"images": None}, "config: images: names no folder; add --config images=FOLDER"),
        ({"images": "/nowhere"}, "config: images: there is no /nowhere; write where it is"),
        ({"candidates": [{"embeddings": "e.npy"}]}, "embeddings are rows of a table of labels"),
        ({"candidates": ["resnet18"]}, "config: candidates.0: 'resnet18' does not say where"),
        (
            {"rank": {"metadata": "config.yaml"}},
            "config: rank.metadata: config.yaml: needs the col",
        ),
        ({"rank": {"by": "LogME"}}, "config: rank.by: 'LogME' is not one of"),
        ({"rank": {"licence": "free"}}, "config: rank.licence: 'free' is not one of"),
        ({"rank": {"most_parameters": "30e6"}}, "'30e6' is not of type 'number', 'null'; write 30"),
        ({"rank": {"most_parameters": 0}}, "rank.most_parameters: 0 is less than or equal to the"),
    ],
)
def test_bad_settings_are_one_line(ranked, settings, said):
    project, _ = ranked
    run = project.snakemake("-n", "--", "rank", overlay=overlay(project, TRAINED, **settings))
    assert run.returncode == 1 and "Traceback" not in run.stderr
    assert said in run.stdout + run.stderr


def test_nothing_to_rank_on_this_machine_is_said(ranked, tmp_path):
    project, _ = ranked
    run = subprocess.run(
        # What the installation brings is larger.
        project.command(
            "-n",
            "--",
            "rank",
            overlay=overlay(project, [], rank=RANK | {"most_parameters": 3000000}),
        ),
        cwd=project.folder,
        env=project.environment()
        | {"HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path), "TORCH_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "`snakemake rank_fetch --cores 1` downloads them" in run.stdout + run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_job_takes_the_candidates_that_its_run_began_with(ranked, tmp_path):
    """A cluster's node may have other weights in its cache, or none."""
    project, _ = ranked
    files = {each.label: line["file"] for each, line in shelf().items() if "file" in line}
    for name in ("torchvision:mobilenet_v3_large", "torchvision:resnet18"):
        file = tmp_path / "login" / "hub" / "checkpoints" / files[name]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    def planned(cache, *arguments, **more):
        environment = project.environment() | more
        environment |= {"HF_HOME": str(tmp_path / "none"), "HF_HUB_CACHE": str(tmp_path / "none")}
        return subprocess.run(
            project.command("-n", *arguments, overlay=overlay(project, [])),
            cwd=project.folder,
            env=environment | {"TORCH_HOME": str(tmp_path / cache)},
            capture_output=True,
            text=True,
        )

    run = planned("login", "--", "rank")
    # With their baselines, as those that the installation brings.
    assert re.search(r"^rank_candidate +10 ", run.stdout + run.stderr, re.MULTILINE), run.stderr
    [*_, record] = sorted(
        (project.folder / ".snakemake" / "runs").iterdir(), key=lambda path: path.stat().st_mtime
    )
    folder = of(project).relative_to(project.folder) / "candidates/torchvision-resnet18"
    target = ("--mode", "remote", "--", f"{folder}/card.json")
    job = planned("node", *target, BASEMODEL_RUN=str(record))
    assert job.returncode == 0, job.stdout + job.stderr
