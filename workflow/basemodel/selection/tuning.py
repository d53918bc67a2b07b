"""Fine-tuning one candidate on the user's training images, and testing it on those held out.

Which of two learning rates is better for it, validation images say.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from basemodel.compute.device import allocated_device, device_name, seed_everything
from basemodel.compute.evaluation import outputs
from basemodel.compute.feeding import Streamed, free_memory, kept
from basemodel.compute.image_files import SHARE, ImageFiles
from basemodel.compute.passing import apply, batch_size, keep_freed_memory, out_of_memory
from basemodel.data.listing import DataError
from basemodel.models.failures import Unusable
from basemodel.models.load import load
from basemodel.models.model import Model
from basemodel.models.own_weights import DIVERGED, check_finite, save
from basemodel.seeds import seed_of
from basemodel.selection.card import of
from basemodel.selection.names import Candidate
from basemodel.selection.quality import value
from basemodel.statistics.measures import table_of_tags
from basemodel.training.checkpoints import Checkpoint
from basemodel.training.loop import LOSSES, fit

# Two rates for each optimizer, a factor of 10 apart, for a whole network and for a last layer.
RATES = {
    "all": {"sgd": (0.01, 0.001), "adamw": (1e-4, 1e-5)},
    "last": {"sgd": (0.1, 0.01), "adamw": (1e-2, 1e-3)},
}
NORMALISES = ("layernorm", "rmsnorm")  # in the names of layers

Prepare = Callable[[Tensor], Tensor]
Inputs = Tensor | Streamed | ImageFiles


def optimizer_for(network: nn.Module) -> str:
    """sgd for convolutional networks, adamw for what normalises layers: transformers, ConvNeXt.

    The gradients of a transformer's layers differ in size and have heavy tails, so that no one rate
    of SGD suits it (Zhang et al., "Why are adaptive methods good for attention models?", NeurIPS
    2020); they are pre-trained with AdamW. A comparison with one optimizer would rank optimizers.
    """
    kinds = {type(module).__name__.lower() for module in network.modules()}
    return "adamw" if any(name in kind for kind in kinds for name in NORMALISES) else "sgd"


def tune(
    candidate: Candidate,
    chosen: dict[str, Any],
    models: str | Path,
    settings: dict[str, Any],
    seed: int,
    network: str | Path,
    rates: Sequence[float] = (),
    checkpoint: Callable[[str, torch.device], Checkpoint] | None = None,
    allocated: tuple[str, Mapping[str, int]] = ("cpu", {}),
) -> dict[str, Any]:
    """Fine-tune a candidate with each rate, and keep the network of the one that is better.

    `chosen`: images.json, with what held_out.for_fine_tuning returns; `models`: the folder of base
    models. `settings`: those of loop.fit; trainable (all or last), and initialisation of the new
    last layer. An optimizer that is missing or None is the network's (optimizer_for); a learning
    rate, each of `rates`, by default both of RATES for this optimizer. Every image is cropped once,
    as the candidate crops it, without augmentation: classes may differ by what a flip changes. What
    does not fit into half of the memory is put on disk, beside `network`. `checkpoint`: gives that
    of a rate, on a device; without it a training that is stopped begins anew. `allocated`: the
    arguments of `allocated_device`, whose error this raises.

    Writes `network`, safetensors: last.weight, last.bias and, if all was trained, the others, as
    network.NAME. Returns slug, candidate, seed, failed and remedy (None), optimizer, rate, tried
    (rate, value and loss of each), value (on the validation images: quality.value), answers (to
    them: quality), scale (of numbers: mean and standard deviation), seconds, trainable, epochs,
    images and validation (their numbers), device (its name), precision, versions. The same
    arguments and number of threads give the same result but for the seconds.

    Raises Unusable if the candidate cannot be loaded or trained, DataError if there are no labels,
    no images to choose on, or one cannot be decoded any more, DiskFull.
    """
    started = perf_counter()
    if not chosen["validation"]:
        raise DataError("fine-tuning needs labels, and more than one image of a class")
    task, folder = chosen.get("task", "classes"), Path(network).parent
    where, trainable = allocated_device(*allocated), settings["trainable"]
    keep_freed_memory()
    labels, checked = _labels(chosen, "train"), _labels(chosen, "validation")
    count = 1 if task == "number" else len(chosen["classes"])
    scale = _scale(labels) if task == "number" else None
    targets, wanted = (_targets(each, task, count, scale) for each in (labels, checked))
    features: tuple[Inputs, Inputs] | None = None
    tried, best, why = [], None, None
    if settings.get("learning_rate"):
        rates = [settings["learning_rate"]]
    with _memory_told(settings["batch"]):
        for rate in rates or (None, None):
            model = load(**candidate.arguments, models=models).to(where)
            kind = settings.get("optimizer") or optimizer_for(model.module)
            rate = rate or RATES[trainable][kind][len(tried)]
            generator = seed_everything(seed_of("rank_verify", candidate.slug, seed))
            last = model.new_last(count, settings["initialisation"]).to(where)
            frozen, trained = model.divided(last, trainable)
            if features is None:
                features = tuple(
                    _prepared(model, frozen, chosen, part, folder, trainable, where)
                    for part in ("train", "validation")
                )
            prepare = model.preprocessing.normalise if trainable == "all" else _unchanged
            training = {**settings, "optimizer": kind, "learning_rate": rate}
            kept_at = checkpoint and checkpoint(f"{rate:g}", where)
            try:
                fit(
                    trained, features[0], targets, training, generator, prepare, kept_at,
                    task=task,
                )  # fmt: skip
                found = outputs(trained, features[1], prepare, settings["precision"])
            except FloatingPointError as error:
                why = error
                tried.append({"rate": rate, "value": None, "loss": None})
                continue
            answers = _answers(found, task, scale)
            loss = LOSSES[task](found, wanted).item()
            tried.append({"rate": rate, "value": value(task, answers, checked), "loss": loss})
            if best is None or _better(tried[-1], best[0]):
                best = tried[-1], answers, _weights(model, last, trainable)
    if best is None:
        raise Unusable(str(why).removesuffix(f": {DIVERGED}"), DIVERGED)
    outcome, answers, weights = best
    check_finite(weights, f"{network} is not written", DIVERGED)
    save(weights, network)
    return {
        **_names(candidate, seed),
        "failed": None,
        "remedy": None,
        "optimizer": kind,
        "rate": outcome["rate"],
        "tried": tried,
        "value": outcome["value"],
        "answers": answers,
        "scale": scale,
        "seconds": perf_counter() - started,
        "trainable": trainable,
        "epochs": settings["epochs"],
        "images": len(labels),
        "validation": len(checked),
        "device": device_name(where),
        "precision": settings["precision"],
        "versions": of(candidate)["versions"],
    }


def test(
    candidate: Candidate,
    chosen: dict[str, Any],
    models: str | Path,
    settings: dict[str, Any],
    networks: Sequence[str | Path],
    scale: Sequence[float] | None,
    folder: str | Path,
    allocated: tuple[str, Mapping[str, int]] = ("cpu", {}),
) -> list[list[Any]]:
    """The answers to the test images of networks that `tune` has kept, in their order.

    `folder`: where images are put that do not fit into memory. Arguments and errors as of `tune`.
    """
    keep_freed_memory()
    task, trainable = chosen.get("task", "classes"), settings["trainable"]
    where = allocated_device(*allocated)
    model = load(**candidate.arguments, models=models).to(where)
    found, inputs = [], None
    with _memory_told(settings["batch"]):
        for path in networks:
            last = restore(model, path).to(where)
            frozen, trained = model.divided(last, trainable)
            if inputs is None:
                inputs = _prepared(model, frozen, chosen, "test", Path(folder), trainable, where)
            prepare = model.preprocessing.normalise if trainable == "all" else _unchanged
            result = outputs(trained, inputs, prepare, settings["precision"])
            found.append(_answers(result, task, scale))
    return found


def restore(model: Model, network: str | Path) -> nn.Linear:
    """Put the weights that `tune` has kept into a candidate's network; its new last layer."""
    state = load_file(network)
    weight, bias = state.pop("last.weight"), state.pop("last.bias")
    own = {name.removeprefix("network."): tensor for name, tensor in state.items()}
    if own:
        model.module.load_state_dict(own, strict=False)  # without its old classifier
    last = nn.Linear(*weight.shape[::-1])
    last.load_state_dict({"weight": weight, "bias": bias})
    return last


