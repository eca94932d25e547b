"""Shares cover what is wanted, once, and stay small."""

from hypothesis import given
from hypothesis import strategies as st

from dags.common.shares import Share, divide


@given(
    st.integers(0, 300).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, max(0, n - 1))))),
    st.integers(1, 20),
)
def test_every_wanted_member_is_in_exactly_one_share(case, most):
    size, wanted = case
    everything = [f"{number:04d}" for number in range(size)]
    chosen = {everything[place] for place in wanted if place < size}
    shares = divide(everything, chosen, most, "pack")
    covered = [member for share in shares for member in share.of(everything)]
    assert len(shares) <= most
    assert len(covered) == len(set(covered))
    assert chosen <= set(covered)
    assert (len(shares) == 0) == (not chosen)
    sizes = [len(chosen & set(share.of(everything))) for share in shares]
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_a_share_says_what_it_holds_and_survives_json():
    one, two = divide(["a", "b", "c"], {"a", "b", "c"}, 2, "pack")
    assert [one.label, two.label] == ["packs 1 to 2 of 3", "pack 3 of 3"]
    assert Share(**one.to_dict()) == one
