"""Groups do not chain."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.stages.group.stars import Tie, stars


def graph(pairs):
    edges = defaultdict(dict)
    for a, b, probability in pairs:
        edges[a][b] = edges[b][a] = probability
    return dict(edges)


edges_strategy = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh"), st.sampled_from([0.9, 0.95, 0.99])), max_size=20
).map(lambda pairs: graph((a, b, p) for a, b, p in pairs if a != b))


def medoids(edges):
    return {node: tie.medoid for node, tie in stars(edges).items()}


def test_a_chain_is_cut():
    medoid_of = medoids(graph([("a", "b", 0.9), ("b", "c", 0.9), ("c", "d", 0.9), ("d", "e", 0.9)]))
    assert len({medoid_of.get(node) for node in "ae"}) == 2


def test_a_clique_is_one_group():
    medoid_of = medoids(graph([(a, b, 0.9) for a in "abcd" for b in "abcd" if a < b]))
    assert len(set(medoid_of.values())) == 1
    assert set(medoid_of) == set("abcd")


def test_a_member_goes_to_the_medoid_it_matches_best():
    pairs = [("m", "a", 0.9), ("m", "b", 0.9), ("m", "x", 0.9), ("n", "c", 0.9), ("n", "d", 0.9), ("n", "x", 0.99)]
    assert stars(graph(pairs))["x"] == Tie("n", "n", 0.99)


# the medoid is m: besides the five that match each other it matches y and z
GROUP = [(a, b, 0.99) for a in "abcde" for b in "abcde" if a < b] + [("m", name, 0.999) for name in "abcdeyz"]
JOINING = [(member, "x", 0.991 if member == "b" else 0.99) for member in "abcde"]


def test_who_matches_most_of_a_group_is_in_it_without_its_medoid():
    assert stars(graph([*GROUP, *JOINING]))["x"] == Tie("m", "b", 0.991)


def test_who_matches_half_of_a_group_without_its_medoid_is_not():
    assert "x" not in stars(graph([*GROUP, *JOINING[1:]]))


@given(edges_strategy)
def test_every_member_matches_its_medoid_or_most_of_its_group_and_groups_do_not_overlap(edges):
    found, medoid_of = stars(edges), medoids(edges)
    for node, (medoid, through, probability) in found.items():
        core = {other for other, tie in found.items() if tie.medoid == tie.through == medoid}
        assert medoid_of[medoid] == medoid
        assert node in core or len(core & set(edges[node])) * 2 > len(core)
        assert node == medoid or edges[node][through] >= probability
        assert through in core
    for medoid in set(medoid_of.values()):
        assert sum(1 for other in medoid_of.values() if other == medoid) > 1


@given(edges_strategy, st.randoms())
def test_the_order_of_the_edges_does_not_matter(edges, random):
    shuffled = list(edges.items())
    random.shuffle(shuffled)
    assert stars(dict(shuffled)) == stars(edges)
