"""Download the weights of candidates: the only part of ranking that uses the network.

What is missing is listed first, with its size. One that fails stops no other.
"""

import sys
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from basemodel.files import shown
from basemodel.models.failures import Unusable, nearest
from basemodel.selection.names import Candidate
from basemodel.selection.shelf import hugging_face_cache, shelf, torch_checkpoints

SECONDS = 10  # within which a host must answer
BYTES = 4  # of a parameter, in almost all files


class Download(NamedTuple):
    size: float  # bytes, about
    get: Callable[[], Path]  # returns the file that it has downloaded


def fetch(wanted: Iterable[Candidate]) -> int:
    """Say what is not here and how large it is, then download it; return how many failed."""
    downloads: dict[str, Download] = {}
    failed = 0
    for candidate in wanted:
        try:
            planned = _planned(candidate)
        except Unusable as error:
            failed, planned = failed + 1, str(error)
        if isinstance(planned, Download):
            downloads[candidate.label] = planned
        else:
            _say(f"{candidate.label}: {planned}")
    if not downloads:
        return failed
    for label, planned in downloads.items():
        _say(f"{label}: to download, about {_in_words(planned.size)}")
    total = _in_words(sum(planned.size for planned in downloads.values()))
    _say(
        f"To download: {len(downloads)}, about {total} together, to {hugging_face_cache()} and "
        f"{torch_checkpoints()}. Ctrl-C stops it; what is here then stays."
    )
    sizes = []
    for number, (label, planned) in enumerate(downloads.items(), 1):
        try:
            sizes.append(planned.get().stat().st_size)
            said = f"downloaded, {_in_words(sizes[-1])}"
        except Unusable as error:
            said = str(error)
        except Exception as error:  # of the network: one failure must not stop the others
            reason = f"{type(error).__name__}: {error}".split("\n")[0]
            said = f"the download failed, {reason}; try again"
        _say(f"{label}: {said} ({number} of {len(downloads)})")
    _say(f"Downloaded: {len(sizes)} of {len(downloads)}, {_in_words(sum(sizes))}")
    return failed + len(downloads) - len(sizes)


def _say(text: str) -> None:
    print(shown(text), flush=True)


def _in_words(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def _planned(candidate: Candidate) -> Download | str:
    """What is to be downloaded, or why nothing is."""
    if candidate.file:
        return "a file of yours: nothing to download"
    if candidate.source == "base":
        return "a base model of this project: `snakemake pretrain_all` trains it"
    if candidate.source == "torchvision":
        return _of_torchvision(candidate)
    return _of_timm(candidate)


def _of_torchvision(candidate: Candidate) -> Download | str:
    from basemodel.models import from_torchvision as source

    name, known = candidate.model.partition(".")[0], source.names()
    if name not in known:
        raise Unusable(f"torchvision has no model {name!r}", nearest(name, known))
    weights = source.weights_of(candidate.model)
    path = source.cached(weights)
    if path.is_file():
        return "is here"
    # The name ends in the start of the file's SHA-256, which is compared.
    get = partial(_from_url, weights.url, path, path.stem.rpartition("-")[2])
    return Download(BYTES * weights.meta["num_params"], get)


def _of_timm(candidate: Candidate) -> Download | str:
    import timm
    import torch

    from basemodel.models import from_timm as source
    from basemodel.models.packaged import PACKAGES

    name, _ = source.sided(candidate.model)
    source.check_name(timm, name)
    config = timm.models.get_pretrained_cfg(name)
    if source.cached(config):
        return "is here"
    if source.here(config):
        return f"is here, in the Python package {PACKAGES[f'{config.architecture}.{config.tag}']}"
    if known := shelf().get(candidate):
        parameters = 1e6 * known["parameters"]
    else:
        with torch.device("meta"):
            parameters = sum(p.numel() for p in timm.create_model(name).parameters())
    if not config.hf_hub_id:
        get = partial(_from_url, config.url, source.checkpoint(config.url))
    else:
        get = partial(_from_hub, *source.repository(config), source.file_names(config))
    return Download(BYTES * parameters, get)


def _from_url(url: str, path: Path, prefix: str | None = None) -> Path:
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.hub.download_url_to_file(url, str(path), prefix, progress=sys.stderr.isatty())
    return path


def _from_hub(repository: str, revision: str | None, names: tuple[str, ...]) -> Path:
    """Download the first of the files that there is. Its library shows progress on a terminal."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    if problem := _unreachable():
        raise Unusable(problem, "check the connection, and run it again")
    for name in names:
        try:
            return Path(hf_hub_download(repository, name, revision=revision))
        except LocalEntryNotFoundError:  # the connection is lost: not the name's fault
            raise
        except EntryNotFoundError:
            if name == names[-1]:
                raise
    raise AssertionError("unreachable: the last name returns or raises")


@cache
def _unreachable() -> str | None:
    """Whether Hugging Face does not answer, found once: its library tries for 24 s per file."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=SECONDS)
    except Exception:  # of whichever HTTP library this version uses
        return f"{constants.ENDPOINT} cannot be reached"
    return None
