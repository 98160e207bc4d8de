"""A number of the paper stands beside ours only at the paper's settings; else the departures are named."""

import pytest

from ntk_repro.papers.departures import departures
from ntk_repro.papers.samarin2022.gaps import settings_of

PAPER = {"data": "mnist", "train_images": 60_000, "test_images": 10_000, "shift": 0, "epochs": 100}
PAPER |= {"learning_rate": 0.1, "weight_decay": 5e-5, "net": "lenet5", "resize": None, "batch_size": 32}
PAPER |= {"momentum": 0.9, "loss_reduction": "mean", "loss": "squared_error", "precision": "float32"}
SNAKES = PAPER | {"net": "alexnet", "data": "snakes", "train_images": 13_000, "decay_epochs": 30, "weight_decay": 5e-6}
IMAGES = {"net": "lenet5", "shift": 0, "resize": None, "rows": 6000}


@pytest.mark.parametrize(
    ("block", "entry", "said"),
    [
        ("fig2", PAPER | {"decay_epochs": None}, ""),
        ("fig2", PAPER | {"decay_epochs": None, "data": "mnist5k"}, "data mnist5k (the paper: mnist)"),
        ("fig2", PAPER | {"decay_epochs": 30}, "decay epochs 30 (the paper: none)"),
        (
            "fig2",
            PAPER | {"decay_epochs": None, "shift": 3, "epochs": 9},
            "shift 3 (the paper: 0), epochs 9 (the paper: 100)",
        ),
        ("fig3", PAPER | {"decay_epochs": None}, "shift 0 (the paper: 7)"),
        ("fig2", PAPER, "decay epochs not on record"),
        ("fig5", SNAKES, ""),
        ("fig5", SNAKES | {"train_images": 5000}, "training images 5,000 (the paper: 12,500 to 13,500)"),
        ("fig2", PAPER | {"decay_epochs": None, "momentum": 0.0}, "momentum 0.0 (the paper: 0.9)"),
        (
            "fig2",
            PAPER | {"decay_epochs": None, "loss": "cross_entropy"},
            "loss cross_entropy (the paper: squared_error)",
        ),
        ("fig2", PAPER | {"decay_epochs": None, "precision": "float64"}, "precision float64 (the paper: float32)"),
        ("fig6", IMAGES | {"data": "snakes"}, ""),
        ("fig6", IMAGES | {"data": "mnist", "net": "mlp"}, "net mlp (the paper: lenet5 or alexnet)"),
        ("fig6", IMAGES | {"data": "mnist", "shift": 3}, "shift 3 (the paper: 0 or 7)"),
        ("fig6", IMAGES | {"data": "cifar10"}, "data cifar10 (the paper: mnist or snakes)"),
    ],
)
def test_departures_name_every_setting_that_is_not_the_papers(block, entry, said):
    assert departures(settings_of(block), entry) == said


def test_free_settings_may_be_any_or_missing():
    other = PAPER | {"decay_epochs": None, "epochs": 9, "shift": 3}
    assert departures(settings_of("fig2"), other, ("epochs", "learning_rate")) == "shift 3 (the paper: 0)"
    assert departures(settings_of("fig2"), {**PAPER, "shift": 0}, ("decay_epochs",)) == ""
