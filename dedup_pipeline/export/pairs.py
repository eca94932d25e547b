"""From verdicts on pictures and groups of listings to pairs of listings."""

from __future__ import annotations

import pandas as pd

from dedup_pipeline.schemas import VerdictKind

_KEY = ["id_a", "id_b"]


def listing_pairs(
    listings: pd.DataFrame, verdicts: pd.DataFrame, groups: pd.DataFrame, *, minimum_score: float
) -> pd.DataFrame:
    """Every pair of listings that has a verdict or shares a group.

    Args:
        listings: listing_id, family_id, image_id, node; of the listings whose picture takes part in matching.
        verdicts: node_a, node_b, kind, probability.
        groups: listing_id, group_id, medoid (whether the listing shows the group's medoid).
        minimum_score: pairs below are left out, unless they share a group.

    Returns:
        id_a < id_b, score, kind, accepted, group_id; sorted by ids, each pair once. Accepted means one group and not
        one family. A pair that shares a group without a verdict of its own has the lesser of its two scores against
        the medoid.
    """
    seen = listings[["listing_id", "family_id", "image_id", "node"]]
    likely = verdicts[verdicts["probability"] >= minimum_score]
    pairs = [_same_node(seen), _across(seen, likely)]
    found = _ordered(pd.concat(pairs, ignore_index=True))
    grouped = _grouped(seen, groups, verdicts)
    together = pd.concat([found, grouped], ignore_index=True)
    together = together.drop_duplicates(_KEY, keep="first")
    group_of = groups.set_index("listing_id")["group_id"]
    first, second = together["id_a"].map(group_of), together["id_b"].map(group_of)
    together["accepted"] = first.notna() & (first == second)
    together["group_id"] = first.where(together["accepted"], None)
    return together.sort_values(_KEY, ignore_index=True)[[*_KEY, "score", "kind", "accepted", "group_id"]]


def _same_node(seen: pd.DataFrame) -> pd.DataFrame:
    """Pairs of families that show equal pixels."""
    shared = seen[seen["node"].duplicated(keep=False)]
    both = shared.merge(shared, on="node", suffixes=("_a", "_b"))
    both = both[(both["listing_id_a"] < both["listing_id_b"]) & (both["family_id_a"] != both["family_id_b"])]
    same_bytes = both["image_id_a"] == both["image_id_b"]
    kind = same_bytes.map({True: VerdictKind.SAME_BYTES.value, False: VerdictKind.SAME_PIXELS.value})
    return pd.DataFrame({"id_a": both["listing_id_a"], "id_b": both["listing_id_b"], "score": 1.0, "kind": kind})


def _across(seen: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Pairs of listings whose pictures have a verdict."""
    sides = seen.drop(columns="image_id")
    both = verdicts
    for side in ("a", "b"):
        both = both.merge(sides.add_suffix(f"_{side}"), on=f"node_{side}")
    both = both[both["family_id_a"] != both["family_id_b"]]
    columns = {"id_a": "listing_id_a", "id_b": "listing_id_b", "score": "probability", "kind": "kind"}
    return pd.DataFrame({name: both[column] for name, column in columns.items()})


def _grouped(seen: pd.DataFrame, groups: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """All pairs of families within a group, scored over the medoid."""
    members = groups.merge(seen, on="listing_id")
    medoids = members[members["medoid"]].drop_duplicates("group_id").set_index("group_id")["node"]
    members["medoid_node"] = members["group_id"].map(medoids)
    direct = {
        (a, b): score
        for a, b, score in zip(verdicts["node_a"], verdicts["node_b"], verdicts["probability"], strict=True)
    }
    members["to_medoid"] = [
        1.0 if node == medoid else direct.get((min(node, medoid), max(node, medoid)), 0.0)
        for node, medoid in zip(members["node"], members["medoid_node"], strict=True)
    ]
    both = members.merge(members, on="group_id", suffixes=("_a", "_b"))
    both = both[(both["listing_id_a"] < both["listing_id_b"]) & (both["family_id_a"] != both["family_id_b"])]
    return pd.DataFrame(
        {
            "id_a": both["listing_id_a"],
            "id_b": both["listing_id_b"],
            "score": both[["to_medoid_a", "to_medoid_b"]].min(axis=1),
            "kind": VerdictKind.GROUP.value,
        }
    )


def _ordered(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each pair once with its highest score, the smaller id first."""
    turned = pairs["id_a"] > pairs["id_b"]
    pairs.loc[turned, _KEY] = pairs.loc[turned, ["id_b", "id_a"]].to_numpy()
    pairs = pairs.sort_values([*_KEY, "score"], ascending=[True, True, False])
    return pairs.drop_duplicates(_KEY, keep="first")
