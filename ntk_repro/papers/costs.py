"""How long the runs of a preset take, as numbers and as text."""

import math
from dataclasses import dataclass
from typing import Literal

from ntk_repro.errors import UserError
from ntk_repro.machine_speed import MachineSpeed

_UNITS = (("week", 7 * 24 * 60), ("day", 24 * 60), ("hour", 60), ("minute", 1), ("second", 1 / 60))


@dataclass(frozen=True)
class Cost:
    """How long the runs of a preset take, if none of them is done.

    Attributes:
        minutes: measured on two cores, see `ntk_repro.machine_speed.REFERENCE`; on a GPU an estimate of their order of
            magnitude.
        device: the device that it is meant for.
        needs: what else the machine must have, such as "ImageNet".
        shared: how much of it other figures share, such as "half of it Figure 2's".
    """

    minutes: float
    device: Literal["cpu", "gpu"] = "cpu"
    needs: str = ""
    shared: str = ""

    def __post_init__(self):
        if not (math.isfinite(self.minutes) and self.minutes > 0):
            raise UserError(f"minutes of a cost must be a number above 0, not {self.minutes}")

    def minutes_here(self, speed: MachineSpeed) -> float:
        """The minutes expected on a machine of this speed; those on a GPU stay what they are."""
        return self.minutes * (speed.slowness if self.device == "cpu" else 1.0)

    def text(self, speed: MachineSpeed) -> str:
        """The cost in a few words."""
        time = duration(self.minutes_here(speed))
        text = f"about {time} on a GPU" if self.device == "gpu" else f"{time} here"
        text += f", needs {self.needs}" if self.needs else ""
        return text + (f", {self.shared}" if self.shared else "")


def duration(minutes: float) -> str:
    """A time to two digits, in the largest unit that it reaches.

    >>> duration(2.5), duration(60), duration(3 * 24 * 60), duration(0.2)
    ('2.5 minutes', '1 hour', '3 days', '12 seconds')
    """
    unit, length = next(((unit, length) for unit, length in _UNITS if minutes >= length), _UNITS[-1])
    amount = f"{minutes / length:.2g}"
    return f"{amount} {unit}" + ("" if amount == "1" else "s")