def failed(candidate: Candidate, seed: int, error: Unusable) -> dict[str, Any]:
    """The result of a candidate that cannot be fine-tuned."""
    versions = of(candidate)["versions"]
    return {
        **_names(candidate, seed),
        "failed": error.reason,
        "remedy": error.remedy,
        "versions": versions,
    }


def _names(candidate: Candidate, seed: int) -> dict[str, Any]:
    return {"slug": candidate.slug, "candidate": candidate.label, "seed": seed}


def _better(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """By value; of equal ones, which are common with few images, by the loss."""
    return (one["value"], -one["loss"]) > (other["value"], -other["loss"])


def _weights(model: Model, last: nn.Linear, trainable: str) -> dict[str, Tensor]:
    """Copies of all that was trained, on the CPU."""
    found = {f"last.{name}": tensor for name, tensor in last.state_dict().items()}
    if trainable == "all":
        old = () if model.classifier is None else {id(p) for p in model.classifier.parameters()}
        kept_as = dict(model.module.named_parameters(remove_duplicate=False))
        for name, tensor in model.module.state_dict().items():
            if id(kept_as.get(name)) not in old:
                found[f"network.{name}"] = tensor
    return {name: tensor.detach().cpu().clone() for name, tensor in found.items()}


def _prepared(
    model: Model,
    frozen: nn.Module,
    chosen: dict[str, Any],
    part: str,
    folder: Path,
    trainable: str,
    where: torch.device,
) -> Inputs:
    """What the trained part takes of a part's images: their crops, or their embeddings.

    Crops to look at once are made when they are needed, a few at a time.
    """
    size = batch_size(model.cost().largest, where)
    paths = [Path(chosen["folder"], row["file"]) for row in chosen[part]]
    images = ImageFiles(paths, model.preprocessing, size, torch.get_num_threads())
    if trainable == "all":
        return images.load(folder) if part == "train" else images
    room = SHARE * free_memory(where)
    embed = apply(lambda batch: frozen(model.preprocessing.normalise(batch)), images, where)
    return kept(embed, len(paths), room, folder)


def _labels(chosen: dict[str, Any], part: str) -> list[Any]:
    return [row["label"] for row in chosen[part]]


def _scale(numbers: list[float]) -> list[float]:
    """Their mean and standard deviation, of which numbers are predicted."""
    found = torch.tensor(numbers, dtype=torch.float64)
    return [found.mean().item(), found.std(correction=0).item() or 1.0]


def _targets(labels: list[Any], task: str, count: int, scale: Sequence[float] | None) -> Tensor:
    """What a loss compares `count` outputs with: training.loop.LOSSES."""
    if task == "classes":
        return torch.tensor(labels)
    if task == "tags":
        return torch.from_numpy(table_of_tags(labels, count)).float()
    mean, deviation = scale
    return ((torch.tensor(labels, dtype=torch.float64) - mean) / deviation).float()


def _answers(found: Tensor, task: str, scale: Sequence[float] | None) -> list[Any]:
    """The class of each image; its score of each tag, from 0 to 1; or its number."""
    if task == "classes":
        return found.argmax(1).tolist()
    if task == "tags":
        return [[round(x, 6) for x in row] for row in found.double().sigmoid().tolist()]
    mean, deviation = scale
    return (found[:, 0].double() * deviation + mean).tolist()


def _unchanged(batch: Tensor) -> Tensor:
    return batch


@contextmanager
def _memory_told(batch: int) -> Iterator[None]:
    """Raises Unusable where torch says that there is too little memory."""
    try:
        yield
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise Unusable(
            f"training on {batch} images at a time needs more memory than there is",
            "lower runtime.gpu_jobs (on a GPU), train only the `last` layer, or use a machine with "
            "more memory",
        ) from error
