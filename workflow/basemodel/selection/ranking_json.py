"""The content of ranking.json: everything that the page, the table and the terminal say.

Accuracies, average precisions, their intervals and differences are fractions; what is not known is
None. `ranking` and
`verify` write it, report/ reads it. A space that must not break a line is a no-break space.
"""

from typing import Any, Literal, NotRequired, TypedDict


class Interval(TypedDict):
    """`value` with its 95 % interval."""

    value: float
    low: float
    high: float


class Measured(TypedDict):
    """A candidate's value of a score, its 95 % interval, and why it has none."""

    value: float | None
    low: float | None
    high: float | None
    note: NotRequired[str]


class RankedCandidate(TypedDict):
    """A model, trained or an untrained baseline.

    Without labels there are neither possible_best nor behind.
    """

    name: str
    slug: str
    architecture: str
    baseline: bool
    rank: int | None  # from 1; None of an untrained baseline
    possible_best: bool | None  # whether it may be the best (statistics.possible_best)
    scores: dict[str, Measured]
    behind: Interval | None  # the best of the others minus this one; None of the leader
    parameters: int | None
    multiply_adds: int | None
    images_per_second: float | None
    side: int | None  # None, as all of these, of embeddings without a network
    licence: str | None
    imagenet: float | None  # accuracy
    source_classes: int | None
    sha256: str | None
    notes: list[str]
    python: str | None  # what to call basemodel.load with; None of embeddings


class Evidence(TypedDict):
    """What the labels say of the leader, and how much."""

    verdict: Literal["untrusted", "guessing", "any", "some", "one"]
    corrected: float  # its value, allowing for its having been chosen
    guessing: float  # what guessing the most frequent class, tags at random, or the mean gets
    shown: float | None  # the smallest difference that these images show with 80 % probability


class Score(TypedDict):
    """A metric, the paper's pair of metrics, Spearman's ρ or the mean absolute error, and whether
    it is to be trusted here.

    LinearProbe and kNN: the accuracy; of tags the macro average precision, of numbers R².
    """

    name: str
    label: str
    words: str
    unit: Literal["%", "0.01", ""]  # shown in per cent, with two decimals, or three digits
    larger_is_better: bool
    trust: Literal["trusted", "untrusted", "within", "n/a"]  # within: one architecture
    why: str


class Failure(TypedDict):
    name: str
    reason: str
    remedy: str


class Class(TypedDict):
    """Or a tag, and the number of images that have it."""

    name: str
    images: int


class Use(TypedDict):
    """What became of the images that the user gave; all but `limit` are numbers of images."""

    given: int
    limit: int  # images of a class at most, or in all without classes
    probe: int
    held_out: int
    over_limit: int
    undecodable: int
    copies: int  # of images that count elsewhere
    two_labels: int  # copies with different labels
    left_out: int  # of classes that are not used


class Images(TypedDict):
    probe: int  # the number of probe images
    groups: int | None  # of them, if some are in groups
    test: int
    use: Use
    classes: list[Class]  # or tags; none for numbers
    problems: list[str]


class StaticOrder(TypedDict):
    by: Literal["parameters", "imagenet"]
    slugs: list[str]  # best first; without candidates whose size is not known


class Agreement(TypedDict):
    scores: list[str]  # or "parameters"
    rho: list[list[float | None]]  # Spearman's ρ of any two, over candidates


class Tag(TypedDict):
    """How well the score that orders the candidates finds a tag, by the first candidate."""

    name: str
    images: int  # that have it
    average_precision: float
    guessing: float  # what guessing gets


class HardImage(TypedDict):
    """An image that no candidate gets right."""

    file: str
    label: str
    predicted: list[tuple[str, int]]  # class, and the number of candidates that predict it
    candidates: int
    thumbnail: str | None  # a data URL; None if there is no such image


class Confusion(TypedDict):
    candidate: str
    classes: list[str]
    counts: list[list[int]]  # rows: true classes


class VerifiedRow(TypedDict):
    """A candidate of the shortlist. Values are accuracies, mean average precisions or R².

    What was worse on the validation images was not tested, unless it was the first by the score or
    the static order.
    """

    name: str
    slug: str
    why: str  # how it was chosen, and why it was dropped
    optimizer: str | None
    rate: float | None  # the better one
    validation: float | None  # mean over the seeds
    accuracies: list[float]  # on the test images, one per seed, in the order of seeds
    mean: float | None
    possible_best: bool
    failed: str | None  # why


class Verified(TypedDict):
    """Candidates that were fine-tuned; the four numbers are None if there is nothing to compare.

    `best` was chosen on the validation images, and `difference` is of the test images.
    """

    rows: list[VerifiedRow]
    difference: float | None  # the best, or if that is the score's first choice the next, minus it
    regret: float | None  # the difference, or 0 if the first choice is the best
    low: float | None  # a 95 % interval of the difference
    high: float | None
    measure: str  # what the values are
    best: str | None  # its slug
    kept: str | None  # the file of its best network
    fine_tunings: int
    seconds: float
    sentence: str


class Timing(TypedDict):
    seconds: float  # of all jobs together
    in_networks: float | None  # the share of them that networks computed
    device: str  # empty if there was no network
    threads: int | None


class Ranking(TypedDict):
    name: str
    folder: str
    labelled: bool  # whether the images have classes, tags or numbers
    task: Literal["classes", "tags", "number"] | None  # which of these
    images: Images
    by: str | None  # the name of the score that orders the candidates
    scores: list[Score]
    candidates: list[RankedCandidate]  # best first
    evidence: Evidence | None  # None without labels or candidates
    baselines: list[RankedCandidate]  # untrained
    failures: list[Failure]
    static_order: StaticOrder
    agreement: Agreement
    tags: list[Tag]  # of images with tags
    hard_images: list[HardImage]  # none of tags and numbers, as
    confusion: Confusion | None
    verify: Verified | None
    timing: Timing
    settings: dict[str, Any]
    versions: dict[str, str]
    command: str  # that makes this again, for a shell
    verify_command: str  # that fine-tunes the first candidates
    candidates_folder: str  # of a folder for each candidate, called by its slug
