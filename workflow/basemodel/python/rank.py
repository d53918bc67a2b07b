"""basemodel.rank, whose docstring says what it does: the steps of `snakemake rank`, without it."""

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basemodel.compute.cropped import writing_all
from basemodel.data import folders
from basemodel.files import read_json, shown, write_json, write_text
from basemodel.metrics import available
from basemodel.models.failures import Unusable
from basemodel.python.again import call, snakemake
from basemodel.run import versions
from basemodel.schema import SettingsError, nearest
from basemodel.selection import card, earlier, metadata
from basemodel.selection.cropping import ways
from basemodel.selection.images import choose
from basemodel.selection.measured import BY, measured
from basemodel.selection.names import (
    PYTHON,
    Candidate,
    ranking_name,
    with_baselines,
)
from basemodel.selection.names import candidates as parsed
from basemodel.selection.names import labels as labels_of
from basemodel.selection.shelf import here

if TYPE_CHECKING:
    from basemodel.python.answer import Answer

# As in config.yaml: the paper's metrics first, then all others.
METRICS = measured(dict.fromkeys(["S1", "S2", "S3", "S4", "S5", "S6", *available()]))
DTYPE = "float32"  # of featuremaps
CHOICES = {
    "task": ("auto", "classes", "tags", "number"),
    "by": tuple(BY),
    "weights": ("balanced", "natural"),
    "near_copies": ("report", "group"),
    "licence": ("any", "permissive"),
    "device": ("auto", "cpu", "cuda"),
}
GPU_JOBS = 4  # candidates that share a GPU


def rank(
    images: Any,
    candidates: Any,
    labels: Any,
    groups: Any,
    settings: dict[str, Any],
    results: str | os.PathLike,
    progress: bool,
    *,
    seed: int,
    jobs: int | None,
    threads: int,
    timeout: float | None,
    device: str,
) -> "Answer":
    """`settings`: those of `rank` in config.yaml that a ranking has."""
    check({**settings, "device": device})
    for name, value in {"jobs": jobs, "threads": threads}.items():
        if value is not None and (not isinstance(value, int) or value < 1):
            raise SettingsError(f"{name}: {value!r} is not a whole number above 0")
    if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
        raise SettingsError(f"timeout: {timeout!r} is not a number above 0")
    results = Path(results).expanduser()
    if isinstance(images, str | os.PathLike):
        if labels is not None or groups is not None:
            raise SettingsError("labels, groups: are for embeddings; a table has columns for both")
    elif candidates is not None:
        raise SettingsError("candidates: the embeddings are the candidates; leave them out")
    else:
        from basemodel.python.arrays import stored

        task = settings["task"]
        images, candidates, task = stored(images, labels, groups, task, results)
        settings = {**settings, "task": task}
    images = str(images)
    given = [] if candidates is None else list(_as_list(candidates))
    trained = parsed(given) if given else here(settings["licence"], settings["most_parameters"])
    if not trained:
        raise SettingsError(
            "candidates: none is named, and of the shelf's models that licence and most_parameters "
            "allow none has its weights on this machine; name some"
        )
    if Path(images).expanduser().is_dir() and any(c.source == "embeddings" for c in trained):
        raise SettingsError(
            "candidates: embeddings are rows of a table of labels, and images is a folder; name one"
        )
    everyone = with_baselines(trained)
    name = ranking_name(images, results / "rank")
    folder = results / "rank" / name / PYTHON
    chosen = _chosen(images, trained, settings, folder, results / "models")
    requests = _requests(everyone, trained, chosen, results, folder, seed, device)
    if device != "cpu" and shutil.which("nvidia-smi"):
        jobs = min(jobs or GPU_JOBS, GPU_JOBS)
    names = labels_of(everyone.values())
    _compute(requests, chosen, names, jobs or cores(), threads, timeout, progress)
    shutil.rmtree(folder / "cropped", ignore_errors=True)
    _write(
        everyone, trained, chosen, settings, seed, folder,
        {
            "name": name,
            "settings": {
                "images": images, "candidates": given, "seed": seed, "rank": settings
            },
            "versions": versions.of((*versions.NETWORKS, "torchvision", "timm")),
            "command": call(images, given, settings, results, seed),
            "verify_command": snakemake(images, given, settings, results, seed),
            "candidates_folder": str(folder / "candidates"),
        },
    )  # fmt: skip
    from basemodel.python.answer import answer

    return answer(folder, {c.slug: _loadable(c) for c in trained})


def check(settings: Mapping[str, Any]) -> None:
    """Raise SettingsError for the first that cannot work."""
    for name, known in CHOICES.items():
        if name in settings and settings[name] not in known:
            said = nearest(str(settings[name]), list(known))
            raise SettingsError(f"{name}: {settings[name]!r} is none of its values; {said}")
    most = settings["images_per_class"]
    if not isinstance(most, int) or isinstance(most, bool) or most < 2:
        raise SettingsError(f"images_per_class: {most!r} is not a whole number above 1")
    limit = settings["most_parameters"]
    if limit is not None and not (isinstance(limit, int | float) and 0 < limit < math.inf):
        raise SettingsError(f"most_parameters: {limit!r} is not a number above 0")
    if settings["metadata"] is not None:
        metadata.read(settings["metadata"])


