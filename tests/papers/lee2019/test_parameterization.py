from typing import Any

import numpy as np
import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

BEST, SAME_RATE, SAME_FUNCTION, ONE_RATE, LAYERWISE = range(5)


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
    assert [row["number"] for row in rows] == pytest.approx([0, 0.01, 1e-16, 0.31, 1e-11], abs=1e-9)
    assert rows[BEST]["note"].startswith("93.0% in NTK parameterization and 93.0% in the standard one; 95% interval")
    assert rows[SAME_RATE]["note"].endswith("at rate 2^-1, of 3 rates")
    assert rows[BEST]["subject"] == "mnist5k, ReLU, cross-entropy"


@pytest.mark.parametrize(
    ("standard", "best", "same_rate"),
    [
        ([0.49, 0.81, 0.93], True, True),
        ([0.3, 0.6, 0.93], True, False),
        ([0.49, 0.81, 0.88], False, False),
        ([0.49, 0.81, 0.89], False, None),  # too far by chance at one of three rates
        ([0.49, 0.81, 0.90], None, None),
        ([0.49, 0.77, 0.93], True, None),
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


def test_each_is_judged_by_the_rates_at_which_it_converges():
    noise = np.array([-0.002, 0.0, 0.002])[:, None]
    # The standard one is as good at another rate: its best rate, where NTK diverges once, counts.
    ntk = [[0.5, 0.93, None], [0.5, 0.932, 0.9], [0.5, 0.934, 0.9]]
    standard: dict[str, Any] = {"standard_accuracy_by_seed": (np.array([0.49, 0.81, 0.93]) + noise).tolist()}
    row = judged(BEST, ntk_accuracy_by_seed=ntk, **standard)
    assert (row["holds"], row["number"]) == (True, pytest.approx(0.002))
    assert row["note"].endswith("diverged at 1 and 0 of 3 rates")
    # One that is better by far only where the other diverges is better.
    better: dict[str, Any] = {"standard_accuracy_by_seed": (np.array([0.49, 0.81, 0.99]) + noise).tolist()}
    assert judged(BEST, ntk_accuracy_by_seed=ntk, **better)["holds"] is False
    nowhere: dict[str, Any] = {"ntk_accuracy_by_seed": [[None] * 3] * 3}
    row = judged(BEST, **nowhere)
    assert (row["holds"], row["note"]) == (None, "one converges nowhere; diverged at 3 and 0 of 3 rates")


def test_where_one_diverges_at_the_same_rate_it_is_guessing():
    ntk = [[0.5, 0.8, None]] * 3
    row = judged(SAME_RATE, ntk_accuracy_by_seed=ntk)
    assert (row["holds"], row["number"]) == (False, pytest.approx(-0.83))
    once = [[0.5, 0.8, 0.93], [0.5, 0.8, None], [0.5, 0.8, 0.93]]
    assert judged(SAME_RATE, ntk_accuracy_by_seed=once)["holds"] is None
    # Where neither converges in every seed there is nothing to compare.
    neither: dict[str, Any] = {"standard_accuracy_by_seed": [[0.49, 0.81, None], *[[0.49, 0.81, 0.2]] * 2]}
    row = judged(SAME_RATE, ntk_accuracy_by_seed=once, **neither)
    assert (row["holds"], "of 2 rates" in row["note"]) == (True, True)
    both: dict[str, Any] = {
        "standard_accuracy_by_seed": [[0.49, 0.81, None], [0.488, 0.812, None], [0.492, 0.808, None]]
    }
    row = judged(SAME_RATE, ntk_accuracy_by_seed=ntk, **both)
    assert (row["holds"], row["note"].partition("; ")[2]) == (
        True,
        "at rate 2^-1, of 2 rates; diverged at 1 and 1 of 3 rates",
    )
    none = [[None] * 3] * 3
    row = judged(SAME_RATE, ntk_accuracy_by_seed=none, standard_accuracy_by_seed=none)
    assert (row["holds"], row["note"]) == (None, "none converges; diverged at 3 and 3 of 3 rates")


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
