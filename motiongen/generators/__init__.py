"""Generators: one family per file."""

from motiongen.generators.base import Generator
from motiongen.generators.flow import Flow
from motiongen.generators.flow_matching import FlowMatching
from motiongen.generators.gan import GAN
from motiongen.generators.keys import SampleOptions
from motiongen.generators.latent_flow import LatentFlow
from motiongen.generators.vae import VAE

__all__ = ["GAN", "VAE", "Flow", "FlowMatching", "Generator", "LatentFlow", "SampleOptions"]
