"""Study: how a network's tangent kernel rotates towards its task in training, and how useful that is.

Each experiment is a file with `Config`, `run` and `show`; `EXPERIMENTS` names them.

Source: Ortiz-Jimenez et al. 2021, section 4.
"""

__all__ = ["DRAWN_AS", "EXPERIMENTS"]

EXPERIMENTS = {
    "tracking": "the kernel in training: energy concentration, alignments, distance (Figures 6, 7, 15, 16, Table 1)",
    "cifar2": "a network and its linearization against the number of training images (Figure 5)",
    "pretrained": "linearizations taken in the course of training (Figures 8 and 9)",
}
"""The experiments by the name of their module, each in a line."""

DRAWN_AS = {
    "tracking": "ortiz2021/fig6",
    "cifar2": "ortiz2021/fig5",
    "pretrained": "ortiz2021/fig9",
}
"""The figure that draws one run of an experiment, where there is one."""
