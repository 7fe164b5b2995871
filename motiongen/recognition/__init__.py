"""What tells classes apart: our encoders and random kernels, behind one small seam."""

from motiongen.recognition.base import BATCH_SIZE, Fitted, Recogniser
from motiongen.recognition.gru import GRU
from motiongen.recognition.names import RECOGNISERS, recogniser
from motiongen.recognition.network import FittedNetwork, Network
from motiongen.recognition.rocket import FittedRocket, Rocket
