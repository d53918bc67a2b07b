"""One candidate's job: arrays and a card, or a card that says why there are none."""

import faulthandler
import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import jobs
from basemodel.compute import extract as computing
from basemodel.compute import image_files, passing
from basemodel.compute.cropped import kept_at, writing_all
from basemodel.compute.image_files import ImageFiles
from basemodel.compute.passing import Pass, Timed, batch_size
from basemodel.files import DiskFull, read_json
from basemodel.models.failures import Unusable
from basemodel.models.load import load
from basemodel.models.model import Model
from basemodel.models.preprocessing import Preprocessing
from basemodel.run import versions
from basemodel.selection import extract as extracting
from basemodel.selection.cropping import ways
from basemodel.selection.images import choose
from basemodel.selection.isolated import isolated
from basemodel.selection.names import candidates, labels, parse
from basemodel.selection.shelf import shelf

TINY = "timm:test_resnet.r160_in1k"
CPU = torch.device("cpu")
IMAGES = 11
TOO_LITTLE = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError(
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
    ),
]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def images(tmp_path):
    """Images of two classes, and what rank_images.py says of them."""
    rng = np.random.default_rng(0)
    probe = []
    for number in range(IMAGES):
        file = f"{'ab'[number % 2]}/{number}.png"
        (tmp_path / "in" / file).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (50, 40 + number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / file)
        sha256 = hashlib.sha256((tmp_path / "in" / file).read_bytes()).hexdigest()
        probe.append({"file": file, "label": number % 2, "sha256": sha256})
    path = tmp_path / "images.json"
    path.write_text(json.dumps({"folder": str(tmp_path / "in"), "probe": probe}))
    return path


def job(tmp_path, images, candidate, named=()):
    out = tmp_path / "results" / candidate.slug
    out.mkdir(parents=True, exist_ok=True)
    return {
        "input": {"images": images},
        "output": {
            "card": out / "card.json",
            "arrays": out / "arrays",
            "failures": out / "failures.json",
        },
        "params": {"candidate": asdict(candidate), "dtype": "float32"},
        "config": {"results": str(tmp_path), "candidates": list(named)},
    }


def ranked(tmp_path, images, candidate):
    """Run the script; return the card and the arrays that it wrote."""
    given = job(tmp_path, images, candidate)
    jobs.run("rank_candidate.py", **given)
    card = Path(given["output"]["card"])
    return read_json(card), {path.stem: np.load(path) for path in card.parent.glob("arrays/*.npy")}


def test_arrays_and_a_card(tmp_path, images):
    pytest.importorskip("timm")
    baseline = parse(TINY).baseline
    card, arrays = ranked(tmp_path, images, baseline)
    network = load(**baseline.arguments, models=tmp_path)
    files = [tmp_path / "in" / facts["file"] for facts in json.loads(images.read_text())["probe"]]
    with torch.inference_mode():
        for row, file in enumerate(files):
            expected = network.forward(network.preprocessing(Image.open(file))[None])
            for name, array in arrays.items():
                np.testing.assert_allclose(array[row], expected[name][0], rtol=1e-3, atol=1e-5)
    assert card["failed"] is card["remedy"] is None
    assert card["slug"] == card["baseline"] == "untrained-timm-test_resnet"
    assert card["untrained"] is True
    assert card["shapes"] == {name: list(array.shape) for name, array in arrays.items()}
    assert set(arrays) == {"featuremaps", "embeddings", "probabilities"}
    for name, checksum in card["arrays"].items():
        content = (tmp_path / "results" / baseline.slug / f"arrays/{name}.npy").read_bytes()
        assert checksum == hashlib.sha256(content).hexdigest()
    assert card["parameters"] == sum(p.numel() for p in network.module.parameters())
    assert card["input"] == [3, 160, 160]
    assert card["images"] == IMAGES
    assert card["images_per_second"] > 0
    assert 0 < card["seconds"]["network"] < card["seconds"]["all"]
    assert card["versions"]["timm"] == versions.installed("timm")
    again, _ = ranked(tmp_path, images, baseline)
    assert again["arrays"] == card["arrays"]


