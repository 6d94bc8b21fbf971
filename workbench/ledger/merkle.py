"""The Merkle tree of RFC 6962: hashes, proofs and their checks; pure, no IO.

A leaf is the hash of an entry's bytes behind a zero byte, a node the hash of its two children behind a
one. A proof that an entry is in a tree, or that one tree goes on another, is a handful of hashes.

>>> leaves = [leaf_hash(letter.encode()) for letter in "abcde"]
>>> path = inclusion_path(2, 5, whole(leaves))
>>> len(path), includes(leaves[2], 2, 5, path, tree_hash(leaves))
(3, True)
>>> proof = consistency_path(3, 5, whole(leaves))
>>> extends(3, tree_hash(leaves[:3]), 5, tree_hash(leaves), proof)
True

Source:
    RFC 6962 section 2.1; the checks as in RFC 9162 sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

EMPTY = hashlib.sha256().digest()  # root of the tree without leaves
_LEAF = hashlib.sha256(b"\0")
_NODE = hashlib.sha256(b"\1")

Subtree = Callable[[int, int], bytes]  # root over the leaves from a first number up to, not including, a last


def leaf_hash(content: bytes) -> bytes:
    """The hash of one entry's bytes."""
    hashed = _LEAF.copy()
    hashed.update(content)
    return hashed.digest()


def leaf_hashes(contents: Iterable[bytes]) -> list[bytes]:
    """The hash of each of many entries' bytes."""
    leaves = []
    for content in contents:
        hashed = _LEAF.copy()
        hashed.update(content)
        leaves.append(hashed.digest())
    return leaves


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two neighbours."""
    hashed = _NODE.copy()
    hashed.update(left + right)
    return hashed.digest()


class Range:
    """All that is needed of a tree to let it grow: the roots of its perfect subtrees, largest first."""

    def __init__(self, size: int = 0, roots: Iterable[bytes] = ()) -> None:
        self.size = size
        self.roots = list(roots)
        if len(self.roots) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} perfect subtrees, not {len(self.roots)}")

    def append(self, leaf: bytes) -> None:
        """Add one leaf."""
        size, roots = self.size, self.roots
        while size & 1:
            leaf = node_hash(roots.pop(), leaf)
            size >>= 1
        roots.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree."""
        return folded(self.roots)


def folded(roots: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees, largest first."""
    if not roots:
        return EMPTY
    root = roots[-1]
    for left in reversed(roots[:-1]):
        root = node_hash(left, root)
    return root


def tree_hash(leaves: Iterable[bytes]) -> bytes:
    """The root over some leaves, given their hashes."""
    grown = Range()
    for leaf in leaves:
        grown.append(leaf)
    return grown.root()


def perfect(leaves: Sequence[bytes]) -> bytes:
    """The root over a power of two of leaves, level by level: twice as fast as `tree_hash`."""
    level = leaves
    while len(level) > 1:
        above, halves = [], iter(level)
        for left, right in zip(halves, halves, strict=True):
            hashed = _NODE.copy()
            hashed.update(left + right)
            above.append(hashed.digest())
        level = above
    return level[0]


def whole(leaves: Sequence[bytes]) -> Subtree:
    """The subtrees of a tree whose leaves are all at hand."""
    return lambda first, last: tree_hash(leaves[first:last])


def inclusion_path(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The hashes beside the way from a leaf up to the root.

    Args:
        index: The leaf's number, from 0.
        size: Leaves of the tree.
        subtree: Gives the roots below.

    Raises:
        ValueError: The tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    first, last, path = 0, size, []
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            path.append(subtree(middle, last))
            last = middle
        else:
            path.append(subtree(first, middle))
            first = middle
    return path[::-1]


def consistency_path(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """The hashes by which a tree is seen to go on a smaller one.

    Args:
        old: Leaves of the smaller tree, above 0.
        new: Leaves of the larger.
        subtree: Gives the roots of the larger.

    Raises:
        ValueError: The sizes are not in this order.
    """
    if not 0 < old <= new:
        raise ValueError(f"the sizes are {old} and {new}; the first must lie between 1 and the second")
    first, last, path, known = 0, new, [], True
    while old != last:
        middle = first + _split(last - first)
        if old <= middle:
            path.append(subtree(middle, last))
            last = middle
        else:
            path.append(subtree(first, middle))
            first, known = middle, False
    if not known:
        path.append(subtree(first, last))
    return path[::-1]


def includes(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a path leads from a leaf to the root of a tree.

    Args:
        leaf: The leaf's hash.
        index: Its number, from 0.
        size: Leaves of the tree.
        path: The hashes beside the way.
        root: The tree's root.
    """
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for beside in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(beside, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def extends(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether a tree goes on a smaller one: the smaller one's leaves are its first, unchanged.

    Args:
        old: Leaves of the smaller tree, above 0.
        old_root: Its root.
        new: Leaves of the larger.
        new_root: Its root.
        path: The hashes of the proof.
    """
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    way = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not way:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old_found = new_found = way[0]
    for beside in way[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old_found, new_found = node_hash(beside, old_found), node_hash(beside, new_found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new_found = node_hash(new_found, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and old_found == old_root and new_found == new_root


def _split(size: int) -> int:
    """The largest power of two below a size above one."""
    return 1 << ((size - 1).bit_length() - 1)
