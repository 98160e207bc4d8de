"""Study: the eigenfunctions of a network's NTK as tasks for the network and for its linearization.

Source: Ortiz-Jimenez et al. 2021, section 3.1 (Figures 2, 3, 11 to 14).
"""

from typing import TYPE_CHECKING

from ntk_repro.lazy_names import lazy_names

if TYPE_CHECKING:
    from ntk_repro.eigentasks.config import EigentasksConfig
    from ntk_repro.eigentasks.study import Config, run

__all__ = ["Config", "EigentasksConfig", "run"]

__getattr__, __dir__ = lazy_names(__name__)
