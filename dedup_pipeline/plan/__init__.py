"""What a run over a dump would take: hours, memory, storage, tasks and shards, reckoned from measured unit costs."""

from dedup_pipeline.plan.costs import UnitCosts, load_costs
from dedup_pipeline.plan.learn import learnt_from
from dedup_pipeline.plan.model import Plan, make_plan
from dedup_pipeline.plan.workload import Cluster, Workload

__all__ = ["Cluster", "Plan", "UnitCosts", "Workload", "learnt_from", "load_costs", "make_plan"]