def cores() -> int:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def _as_list(candidates: Any) -> Sequence[Any]:
    return [candidates] if isinstance(candidates, str | Mapping) else candidates


def _chosen(
    images: str,
    trained: Sequence[Candidate],
    settings: Mapping[str, Any],
    folder: Path,
    models: Path,
) -> dict[str, Any]:
    """images.json, made anew if it was made from anything else."""
    pixels = any(candidate.source != "embeddings" for candidate in trained)
    made_from = earlier.hash_of(
        ["basemodel.selection.images"],
        images=shown(str(Path(images).expanduser().absolute())),
        state=folders.state(images, pixels, settings["task"]),
        pixels=pixels,
        **{key: settings[key] for key in ("images_per_class", "near_copies", "task")},
    )
    file = folder / "images.json"
    if chosen := earlier.made_from(file, made_from):
        return chosen
    with writing_all(folder / "cropped", ways(trained, models)) as keep:
        chosen = choose(
            images,
            settings["images_per_class"],
            settings["near_copies"],
            cores(),
            pixels,
            settings["task"],
            keep,
        )
    # In ASCII, so that names that are not UTF-8 can be written.
    write_text(file, json.dumps(chosen | {"made_from": made_from}, indent=1) + "\n")
    return chosen


def _requests(
    everyone: Mapping[str, Candidate],
    trained: Sequence[Candidate],
    chosen: Mapping[str, Any],
    results: Path,
    folder: Path,
    seed: int,
    device: str,
) -> list[dict[str, Any]]:
    """What a worker is to do for each candidate."""
    fields = [asdict(one) for one in trained]  # only baselines need them
    return [
        {
            "candidate": asdict(candidate),
            "trained": fields if candidate.untrained else [],
            "images": str(folder / "images.json"),
            "folder": str(folder / "candidates" / slug),
            "folders": [str(each / "candidates" / slug) for each in (folder, folder.parent)],
            "models": str(results / "models"),
            "cropped": str(folder / "cropped"),
            "dtype": DTYPE,
            "allocated": [device, {"gpu": 1, "gpu_share": 100 // GPU_JOBS}],
            "metrics": METRICS,
            "seed": seed,
            "arrays_from": earlier.arrays_from(candidate, chosen, results / "models", DTYPE),
        }
        for slug, candidate in everyone.items()
    ]


def _compute(
    requests: Sequence[dict[str, Any]],
    chosen: Mapping[str, Any],
    names: Mapping[str, str],
    jobs: int,
    threads: int,
    timeout: float | None,
    progress: bool,
) -> None:
    from basemodel.python.progress import Progress
    from basemodel.python.taken import taken
    from basemodel.python.workers import compute

    missing = [request for request in requests if not taken(request, chosen)]
    with Progress(len(requests), len(requests) - len(missing), progress) as told:
        for request, death in compute(missing, min(jobs, len(missing)), threads, timeout):
            candidate, folder = Candidate(**request["candidate"]), Path(request["folder"])
            if death:
                found = card.failed(candidate, Unusable(*death))
                write_json(folder / earlier.CARD, found)
                write_json(
                    folder / earlier.SCORES,
                    {"slug": candidate.slug, "failed": death[0], "seconds": 0.0},
                )
            told(names[candidate.slug], read_json(folder / earlier.CARD))


def _write(
    everyone: Mapping[str, Candidate],
    trained: Sequence[Candidate],
    chosen: Mapping[str, Any],
    settings: Mapping[str, Any],
    seed: int,
    folder: Path,
    facts: Mapping[str, Any],
) -> None:
    from basemodel.report.rank_files import write_answer
    from basemodel.selection import pooled_scores
    from basemodel.selection.ranking import ranking

    names, python = labels_of(everyone.values()), {c.slug: c.python for c in trained}
    places = [folder / "candidates" / slug for slug in everyone]
    cards = [
        read_json(place / earlier.CARD) | {"candidate": names[slug], "python": python.get(slug)}
        for slug, place in zip(everyone, places, strict=True)
    ]
    table = settings["metadata"]
    found = ranking(
        chosen,
        cards,
        [pooled_scores.read(place / earlier.SCORES) for place in places],
        METRICS,
        BY[settings["by"]],
        settings["weights"],
        metadata.of_cards(table, cards) if table else {},
        facts,
        seed,
    )
    write_answer(
        found,
        folder / "ranking.json",
        folder / "ranking.csv",
        folder / "report.html",
        folder / "answer.txt",
    )


def _loadable(candidate: Candidate) -> str | dict[str, str]:
    """What basemodel.load takes, or what embeddings are called."""
    if candidate.source != "file":
        return candidate.name if candidate.source == "embeddings" else candidate.label
    given = {"file": candidate.file, "architecture": candidate.name, "key": candidate.key}
    return {name: value for name, value in given.items() if value}
