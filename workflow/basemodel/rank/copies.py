"""Which of a user's images are copies of others: of equal bytes, equal pixels, or nearly equal.

Every job imports this module: ImageHash and SciPy, which take half a second, only where they serve.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

END = 4096  # bytes at the end of a file, compared before all of it
NEAR = 4  # of 64 bits of the perceptual hash that differ at most
BLOCK = 4_000_000  # pairs of images that are compared at once: 32 MB


def equal_files(root: Path, files: Iterable[str], each: Callable = map) -> list[list[str]]:
    """The files that have the same bytes, in lists of two or more, in the order given.

    Only files of one size are opened, and only those read through that end alike. One that cannot
    be read is like no other. `each`: what maps a function, such as a pool's.
    """
    groups = [list(dict.fromkeys(files))]
    for fact in (_size, _end, _sha256):
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
    found, rows = [], max(1, BLOCK // max(1, len(bits)))
    for start in range(0, len(bits), rows):
        differ = np.bitwise_count(bits[start : start + rows, None] ^ bits)
        found.append(np.argwhere(differ <= NEAR) + [start, 0])
    if not found:
        return []
    pairs = np.concatenate(found).T
    graph = sparse.coo_array((np.ones(pairs.shape[1], bool), pairs), (len(bits), len(bits)))
    _, component = sparse.csgraph.connected_components(graph, directed=False)
    sets: dict[int, list[int]] = defaultdict(list)
    for image, one in enumerate(component[number].tolist()):
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


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
