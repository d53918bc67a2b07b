"""Download the weights of candidates: the only part of ranking that uses the network.

A line per candidate; one that fails stops no other.
"""

import os
from collections.abc import Iterable
from functools import cache

from basemodel.files import shown
from basemodel.models.failures import Unusable, nearest
from basemodel.rank.names import Candidate

SECONDS = 10  # within which a host must answer


def fetch(wanted: Iterable[Candidate]) -> int:
    """Download what is not here; return how many failed."""
    failed = 0
    for candidate in wanted:
        try:
            said = _fetch(candidate)
        except Unusable as error:
            failed, said = failed + 1, str(error)
        except Exception as error:  # of the network: one failure must not stop the others
            failed += 1
            reason = f"{type(error).__name__}: {error}".split("\n")[0]
            said = f"the download failed, {reason}; try again"
        print(shown(f"{candidate.label}: {said}"), flush=True)
    return failed


def _fetch(candidate: Candidate) -> str:
    if candidate.file:
        return "a file of yours: nothing to download"
    if candidate.source == "base":
        return "a base model of this project: `snakemake pretrain_all` trains it"
    if candidate.source == "torchvision":
        return _from_torchvision(candidate)
    return _from_timm(candidate)


def _from_torchvision(candidate: Candidate) -> str:
    import torch

    from basemodel.models import from_torchvision as source

    name, known = candidate.model.partition(".")[0], source.names()
    if name not in known:
        raise Unusable(f"torchvision has no model {name!r}", nearest(name, known))
    weights = source.weights_of(candidate.model)
    path = source.cached(weights)
    if path.is_file():
        return "is here"
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name ends in the start of the file's SHA-256, which is compared.
    prefix = path.stem.rpartition("-")[2]
    torch.hub.download_url_to_file(weights.url, str(path), prefix, progress=False)
    return f"downloaded, {path.stat().st_size / 1e6:,.0f} MB"


def _from_timm(candidate: Candidate) -> str:
    import timm
    import torch
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    from basemodel.models import from_timm as source

    source.check_name(timm, candidate.model)
    config = timm.models.get_pretrained_cfg(candidate.model)
    if source.cached(config):
        return "is here"
    if not config.hf_hub_id:
        url = config.url
        path = source.checkpoint(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), progress=False)
        return f"downloaded, {path.stat().st_size / 1e6:,.0f} MB"
    if problem := _unreachable():
        raise Unusable(problem, "check the connection, and run it again")
    repository, revision = source.repository(config)
    names = source.file_names(config)
    for name in names:
        try:
            path = hf_hub_download(repository, name, revision=revision)
        except LocalEntryNotFoundError:  # the connection is lost: not the name's fault
            raise
        except EntryNotFoundError:
            if name == names[-1]:
                raise
        else:
            return f"downloaded, {os.stat(path).st_size / 1e6:,.0f} MB"  # noqa: PTH116
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
