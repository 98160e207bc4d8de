"""Study: wide networks evolve as linear models, and their predictions as a Gaussian process.

Each experiment is a file with `Config`, `run` and `show`; `EXPERIMENTS` names them.

Source: Lee et al. 2019.
"""

__all__ = ["DRAWN_AS", "EXPERIMENTS"]

EXPERIMENTS = {
    "drift": "how far weights and kernels move in training, against width (Figures 1 and S6)",
    "predictive": "the distribution of predictions in training, networks and Gaussian processes (Figures 2 and S1)",
    "trajectories": "a network and its linearization through training (Figures 3, 4, S2, S3, S4 and S8)",
    "linearization_error": "how far a network leaves its linearization, against width and data (Figure S5)",
    "parameterization": "accuracy against learning rate, NTK and standard parameterization (Figure S7)",
    "kernel_convergence": "kernels of finite networks against those of infinite width (Figures S9 and S10)",
    "equations": "the equations as printed, each against an independent computation",
    "architecture": "the layers of the wide residual network (Table S1)",
    "theorems": "what Theorem 2.1 and its proof bound, against width (no figure of the paper)",
}
"""The experiments by the name of their module, each in a line."""

DRAWN_AS = {
    "drift": "lee2019/fig1",
    "predictive": "lee2019/fig2",
    "trajectories": "lee2019/fig3",
    "linearization_error": "lee2019/figS5",
    "parameterization": "lee2019/figS7",
    "kernel_convergence": "lee2019/figS9",
    "equations": "lee2019/equations",
    "architecture": "lee2019/tableS1",
    "theorems": "lee2019/theorem2_1",
}
"""The figure that draws one run of an experiment, where there is one."""
