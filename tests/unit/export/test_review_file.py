import pandas as pd
import pytest

from dedup_pipeline.stages.export.review_file import with_listings

SEEN = pd.DataFrame(
    {
        "listing_id": ["L1", "L2", "L3", "L4"],
        "family_id": ["F1", "F1", "F2", "F3"],
        "node": ["n9", "n9", "n5", "n1"],
    }
)


def _pairs(*nodes: tuple[str, str]) -> pd.DataFrame:
    columns = {"node_a": [a for a, _ in nodes], "node_b": [b for _, b in nodes]}
    return pd.DataFrame({**columns, "id_a": [None] * len(nodes), "id_b": [None] * len(nodes)}, dtype=object)


@pytest.mark.parametrize(
    ("nodes", "ids", "counts"),
    [
        ([("n5", "n9")], [("L1", "L3")], [(2, 1)]),
        ([("n9", "n5")], [("L1", "L3")], [(2, 1)]),
        ([("n9", "n5"), ("n1", "n9")], [("L1", "L3"), ("L1", "L4")], [(2, 1), (2, 1)]),
        ([], [], []),
    ],
)
def test_every_pair_names_its_smaller_id_first(nodes, ids, counts):
    found = with_listings(_pairs(*nodes), SEEN)
    assert list(zip(found["id_a"], found["id_b"], strict=True)) == ids
    assert list(zip(found["listings_a"], found["listings_b"], strict=True)) == counts
    node_of = dict(zip(SEEN["listing_id"], SEEN["node"], strict=True))
    assert [node_of[listing] for listing in found["id_a"]] == found["node_a"].tolist()
    assert [node_of[listing] for listing in found["id_b"]] == found["node_b"].tolist()
