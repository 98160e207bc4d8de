"""Study: standard networks against their linearizations as they grow wider.

Each experiment is a file with `Config`, `run` and `show`; `EXPERIMENTS` names them.

Source: Samarin et al. 2022.
"""

__all__ = ["DRAWN_AS", "EXPERIMENTS"]

EXPERIMENTS = {
    "training": "a network and its linearization, trained identically (Figures 2 to 5 and A2, Tables A1 and A2)",
    "spectra": "singular values and effective rank of the Jacobian (Figures 6, 7 and A3)",
    "solver": "one class against the others: least squares, SGD and baselines (Tables 1 and 2)",
    "ridges": "least squares on any number of images, against the ridge",
    "curvature": "learning rate times curvature of the loss against the limit of stability (Equation 3)",
    "sizes": "parameters against width (numbers in the text)",
    "grid": "training over a grid of learning rates and weight decays, by one process or many",
}
"""The experiments by the name of their module, each in a line."""

DRAWN_AS = {
    "training": "samarin2022/fig2",
    "spectra": "samarin2022/fig6",
    "solver": "samarin2022/table1",
    "ridges": "samarin2022/ridges",
    "sizes": "samarin2022/sizes",
    "grid": "samarin2022/grid",
}
"""The figure that draws one run of an experiment, where there is one."""
