"""Candidates' names: what users may write, and names of files made from them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel.models import packaged
from basemodel.schema import SettingsError
from basemodel.selection import shelf
from basemodel.selection.licences import restriction
from basemodel.selection.names import NAME, candidates, labels, parse, with_baselines
from projects import ROOT

names = st.from_regex(NAME, fullmatch=True).filter(str.isascii)
files = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).map(
    lambda text: f"{text}.safetensors"
)
written = st.one_of(
    names.map("timm:{}".format),
    names.map("torchvision:{}".format),
    names.map("base:resnet18/{}".format),
    names.map("base:vgg16/{}".format),
    st.builds(
        lambda file, name: {"file": file, "architecture": f"timm:{name}"}, files, names
    ),
)  # fmt: skip


@settings(deadline=None)
@given(written)
def test_python_is_given_what_the_user_wrote(setting):
    taken = eval(
        f"(lambda *name, **file: [*name, *([file] if file else [])])({parse(setting).python})"
    )
    assert taken == [setting]


def test_python_is_given_the_key_and_no_embeddings():
    setting = {"file": "it's \\ mine.pth", "architecture": "timm:resnet18", "key": "teacher"}
    assert eval(f"dict({parse(setting).python})") == setting
    assert parse({"embeddings": "e.npy"}).python is None


@settings(deadline=None)
@given(st.lists(written, unique_by=str, max_size=8))
def test_slugs_are_unique_and_can_be_file_names(wanted):
    # Of two files with as good as one name, pathlib may make the same suffix or none.
    wanted = [w for w in wanted if isinstance(w, str) or Path(w["file"]).suffix == ".safetensors"]
    found = candidates(wanted)
    slugs = [candidate.slug for candidate in found]
    assert len({slug.lower() for slug in slugs}) >= len({s.lower() for s in map(str, wanted)})
    assert len(set(slugs)) == len(wanted)
    assert all(NAME.fullmatch(slug) for slug in with_baselines(found))


def test_a_slug_can_be_read_and_stays_as_it_is():
    """Results on users' disks carry these names."""
    file = {"file": "my weights.pth", "architecture": "timm:tf_efficientnet_lite0"}
    slugs = [
        parse(setting).slug
        for setting in ("timm:resnet18.a1_in1k", "base:resnet18/class10-03", file)
    ]
    assert slugs[:2] == ["timm-resnet18.a1_in1k", "base-resnet18-class10-03"]
    assert re.fullmatch("file-my_weights-[0-9a-f]{8}", slugs[2])
    again = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from basemodel.selection.names import parse\nprint(parse({file}).slug)",
        ],
        capture_output=True,
        text=True,
    )
    assert again.stdout.strip() == slugs[2]


def test_embeddings_are_called_by_the_user_or_after_their_file():
    found = candidates(
        [{"embeddings": "a/e.npy", "name": "my CLIP v1.2"}, {"embeddings": "a/e.npy"}]
    )
    assert list(labels(found).values()) == ["embeddings:my CLIP v1.2", "embeddings:e"]
    assert [*with_baselines(found)] == [one.slug for one in found]  # no baselines
    assert all(NAME.fullmatch(one.slug) for one in found) and found[0].slug != found[1].slug
    assert parse({"embeddings": "e.npy", "name": "a\x1b[2J\u202e"}).label == (
        "embeddings:a\\x1b[2J\\u202e"
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ([{"embeddings": "a/e.npy"}, {"embeddings": "b/e.npy"}],
         "candidates.1: embeddings:e is the name of another one; give each a `name` of its own"),
        ([{"embeddings": "a.npy", "name": "x"}, {"embeddings": "b.npy", "name": "x"}],
         "candidates.1: embeddings:x is the name of another one"),
        ([{"embeddings": "e.npz"}], "'e.npz' does not end in .npy"),
        ([{"embeddings": "e.npy", "nam": "x"}], "did you mean name?"),
        ([{"embeddings": "e.npy", "name": 3}], "name: 3 is not text"),
    ],
)  # fmt: skip
def test_bad_embeddings_are_refused(settings, said):
    with pytest.raises(SettingsError, match=re.escape(said)):
        candidates(settings)


