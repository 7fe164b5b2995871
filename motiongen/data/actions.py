"""The table of actions: a name, a duration, and the script of a right-handed person.

A script gets the timing (`Cue`) and a `Pose` in relaxed standing and writes its channels.
"""

from collections.abc import Callable
from dataclasses import dataclass

from motiongen.data import gestures, locomotion
from motiongen.data.body import Pose
from motiongen.data.cues import Cue


@dataclass(frozen=True)
class Action:
    """A named script and how long it takes at average tempo, in seconds."""

    name: str
    duration: float
    script: Callable[[Cue, Pose], None]


ACTIONS = (
    Action("walk", 2.5, locomotion.walk),
    Action("run", 2.1, locomotion.run),
    Action("jump", 2.2, locomotion.jump),
    Action("squat", 2.9, locomotion.squat),
    Action("lunge", 2.6, locomotion.lunge),
    Action("bend", 2.5, gestures.bend),
    Action("sit_down", 2.3, gestures.sit_down),
    Action("stand_up", 2.3, gestures.stand_up),
    Action("turn", 2.5, locomotion.turn),
    Action("kick", 2.2, gestures.kick),
    Action("punch", 2.3, gestures.punch),
    Action("throw", 2.3, gestures.throw),
    Action("wave", 2.6, gestures.wave),
    Action("clap", 2.3, gestures.clap),
    Action("raise_arms", 2.5, gestures.raise_arms),
    Action("jumping_jack", 2.3, locomotion.jumping_jack),
)
