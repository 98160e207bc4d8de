import copy
from typing import Any

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

CURVES: dict[str, Any] = {
    "index": [1, 10, 50, 200],
    "network_accuracy": [1.0, 0.9, 0.7, 0.5],
    "linearized_accuracy": [0.9, 0.7, 0.6, 0.51],
    "alignment": [8.0, 4.0, 2.0, 1.0],
}
BASIS: dict[str, Any] = {
    "title": "LeNet", "data": "origin", "samples": 64, "of": 1024, "frequencies": [10.0, 20.0],
    "random_frequencies": 515.0, "captured_at_origin": None,
}  # fmt: skip
THEOREM: dict[str, Any] = {
    "title": "MLP", "monte_carlo": [1.0, 0.5], "monte_carlo_error": [0.05, 0.05], "theorem": [1.1, 0.45],
    "difference_error": [0.05, 0.05],
}  # fmt: skip
LEMMA: dict[str, Any] = {
    "title": "MLP", "n": 40, "ratio": {"eigen": [1.0, 1.0], "sign": [3.0]}, "alignment_by_gram": [2.0, 4.0],
    "alignment_by_gradients": [2.0, 4.0], "sign_overlap": [1.0, 0.79, 0.77, 0.78, *[0.3] * 36],
    "mean_sign_overlap": 0.33, "random_rms": 0.16, "random_mean": 1e-4,
}  # fmt: skip


def verdicts(figure: str, numbers: dict[str, Any]) -> list[tuple]:
    return [(row["holds"], row["number"]) for row in evaluate(FIGURES[f"ortiz2021/{figure}"].claims, numbers)]


def changed(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(base), **changes}


def fig4(**changes: Any) -> list[tuple]:
    return verdicts("fig4", {"nets": {"lenet": changed(CURVES, **changes)}})


def test_curves_like_the_papers_hold():
    assert fig4() == [(True, -1), (True, -1), (True, 1), (True, pytest.approx(0.0975))]


def test_a_flat_or_rising_network_fails():
    assert [holds for holds, _ in fig4(network_accuracy=[0.6, 0.7, 0.8, 0.9])] == [False, True, False, False]


def test_a_linearization_ahead_anywhere_fails():
    assert fig4(linearized_accuracy=[0.9, 0.95, 0.6, 0.5])[3][0] is False
    assert fig4(linearized_accuracy=[1.0, 0.9, 0.7, 0.5])[3] == (False, 0)


def test_trainings_that_diverged_decide_nothing():
    assert fig4(network_accuracy=[None] * 4)[3] == (None, None)
    assert fig4(network_accuracy=[1.0, 0.9, None, 0.5])[0] == (True, -1)


def test_directions_spread_over_frequencies_like_random_ones_fail():
    assert verdicts("fig10", {"bases": [BASIS]}) == [(True, 15)]
    assert verdicts("fig10", {"bases": [changed(BASIS, frequencies=[300.0])]}) == [(False, 300)]


@pytest.mark.parametrize(("share", "holds"), [(0.95, True), (0.5, False)])
def test_averaged_directions_are_compared_with_the_origins(share, holds):
    both = [BASIS, changed(BASIS, data="gaussian", captured_at_origin=share)]
    assert verdicts("fig10", {"bases": both})[2:] == [(holds, share)]


def test_theorem_1_is_judged_by_its_error_bars():
    assert verdicts("theorem1", {"panels": [THEOREM]}) == [(True, pytest.approx(2)), (True, pytest.approx(0.05))]
    off = changed(THEOREM, theorem=[1.2, 0.45], monte_carlo_error=[0.2, 0.2])
    assert [holds for holds, _ in verdicts("theorem1", {"panels": [off]})] == [False, False]


def test_lemma_1_holds_and_breaks():
    holds = [(True, 1), (True, 0), (True, 0), (True, pytest.approx(0.78)), (True, pytest.approx(1.01, abs=0.01))]
    assert verdicts("lemma1", {"panels": [LEMMA]}) == holds
    broken = changed(
        LEMMA, ratio={"eigen": [1.0, 1.1], "sign": [0.9]}, alignment_by_gradients=[2.0, 4.1],
        sign_overlap=[0.5] * 40, random_rms=0.3,
    )  # fmt: skip
    assert not any(holds for holds, _ in verdicts("lemma1", {"panels": [broken]}))


def test_figure_1_wants_a_surface_that_flattens_and_a_path_in_the_plane():
    numbers = {"widths": [2, 400], "bend": [0.1, 0.01], "off_plane": [0.0, 1e-16]}
    assert verdicts("fig1", numbers) == [(True, pytest.approx(10)), (True, 1e-16)]
    numbers |= {"bend": [0.01, 0.1], "off_plane": [0.0, 0.1]}
    assert [holds for holds, _ in verdicts("fig1", numbers)] == [False, False]
