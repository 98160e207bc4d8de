"""Study: neural anisotropy directions, the linear predictors that a network learns first by its tangent kernel.

`neural_anisotropy_directions` computes them for any network, `linearly_separable` draws the data that test them. One
file an experiment, each with `Config`, `run` and `show`; `EXPERIMENTS` names them.

Source: Ortiz-Jimenez et al. 2021, section 3.2, appendices C and D.
"""

from typing import TYPE_CHECKING

from ntk_repro.lazy_names import lazy_names

if TYPE_CHECKING:
    from ntk_repro.nads.directions import NADs, neural_anisotropy_directions
    from ntk_repro.nads.separable_data import SeparableData, linearly_separable

__all__ = ["DRAWN_AS", "EXPERIMENTS", "NADs", "SeparableData", "linearly_separable", "neural_anisotropy_directions"]

EXPERIMENTS = {
    "basis": "all directions of a network, as images and in Fourier space (Figure 10)",
    "separable": "networks and linearizations on data that one direction separates (Figure 4)",
    "theorem1": "alignment of linear predictors, by the mixed derivative and by Monte Carlo (Theorem 1)",
    "lemma1": "the bound on the kernel norm, and binarized eigenfunctions (Lemma 1)",
    "tangent_space": "a small network's functions, its tangent plane and two trainings (Figure 1)",
}
"""The experiments by the name of their module, each in a line."""

DRAWN_AS = {
    "basis": "ortiz2021/fig10",
    "separable": "ortiz2021/fig4",
    "theorem1": "ortiz2021/theorem1",
    "lemma1": "ortiz2021/lemma1",
    "tangent_space": "ortiz2021/fig1",
}
"""The figure that draws one run of an experiment, where there is one."""

__getattr__, __dir__ = lazy_names(__name__)
