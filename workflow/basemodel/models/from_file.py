"""Weights in a file from anywhere, put into a network of a library: checked, as nobody vouches for
them. No pickle is run, whatever the file says."""

import difflib
import os
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from basemodel.files import printable
from basemodel.models import checkpoint
from basemodel.models.failures import Unusable, told
from basemodel.models.own_weights import of_another_kind

# Of several whole sets of weights, the one under the first of these keys, like timm: averaged
# weights before those of the last step. Which of teacher and student is meant, the user says.
PREFERRED = (
    "state_dict_ema", "model_ema", "ema_model", "ema", "state_dict", "model", "model_state_dict",
    "net", "module", "encoder_q",
)  # fmt: skip
# What training programs have beside a network, or in place of its classifier.
HEADS = re.compile(
    r"(heads?|head_dist|fc\d?|classifier|last_linear|linear|proj|projector|projection|proj(ection)?_head"
    r"|predictor|prototypes|decoder\w*|queue\w*|mask_token|criterion|loss|aux\w*|n_averaged)"
)
COMPILED = "_orig_mod."  # what torch.compile adds to names
COUNTER = "num_batches_tracked"  # of batch normalisation: used by nothing here
GREY = (0.299, 0.587, 0.114)  # brightness of red, green and blue, as Pillow has it (ITU-R 601)
NO_CLASSES = "the file has no classifier for it: no source classes, so no LEEP or NCE"
NAMED = 3  # names that a message has
LONGEST = 500  # letters of a name that can be that of a layer


@dataclass
class Fitted:
    """Weights by the names of a network's: all, but perhaps those of its classifier.

    `classes`: how many the file's classifier tells apart; 0 if it has none that fits. `notes`: what
    was done to make them fit, a line each. `exact`: whether all weights of the file are among them.
    """

    state: dict[str, Tensor]
    classes: int
    notes: list[str]
    exact: bool


def stored(file: str, key: str, wanted: Iterable[str]) -> tuple[dict[str, Tensor], list[str]]:
    """The weights of a file, without the prefix that a training program gave their names; notes.

    `key`: which of several sets is meant, or "". `wanted`: the names of the network's weights: the
    prefix is taken under which most of them are found. Raises Unusable.
    """
    name, wanted = printable(file, 200), {n for n in wanted if not n.endswith(COUNTER)}
    found = {n.replace(COMPILED, ""): t for n, t in checkpoint.tensors(checkpoint.read(file))}
    if not found:
        raise Unusable(
            f"{name} holds no weights by name",
            "save the state_dict() of a network, not something else",
        )
    if key:
        found = _under(key, found, name)
    counts = _prefixes(found, wanted)
    places = [place for place in counts if counts[place] == max(counts.values())]
    if counts[places[0]] < len(wanted) / 2:  # other names, which a library may know
        places = ["" if counts[""] else os.path.commonprefix(list(found)).rpartition(".")[0]]
        places = [f"{place}." if place else "" for place in places]
    prefix, notes = _preferred(places, name)
    others = tuple(place for place in places if place != prefix)
    top = prefix.partition(".")[0] if prefix else ""
    kept = {n.removeprefix(prefix): t for n, t in found.items() if n.startswith(prefix)}
    beside = [n for n in found if n.startswith(top) and not n.startswith((prefix, *others))]
    return kept, notes + _left_out(beside)


def fit(
    state: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    shapes: Callable[[int], Mapping[str, Tensor]],
    heads: Sequence[str],
    file: str,
    model: str,
) -> Fitted:
    """Find every weight of a network in a file's. Raises Unusable, with what does not fit.

    `own`: the network's weights, on any device; `shapes`: the same with another number of classes;
    `heads`: the names of the layers that are its classifier; `model`: what the user calls it.
    """
    names = [f"{head}.weight" for head in heads]
    classes, notes = _classes(state, own, names), []
    usual = {len(own[name]) for name in names if name in own}
    wanted = shapes(classes) if classes and usual != {classes} else own
    state, exact = dict(state), True
    if not classes:
        notes.append(NO_CLASSES)
        state = {n: t for n, t in state.items() if not _below(n, heads)}
        wanted = {n: t for n, t in wanted.items() if not _below(n, heads)}
    if counters := [n for n in wanted if n not in state and n.endswith(COUNTER)]:
        state |= {n: torch.zeros((), dtype=torch.long) for n in counters}
        notes.append(f"the file has no {COUNTER}, which nothing here needs")
    missing = [n for n in wanted if n not in state]
    unknown = [n for n in state if n not in wanted]
    beside = [n for n in unknown if HEADS.fullmatch(n.partition(".")[0])]
    if not missing and len(beside) == len(unknown) and beside:
        exact, unknown = False, []
        notes += _left_out(beside)
        state = {n: t for n, t in state.items() if n in wanted}
    if grey := _sees_grey(state, wanted):
        state[grey] = state[grey] * state[grey].new_tensor(GREY)[:, None, None]
        notes.append("it was trained on one channel, and is given the brightness of images")
    shaped = [
        f"{printable(n)} ({_shape(state[n])} instead of {_shape(wanted[n])})"
        for n in wanted
        if n in state and state[n].shape != wanted[n].shape
    ]
    faults = [
        ("missing", [f"{n}{_instead(n, unknown)}" for n in missing[:NAMED]], len(missing)),
        ("unknown", list(map(printable, unknown[:NAMED])), len(unknown)),
        ("of another shape", shaped[:NAMED], len(shaped)),
    ]
    if wrong := [f"{count} {what}: {_some(some, count)}" for what, some, count in faults if count]:
        raise Unusable(
            f"{printable(file, 200)} is not for {model}: of {len(wanted)} weights "
            f"{'; '.join(wrong)}",
            "name the architecture that the weights are of",
        )
    check_kinds(state, wanted, file)
    return Fitted(state, classes, notes, exact)


