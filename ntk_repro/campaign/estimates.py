"""How long the units of a campaign take and how much memory they need, by what finished ones have taken."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ntk_repro.campaign.units import Unit


class Estimates:
    """Estimates of units from the preset's minutes, scaled by those finished units that are most like it.

    These are, as far as there are any, those of the same study, preset, network and width, then of the same study and
    preset, and of the same study.
    """

    def __init__(self, finished: Iterable[tuple[Unit, float, float]] = ()):
        """Sets what is known.

        Args:
            finished: units with the seconds that they took and the bytes that they needed, 0 where unknown.
        """
        self._totals: Mapping[tuple[str, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._bytes: Mapping[tuple[str, ...], float] = defaultdict(float)
        for unit, seconds, memory in finished:
            for group in _groups(unit):
                self._totals[group][0] += seconds
                self._totals[group][1] += unit.seconds
            self._bytes[unit.kind] = max(self._bytes[unit.kind], memory)

    def seconds(self, unit: Unit) -> float:
        """The expected duration."""
        for group in _groups(unit):
            if group in self._totals:
                measured, said = self._totals[group]
                return unit.seconds * measured / said
        return unit.seconds

    def memory(self, unit: Unit) -> float:
        """The bytes that it will need: of finished units of the same study, preset and network the most."""
        return self._bytes.get(unit.kind) or unit.memory

    def value_per_hour(self, unit: Unit) -> float:
        """What units are ordered by."""
        return 3600 * unit.value / max(self.seconds(unit), 1e-3)


def _groups(unit: Unit) -> tuple[tuple[str, ...], ...]:
    # Minutes on a GPU are another scale than those on a CPU.
    return tuple(unit.kind[:length] for length in (4, 3, 2))
