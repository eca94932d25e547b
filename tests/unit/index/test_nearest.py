"""The nearest of what several files have found."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dedup_pipeline.stages.index.nearest import nearest, without_own

found = st.tuples(st.integers(1, 4), st.integers(1, 12)).flatmap(
    lambda shape: arrays.arrays(np.float32, shape, elements=st.sampled_from([-np.inf, -0.5, 0.0, 0.25, 0.5, 1.0]))
)


@given(found, st.integers(1, 15))
def test_they_are_those_that_sorting_everything_finds(cosines, count):
    rows = np.tile(np.arange(cosines.shape[1])[::-1], (len(cosines), 1))
    rows = np.where(np.isfinite(cosines), rows, -1)
    near, values = nearest(rows, cosines, count)
    assert near.shape == values.shape == (len(cosines), count)
    for query in range(len(cosines)):
        pairs = [(-c, r) for r, c in zip(rows[query].tolist(), cosines[query].tolist(), strict=True) if r >= 0]
        expected = sorted(pairs)[:count]
        there = near[query] >= 0
        assert list(zip((-values[query][there]).tolist(), near[query][there].tolist(), strict=True)) == expected
        assert (values[query][~there] == -np.inf).all()


def test_a_query_does_not_find_itself():
    rows, cosines = np.array([[4, 7, 9], [1, 2, 3]]), np.array([[1, 0.5, 0.4], [0.9, 0.8, 0.7]], np.float32)
    others, values = without_own(rows, cosines, np.array([4, 8]))
    assert others.tolist() == [[7, 9], [1, 2]]
    assert np.allclose(values, [[0.5, 0.4], [0.9, 0.8]])
