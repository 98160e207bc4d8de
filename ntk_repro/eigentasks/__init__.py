"""Study: the eigenfunctions of a network's NTK as tasks for the network and for its linearization.

Source: Ortiz-Jimenez et al. 2021, section 3.1 (Figures 2, 3, 11 to 14).
"""

from ntk_repro.eigentasks.config import EigentasksConfig
from ntk_repro.eigentasks.study import Config, run

__all__ = ["Config", "EigentasksConfig", "run"]
