"""Every claim on the trajectories with numbers that make it hold, fail and undetermined."""

from typing import Any

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

STEPS = [0, 25, 50, 100]
SETTINGS: dict[str, dict[str, Any]] = {
    "fig3": {"width": 2048, "images": 256},
    "fig4": {"net": "wide_resnet", "width": 1024, "images": 50_000, "batch_size": 8, "momentum": 0.9, "classes": 10},
    "figS2": {"net": "cnn", "width": 512, "images": 128, "momentum": 0.9},
    "figS3": {"width": 2048, "images": 50_000, "batch_size": 64, "classes": 10, "loss": "cross_entropy"},
    "figS4": {"width": 512, "images": 256, "batch_size": 64, "classes": 10, "loss": "cross_entropy"},
    "figS8": {"width": 2048, "images": 256, "parameterization": "standard", "flow_rate": 0.005 / 2048},
}


def trajectory(figure: str, seed: int = 0, value: float = 0.01, **changes: Any) -> dict[str, Any]:
    """A run all of whose distances are `value` at the end, except for those among the changes."""
    grown = [value * step / 100 for step in STEPS]
    loss, right = [1.0, 0.1, 0.01, 0.001], [0.5, 1.0, 1.0, 1.0]
    run: dict[str, Any] = {
        "net": "fcn", "parameterization": "ntk", "loss": "half_mean_squared_error", "momentum": 0.0, "batch_size": None,
        "classes": 2, "seed": seed, "steps": STEPS, "kinds": ["network", "linearized", "empirical", "analytic"],
        "weights_apart": value, "closed_form_weights_apart": 1e-5, "flow_apart": grown, "flow_rate": 0.01,
        "analytic_rmse": [2 * x for x in grown],
    }  # fmt: skip
    for part in ("train", "test"):
        run[f"network_{part}_rms_change"] = [0.0, 0.5, 0.8, 1.0]
        run[f"empirical_{part}_apart"] = [0.0, 1e-5, 1e-5, 1e-5]
        for kind in ("network", "linearized"):
            run[f"{kind}_{part}_loss"], run[f"{kind}_{part}_accuracy"] = loss, right
    for kind in ("network", "linearized"):
        run[f"{kind}_logits"] = [[0.0, 0.0], [1.0, -2.0], [2.0, -2.1], [3.0, -2.1]]
    for kind in ("linearized", "empirical"):
        run[f"{kind}_rmse"] = run[f"{kind}_train_rmse"] = grown
    return {**run, **SETTINGS[figure], **changes}


def verdicts(figure: str, runs: list[dict[str, Any]], word: str) -> list[dict[str, Any]]:
    rows = evaluate(FIGURES[f"lee2019/{figure}"].claims, {"trajectories": runs})
    return [row for row in rows if word in row["statement"]]


def holds(figure: str, runs: list[dict[str, Any]], word: str) -> set[bool | None]:
    return {row["holds"] for row in verdicts(figure, runs, word)}


def seeds(figure: str, name: str, values: list[Any], **changes: Any) -> list[dict[str, Any]]:
    return [trajectory(figure, seed, **{name: value}, **changes) for seed, value in enumerate(values)]


WIDE, NARROW = {}, {"width": 128}


@pytest.mark.parametrize("figure", ["fig3", "fig4", "figS2", "figS3", "figS8"])
@pytest.mark.parametrize(
    ("values", "size", "expected"),
    [
        ([0.05, 0.06, 0.05], WIDE, True),
        ([0.05, 0.06, 0.05], NARROW, True),
        ([0.3, 0.28, 0.31], WIDE, False),
        ([0.3, 0.28, 0.31], NARROW, None),
        ([0.3, 0.28, 0.31], {"images": 64}, None),
        ([0.08, 0.12, 0.1], WIDE, None),
        ([0.05], WIDE, None),
        ([0.05, float("nan"), 0.05], WIDE, None),
    ],
)
def test_excellent_agreement_is_ten_percent_in_every_seed_interval(figure, values, size, expected):
    runs = seeds(figure, "value", values, **size)
    assert holds(figure, runs, "excellently") == {expected}
    assert len(verdicts(figure, runs, "excellently")) == 2


@pytest.mark.parametrize(
    ("values", "size", "expected"),
    [
        ([0.14, 0.15, 0.14], NARROW, True),
        ([0.3, 0.28, 0.31], WIDE, False),
        ([0.3, 0.28, 0.31], NARROW, None),
        ([0.15, 0.25, 0.2], WIDE, None),
    ],
)
def test_similar_is_twenty_percent_for_outputs_and_weights(values, size, expected):
    for figure, word in (("fig3", "outputs"), ("fig4", "outputs"), ("figS2", "weights"), ("figS8", "weights")):
        assert holds(figure, seeds(figure, "value", values, **size), f"similarly: {word}") == {expected}


