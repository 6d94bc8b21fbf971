"""The tree is that of RFC 6962: published vectors, the definition by brute force, and proofs that hold or fail."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.ledger.merkle import (
    EMPTY,
    Range,
    consistency_path,
    extends,
    includes,
    inclusion_path,
    leaf_hash,
    perfect,
    tree_hash,
    whole,
)

# the eight leaves of the Certificate Transparency reference tests, and the roots of their first n
INPUTS = [bytes.fromhex(text) for text in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                                           "606162636465666768696a6b6c6d6e6f"]]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(content) for content in INPUTS]


def by_definition(leaves):
    """MTH of RFC 6962, section 2.1, as it stands there."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


def test_the_empty_tree_has_the_published_root():
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" == tree_hash([]).hex()


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_leaves_have_the_published_roots(size):
    assert tree_hash(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_a_published_path_is_found():
    """The path of leaf 0 in the tree of 8, from the same vectors."""
    assert [node.hex() for node in inclusion_path(0, 8, whole(LEAVES))] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_a_published_proof_of_consistency_is_found():
    """From the tree of 1 to that of 8, and from 6 to 8."""
    assert [node.hex() for node in consistency_path(1, 8, whole(LEAVES))] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [node.hex() for node in consistency_path(6, 8, whole(LEAVES))] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


MANY = [leaf_hash(str(number).encode()) for number in range(66)]


def test_a_tree_that_grows_has_the_root_of_the_definition_at_every_size():
    grown = Range()
    for size in range(66):
        assert grown.root() == by_definition(MANY[:size])
        assert Range(grown.size, grown.roots).root() == grown.root()
        grown.append(MANY[size])


def test_a_perfect_tree_is_hashed_level_by_level_to_the_same_root():
    for power in range(7):
        assert perfect(MANY[: 1 << power]) == by_definition(MANY[: 1 << power])


def test_every_proof_of_every_small_tree_holds_and_for_no_other_leaf_number_or_size():
    for size in range(1, 34):
        root = tree_hash(MANY[:size])
        for index in range(size):
            path = inclusion_path(index, size, whole(MANY))
            assert includes(MANY[index], index, size, path, root)
            assert not includes(MANY[index + 1], index, size, path, root)
            assert not any(includes(MANY[index], other, size, path, root) for other in range(size) if other != index)
            assert not includes(MANY[index], index, size, path, MANY[0] if size > 1 else MANY[1])
            assert not includes(MANY[index], index, size, [*path, MANY[0]], root)
            assert not path or not includes(MANY[index], index, size, path[:-1], root)


def test_every_small_tree_is_seen_to_go_on_every_smaller_one_and_no_other():
    for new in range(1, 34):
        root = tree_hash(MANY[:new])
        for old in range(1, new + 1):
            path, before = consistency_path(old, new, whole(MANY)), tree_hash(MANY[:old])
            assert extends(old, before, new, root, path)
            assert not extends(old, tree_hash([*MANY[: old - 1], MANY[65]]), new, root, path)
            assert not extends(old, before, new, tree_hash([*MANY[: new - 1], MANY[65]]), path)
            assert not extends(old, before, new, root, [*path, MANY[0]])


@given(st.integers(1, 66), st.data())
def test_a_changed_hash_in_a_proof_breaks_it(size, data):
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, whole(MANY))
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        path[at] = bytes([path[at][0] ^ 1]) + path[at][1:]
        assert not includes(MANY[index], index, size, path, tree_hash(MANY[:size]))


def test_proofs_of_what_is_not_there_are_refused():
    for index, size in [(-1, 3), (3, 3), (0, 0)]:
        with pytest.raises(ValueError, match="not in a tree"):
            inclusion_path(index, size, whole(MANY))
        assert not includes(MANY[0], index, size, [], MANY[0])
    for old, new in [(0, 3), (4, 3)]:
        with pytest.raises(ValueError, match="sizes"):
            consistency_path(old, new, whole(MANY))
        assert not extends(old, MANY[0], new, MANY[0], [])
    with pytest.raises(ValueError, match="perfect subtrees"):
        Range(3, [MANY[0]])
