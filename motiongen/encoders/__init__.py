"""Encoders: networks over masked motion; they know the skeleton, never the data."""

from motiongen.encoders.base import Encoder, EncoderFactory, Film
from motiongen.encoders.cnn import CNN
from motiongen.encoders.experts import MixtureOfExperts
from motiongen.encoders.gcn import GCN
from motiongen.encoders.rnn import RNN
from motiongen.encoders.transformer import Transformer

__all__ = [
    "CNN",
    "GCN",
    "RNN",
    "Encoder",
    "EncoderFactory",
    "Film",
    "MixtureOfExperts",
    "Transformer",
]
