from typing import Any

import numpy as np
import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

BEST, SAME_RATE, SAME_FUNCTION, ONE_RATE, LAYERWISE, AXIS = range(6)


def judged(claim, data="mnist5k", **changes):
    """The verdict on one curve, {} where there is none.

    The curve is at rates 2^-1, 2^1 and 2^3, where a seed each loses 0.2, 0 and -0.2 points.
    """
    noise = np.array([-0.002, 0.0, 0.002])[:, None]
    curve = {
        "name": "ReLU, cross-entropy",
        "log2_eta": [-1, 1, 3],
        "seeds": [0, 1, 2],
        "n_train": 4000,
        "n_test": 1000,
        "compared": [0, 1, 10, 100],
        "ntk_accuracy_by_seed": (np.array([0.5, 0.8, 0.93]) + noise).tolist(),
        "standard_accuracy_by_seed": (np.array([0.49, 0.81, 0.93]) - noise).tolist(),
        "layerwise_apart": [[1e-16, 1e-13, 1e-13, 1e-11]],
        "plain_apart": [[1e-16, 0.2, 0.3, 0.1], [1e-16, 0.2, 0.31, 0.1], [1e-16, 0.32, 0.3, 0.1]],
        **changes,
    }
    claims = [FIGURES["lee2019/figS7"].claims[claim]]
    rows = evaluate(claims, {"panels": [{"data": data, "curves": [curve]}]})
    return rows[0] if rows else {}


def test_curves_like_the_papers_hold():
    rows = [judged(claim) for claim in range(5)]
    assert [row["holds"] for row in rows] == [True] * 5
    assert [row["number"] for row in rows] == pytest.approx([0, 0.02 / 3, 1e-16, 0.31, 1e-11], abs=1e-9)
    assert rows[BEST]["note"].startswith("93.0% in NTK parameterization and 93.0% in the standard one; 95 % interval")
    assert rows[SAME_RATE]["note"].endswith("3 rates, largest 1.0 points")
    assert rows[BEST]["subject"] == "mnist5k, ReLU, cross-entropy"


@pytest.mark.parametrize(
    ("standard", "best", "same_rate"),
    [
        ([0.49, 0.81, 0.93], True, True),
        ([0.3, 0.6, 0.93], True, False),
        ([0.49, 0.81, 0.88], False, True),
        ([0.49, 0.81, 0.90], None, True),
        ([0.49, 0.72, 0.93], True, None),
    ],
)
def test_three_points_are_similar(standard, best, same_rate):
    noise = np.array([-0.002, 0.0, 0.002])[:, None]
    seeds = {"standard_accuracy_by_seed": (np.array(standard) - noise).tolist()}
    assert [judged(claim, **seeds)["holds"] for claim in (BEST, SAME_RATE)] == [best, same_rate]


@pytest.mark.parametrize(("images", "holds"), [(100_000, True), (1000, None)])
def test_one_seed_has_the_interval_of_its_test_images(images, holds):
    one: dict[str, Any] = {
        "ntk_accuracy_by_seed": [[0.5, 0.8, 0.93]],
        "standard_accuracy_by_seed": [[0.49, 0.81, 0.91]],
    }
    row = judged(BEST, seeds=[0], n_test=images, **one)
    assert (row["holds"], row["number"]) == (holds, pytest.approx(0.02))


def test_only_rates_at_which_all_trainings_converge_are_compared():
    diverged: dict[str, Any] = {"ntk_accuracy_by_seed": [[0.5, 0.8, 0.93], [0.5, 0.8, None], [0.5, 0.8, 0.93]]}
    row = judged(BEST, **diverged)
    assert row["number"] == pytest.approx(-0.01)
    assert row["note"].endswith("1 of 3 rates left out where one diverged")
    nowhere: dict[str, Any] = {"ntk_accuracy_by_seed": [[None] * 3] * 3}
    rows = [judged(claim, **nowhere) for claim in (BEST, SAME_RATE)]
    assert [(row["holds"], row["note"]) for row in rows] == [(None, "none converges")] * 2


@pytest.mark.parametrize(
    ("claim", "name", "values", "holds"),
    [
        (SAME_FUNCTION, "layerwise_apart", [[1e-16, 1, 1, 1], [1e-4, 1, 1, 1]], False),
        (SAME_FUNCTION, "layerwise_apart", [[None, 1, 1, 1]], None),
        (LAYERWISE, "layerwise_apart", [[0, 1e-13, 1e-13, 1e-4]], False),
        (LAYERWISE, "layerwise_apart", [[0, 1e-13, None, None]], None),
        (ONE_RATE, "plain_apart", [[0, 0, 0, 1e-6], [0, 0, 0, 2e-6]], False),
        (ONE_RATE, "plain_apart", [[0, 0, 0, 0.05], [0, 0, 0, 0.15]], None),
        (ONE_RATE, "plain_apart", [[0, 0, 0, 0.3]], None),
    ],
)
def test_training_step_by_step(claim, name, values, holds):
    assert judged(claim, **{name: values})["holds"] is holds


@pytest.mark.parametrize(
    ("data", "images", "best", "holds"),
    [
        ("mnist", 60_000, 0.98, True),
        ("mnist", 60_000, 0.8, False),
        ("mnist", 60_000, 0.895, None),
        ("mnist5k", 4000, 0.98, None),
        ("cifar10", 50_000, 0.55, True),
        ("cifar10", 50_000, 0.7, False),
        ("cifar10", 50_000, 0.65, None),
        ("cifar10", 10_000, 0.55, None),
    ],
)
def test_accuracies_are_on_the_papers_axes_at_its_settings(data, images, best, holds):
    both = {f"{which}_accuracy_by_seed": [[0.3, best, best]] for which in ("ntk", "standard")}
    row = judged(AXIS, data, seeds=[0], n_train=images, n_test=10_000, **both)
    assert (row["holds"], row["number"]) == (holds, best)
    assert judged(AXIS, "digits") == {}
