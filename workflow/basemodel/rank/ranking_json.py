"""The content of ranking.json: everything that the page, the table and the terminal say.

Accuracies, their intervals and differences are fractions; what is not known is None. `ranking` and
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
    guessing: float  # what guessing the most frequent class gets
    shown: float | None  # the smallest difference that these images show with 80 % probability


class Score(TypedDict):
    """A metric, or the paper's pair of metrics, and whether it is to be trusted here."""

    name: str
    label: str
    words: str
    unit: Literal["%", ""]
    larger_is_better: bool
    trust: Literal["trusted", "untrusted", "within", "n/a"]  # within: one architecture
    why: str


class Failure(TypedDict):
    name: str
    reason: str
    remedy: str


class Class(TypedDict):
    name: str
    images: int


class Use(TypedDict):
    """What became of the images that the user gave; all but `limit` are numbers of images."""

    given: int
    limit: int  # images of a class at most, or in all without labels
    probe: int
    held_out: int
    over_limit: int
    undecodable: int
    copies: int  # of images that count elsewhere
    two_labels: int  # copies with different labels
    left_out: int  # of classes that are not used


class Images(TypedDict):
    probe: int  # the number of probe images
    test: int
    use: Use
    classes: list[Class]
    problems: list[str]


class StaticOrder(TypedDict):
    by: Literal["parameters", "imagenet"]
    slugs: list[str]  # best first; without candidates whose size is not known


class Agreement(TypedDict):
    scores: list[str]  # or "parameters"
    rho: list[list[float | None]]  # Spearman's ρ of any two, over candidates


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
    """A candidate of the shortlist; one that failed with any seed has no mean."""

    name: str
    slug: str
    why: str  # how it was chosen
    accuracies: list[float]  # one per seed, in the order of seeds
    mean: float | None
    failed: str | None  # why


class Verified(TypedDict):
    """Candidates that were fine-tuned; the four numbers are None if there is nothing to compare."""

    rows: list[VerifiedRow]
    difference: float | None  # mean accuracy: the best of the others minus the score's first choice
    regret: float | None  # the difference, or 0 if the first choice is the best
    low: float | None  # a 95 % interval of the difference
    high: float | None
    sentence: str


class Timing(TypedDict):
    seconds: float  # of all jobs together
    in_networks: float | None  # the share of them that networks computed
    device: str  # empty if there was no network
    threads: int | None


class Ranking(TypedDict):
    name: str
    folder: str
    labelled: bool  # whether the images have classes
    images: Images
    by: str | None  # the name of the score that orders the candidates
    scores: list[Score]
    candidates: list[RankedCandidate]  # best first
    evidence: Evidence | None  # None without labels or candidates
    baselines: list[RankedCandidate]  # untrained
    failures: list[Failure]
    static_order: StaticOrder
    agreement: Agreement
    hard_images: list[HardImage]
    confusion: Confusion | None
    verify: Verified | None
    timing: Timing
    settings: dict[str, Any]
    versions: dict[str, str]
    command: str  # that makes this again, for a shell
    verify_command: str  # that fine-tunes the first candidates
    candidates_folder: str  # of a folder for each candidate, called by its slug