def test_the_widest_network_on_the_papers_kind_of_batches_is_judged():
    runs = [*seeds("figS3", "value", [0.05, 0.06, 0.05]), *seeds("figS3", "value", [0.5, 0.5, 0.6], width=64)]
    runs += seeds("figS3", "value", [0.5, 0.5, 0.6], batch_size=None)
    assert holds("figS3", runs, "excellently") == {True}
    subject = verdicts("figS3", runs, "excellently")[0]["subject"]
    assert subject == "fully connected, width 2,048, cross-entropy, batches of 64, training images"


def test_a_smaller_run_that_holds_says_how_much_smaller_it_is():
    row = verdicts("fig4", seeds("fig4", "value", [0.05, 0.06, 0.05], width=128, images=512), "excellently")[0]
    assert row["note"].endswith("3 seeds; width 128 of the paper's 1,024 and 512 of its 50,000 images")


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [([0.01, 0.02, 0.01], True), ([0.2, 0.21, 0.2], False), ([0.01, 0.09, 0.05], None), ([0.01], None)],
)
def test_losses_agree_within_five_percent_of_the_start(gaps, expected):
    losses = [[1.0, 0.1 + gap, 0.01, 0.001] for gap in gaps]
    train, test = verdicts("fig3", seeds("fig3", "linearized_test_loss", losses), "loss agree")
    assert (train["holds"], test["holds"]) == (True if len(gaps) > 1 else None, expected)
    assert test["note"].startswith(f"the two differ by a factor of {1 + 10 * max(gaps):.3g} at most")


@pytest.mark.parametrize(
    ("gaps", "expected"), [([0.0, 0.01, 0.0], True), ([0.4, 0.41, 0.4], False), ([0.0, 0.2, 0.1], None), ([0.0], None)]
)
def test_accuracies_agree_over_the_whole_training(gaps, expected):
    curves = [[0.5, 1.0 - gap, 1.0 - gap, 1.0] for gap in gaps]
    for figure in ("fig4", "figS8"):
        rows = verdicts(figure, seeds(figure, "linearized_test_accuracy", curves), "accuracy agree")
        assert rows[1]["holds"] is expected
    # Three points of ten classes, half as much of two.
    assert "limit 0.0167" in rows[1]["note"]


@pytest.mark.parametrize(
    ("factors", "expected"), [([3, 2.5, 3], True), ([0.7, 0.72, 0.71], False), ([0.8, 1.3, 1.0], None), ([3], None)]
)
def test_the_empirical_kernel_is_better(factors, expected):
    curves = [[0.0, 0.01 * factor, 0.01 * factor, 0.01 * factor] for factor in factors]
    runs = [
        run | {"empirical_rmse": [0.0, 0.01, 0.01, 0.01]} for run in seeds("fig3", "analytic_rmse", curves, **NARROW)
    ]
    assert holds("fig3", runs, "better than the analytic") == {expected}


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1e-5, 2e-5, 1e-5], True), ([0.1, 0.1, 0.11], False), ([1e-3, 2e-3, 1e-4], None), ([1e-5], None)],
)
def test_closed_forms_are_what_training_gives(values, expected):
    curves = [[0.0, value, value, value] for value in values]
    for figure in ("fig3", "figS2", "figS8"):
        rows = verdicts(figure, seeds(figure, "empirical_train_apart", curves), "closed form of the outputs")
        assert rows[0]["holds"] is expected
    assert holds("fig3", seeds("fig3", "closed_form_weights_apart", values), "closed form of the weights") == {expected}


@pytest.mark.parametrize(
    ("ends", "expected"),
    [([1e-3, 1.1e-3, 1e-3], True), ([0.1, 0.11, 0.1], False), ([0.001, 0.004, 0.002], None), ([1e-3], None)],
)
def test_outputs_converge_to_the_targets(ends, expected):
    losses = [[1.0, 0.5, end, end] for end in ends]
    assert holds("fig3", seeds("fig3", "network_train_loss", losses), "converge") == {expected}


def test_a_loss_that_still_falls_decides_nothing():
    losses = [[1.0, 0.5, 0.2, 0.1]] * 3
    (row,) = verdicts("fig3", seeds("fig3", "network_train_loss", losses), "converge")
    assert (row["holds"], "still falls" in row["note"]) == (None, True)