def test_what_cannot_be_used_is_a_card_with_the_reason(tmp_path, images):
    candidate = parse("torchvision:resnet17")
    out = tmp_path / "results" / candidate.slug
    card, arrays = ranked(tmp_path, images, candidate)
    assert card["failed"] == "torchvision has no model 'resnet17'"
    assert card["remedy"].startswith("did you mean resnet1")
    assert card["candidate"] == "torchvision:resnet17"
    assert arrays == {}
    names = ["arrays", "card.json", "failures.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert read_json(out / "failures.json") == [card["failed"]]
    ranked(tmp_path, images, candidate)
    assert read_json(out / "failures.json") == [card["failed"]] * 2


def test_a_baseline_of_doomed_candidates_does_not_run(tmp_path, images):
    timm = pytest.importorskip("timm")
    torch.save(timm.create_model("test_vit").state_dict(), tmp_path / "w.pth")
    wrong = {"file": str(tmp_path / "w.pth"), "architecture": "timm:test_resnet"}
    missing = wrong | {"file": "missing.pth"}
    given = job(tmp_path, images, parse(TINY).baseline, [wrong, missing])
    jobs.run("rank_candidate.py", **given)
    card = read_json(given["output"]["card"])
    assert card["failed"] == "no candidate of its architecture can be used"
    assert read_json(given["output"]["failures"]) == [card["failed"]]
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "w.pth")
    jobs.run("rank_candidate.py", **given)
    assert read_json(given["output"]["card"])["failed"] is None


def checked(tmp_path, named):
    """Run the check; return what it says of each candidate, by its label."""
    found = candidates(named)
    params = {
        "candidates": [asdict(one) for one in found],
        "labels": labels(found),
        "rows": 0,
    }
    output = tmp_path / "checked.json"
    jobs.run("rank_check.py", params=params, output=[output], config={"results": str(tmp_path)})
    told = read_json(output)
    return {labels(found)[one.slug]: told.get(one.slug) for one in found}


def test_candidates_are_checked_before_any_network_runs(tmp_path, capfd):
    timm = pytest.importorskip("timm")
    for name in ("good.pth", "other.pth"):
        torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / name)
    named = [
        {"file": str(tmp_path / "good.pth"), "architecture": "timm:test_resnet"},
        {"file": str(tmp_path / "other.pth"), "architecture": "timm:test_resnet"},
        {"file": str(tmp_path / "good.pth"), "architecture": "timm:test_vit"},
        "torchvision:resnet17",
        "base:resnet18/x",
    ]
    found = checked(tmp_path, named)
    assert found["file:good (test_resnet)"] is found["file:other"] is None
    assert "is not for timm:test_vit" in found["file:good (test_vit)"][0]
    assert found["torchvision:resnet17"][0] == "torchvision has no model 'resnet17'"
    assert "there is no base model" in found["base:resnet18/x"][0]
    lines = capfd.readouterr().out.splitlines()
    assert sorted(line.partition(": ")[0] for line in lines) == [
        "base:resnet18/x", "file:good (test_vit)", "torchvision:resnet17"
    ]  # fmt: skip


def test_timm_is_not_needed_for_other_candidates_and_told_if_it_is(tmp_path, images, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    card, _ = ranked(tmp_path, images, parse(TINY))
    assert card["failed"].startswith("timm cannot be imported")
    assert card["remedy"] == "pip install timm"


def test_weights_that_make_no_finite_outputs(tmp_path, images):
    timm = pytest.importorskip("timm")
    state = timm.create_model("test_resnet").state_dict()
    state["fc.bias"] = torch.full_like(state["fc.bias"], torch.nan)
    save_file(state, tmp_path / "w.safetensors")
    file = {"file": str(tmp_path / "w.safetensors"), "architecture": "timm:test_resnet"}
    card, arrays = ranked(tmp_path, images, parse(file))
    assert card["failed"].startswith("probabilities are not finite: the weights are damaged")
    assert arrays == {}


@pytest.mark.parametrize(
    ("number", "reason"),
    [(signal.SIGSEGV, "crashed .SIGSEGV."), (signal.SIGKILL, "killed, most likely .* memory")],
)
def test_a_crash_is_a_card(tmp_path, images, monkeypatch, number, reason):
    monkeypatch.setattr(extracting, "load", lambda **_: die(number))
    card, _ = ranked(tmp_path, images, parse("torchvision:resnet18"))
    assert re.fullmatch(reason + ".*", card["failed"])
    assert card["remedy"]


def test_what_a_killed_process_left_is_removed(tmp_path, images, monkeypatch):
    monkeypatch.setattr(computing, "checked", lambda *_: _full_array())
    monkeypatch.setattr(computing.Pass, "over", lambda *_: _dies_after_one())
    card, _ = ranked(tmp_path, images, parse("torchvision:squeezenet1_1").baseline)
    assert card["failed"].startswith("killed")
    left = [path.name for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert sorted(left) == ["card.json", "failures.json"]


def _full_array():
    return np.zeros((1, 4), np.float32)


def _dies_after_one():
    yield {"embeddings": _full_array()}
    die(signal.SIGKILL)


def die(number):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()  # pytest's
    os.kill(os.getpid(), number)


def test_an_image_that_vanished_is_no_fault_of_the_candidate(tmp_path, images):
    pytest.importorskip("timm")
    (tmp_path / "in" / "a" / "4.png").unlink()
    given = job(tmp_path, images, parse(TINY).baseline)
    with pytest.raises(SystemExit, match=r"4.png could be decoded when .*: rank again"):
        jobs.run("rank_candidate.py", **given)
    folder = Path(given["output"]["card"]).parent
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def fails(error):
    raise error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unusable("a", "b"), "a; b"),
        (ZeroDivisionError("x\ny"), "ZeroDivisionError: x y; its log"),
        (MemoryError(), "out of memory; give the job more"),
    ],
)
def test_errors_come_out_of_the_process(error, reason):
    with pytest.raises(Unusable, match=reason):
        isolated(fails, error)


