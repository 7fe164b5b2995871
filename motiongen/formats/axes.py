"""Axes of files, turned to ours: y up. All of them are rotations, so left stays left."""

import numpy as np

#: (x, y, z) -> (y, z, x), for files with z up: positions @ Z_TO_Y.T
Z_TO_Y = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
#: a camera's axes (y down, z away) to y up, z near: positions * FROM_CAMERA
FROM_CAMERA = np.array([1.0, -1.0, -1.0])
