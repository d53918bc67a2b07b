"""What metrics of embeddings share: checks, class means, Gram matrices, principal components.

Usually there are fewer images than features (N < D). Inner products of images then say everything
that a metric needs to know, and N × N matrices take the place of D × D ones, without approximation.
With more images than features it is the other way round. Larger arrays than the embeddings are
never made as a whole, but in blocks of rows.
"""

from collections.abc import Iterator

import numpy as np

BLOCK_ELEMENTS = 2**22  # 32 MiB in float64: matrix products of such blocks are efficient
IN_CACHE = 2**14  # 128 KiB, for what is done element by element


def row_blocks(rows: int, columns: int, elements: int = BLOCK_ELEMENTS) -> Iterator[slice]:
    """Slices that cover `rows`, so many at a time that a block [b, columns] has `elements`."""
    size = max(1, elements // columns)
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def check(
    metric: str, embeddings: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """The embeddings as float64 [N, D], the labels numbered 0 … K−1 as int64 [N], and K.

    Raises ValueError, naming `metric`, unless embeddings [N, D] and labels [N] agree; or, naming
    the first such image, if one has NaN or infinity.
    """
    if embeddings.ndim != 2 or 0 in embeddings.shape:
        raise ValueError(
            f"{metric}: embeddings must be a non-empty [n, D] array, not {embeddings.shape}"
        )
    return _finite(metric, "embeddings", embeddings), *numbered(metric, embeddings, labels)


def check_targets(
    metric: str, embeddings: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The embeddings as float64 [N, D] and what is known of each image as float64 [N, K].

    Raises ValueError as `check`, and for targets that are not [N, K], or NaN or infinity.
    """
    if targets.ndim != 2 or len(targets) != len(embeddings) or 0 in targets.shape:
        raise ValueError(
            f"{metric}: {len(embeddings)} images need as many rows of targets, but these have the "
            f"shape {targets.shape}"
        )
    x, *_ = check(metric, embeddings, np.arange(len(embeddings)))
    return x, _finite(metric, "targets", targets)


def strata(targets: np.ndarray) -> np.ndarray:
    """What folds are to have in equal shares, int64 [N], 0, 1, ….

    Of tags (0 or 1 [N, K]) the rarest that the image has, or none; of numbers [N, 1] nothing but
    their size: five neighbours in the order of size are one stratum.
    """
    if np.isin(targets, (0, 1)).all():
        rarity = np.where(targets == 1, targets.sum(axis=0), np.inf)
        first = np.where(targets.any(axis=1), rarity.argmin(axis=1), targets.shape[1])
    else:
        first = np.empty(len(targets), int)
        first[np.argsort(targets[:, 0], kind="stable")] = np.arange(len(targets)) // 5
    return np.unique(first, return_inverse=True)[1]


def check_probabilities(
    metric: str, probabilities: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """As `check`, for source probabilities [N, Z], each row of which sums to 1.

    They are returned as they are, because a copy in float64 may be too large.
    """
    if probabilities.ndim != 2 or 0 in probabilities.shape:
        raise ValueError(
            f"{metric}: probabilities must be a non-empty [n, source classes] array, "
            f"not {probabilities.shape}"
        )
    for rows in row_blocks(*probabilities.shape):
        values = _finite(metric, "probabilities", probabilities[rows], rows.start)
        wrong = (values < 0).any(axis=1) | (np.abs(values.sum(axis=1) - 1) > 1e-3)
        if wrong.any():
            raise ValueError(
                f"{metric}: the probabilities of image {rows.start + np.flatnonzero(wrong)[0]} are "
                "negative or do not sum to 1"
            )
    return probabilities, *numbered(metric, probabilities, labels)


def numbered(metric: str, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, int]:
    """The labels numbered 0 … K−1 in their order, int64 [N], and K. Raises ValueError."""
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"{metric}: {len(images)} images need as many labels, one each, "
            f"but the labels have the shape {labels.shape}"
        )
    classes, numbers = np.unique(labels, return_inverse=True)
    return numbers, len(classes)


def _finite(metric: str, what: str, values: np.ndarray, first: int = 0) -> np.ndarray:
    values = np.array(values, np.float64)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        bad = first + np.flatnonzero(~finite)[0]
        raise ValueError(f"{metric}: the {what} of image {bad} hold NaN or infinity")
    return values


def one_hot(y: np.ndarray, classes: int) -> np.ndarray:
    """Labels as float64 [N, K], a single 1 in each row."""
    return np.eye(classes)[y]


def class_means(x: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """The mean of each class's rows, [K, columns of x]."""
    return (one_hot(y, classes).T @ x) / np.bincount(y)[:, None]


def centred(x: np.ndarray) -> np.ndarray:
    """x minus its mean over images, in place; a feature that is constant becomes exactly 0."""
    # Their mean may differ from equal numbers by rounding
    constant = (x == x[0]).all(axis=0)
    x -= x.mean(axis=0)
    x[:, constant] = 0
    return x


def inner_products(x: np.ndarray) -> np.ndarray:
    """X Xᵀ [N, N] or Xᵀ X [D, D], whichever is smaller: both have the same positive eigenvalues.

    x: [N, D], or several such matrices [..., N, D].
    """
    turned = x.swapaxes(-1, -2)
    return x @ turned if x.shape[-2] <= x.shape[-1] else turned @ x


def classes_by_size(y: np.ndarray) -> Iterator[np.ndarray]:
    """Yield int64 [k, n], the images of the k classes that have n, for each n that there is."""
    counts = np.bincount(y)
    order, start = np.argsort(y, kind="stable"), np.cumsum(counts) - counts
    for n in np.unique(counts):
        yield order[start[counts == n][:, None] + np.arange(n)]


def principal_components(x: np.ndarray, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of centred x [N, D] along its principal axes, and its variance along each.

    Returns (float64 [N, r], float64 [r]), r the rank, at most `most`; the largest variance first.
    Variances have the divisor N. Signs of axes are arbitrary.
    """
    n, features = x.shape
    spectrum, vectors = np.linalg.eigh(inner_products(x))
    spectrum, vectors = spectrum[::-1], vectors[:, ::-1]
    rank = int((spectrum > spectrum[0] * max(n, features) * np.finfo(float).eps).sum())
    kept = rank if most is None else min(rank, most)
    spectrum, vectors = spectrum[:kept], vectors[:, :kept]
    coordinates = vectors * np.sqrt(spectrum) if n <= features else x @ vectors
    return coordinates, spectrum / n


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """The logarithms of the softmax of each row; exact for probabilities close to 1 as well."""
    row, best = np.arange(len(scores)), scores.argmax(axis=1)
    shifted = scores - scores[row, best][:, None]
    others = np.exp(shifted)
    others[row, best] = 0
    return shifted - np.log1p(others.sum(axis=1))[:, None]
