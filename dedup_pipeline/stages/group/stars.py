"""Grouping without chaining: a member must match its group's medoid or most of the group, not a friend of a friend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

Edges = Mapping[str, Mapping[str, float]]  # node -> matching node -> probability, both ways


class Tie(NamedTuple):
    """What makes a node a member of its star.

    Attributes:
        medoid: of the star; the node itself where it is one.
        through: the member that it matches best: the medoid, but for a node that matches most of the star and not that.
        probability: the least on the way to the medoid; 1 of the medoid.
    """

    medoid: str
    through: str
    probability: float


def stars(edges: Edges) -> dict[str, Tie]:
    """Cut a graph of matches into stars.

    The node with the most probability around it becomes a medoid and takes every free node that it matches; then the
    next. Every member moves to the medoid that it matches best. At last a node that was left alone joins the star of
    which it matches more than half.

    Args:
        edges: for each node, those it matches and how surely; symmetric.

    Returns:
        Each node of a star with what ties it. Nodes left alone are left out. The order of the edges does not matter.
    """
    free = set(edges)
    medoid_of: dict[str, str] = {}
    order = sorted(edges, key=lambda node: (-sum(edges[node].values()), node))
    medoids: set[str] = set()
    for node in order:
        if node not in free:
            continue
        members = [other for other in edges[node] if other in free]
        free.discard(node)
        if not members:
            continue
        medoids.add(node)
        free.difference_update(members)
        medoid_of |= dict.fromkeys(members, node)
        medoid_of[node] = node
    for node, medoid in list(medoid_of.items()):
        if node not in medoids:
            near = [(-probability, other) for other, probability in edges[node].items() if other in medoids]
            medoid_of[node] = min(near)[1] if near else medoid
    medoid_of = _without_lonely(medoid_of)
    ties = {
        node: Tie(medoid, medoid, 1.0 if node == medoid else edges[node][medoid]) for node, medoid in medoid_of.items()
    }
    return dict(sorted({**ties, **_joining(edges, ties)}.items()))


def _without_lonely(medoid_of: dict[str, str]) -> dict[str, str]:
    """A medoid whose members all found a better one is no group."""
    used = {medoid for node, medoid in medoid_of.items() if node != medoid}
    return {node: medoid for node, medoid in medoid_of.items() if medoid in used}


def _joining(edges: Edges, ties: Mapping[str, Tie]) -> dict[str, Tie]:
    """The nodes of no star that match more than half of one; where it is several, of the one matched most surely."""
    sizes = Counter(tie.medoid for tie in ties.values())
    found = {}
    for node, matches in edges.items():
        if node in ties:
            continue
        matched = Counter(ties[other].medoid for other in matches if other in ties)
        agreeing = {medoid for medoid, count in matched.items() if 2 * count > sizes[medoid]}
        near = [
            (-probability, other)
            for other, probability in matches.items()
            if other in ties and ties[other].medoid in agreeing
        ]
        if near:
            least, through = min(near)
            found[node] = Tie(ties[through].medoid, through, min(-least, ties[through].probability))
    return found
