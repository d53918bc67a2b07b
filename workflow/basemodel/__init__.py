"""Which pre-trained image model to start from: the functions for Python (docs/python.md).

`rank` compares candidates on a user's images, `load` loads one of them, `score` computes metrics
from arrays, `compare` and `possible_best` say how far scores and answers can be believed. Importing
the package imports neither numpy nor torch; what needs them does so itself.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike
    from torch import nn

    from basemodel.python.answer import Answer
    from basemodel.python.load import Transform

__all__ = ["compare", "load", "possible_best", "rank", "score"]


def rank(
    images: "str | PathLike[str] | ArrayLike | Mapping[str, ArrayLike]",
    candidates: "str | Iterable[str | Mapping[str, str]] | None" = None,
    *,
    labels: "ArrayLike | None" = None,
    groups: "ArrayLike | None" = None,
    images_per_class: int = 30,
    task: str = "auto",
    by: str = "linear_probe",
    weights: str = "balanced",
    near_copies: str = "report",
    licence: str = "any",
    most_parameters: float | None = None,
    metadata: "str | PathLike[str] | None" = None,
    seed: int = 0,
    results: "str | PathLike[str]" = "results",
    jobs: int | None = None,
    threads: int = 1,
    timeout: float | None = None,
    device: str = "auto",
    progress: bool = True,
) -> "Answer":
    """Rank pre-trained models for images, as `snakemake rank` does, without Snakemake.

    Nothing is trained but linear probes. Each candidate is computed in a process of its own: one
    that fails is a line of the answer with the reason. What has been computed is kept below
    `results` and found again, also what `snakemake rank` has left there and the other way round;
    after Ctrl-C, the next call goes on. The answer is the same as that of `snakemake rank`, digit
    for digit, on one machine with one number of threads.

    Parameters
    ----------
    images : path, array or dict of arrays
        A folder with a folder of images for each class (or train/ and test/ of such folders), or a
        table of labels: a file with the columns file and label. Or embeddings that you have, float
        [n, D]; of several models a dict of arrays by their names.
    candidates : str, list of str and dict, or None
        Models as in the setting `candidates` of docs/rank.md: "timm:NAME", "torchvision:NAME",
        "base:ARCHITECTURE/SOURCE_TASK", {"file": ..., "architecture": "timm:NAME"}, or for a table
        {"embeddings": "e.npy", "name": ...}. None: those of the shelf whose weights are on this
        machine; EfficientNet-Lite0's are installed with this package.
    labels : array, [n] or [n, tags]
        Of embeddings: integers or texts are classes, floats are numbers; [n, tags] of 0 and 1 are
        tags.
    groups : array, [n]
        Of embeddings: images of one group, such as one animal's, are not independent.
    images_per_class : int
        How many training images of a class are used, at most.
    task : {"auto", "classes", "tags", "number"}
        What the labels are.
    by : {"linear_probe", "knn"}
        The score that orders the candidates.
    weights : {"balanced", "natural"}
        Whether each class counts the same, or as it does in the folder.
    near_copies : {"report", "group"}
        Whether images that look nearly alike stay together.
    licence : {"any", "permissive"}
        Of models of the shelf.
    most_parameters : float, optional
        That a model of the shelf may have.
    metadata : path, optional
        timm's results-imagenet.csv, for accuracies on ImageNet.
    seed : int
        Of everything random.
    results : path
        The folder for what is kept: this ranking's is results/rank/NAME/python.
    jobs : int, optional
        How many candidates are computed at a time; by default as many as there are cores.
    threads : int
        Of each of them. `snakemake rank` gives each one.
    timeout : float, optional
        Seconds after which a candidate is given up.
    device : {"auto", "cpu", "cuda"}
        auto: a GPU if there is one, which up to four candidates share.
    progress : bool
        Whether to tell of it: a bar on a terminal and in a notebook, lines elsewhere, on stderr.

    Returns
    -------
    Answer
        `best`, what may be the best, for `load`; `table`, a DataFrame; `page`, the path of a page
        with all of it; `text` and `ranking`. A notebook shows it as a table, print as text.

    Raises
    ------
    ValueError
        For images, a table, labels or a setting that cannot be used, before any image is passed
        through a network; one line that says what to do (schema.SettingsError, listing.DataError).
    RuntimeError
        For what ends it and is no candidate's fault, such as a full disk (workers.Stopped).

    Examples
    --------
    >>> import basemodel
    >>> answer = basemodel.rank("photos", ["timm:tf_efficientnet_lite0.in1k"], progress=False)
    >>> answer.best
    ['timm:tf_efficientnet_lite0.in1k']
    >>> print(answer.table.loc[0, "name"], answer.page)
    timm:tf_efficientnet_lite0.in1k results/rank/photos/python/report.html

    >>> import numpy as np
    >>> labels = np.repeat(["ant", "bee"], 30)
    >>> noise = np.random.default_rng(0).normal(size=(60, 8))
    >>> better = noise + 3 * (labels == "bee")[:, None]
    >>> basemodel.rank({"noise": noise, "better": better}, labels=labels, progress=False).best
    ['better']
    """
    from basemodel.python import rank

    settings = {
        "images_per_class": images_per_class,
        "task": task,
        "by": by,
        "weights": weights,
        "near_copies": near_copies,
        "licence": licence,
        "most_parameters": most_parameters,
        "metadata": None if metadata is None else str(metadata),
    }
    run = {"seed": seed, "jobs": jobs, "threads": threads, "timeout": timeout, "device": device}
    return rank.rank(images, candidates, labels, groups, settings, results, progress, **run)


def load(
    candidate: "str | Mapping[str, str]",
    num_classes: int = 0,
    results: "str | Path" = "results",
) -> "tuple[nn.Module, Transform]":
    """A model as `snakemake rank` has ranked it, to go on with in Python.

    >>> import basemodel
    >>> model, transform = basemodel.load("timm:tf_efficientnet_lite0.in1k")
    >>> model(transform("photo.jpg").unsqueeze(0)).shape  # the embedding of an image
    torch.Size([1, 1280])
    >>> model, transform = basemodel.load("timm:tf_efficientnet_lite0.in1k", num_classes=8)
    >>> model(transform("photo.jpg").unsqueeze(0)).shape  # logits of 8 classes, to fine-tune
    torch.Size([1, 8])

    `candidate`: as in the setting `candidates`: timm:NAME, torchvision:NAME,
    base:ARCHITECTURE/SOURCE_TASK (found below `results`), or {"file": ..., "architecture": ...}.
    It may be a model that has not been ranked.

    Returns the network and its preprocessing. The network is a torch.nn.Module, the library's own
    with its weights, on the CPU and in evaluation mode: call `train()` before training. It takes
    float32 [n, 3, H, W]. Without `num_classes` its classifier is removed, and it gives the
    embeddings that were ranked, float32 [n, D]; with it, it has a new last layer, initialised at
    random (torch.manual_seed makes it the same again), and gives logits, float32 [n, num_classes].
    The preprocessing takes a path or a PIL image, of any size and mode, and gives float32
    [3, H, W].

    Never uses the network, never runs a pickle. Raises SettingsError, a ValueError, if a candidate
    cannot be called that, and Unusable if there is none, its weights are not on this machine
    (`snakemake rank_fetch` downloads them) or do not fit, or it gives no embeddings.
    """
    from basemodel.python import load

    return load.load(candidate, num_classes, results)


def score(
    embeddings: "ArrayLike | Mapping[str, ArrayLike] | None" = None,
    labels: "ArrayLike | None" = None,
    featuremaps: "ArrayLike | Mapping[str, ArrayLike] | None" = None,
    probabilities: "ArrayLike | Mapping[str, ArrayLike] | None" = None,
    *,
    groups: "ArrayLike | None" = None,
    task: str = "auto",
) -> "pd.DataFrame":
    """Every metric that can be computed from what one model, or several, give for some images.

    Parameters
    ----------
    embeddings : float array [n, D], or dict of them by model
        What the last layer would take.
    labels : array [n], or [n, tags] of 0 and 1
        Integers or texts are classes, floats are numbers.
    featuremaps : float array [n, C, H, W], or dict of them by model
        Of the last convolutional layer.
    probabilities : float array [n, source classes], or dict of them by model
        What the model predicts on what it was trained on; rows add to 1.
    groups : array [n], optional
        Images of one group stay in one fold of the linear probe, and are no neighbours in kNN.
    task : {"auto", "classes", "tags", "number"}
        What the labels are.

    Returns
    -------
    pandas.DataFrame
        A row for each metric. value, or a column for each model: NaN where the metric does not
        apply, and `note` says why. larger_is_better; compares_architectures: whether values of
        networks of different architectures can be compared. Metrics that are relative to the models
        compared (S1, ...) are relative to those given: of a single model they say nothing.

    Raises
    ------
    ValueError
        For arrays that are not finite, or do not fit each other.

    Examples
    --------
    >>> import basemodel
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits(n_class=3)
    >>> scores = basemodel.score(digits.data, digits.target)
    >>> scores.loc[["LinearProbe", "LEEP"], ["value", "note"]].round(3)
                 value                             note
    metric
    LinearProbe  0.998
    LEEP           NaN  no source classes are predicted
    """
    from basemodel.python import score

    return score.score(embeddings, labels, featuremaps, probabilities, groups, task)


def compare(
    table: "str | PathLike[str] | pd.DataFrame",
    larger_is_better: "bool | Mapping[str, bool] | None" = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> "tuple[dict[str, pd.DataFrame], list[str]]":
    """Which score to believe, of a table of models, accuracies and scores from elsewhere.

    Parameters
    ----------
    table : path or DataFrame
        With the columns target, model, accuracy and one for each score; or metric and score;
        perhaps family and seed (docs/compare.md).
    larger_is_better : bool or dict of bool, optional
        For all scores, or by score; a score of which nothing says it is compared both ways.
    resamples : int
        Of models, behind every interval.
    seed : int
        Of the resamples.

    Returns
    -------
    tables : dict of DataFrame
        scores, rho, mean_rho, differences, regret, mean_regret and ceiling
        (basemodel.statistics.outside.compare describes them).
    notes : list of str
        What was left out, and what the table cannot support.

    Raises
    ------
    ValueError
        For a table that cannot be compared (outside_table.TableError); one line says why.

    Examples
    --------
    >>> import basemodel
    >>> import pandas as pd
    >>> table = pd.DataFrame({
    ...     "target": "pets", "model": ["a", "b", "c", "d"],
    ...     "accuracy": [0.81, 0.84, 0.9, 0.93], "LogME": [0.2, 0.3, 0.25, 0.6],
    ... })
    >>> tables, notes = basemodel.compare(table, larger_is_better=True)
    >>> tables["rho"][["target", "metric", "rho", "n"]]
      target metric  rho  n
    0   pets  LogME  0.8  4
    """
    from basemodel.statistics import outside

    return outside.compare(table, larger_is_better, resamples, seed)


def possible_best(
    correct: "ArrayLike",
    labels: "ArrayLike | None" = None,
    groups: "ArrayLike | None" = None,
    *,
    cross_validated: bool = True,
) -> "np.ndarray":
    """Which models may be the best, from their answers to the same images.

    Multiple comparisons with the best (Hsu, Annals of Statistics 12, 1984): a model is ruled out if
    another is better by more than chance explains. One that truly is the best, for new images of
    the same classes, is ruled out with a probability of at most 5 %.

    Parameters
    ----------
    correct : bool array [models, images]
        Whether a model gets an image right; or with `labels` what it predicts.
    labels : array [images], optional
        What predictions are compared with.
    groups : array [images], optional
        Images of one group, such as one animal's, are not independent.
    cross_validated : bool
        True: each answer is that of a classifier trained on the other images, as those of
        `basemodel.rank`; another draw of images would train it otherwise, which is allowed for.
        False: networks as they are, on test images that none has seen; less is in doubt.

    Returns
    -------
    numpy.ndarray
        bool [models].

    Raises
    ------
    ValueError
        For arrays that do not fit each other, or fewer than two groups of images.

    Examples
    --------
    >>> import basemodel
    >>> import numpy as np
    >>> labels = np.arange(200) % 4
    >>> right = [np.arange(200) >= wrong for wrong in (20, 24, 90)]
    >>> predictions = np.where(right, labels, -1)
    >>> basemodel.possible_best(predictions, labels)
    array([ True,  True, False])
    """
    from basemodel.python import score

    return score.possible_best(correct, labels, groups, cross_validated)
