from typing import Any

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

CURVES: dict[str, Any] = {
    "index": [1, 10, 50, 200],
    "network_accuracy": [1.0, 0.9, 0.7, 0.5],
    "linearized_accuracy": [0.9, 0.7, 0.6, 0.51],
    "linearized_train_accuracy": [0.95, 0.8, 0.7, 0.52],
    "chance": 0.5,
    "train_size": 1000,
}
BASIS: dict[str, Any] = {
    "title": "LeNet", "data": "origin", "samples": 64, "of": 1024, "frequencies": [10.0, 20.0],
    "random_frequencies": 515.0, "captured_at_origin": None, "captured_at_random": 0.1, "alignment_of_origin": None,
}  # fmt: skip
AVERAGED = {**BASIS, "data": "gaussian", "captured_at_origin": 0.955, "alignment_of_origin": [8.0, 4.0, 2.0, 1.0]}
THEOREM: dict[str, Any] = {
    "title": "MLP", "monte_carlo": [1.0, 0.5], "monte_carlo_error": [0.05, 0.05], "theorem": [1.1, 0.45],
    "difference_error": [0.05, 0.05],
}  # fmt: skip
LEMMA: dict[str, Any] = {
    "title": "MLP", "n": 240, "ratio": {"eigen": [1.0, 1.0], "sign": [3.0]}, "alignment_by_gram": [2.0, 4.0],
    "alignment_by_gradients": [2.0, 4.0], "sign_overlap": [1.0, 0.79, 0.77, 0.78, *[0.3] * 236],
    "mean_sign_overlap": 0.31, "random_rms": 0.065, "random_mean": 1e-4,
}  # fmt: skip


def verdicts(figure: str, numbers: dict[str, Any]) -> list[tuple]:
    return [(row["holds"], row["number"]) for row in evaluate(FIGURES[f"ortiz2021/{figure}"].claims, numbers)]


def fig4(**changes: Any) -> list[tuple]:
    return verdicts("fig4", {"nets": {"lenet": CURVES | changes}})


@pytest.mark.parametrize(
    ("changes", "outcomes"),
    [
        ({}, [(True, -1), (True, -1), (True, 0.0975)]),  # curves like the paper's
        ({"network_accuracy": [0.6, 0.7, 0.8, 0.9]}, [(False, 1), (True, -1), (False, 0.0725)]),  # a rising network
        ({"linearized_accuracy": [0.9, 0.95, 0.6, 0.5]}, [(True, -1), (True, -0.8), (False, 0.0375)]),  # ahead once
        ({"linearized_accuracy": [1.0, 0.9, 0.7, 0.5]}, [(True, -1), (True, -1), (False, 0)]),  # nowhere behind
        ({"network_accuracy": [None] * 4}, [(None, None), (True, -1), (None, None)]),  # diverged
        ({"network_accuracy": [1.0, 0.9, None, 0.5]}, [(True, -1), (True, -1), (True, 0.29 / 3)]),
    ],
)
def test_figure_4_wants_accuracies_that_fall_and_the_network_ahead(changes, outcomes):
    assert fig4(**changes) == [(holds, number and pytest.approx(number)) for holds, number in outcomes]


@pytest.mark.parametrize(("left", "holds"), [(3, True), (2, None)])
def test_a_linearization_that_hardly_trained_decides_nothing(left, holds):
    rows = fig4(linearized_train_accuracy=[0.55] * left + [0.54] * (4 - left))
    assert rows == [(True, -1), (holds, -1), (holds, pytest.approx(0.0975))]
    numbers = {"nets": {"lenet": dict(CURVES, linearized_train_accuracy=[0.9, 0.9, 0.5, None])}}
    notes = [row["note"] for row in evaluate(FIGURES["ortiz2021/fig4"].claims, numbers)[1:]]
    assert all(note.endswith("along 2 of 4 directions its training accuracy is that of chance") for note in notes)


def test_directions_spread_over_frequencies_like_random_ones_fail():
    assert verdicts("fig10", {"bases": [BASIS]}) == [(True, 15)]
    assert verdicts("fig10", {"bases": [dict(BASIS, frequencies=[300.0])]}) == [(False, 300)]


@pytest.mark.parametrize(
    ("share", "chance", "holds", "number"),
    [
        (0.955, 0.1, True, 0.95),
        (0.5, 0.1, False, 4 / 9),
        (0.95, 0.9, False, 0.5),  # so nearly flat that random directions capture 0.9
        (1.0, 1.0, False, 0.0),  # flat: any directions capture all
    ],
)
def test_averaged_directions_are_compared_with_the_origins_above_chance(share, chance, holds, number):
    both = [BASIS, dict(AVERAGED, captured_at_origin=share, captured_at_random=chance)]
    assert verdicts("fig10", {"bases": both})[2:] == [(holds, pytest.approx(number)), (True, -1)]


def test_averaged_alignments_in_another_order_or_all_equal_are_not_as_at_the_origin():
    def order(alignments):
        return verdicts("fig10", {"bases": [dict(AVERAGED, alignment_of_origin=alignments)]})[-1]

    assert order([4.0, 8.0, 1.0, 2.0]) == (False, pytest.approx(-0.6))
    assert order([1.0] * 4) == (None, None)
    assert order(None) == (None, None)


def test_theorem_1_is_judged_by_its_error_bars():
    assert verdicts("theorem1", {"panels": [THEOREM]}) == [(True, pytest.approx(2)), (True, pytest.approx(0.05))]
    off = dict(THEOREM, theorem=[1.2, 0.45], monte_carlo_error=[0.2, 0.2])
    assert [holds for holds, _ in verdicts("theorem1", {"panels": [off]})] == [False, False]


def test_lemma_1_holds_and_breaks():
    holds = [(True, 1), (True, 0), (True, 0), (True, pytest.approx(0.78)), (True, pytest.approx(1.01, abs=0.01))]
    assert verdicts("lemma1", {"panels": [LEMMA]}) == holds
    broken = dict(
        LEMMA, ratio={"eigen": [1.0, 1.1], "sign": [0.9]}, alignment_by_gradients=[2.0, 4.1],
        sign_overlap=[1.0, *[0.7] * 3, *[0.78] * 236], random_rms=0.3,
    )  # fmt: skip
    assert not any(holds for holds, _ in verdicts("lemma1", {"panels": [broken]}))


def test_lemma_1_says_the_overlap_of_all_beside_that_of_the_first():
    (row,) = (row for row in evaluate(FIGURES["ortiz2021/lemma1"].claims, {"panels": [LEMMA]}) if row["paper"] == 0.78)
    assert row["meaning"] == "mean inner product, j from 2 to 4"
    assert row["note"] == "over all j from 2 to 240: 0.310"


def test_figure_1_wants_a_surface_that_flattens():
    numbers = {"widths": [2, 400], "bend": [0.1, 0.01], "off_plane": [0.0, 1e-16]}
    assert verdicts("fig1", numbers) == [(True, pytest.approx(10))]
    assert verdicts("fig1", {**numbers, "bend": [0.01, 0.1]}) == [(False, pytest.approx(0.1))]
