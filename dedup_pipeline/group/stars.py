"""Grouping without chaining: a member must match its group's medoid, not just a friend of a friend."""

from __future__ import annotations

from collections.abc import Mapping

Edges = Mapping[str, Mapping[str, float]]  # node -> matching node -> probability, both ways


def stars(edges: Edges) -> dict[str, str]:
    """Cut a graph of matches into stars.

    The node with the most probability around it becomes a medoid and takes every free node that it matches; then the
    next. At the end every member moves to the medoid that it matches best.

    Args:
        edges: for each node, those it matches and how surely; symmetric.

    Returns:
        Each node with its medoid; a medoid has itself. Nodes left alone are left out. The order of the edges does not
        matter.
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
    return _without_lonely(medoid_of)


def _without_lonely(medoid_of: dict[str, str]) -> dict[str, str]:
    """A medoid whose members all found a better one is no group."""
    used = {medoid for node, medoid in medoid_of.items() if node != medoid}
    return {node: medoid for node, medoid in sorted(medoid_of.items()) if medoid in used}
