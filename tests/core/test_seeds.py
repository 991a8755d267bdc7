import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbench.core.errors import SimbenchError
from simbench.core.seeds import random_state_of, seed32, seed_of, stream, whole

names = st.lists(st.one_of(st.integers(0, 10**6), st.text(max_size=8)), max_size=4).map(tuple)


@given(st.integers(0, 2**63), names, names)
def test_seeds_are_equal_only_for_equal_names(base, one, other):
    def kinds(path):
        return tuple((type(p), p) for p in path)

    assert (seed_of(base, *one) == seed_of(base, *other)) == (kinds(one) == kinds(other))


@given(st.integers(0, 2**63), names)
def test_streams_depend_on_nothing_but_their_name(base, path):
    first = stream(base, *path).random(3)
    stream(base, "another").random(100)
    np.testing.assert_array_equal(first, stream(base, *path).random(3))
    assert 0 <= seed32(base, *path) < 2**32


def test_seed_is_the_sha256_of_the_names():
    text = b"int:0/str:'culture'/int:3/str:'noise'"
    assert seed32(0, "culture", 3, "noise") == int(hashlib.sha256(text).hexdigest()[-8:], 16)


def test_integers_of_numpy_are_integers():
    plain = seed_of(1, "culture", 3)
    for kind in (np.int64, np.uint8):
        assert seed_of(kind(1), "culture", kind(3)) == plain
    assert isinstance(whole(np.int64(1)), int)
    for wrong in (1.0, "1", None):
        with pytest.raises(SimbenchError, match=r"seed = .*; allowed: a whole number"):
            whole(wrong)


def test_any_seed_is_a_random_state():
    assert [random_state_of(seed) for seed in (0, 3, 2**32 - 1)] == [0, 3, 2**32 - 1]
    assert random_state_of(8276451093) == 8276451093 - 2**32
