"""Panels of made-up accuracies, and the verdicts on them."""

import math

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

_MNIST = {"net": "lenet5", "data": "mnist", "shift": 0, "resize": None, "decay_epochs": None, "epochs": 100}
_MNIST |= {"loss": "squared_error", "precision": "float32"}
_MNIST |= {"train_images": 60_000, "test_images": 10_000, "batch_size": 32, "momentum": 0.9, "loss_reduction": "mean"}
OF = {
    "fig2": _MNIST,
    "fig3": _MNIST | {"shift": 7},
    "fig4": _MNIST | {"data": "cifar10", "decay_epochs": 30, "train_images": 50_000},
    "fig5": {
        **_MNIST,
        "net": "alexnet",
        "data": "snakes",
        "decay_epochs": 30,
        "train_images": 13_000,
        "test_images": 500,
    },
}
RATES = {"alexnet": (0.1, 5e-6), "lenet5": (0.1, 5e-5)}
OWN = (1.0, 5e-7)
FEW = {"train_images": 6000, "epochs": 10}


def seeds(points, half=0.0):
    """Three values of this mean, in per cent, whose 95% interval has this half-width."""
    step = half * math.sqrt(3) / 4.3026527
    return [(points + step * z) / 100 for z in (-1, 0, 1)]


def line(kind, rate, test, train, widths):
    """Each accuracy is that of three seeds, or, given as a single number, of one."""
    found = {"kind": kind, "name": kind, "learning_rate": rate[0], "weight_decay": rate[1], "widths": list(widths)}
    found |= {"test": [], "train": [], "seeds": []}
    for part, values in (("test", test), ("train", train)):
        for value in values:
            found[part].append(seeds(*value) if isinstance(value, tuple) else [value / 100])
    return found | {"seeds": [list(range(len(values))) for values in found["test"]]}


def panel(figure, network, linearized, own=None, *, widths=(1.0, 60.0), train=None, fitted=100, **changes):
    """A panel at the paper's settings: test accuracies, in per cent, as in `seeds`; `train` is of the linearization."""
    about = OF[figure] | {"logistic_test": None, "logistic_train": None} | changes
    rate = RATES[about["net"]]
    lines = [
        line("network", rate, network, [(fitted, 0) if isinstance(one, tuple) else fitted for one in network], widths),
        line("linearized", rate, linearized, train or linearized, widths),
        *([line("linearized", OWN, own, own, widths)] if own else []),
    ]
    return {**about, "lines": lines}


def gaps(figure, *values, widths=(1.0, 60.0), **changes):
    """A panel whose gaps have these means and half-widths, in points of training and of test accuracy."""
    network = [(95, 0) if isinstance(value, tuple) else 95 for value in values]
    less = [(95 - value[0], value[1]) if isinstance(value, tuple) else 95 - value for value in values]
    train = [(100 - value[0], value[1]) if isinstance(value, tuple) else 100 - value for value in values]
    return panel(figure, network, less, widths=widths, train=train, **changes)


def rows(figure, statement, *panels, **numbers):
    claims = [one for one in FIGURES[f"samarin2022/{figure}"].claims if one.statement.startswith(statement)]
    assert len(claims) == 1
    return evaluate(claims, {"panels": panels, **numbers})


def holds(*arguments):
    return [row["holds"] for row in rows(*arguments)]


def snakes(network, linearized, own=None, *, widths=(1.0, 2.0, 3.0, 4.0), train=None, **changes):
    """A panel of AlexNet; of four widths the accuracies are those of the first and of the last."""
    if len(widths) == 4:
        network, linearized, own, train = (
            one and [one[0], one[0], one[0], one[1]] for one in (network, linearized, own, train)
        )
    return panel("fig5", network, linearized, own, widths=widths, train=train, **changes)