def test_weights_of_one_architecture_share_an_untrained_baseline():
    wanted = [
        "timm:resnet18.a1_in1k",
        "timm:resnet18.tv_in1k",
        "torchvision:resnet18",
        "base:resnet18/class10-03",
        "base:resnet18/class02-01",
        {"file": "w.pth", "architecture": "timm:resnet18"},
    ]
    found = with_baselines(candidates(wanted))
    baselines = [slug for slug, candidate in found.items() if candidate.untrained]
    assert baselines == [
        "untrained-timm-resnet18",
        "untrained-torchvision-resnet18",
        "untrained-base-resnet18",
    ]
    assert len(found) == len(wanted) + 3
    assert found["untrained-timm-resnet18"].label == "untrained timm:resnet18"
    baseline = found["untrained-timm-resnet18"]
    assert baseline.baseline == baseline


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("resnet18", "does not say where the model is from; write timm:NAME"),
        ("tim:resnet18", "not from 'tim'; did you mean timm"),
        ("timm:", "'' is not a name of timm; `snakemake rank_candidates` lists"),
        ("timm:../up", "is not a name of timm"),
        ("timm:a b", "is not a name of timm"),
        ("base:resnet19/x", "no architecture 'resnet19'; did you mean resnet18"),
        ("base:resnet18", "write base:ARCHITECTURE/SOURCE_TASK"),
        (18, "18 is not the name of a model"),
        (None, "None is not the name of a model"),
        ({"fil": "w.pth", "architecture": "timm:x"}, "fil: there is no such setting; did you mean"),
        ({"file": "w.pth"}, "architecture: is missing"),
        ({"file": 3, "architecture": "timm:x"}, "file: is missing or not text"),
        ({"file": "w.zip", "architecture": "timm:x"}, "does not end in any of .safetensors, .pth"),
        ({"file": "w.pt", "architecture": "timm:x", "key": 1}, "key: is missing or not text"),
        ({"file": "w.pth", "architecture": "base:resnet18/a"}, "is for a model of timm or torch"),
        ({"file": "w.pth", "architecture": "resnet18"}, "architecture: 'resnet18' does not say"),
    ],
)
def test_what_cannot_be_a_candidate_is_told(setting, said):
    with pytest.raises(SettingsError, match=re.escape(said)) as error:
        candidates(["timm:resnet18", setting])
    assert str(error.value).startswith("candidates.1: ")


def test_a_candidate_named_twice_is_told():
    with pytest.raises(
        SettingsError, match="candidates.2: timm:a is there already, as candidate 0"
    ):
        candidates(["timm:a", "timm:b", "timm:a"])


def file_of(file, **more):
    return {"file": file, "architecture": "timm:resnet18"} | more


@pytest.mark.parametrize("ending", [".pth", ".PT", ".bin", ".ckpt", ".pth.tar", ".safetensors"])
def test_files_may_end_as_training_programs_name_them(ending):
    assert parse(file_of(f"model_best{ending}")).label == "file:model_best"


def test_files_of_one_name_are_told_apart():
    named = {
        "file:runA/model_best": file_of("runA/model_best.pth"),
        "file:runB/model_best": file_of("/home/x/runB/model_best.pth.tar"),
        "file:w (resnet18)": file_of("w.pth"),
        "file:w (resnet34)": file_of("w.pth", architecture="timm:resnet34"),
        "file:v (resnet18, teacher)": file_of("v.ckpt", key="teacher"),
        "file:v (resnet18, student)": file_of("v.ckpt", key="student"),
        "file:other": file_of("runA/other.pt"),
        "timm:resnet18": "timm:resnet18",
    }
    found = candidates(named.values())
    assert list(labels(found).values()) == list(named)
    again = labels(candidates([file_of(f"{'x' * 300}/{n}/{'y' * 200}.pth") for n in range(3)]))
    assert len(set(again.values())) == 3 and max(map(len, again.values())) < 120


def test_names_are_short_and_printable():
    long = [file_of("w" * 238 + ".pth"), f"timm:{'r' * 300}", f"base:resnet18/{'t' * 300}"]
    hostile = parse(file_of("\x1b[31mred\u202egnp.pth"))
    for candidate in [*candidates(long), hostile]:
        for each in (candidate, candidate.baseline):
            assert len(f"{each.slug}-finetune-10.log") < 200 and NAME.fullmatch(each.slug)
            assert len(each.label) <= 100 and each.label.isprintable()
    assert len({parse(file_of("w" * n + ".pth")).slug for n in (237, 238)}) == 2


def test_one_candidate_without_brackets_is_told():
    with pytest.raises(SettingsError, match="put it in brackets"):
        candidates("timm:a")


