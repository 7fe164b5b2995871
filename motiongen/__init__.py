"""motiongen: deep generative models of human motion from noisy, incomplete skeletons."""

__version__ = "0.1.0"
