"""How sure a ρ is: Spearman's ρ under draws of base models, and its 95 % interval.

A draw takes as many source tasks as there are, with replacement. It is kept as counts, and one
matrix of counts serves all cells and metrics: differences between them are then paired.
"""

import numpy as np

from basemodel.seeds import seed_of

LEVEL = 0.95
MIN_MODELS = 3  # fewer models of one kind have no ρ worth averaging


def draw_counts(subsets: int, draws: int, seed: object) -> np.ndarray:
    """How often each draw takes each source task, float64 [draws, subsets]; rows add to subsets.

    `seed` is that of the experiment: equal seeds and numbers give equal draws in every job.
    """
    rng = np.random.default_rng(seed_of("bootstrap", seed))
    return rng.multinomial(subsets, np.full(subsets, 1 / subsets), draws).astype(np.float64)


def drawn_ranks(x: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Each model's rank in each draw, float64 [..., draws, models]; NaN if x contains NaN.

    x: float [..., models]; counts: float [draws, models]. A rank is the number of drawn models
    below, minus the number above. A model that is drawn c times is c tied models; this is twice the
    centred average rank among explicitly repeated models, exactly.
    Infinite values rank first or last.
    """
    one, other = x[..., :, None], x[..., None, :]
    order = np.less(one, other).astype(np.float64) - np.greater(one, other)
    ranks = counts @ order
    ranks[np.isnan(x).any(axis=-1)] = np.nan
    return ranks


def rho_of_draws(r: np.ndarray, s: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's ρ in each draw, float64 [..., draws], from drawn_ranks of two variables.

    Pearson's correlation of the ranks, each model weighted by its count; NaN where a draw has one
    value only.
    """
    weighted = counts * r
    covariance = np.einsum("...n,...n->...", weighted, s)
    squares = np.einsum("...n,...n->...", weighted, r)
    scale = np.sqrt(squares * np.einsum("...n,...n->...", counts * s, s))
    with np.errstate(invalid="ignore"):  # for a constant, 0/0 is NaN
        return covariance / scale


def rho_draws(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's ρ of x and y, float [..., models], in each draw: float64 [..., draws]."""
    return rho_of_draws(drawn_ranks(x, counts), drawn_ranks(y, counts), counts)


def within_draws(x: np.ndarray, y: np.ndarray, kinds: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The mean over kinds of source task of ρ among the models of one kind, [..., draws].

    kinds: the kind of each model, [models]. Kinds with fewer than 3 models, and those whose ρ is
    undefined in a draw, are left out; NaN where none is left.
    """
    numbers = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    rho = [
        rho_draws(x[..., chosen], y[..., chosen], counts[:, chosen])
        for chosen in numbers
        if len(chosen) >= MIN_MODELS
    ]
    if not rho:
        return np.full((*x.shape[:-1], len(counts)), np.nan)
    return mean_of_defined(np.stack(rho), axis=0)


def as_it_is(models: int) -> np.ndarray:
    """The counts of a "draw" that takes every model once: it gives the estimate itself."""
    return np.ones((1, models))


def mean_of_defined(values: np.ndarray, axis: int | tuple[int, ...] = -1) -> np.ndarray:
    """The mean along axes without NaN; NaN where all are."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):  # without any, 0/0 is NaN
        return np.where(defined, values, 0).sum(axis=axis) / defined.sum(axis=axis)


def interval(draws: np.ndarray) -> np.ndarray:
    """The 95 % interval of one ρ, low and high: float64 [2, ...], from draws [..., draws].

    These are the percentiles of its draws. NaN where fewer than two draws are defined, or all
    agree (two models, or a perfect ρ): such draws say nothing of how sure it is.

    Coverage of the true ρ, in 300 simulations each of bivariate normal data: 96 % at n = 60 and
    ρ = 0.6 or 0.9; 96 and 97 % at n = 20 and ρ = 0 or 0.9; 95 % at n = 20, ρ = 0.6 and accuracies
    with many ties. Of the others tried, the basic interval covered 86 to 94 %, BCa 93 to 97 %, and
    Fisher's z with the draws' standard error 94 to 98 %, at about the same widths.
    """
    edges = np.full((2, *draws.shape[:-1]), np.nan)
    if draws.shape[-1] == 0:
        return edges
    known = np.fmin.reduce(draws, axis=-1) < np.fmax.reduce(draws, axis=-1)  # not for NaN
    if known.any():
        tail = (1 - LEVEL) / 2
        edges[:, known] = np.nanquantile(draws[known], [tail, 1 - tail], axis=-1)
    return edges