def test_a_full_disk_is_no_fault_of_the_candidate():
    with pytest.raises(SystemExit, match="disk full"):
        isolated(fails, DiskFull(28, "disk full"))


def test_a_job_that_is_stopped_takes_its_process_along(tmp_path):
    noted = tmp_path / "noted"
    child = os.fork()
    if not child:
        try:
            isolated(_note_and_sleep, noted)
        finally:
            os._exit(7)
    while not (noted.exists() and noted.read_text()):
        time.sleep(0.01)
    process = int(noted.read_text())
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def _note_and_sleep(path):
    path.write_text(str(os.getpid()))
    time.sleep(60)


@dataclass(frozen=True)
class Mean:
    """All pixels become their mean."""

    side: tuple[int, int]

    def __call__(self, image):
        return torch.full((3, *self.side), round(np.asarray(image).mean()), dtype=torch.uint8)


def small(side=(4, 4)):
    return Preprocessing(None, side, (0, 0, 0), (1, 1, 1), transform=Mean(side))


def crops(images, batch, threads, kept=None):
    known = [facts["sha256"] for facts in json.loads(images.read_text())["probe"]]
    return ImageFiles(paths(images), small(), batch, threads, kept, known).batches()


def paths(images):
    chosen = json.loads(images.read_text())
    return [Path(chosen["folder"], facts["file"]) for facts in chosen["probe"]]


@pytest.mark.parametrize("most", [1, 2, 3, 8])
@pytest.mark.parametrize("error", TOO_LITTLE, ids=["device", "cpu"])
def test_with_too_little_memory_batches_are_halved(images, most, error):
    sizes = []

    def look(batch):
        if len(batch) > most:
            raise error
        sizes.append(len(batch))
        return {"embeddings": batch[:, :1, 0, 0]}

    timed = Timed(look, CPU)
    passed = Pass(timed, 8)
    found = torch.cat([found["embeddings"] for found in passed.over(crops(images, 8, 1))])
    assert found[:, 0].tolist() == means_of(images)
    assert max(sizes) <= most
    assert passed.size <= most
    assert timed.images_per_second() > 0


def means_of(images):
    return [round(np.asarray(Image.open(path)).mean()) for path in paths(images)]


def test_one_image_that_is_too_much_is_told(tmp_path, images, monkeypatch):
    def look(_):
        raise torch.OutOfMemoryError("x")

    model = Model(nn.Conv2d(3, 1, 1), small(), look)
    monkeypatch.setattr(extracting, "load", lambda **_: model)
    card, _ = ranked(tmp_path, images, parse("torchvision:resnet18"))
    assert card["failed"] == "one image needs more memory than there is"


def test_each_image_is_decoded_once(images, monkeypatch):
    decoded = []
    real = image_files.picture
    monkeypatch.setattr(image_files, "picture", lambda path: decoded.append(path) or real(path))
    timed = Timed(lambda batch: batch[:, 0, 0], CPU)
    assert [len(found) for found in Pass(timed, 4).over(crops(images, 4, 3))] == [4, 4, 3]
    timed.images_per_second()
    assert sorted(decoded) == sorted(paths(images))