def check_kinds(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], file: str) -> None:
    """Raise Unusable if weights are not numbers of the kind that the network has."""
    if other := of_another_kind(state, wanted):
        raise Unusable(
            f"{printable(file, 200)} holds no plain weights: {len(other)} of another kind: "
            f"{_some([printable(each) for each in other[:NAMED]], len(other))}",
            "save them as float32, multiplied by their scales if quantised",
        )


def put(fitted: Fitted, network: nn.Module) -> None:
    """Load all weights; a classifier that the file lacks stays as it is."""
    # torch keeps the versions of layers beside the tensors, where safetensors drops them.
    current = OrderedDict(network.state_dict() | fitted.state)
    current._metadata = network.state_dict()._metadata
    network.load_state_dict(current)


@contextmanager
def downloaded(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a library loads this file of its own into Unusable."""
    try:
        yield
    except Unusable:
        raise
    except Exception as error:
        raise Unusable(
            f"the weights in {path} cannot be loaded ({told(error)})",
            "delete this file; `snakemake rank_fetch` downloads it again",
        ) from error


def _under(key: str, found: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The weights whose names have this key among their parts, or several in a row."""
    parts = {n: f".{n}".partition(f".{key}.") for n in found}
    if meant := {rest: found[n] for n, (_, there, rest) in parts.items() if there}:
        return meant
    there = list(dict.fromkeys(n.partition(".")[0] for n in found))
    raise Unusable(
        f"{name} has no weights under {printable(key)}",
        f"it has {_some(list(map(printable, there[:NAMED])), len(there))}",
    )


def _prefixes(state: Iterable[str], wanted: Set[str]) -> Counter[str]:
    """How many of the wanted names are found after each prefix, among them the empty one."""
    found = Counter({"": 0})
    for name in state:
        ends = [0, *(m.end() for m in re.finditer(r"\.", name))] if len(name) < LONGEST else []
        found.update(name[:end] for end in ends if name[end:] in wanted)
    return found


def _preferred(places: list[str], name: str) -> tuple[str, list[str]]:
    """Which of several whole sets of weights is taken, by their prefixes, and a note."""
    if len(places) == 1:
        return places[0], []
    told = [printable(place.rstrip(".")) for place in places]
    common = os.path.commonprefix([place.split(".") for place in places])
    first = [place.split(".")[len(common)] for place in places]  # where they differ
    for preferred in PREFERRED:
        if first.count(preferred) == 1:
            taken = first.index(preferred)
            others = told[:taken] + told[taken + 1 :]
            note = f"the weights under {told[taken]} are taken; the file also has "
            return places[taken], [note + _some(others[:NAMED], len(others))]
    raise Unusable(
        f"{name} has several sets of weights: {_some(told[:NAMED], len(told))}",
        f"say which in `candidates`: {{file: ..., architecture: ..., key: {told[0]}}}",
    )


def _classes(state: Mapping[str, Tensor], own: Mapping[str, Tensor], names: Sequence[str]) -> int:
    """How many classes the file's classifiers tell apart, if all are there and take embeddings.

    `names`: the classifiers' weights.
    """
    found = [state.get(name) for name in names]
    if not found or any(weight is None or weight.ndim < 2 for weight in found):
        return 0
    fit = all(
        weight.shape[1:] == own.get(name, weight).shape[1:]
        for name, weight in zip(names, found, strict=True)
    )
    return len(found[0]) if fit and len({len(weight) for weight in found}) == 1 else 0


def _sees_grey(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str | None:
    """The one weight that takes one channel where the network takes three."""
    found = [
        n
        for n in wanted
        if n in state
        and state[n].ndim == wanted[n].ndim == 4
        and (state[n].shape[1], wanted[n].shape[1]) == (1, len(GREY))
        and state[n][:, 0].shape == wanted[n][:, 0].shape
    ]
    return found[0] if len(found) == 1 else None


def _below(name: str, layers: Sequence[str]) -> bool:
    return any(name.startswith(f"{layer}.") for layer in layers)


def _left_out(names: list[str]) -> list[str]:
    if not names:
        return []
    some = _some(list(map(printable, names[:1])), len(names))
    return [f"left out, as not the network's: {some}"]


def _instead(name: str, there: list[str]) -> str:
    near = difflib.get_close_matches(name, [n for n in there if len(n) < LONGEST], n=1)
    return f" (the file has {printable(near[0])})" if near else ""


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _some(names: list[str], count: int) -> str:
    """The names, of so many."""
    return ", ".join(names) + (f" and {count - len(names)} more" if count > len(names) else "")
