"""Metrics: pure functions of motions or features, each with what a reader must know about it.

`__all__` lists the `Metric` records, and `METRICS` finds them by name. No number stands alone:
each belongs beside its value for real clips, its n and its interval (`metrics.intervals`).
Definitions as papers and their code have them are in `metrics.published`.
"""

from types import MappingProxyType

from motiongen.metrics.alignment import AUC, N_MPJPE, PA_MPJPE, PCK
from motiongen.metrics.collision import SELF_INTERSECTION
from motiongen.metrics.diversity import ACPD, APD, APD_RATIO, DIVERSITY, MULTIMODALITY
from motiongen.metrics.fidelity import COVERAGE, DENSITY, KID, MMS, PRECISION, RECALL
from motiongen.metrics.frechet import FID, FID_EXTRAPOLATED, FID_PER_CLASS
from motiongen.metrics.ground import FOOT_SKATE, GROUND_PENETRATION
from motiongen.metrics.kernels import MMD
from motiongen.metrics.marginals import ACCELERATION_DISTANCE, BONE_LENGTH_DISTANCE
from motiongen.metrics.memorisation import (
    COPY_SHARE,
    FEATURE_COPY_SHARE,
    INNER_NN_RATIO,
    NEAREST_TRAINING,
    NN_RATIO,
)
from motiongen.metrics.metric import Metric
from motiongen.metrics.movement import (
    JERK,
    JITTER,
    MEAN_SPEED,
    ROOT_JERK,
    SPEED_DISTANCE,
    STATIC_SHARE,
)
from motiongen.metrics.naturalness import BONE_SYMMETRY, BONE_VARIATION
from motiongen.metrics.pose import ACCELERATION_ERROR, MPJPE, MPJVE
from motiongen.metrics.posture import JOINT_LIMITS
from motiongen.metrics.recognition import ACCURACY, MACRO_F1
from motiongen.metrics.spectrum import SPECTRUM_DISTANCE
from motiongen.metrics.timing import WPD, WPD_CLASS

__all__ = [
    "FID",
    "FID_EXTRAPOLATED",
    "FID_PER_CLASS",
    "KID",
    "MMD",
    "PRECISION",
    "RECALL",
    "DENSITY",
    "COVERAGE",
    "MMS",
    "APD",
    "ACPD",
    "APD_RATIO",
    "DIVERSITY",
    "MULTIMODALITY",
    "WPD",
    "WPD_CLASS",
    "ACCURACY",
    "MACRO_F1",
    "BONE_VARIATION",
    "BONE_SYMMETRY",
    "JITTER",
    "JERK",
    "MEAN_SPEED",
    "ROOT_JERK",
    "SPEED_DISTANCE",
    "ACCELERATION_DISTANCE",
    "BONE_LENGTH_DISTANCE",
    "STATIC_SHARE",
    "SPECTRUM_DISTANCE",
    "FOOT_SKATE",
    "GROUND_PENETRATION",
    "JOINT_LIMITS",
    "SELF_INTERSECTION",
    "NEAREST_TRAINING",
    "COPY_SHARE",
    "FEATURE_COPY_SHARE",
    "NN_RATIO",
    "INNER_NN_RATIO",
    "MPJPE",
    "N_MPJPE",
    "PA_MPJPE",
    "PCK",
    "AUC",
    "MPJVE",
    "ACCELERATION_ERROR",
]

_RECORDS: tuple[Metric, ...] = tuple(globals()[name] for name in __all__)

#: every record by its name
METRICS = MappingProxyType({record.name: record for record in _RECORDS})