def test_cropped_images_are_kept_for_candidates_that_crop_alike(tmp_path, images):
    def found(place):
        return torch.cat(list(crops(images, 4, 2, place)))[:, 0, 0, 0].tolist()

    kept = tmp_path / "kept" / "cropped.npy"
    means = means_of(images)
    assert found(kept) == means
    assert list(kept.parent.iterdir()) == [kept]
    rows = np.load(kept)
    rows["image"] += 1  # so that it shows where they come from
    np.save(kept, rows[::-1])
    assert found(kept) == [mean + 1 for mean in means]
    np.save(kept, rows[1:])  # one is missing
    assert found(kept) == means
    assert found(kept) == means


def test_images_of_an_unfinished_pass_are_not_kept(tmp_path, images):
    def look(batch):
        raise torch.OutOfMemoryError("x")

    with pytest.raises(torch.OutOfMemoryError):
        list(Pass(look, 4).over(crops(images, 4, 2, tmp_path / "kept" / "x.npy")))
    assert list((tmp_path / "kept").iterdir()) == []


def test_images_are_cropped_in_all_ways_while_they_are_checked(tmp_path, images, monkeypatch):
    """So each is decoded once. What a way cannot crop, its candidates do, and tell."""

    class Broken(Mean):
        def __call__(self, image):
            raise ValueError("no such side")

    sides = (4, 4), (5, 6)
    broken = Preprocessing(None, (7, 7), transform=Broken((7, 7)))
    with writing_all(tmp_path / "kept", [*map(small, sides), broken]) as keep:
        chosen = choose(str(tmp_path / "in"), 100, threads=3, keep=keep)
    monkeypatch.setattr(image_files, "picture", None)
    files = [Path(chosen["folder"], facts["file"]) for facts in chosen["probe"]]
    known = [facts["sha256"] for facts in chosen["probe"]]
    for way in map(small, sides):
        place = kept_at(tmp_path / "kept", way)
        given = torch.cat(list(ImageFiles(files, way, 4, 2, place, known).batches()))
        assert given.shape == (len(files), 3, *way.side)
        means = [round(np.asarray(Image.open(path)).mean()) for path in files]
        assert given[:, 0, -1, -1].tolist() == means
    place = kept_at(tmp_path / "kept", broken)
    with pytest.raises(TypeError):
        next(ImageFiles(files, broken, 4, 2, place, known).batches())


def test_how_candidates_crop_is_known_before_they_are_loaded(tmp_path):
    pytest.importorskip("timm")
    others = ("timm:resnet18@128", "timm:vit_tiny_patch16_224@384", "torchvision:inception_v3")
    for candidate in [*shelf(), *map(parse, others)]:
        [way] = ways([candidate], tmp_path)
        # torchvision's RegNets compute their widths with tensors.
        with nullcontext() if "regnet" in candidate.name else torch.device("meta"):
            loaded = load(candidate.library, candidate.model, untrained=True).preprocessing
        assert str(way.transform) == str(loaded.transform), candidate.label
        assert (way.side, way.mean, way.std) == (loaded.side, loaded.mean, loaded.std)


def test_candidates_that_crop_alike_are_one_way(tmp_path):
    names = ("resnet18", "resnet34", "resnet50.IMAGENET1K_V1", "resnet50", "resnet18.no_such")
    found = ways([parse(f"torchvision:{name}") for name in names], tmp_path)
    assert [way.transform.transforms[0].size for way in found] == [[256], [232]]  # resnet50's own


def test_where_cropped_images_are_kept_depends_on_the_cropping(tmp_path):
    one, other = (small(side) for side in ((4, 4), (4, 5)))
    assert kept_at(tmp_path, one) != kept_at(tmp_path, other)
    assert kept_at(tmp_path, one) == kept_at(tmp_path, small())


def test_freed_memory_is_kept_for_the_next_tensors():
    """In new processes: in this one, and so in its forks, it may be kept already."""
    code = """
import resource, sys, torch
from basemodel.compute import passing
if sys.argv[1] == "keep":
    passing.keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.zeros(25_000_000)  # 100 MB: more than glibc keeps by itself
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    kept, given_back = (
        int(subprocess.run([sys.executable, "-c", code, how], stdout=subprocess.PIPE).stdout)
        for how in ("keep", "give back")
    )
    # Not 1 of 20: now and then a small object takes the place, and more memory is needed.
    assert kept < given_back / 2


def test_batches_fit_into_memory(monkeypatch):
    monkeypatch.setattr(passing, "free_memory", lambda where: 10**9)
    assert batch_size(10**4, CPU) == passing.MOST["cpu"]
    assert batch_size(10**7, CPU) == 1
    few = batch_size(4 * 10**6, CPU)
    assert 1 <= few < passing.MOST["cpu"]
    assert few * 4 * 4 * 10**6 < 10**9
