"""Generators: one family per file."""

from motiongen.generators.base import Generator, SampleOptions
from motiongen.generators.vae import VAE

__all__ = ["VAE", "Generator", "SampleOptions"]