def test_the_snakefile_needs_neither_torch_nor_timm_nor_scipy():
    """Every job of a cluster parses it. These are what the rules import at the top."""
    rules = (ROOT / "workflow/rules").glob("*.smk")
    own = re.findall(r"^from basemodel.*", "\n".join(map(Path.read_text, rules)), re.MULTILINE)
    line = f"""
import sys
{chr(10).join(sorted(set(own)))}
from basemodel.selection import shelf
shelf.here()
print(sorted({{"torch", "timm", "torchvision", "huggingface_hub", "scipy"}} & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True)
    assert run.stdout == "[]\n", run.stderr


@pytest.fixture
def nothing_here(tmp_path, monkeypatch):
    """Empty caches, and no package of weights."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(packaged, "PACKAGES", {})


def test_of_the_shelf_only_those_here_are_taken(tmp_path, nothing_here):
    assert shelf.here() == []
    name = "vit_small_patch14_dinov2.lvd142m"
    snapshot = tmp_path / "hf" / "hub" / f"models--timm--{name}" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    assert shelf.here() == []  # a download that did not end
    (snapshot / "model.safetensors").touch()
    densenet = parse("torchvision:densenet121")
    checkpoints = tmp_path / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / shelf.shelf()[densenet]["file"]).touch()
    assert shelf.here() == [densenet, parse(f"timm:{name}@224")]
    assert shelf.here(licence="permissive") == [parse(f"timm:{name}@224")]
    assert shelf.here(most_parameters=10e6) == [densenet]


def test_three_of_the_shelf_are_here_after_the_installation(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert [c.label for c in shelf.here("permissive", 30e6)] == [
        f"timm:tf_efficientnet_lite{size}.in1k" for size in (0, 1, 2)
    ]


def test_the_shelf_says_what_the_libraries_say():
    timm = pytest.importorskip("timm")
    import huggingface_hub
    import torch
    from torchvision.models import get_model_weights

    names = set(timm.list_models(pretrained=True))
    for candidate, line in shelf.shelf().items():
        if candidate.source == "torchvision":
            weights = get_model_weights(candidate.name).DEFAULT
            assert weights.url.endswith(f"/{line['file']}")
            assert line["licence"] == "not stated"
            parameters = weights.meta["num_params"]
        else:
            name = candidate.name.partition("@")[0]
            config = timm.models.get_pretrained_cfg(name)
            assert name in names and config.hf_hub_id == f"timm/{name}"
            assert config.hf_hub_filename is None
            assert line["licence"] == config.license
            with torch.device("meta"):
                network = timm.create_model(name)
            parameters = sum(p.numel() for p in network.parameters())
        assert line["parameters"] == pytest.approx(parameters / 1e6, abs=0.051), candidate.label
    assert shelf.torch_checkpoints() == Path(torch.hub.get_dir()) / "checkpoints"
    assert shelf.hugging_face_cache() == Path(huggingface_hub.constants.HF_HUB_CACHE)


def test_every_licence_of_timm_is_permissive_or_marked():
    timm = pytest.importorskip("timm")
    names = timm.list_models(pretrained=True)
    marks = {(c := timm.models.get_pretrained_cfg(name).license): restriction(c) for name in names}
    for licence, mark in marks.items():
        if licence and ("-nc" in licence or "noncommercial" in licence):
            assert mark == "non-commercial"
        elif licence in ("apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "unknown", None):
            assert mark == ""
        else:
            assert mark == "own terms"


def test_another_side_is_a_candidate_of_its_own():
    found = candidates(["timm:a.b", "timm:a.b@224", "timm:a.c@224"])
    assert [one.label for one in found] == ["timm:a.b", "timm:a.b@224", "timm:a.c@224"]
    assert [*with_baselines(found)] == [
        "timm-a.b", "timm-a.b-side224", "timm-a.c-side224",
        "untrained-timm-a", "untrained-timm-a-side224",
    ]  # fmt: skip
    assert all(NAME.fullmatch(slug) for slug in with_baselines(found))
    file = parse({"file": "w.pth", "architecture": "timm:a@224"})
    assert file.baseline == found[1].baseline and file.arguments["name"] == "a@224"


@pytest.mark.parametrize("name", ["timm:a@", "timm:a@x", "timm:a@0", "torchvision:a@224"])
def test_what_is_no_side_is_told(name):
    with pytest.raises(SettingsError, match="after @ is the side of images in pixels"):
        parse(name)
