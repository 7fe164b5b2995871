"""Sampling any number of clips to shards: planned, drawn here or on a cluster, resumed."""

from motiongen.sharding.cluster import drawn_on_ray
from motiongen.sharding.plan import LARGE, SHARD_SIZE, Plan
from motiongen.sharding.writing import check_folder, drawn_here, is_begun, write_set

__all__ = [
    "LARGE",
    "SHARD_SIZE",
    "Plan",
    "check_folder",
    "drawn_here",
    "drawn_on_ray",
    "is_begun",
    "write_set",
]
