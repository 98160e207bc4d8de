"""Columns of Tables 1 and 2 with made-up accuracies, and the verdicts on them."""

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

PAPER = {"net": "lenet5", "data": "mnist", "resize": None, "images": 60_000, "test_images": 10_000,
         "majority_rate": 0.902, "positive": 0, "epochs": 200, "learning_rate": 0.01, "weight_decay": 5e-5,
         "batch_size": 32, "momentum": 0.9, "outputs": 1}  # fmt: skip
PARAMETERS = {0.2: 2371, 1: 60_941, 2: 242_841, 5: 1_514_541, 10: 6_052_601, 25: 37_771_001, 60: 217_700_000}
WIDTHS = (1, 2, 5, 10, 25, 60)
FEW = {"images": 2000, "test_images": 1000}


def column(
    width, seed=0, *, solver=None, ridge=None, linearized=0.99, network=0.99, train=None, dual=0, shift=0, **changes
):
    """A run at the paper's settings but for `changes`; accuracies on test images, `train` those on training images."""
    test = {"solver": solver, "kernel_ridge": ridge, "linearized": linearized, "network": network}
    fitted = {"solver": 1.0, "kernel_ridge": 0.99, "linearized": 0.99, "network": 1.0, **(train or {})}
    models = {name: None if one is None else {"test": one, "train": fitted[name]} for name, one in test.items()}
    about = {**PAPER, "width": float(width), "seed": seed, "shift": shift, "num_params": PARAMETERS[width], **changes}
    n = about["images"] if solver is not None else None
    by_size = {"sizes": [n], "test": [solver], "train": [fitted["solver"]], "rank": [n], "dual": [dual],
               "live": [about["num_params"] - 900]}  # fmt: skip
    return {**about, **models, "solver_by_size": by_size if n else {name: [] for name in by_size}}


def rows(statement, columns, table="table1", **others):
    numbers = {"columns": list(columns), "others": [], "ten_classes": [], "centred": [], **others}
    found = evaluate(FIGURES[f"samarin2022/{table}"].claims, numbers)
    found = [row for row in found if statement in row["statement"]]
    assert found, statement
    return found


def holds(statement, columns, table="table1", **others):
    return [row["holds"] for row in rows(statement, columns, table, **others)]


def three(width, values, model="linearized", **settings):
    return [column(width, seed, **{model: value}, **settings) for seed, value in enumerate(values)]
