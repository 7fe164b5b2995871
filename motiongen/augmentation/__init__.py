"""Whether synthetic clips help a recogniser: studies with a generator for each draw, or one."""

from motiongen.augmentation.comparison import (
    BATCH_SIZE,
    BOTH,
    REAL,
    SIGNIFICANT,
    SYNTHETIC,
    DrawClips,
    augmentation_study,
    synthetic_labels,
)
