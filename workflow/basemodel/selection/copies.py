"""Which of a user's images are copies of others: of equal bytes, equal pixels, or nearly equal.

ImageHash and SciPy, which take half a second, are imported only where they serve.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from basemodel.data.splits import examples
from basemodel.files import printable, sha256

END = 4096  # bytes at the end of a file, compared before all of it
NEAR = 4  # of 64 bits of the perceptual hash that differ at most
NAMED = 20  # pictures whose copies are named in the problems; images.json has them all
BLOCK = 4_000_000  # pairs of images that are compared at once: 32 MB


def equal_files(root: Path, files: Iterable[str], each: Callable = map) -> list[list[str]]:
    """The files that have the same bytes, in lists of two or more, in the order given.

    Only files of one size are opened, and only those read through that end alike. One that cannot
    be read is like no other. `each`: what maps a function, such as a pool's.
    """
    groups = [list(dict.fromkeys(files))]
    for fact in (_size, _end, sha256):
        found = defaultdict(list)
        for number, group in enumerate(groups):
            facts = each(lambda file, fact=fact: _fact_of(root / file, fact), group)
            for file, value in zip(group, facts, strict=True):
                if value is not None:
                    found[number, value].append(file)
        groups = [group for group in found.values() if len(group) > 1]
    return groups


def pixels(image: Image.Image) -> str:
    """The SHA-256 of a decoded image (mode RGB): of its size and its pixels."""
    digest = hashlib.sha256(f"{image.width} {image.height} ".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


def perceptual_hash(image: Image.Image) -> str:
    """64 bits as 16 hexadecimal digits, alike for images that look alike whatever their size.

    ImageHash's phash: which of the lowest frequencies of the grey image are above their median.
    """
    import imagehash

    return str(imagehash.phash(image))


def near(hashes: Sequence[str]) -> list[list[int]]:
    """Sets of images, by number, that look nearly alike, each of two or more.

    In a set, every image has another from whose perceptual hash its own differs in at most NEAR
    bits.
    """
    from scipy import sparse

    given = np.array([int(each, 16) for each in hashes], np.uint64)
    bits, number = np.unique(given, return_inverse=True)
    first, rows = np.arange(len(bits)), max(1, BLOCK // max(1, len(bits)))  # in the same set
    for start in range(0, len(bits), rows):
        differ = np.bitwise_count(bits[start : start + rows, None] ^ bits[start:])
        pairs = np.argwhere(differ <= NEAR).T + start
        # Joined block by block: of frames of a film nearly all pairs may be alike.
        ends = np.concatenate([pairs, [np.arange(len(bits)), first]], axis=1)
        graph = sparse.coo_array((np.ones(ends.shape[1], bool), ends), (len(bits), len(bits)))
        _, component = sparse.csgraph.connected_components(graph, directed=False)
        first = np.unique(component, return_index=True)[1][component]
    sets: dict[int, list[int]] = defaultdict(list)
    for image, one in enumerate(first[number].tolist()):
        sets[one].append(image)
    return [images for images in sets.values() if len(images) > 1]


def joined(sets: Iterable[Iterable[str]]) -> dict[str, str]:
    """For each name a name that stands for its set, the same one where sets overlap."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        leader.setdefault(name, name)
        while leader[name] != name:
            leader[name] = name = leader[leader[name]]
        return name

    for names in sets:
        first, *rest = map(find, names)
        for other in rest:
            leader[find(other)] = find(first)
    return {name: find(name) for name in list(leader)}


def _fact_of(path: Path, fact: Callable[[Path], object]) -> object:
    try:
        return fact(path)
    except OSError:
        return None


def _size(path: Path) -> int:
    return path.stat().st_size


def _end(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - END))
        return hashlib.sha256(file.read()).digest()


def under_two_labels(
    equal: Iterable[Sequence[str]], labels: Mapping[str, str | int | None]
) -> set[str]:
    """The files of equal images that have different labels."""
    return {file for of in equal if len({labels[file] for file in of}) > 1 for file in of}


def grouped(given: Mapping[str, str], sets: Iterable[Sequence[str]]) -> dict[str, str]:
    """Groups of files, by file, joined where a set of files has some of each.

    They are called as given, or by their first file.
    """
    by_name = defaultdict(list)
    for file, name in given.items():
        by_name[name].append(file)
    first = joined([*by_name.values(), *sets])
    called: dict[str, str] = {}
    for file, name in given.items():
        called.setdefault(first[file], name)
    return {file: called.get(one, one) for file, one in first.items()}


def report(
    equal: Mapping[str, Sequence[str]], unsure: set[str], tested: set[str], given: int
) -> list[str]:
    """How many copies there are, in a line; and then which, a line for each picture."""
    if not equal:
        return []
    sure = [of for first, of in equal.items() if first not in unsure]
    both = sum(file in tested for of in sure if of[0] not in tested for file in of)
    what = {
        "copies of others": sum(len(of) - 1 for of in sure),
        "under two labels": len(unsure),
        "in both train and test": both,
    }
    first, *others = [f"{number:,} {words}" for words, number in what.items() if number]
    first = first.replace(" ", f" of {given:,} images are ", 1)
    told = "; ".join([first, *others])
    lines = [f"copies: {' = '.join(map(printable, of))}" for of in list(equal.values())[:NAMED]]
    more = [f"copies of {len(equal) - NAMED:,} more in images.json"] if len(equal) > NAMED else []
    used = "one of each is used" + (", under two labels none" if unsure else "")
    return [f"{told}: {used}", *lines, *more]


def report_alike(alike: Sequence[Sequence[str]], near_copies: str) -> str:
    kept = near_copies == "group"
    then = "kept together" if kept else "`rank.near_copies: group` keeps them together"
    which = examples(" and ".join(map(printable, of[:2])) for of in alike)
    return f"{sum(map(len, alike)):,} images look nearly like others ({which}): {then}"