@pytest.mark.parametrize(
    ("values", "rate", "expected"),
    [
        ([0.05, 0.06, 0.05], 1, True),
        ([0.4, 0.4, 0.41], 1, False),
        ([0.1, 0.3, 0.2], 1, None),
        ([0.05, 0.06, 0.05], 5, None),
    ],
)
@pytest.mark.parametrize(("figure", "own"), [("fig3", 0.01), ("figS2", 0.1), ("figS8", 0.005 / 512)])
def test_continuous_time_holds_at_the_papers_learning_rate(figure, own, values, rate, expected):
    curves = [[0.0, value, 0.0, 0.0] for value in values]
    runs = seeds(figure, "flow_apart", curves, width=512, flow_rate=rate * own)
    assert holds(figure, runs, "continuous time") == {expected}


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.01, 0.02, 0.01], True), ([0.3, 0.3, 0.31], False), ([0.05, 0.2, 0.1], None), ([0.01], None)],
)
def test_the_ode_is_what_full_batches_give(values, expected):
    curves = [[0.0, value, value, value] for value in values]
    runs = seeds("figS3", "empirical_test_apart", curves, batch_size=None)
    assert verdicts("figS3", [*runs, trajectory("figS3")], "ODE")[1]["holds"] is expected
    assert not verdicts("figS3", [trajectory("figS3")], "ODE")


@pytest.mark.parametrize(
    ("narrow", "expected"), [([0.2, 0.25, 0.2], True), ([0.02, 0.03, 0.02], False), ([0.05, 0.2, 0.1], None)]
)
def test_the_distance_falls_with_the_width_in_standard_parameterization(narrow, expected):
    runs = [*seeds("figS8", "value", [0.1, 0.11, 0.1]), *seeds("figS8", "value", narrow, width=128)]
    assert holds("figS8", runs, "falls with the width") == {expected}
    assert holds("figS8", runs[:3], "falls with the width") == set()


@pytest.mark.parametrize(
    ("last", "expected"), [([1.0, 0.9, 1.1], True), ([0.1, 0.12, 0.1], False), ([0.2, 0.8, 0.5], None), ([1.0], None)]
)
def test_some_logits_grow_on(last, expected):
    curves = [[[0.0, 0.0], [1.0, -2.0], [2.0, -2.05], [2.0 + growth, -2.05]] for growth in last]
    rows = verdicts("figS4", seeds("figS4", "network_logits", curves), "keep growing")
    assert rows[0]["holds"] is expected
    assert rows[0]["subject"] == "width 512, network"


def test_logits_are_judged_where_all_training_images_are_right():
    runs = seeds("figS4", "network_train_accuracy", [[0.1, 0.9, 1.0, 1.0]] * 3)
    assert verdicts("figS4", runs, "keep growing")[0]["holds"] is None


def deviating(narrow: list[list[float]], wide: list[list[float]]) -> list[dict[str, Any]]:
    """Two widths, seed by seed: deviation when logits start to grow (moved by 0.5), and its growth to the end."""
    runs = []
    for width, rows in ((64, narrow), (512, wide)):
        curves = [[0.0, 0.5 * early, 0.5 * early, 0.5 * early + late] for early, late in rows]
        runs += seeds("figS4", "linearized_rmse", curves, width=width)
    return runs


@pytest.mark.parametrize(
    ("narrow", "wide", "expected"),
    [
        ([0.6, 0.65, 0.6], [0.1, 0.1, 0.11], True),
        ([0.1, 0.11, 0.1], [0.1, 0.1, 0.11], False),
        ([0.6, 0.65, 0.6], [0.9, 0.9, 0.91], False),
        ([0.1, 0.4, 0.3], [0.1, 0.1, 0.11], None),
    ],
)
def test_the_narrowest_network_deviates_early(narrow, wide, expected):
    runs = deviating([[early, 1.0] for early in narrow], [[early, 1.0] for early in wide])
    assert holds("figS4", runs, "deviates early") == {expected}


@pytest.mark.parametrize(
    ("late", "expected"), [([2.0, 2.2, 2.1], True), ([0.5, 0.55, 0.5], False), ([0.8, 1.5, 1.2], None)]
)
def test_what_deviates_early_deviates_much_more_late(late, expected):
    runs = deviating([[0.6 + 0.01 * i, growth] for i, growth in enumerate(late)], [[0.1, 0.5], [0.1, 0.5], [0.11, 0.5]])
    (row,) = verdicts("figS4", runs, "much worse")
    assert (row["holds"], row["subject"]) == (expected, "early deviation above 20 %: widths 64; below: 512")


def test_late_errors_need_widths_of_both_kinds():
    runs = deviating([[0.1, 2.0]] * 3, [[0.1, 0.5]] * 3)
    assert holds("figS4", runs, "much worse") == {None}
