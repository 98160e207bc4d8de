"""Every claim on the trajectories with numbers that make it hold, fail and undetermined."""

from typing import Any

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

STEPS = [0, 25, 50, 100]
DIGITS = {"batch_size": 64, "classes": 10, "loss": "cross_entropy", "images": 50_000, "learning_rate": 1.0}
RATE_S8 = {"learning_rate": 0.005 / 2048, "flow_rate": 0.005 / 2048}
SETTINGS: dict[str, dict[str, Any]] = {
    "fig3": {"width": 2048, "images": 256, "learning_rate": 0.01, "flow_rate": 0.01},
    "fig4": {**DIGITS, "net": "wide_resnet", "width": 1024, "batch_size": 8, "momentum": 0.9,
             "loss": "half_mean_squared_error"},
    "figS2": {"net": "cnn", "width": 512, "images": 128, "momentum": 0.9, "learning_rate": 0.1, "flow_rate": 0.1},
    "figS3": {"width": 2048, **DIGITS, "momentum": 0.9},
    "figS4": {"width": 512, **DIGITS},
    "figS8": {"width": 2048, "images": 256, "parameterization": "standard", **RATE_S8},
}  # fmt: skip
DATA = dict.fromkeys(SETTINGS, "cifar10") | {"figS3": "mnist", "figS4": "mnist"}


def trajectory(figure: str, seed: int = 0, value: float = 0.01, **changes: Any) -> dict[str, Any]:
    """A run all of whose distances are `value` at the end, except for those among the changes."""
    grown = [value * step / 100 for step in STEPS]
    loss, right = [1.0, 0.1, 0.01, 0.001], [0.5, 1.0, 1.0, 1.0]
    run: dict[str, Any] = {
        "net": "fcn", "parameterization": "ntk", "loss": "half_mean_squared_error", "momentum": 0.0, "batch_size": None,
        "classes": 2, "seed": seed, "steps": STEPS, "kinds": ["network", "linearized", "empirical", "analytic"],
        "weights_apart": value, "flow_apart": grown, "analytic_rmse": [2 * x for x in grown],
        "network_weights": [[0.0, 0.0], [1.0, 0.0], [2.0, 1.0], [4.0, 3.0]],
        "linearized_weights": [[0.0, 0.0], [1.0, 0.0], [2.0, 1.0], [4.0 - 5 * value, 3.0]],
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


def verdicts(figure: str, runs: list[dict[str, Any]], word: str, data: str = "") -> list[dict[str, Any]]:
    numbers = {"data": data or DATA[figure], "trajectories": runs}
    rows = evaluate(FIGURES[f"lee2019/{figure}"].claims, numbers)
    return [row for row in rows if word in row["statement"]]


def holds(figure: str, runs: list[dict[str, Any]], word: str, data: str = "") -> set[bool | None]:
    return {row["holds"] for row in verdicts(figure, runs, word, data)}


def seeds(figure: str, name: str, values: list[Any], **changes: Any) -> list[dict[str, Any]]:
    return [trajectory(figure, seed, **{name: value}, **changes) for seed, value in enumerate(values)]


def narrowed(figure: str) -> dict[str, Any]:
    """A narrow network; in standard parameterization its learning rate is larger."""
    settings = SETTINGS[figure]
    factor = settings["width"] / 128 if figure == "figS8" else 1
    return {"width": 128, "learning_rate": factor * settings["learning_rate"]}


WIDE, NARROW = {}, {"narrow": True}


@pytest.mark.parametrize("figure", ["fig3", "fig4", "figS2", "figS3", "figS8"])
@pytest.mark.parametrize(
    ("values", "size", "expected"),
    [
        ([0.05, 0.06, 0.05], WIDE, True),
        ([0.05, 0.06, 0.05], NARROW, True),
        ([0.3, 0.28, 0.31], WIDE, False),
        ([0.3, 0.28, 0.31], NARROW, None),
        ([0.05, 0.06, 0.05], {"width": 8192}, None),
        ([0.05, 0.06, 0.05], {"images": 60_000}, True),
        ([0.3, 0.28, 0.31], {"images": 60_000}, None),
        ([0.05, 0.06, 0.05], {"momentum": 0.5}, None),
        ([0.3, 0.28, 0.31], {"momentum": 0.5}, None),
        ([0.3, 0.28, 0.31], {"images": 64}, False),
        ([0.05, 0.06, 0.05], {"images": 64}, None),
        ([0.05, 0.06, 0.05], {"learning_rate": 0.3}, None),
        ([0.3, 0.28, 0.31], {"learning_rate": 0.3}, None),
        ([0.08, 0.12, 0.1], WIDE, None),
        ([0.05], WIDE, None),
        ([0.05, float("nan"), 0.05], WIDE, None),
    ],
)
def test_excellent_agreement_is_ten_percent_in_every_seed_interval(figure, values, size, expected):
    runs = seeds(figure, "value", values, **(narrowed(figure) if size is NARROW else size))
    assert holds(figure, runs, "excellently") == {expected}
    assert len(verdicts(figure, runs, "excellently")) == 2
    assert holds(figure, runs, "excellently", "digits") == {None}


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
        runs = seeds(figure, "value", values, **(narrowed(figure) if size is NARROW else size))
        assert holds(figure, runs, f"similarly: {word}") == {expected}


@pytest.mark.parametrize("figure", ["fig3", "fig4", "figS2", "figS3"])
@pytest.mark.parametrize(
    ("values", "expected"), [([0.05, 0.06, 0.05], True), ([0.15, 0.15, 0.16], False), ([0.08, 0.12, 0.1], None)]
)
def test_weights_agree_remarkably_well_at_the_end_and_on_the_way(figure, values, expected):
    assert holds(figure, seeds(figure, "weights_apart", values), "in all cases weights") == {expected}
    single = [[[0.0, 0.0], [1.0 + 5 * value, 0.0], [2.0, 1.0], [4.0, 3.0]] for value in values]
    assert holds(figure, seeds(figure, "linearized_weights", single), "in all cases weights") == {expected}
    assert holds(figure, seeds(figure, "weights_apart", [0.05, None, 0.05]), "in all cases weights") == {None}


def test_the_widest_network_on_the_papers_kind_of_batches_is_judged():
    runs = [*seeds("figS3", "value", [0.05, 0.06, 0.05]), *seeds("figS3", "value", [0.5, 0.5, 0.6], width=64)]
    runs += seeds("figS3", "value", [0.5, 0.5, 0.6], batch_size=None)
    assert holds("figS3", runs, "excellently") == {True}
    subject = verdicts("figS3", runs, "excellently")[0]["subject"]
    assert subject == "fully connected, width 2,048, cross-entropy, batches of 64, momentum 0.9, training images"


def test_a_smaller_run_that_holds_says_how_much_smaller_it_is():
    row = verdicts("fig4", seeds("fig4", "value", [0.05, 0.06, 0.05], width=128), "excellently")[0]
    assert row["note"].endswith("3 seeds; width 128 in place of the paper's 1,024")
    row = verdicts("fig4", seeds("fig4", "value", [0.05, 0.06, 0.05], width=128, images=512), "excellently")[0]
    assert row["note"].endswith("paper's 1,024")
    assert row["unless"] == "512 images in place of the paper's 50,000"
    # A departure that keeps the verdict from standing says so once, even where a part of it reads as another one's.
    row = verdicts("fig4", seeds("fig4", "value", [0.3, 0.31, 0.3], width=102, batch_size=16), "excellently")[0]
    assert row["note"].endswith("3 seeds")
    assert row["unless"] == "batches of 16, not batches of 8; width 102 in place of the paper's 1,024"


@pytest.mark.parametrize(("figure", "size"), [("fig4", 16), ("figS3", 128)])
def test_other_batches_than_the_papers_decide_nothing(figure, size):
    for value, expected in ((0.05, True), (0.3, False)):
        values = [value, 1.1 * value, value]
        assert holds(figure, seeds(figure, "value", values), "excellently") == {expected}
        assert holds(figure, seeds(figure, "value", values, batch_size=size), "excellently") == {None}


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
        run | {"empirical_rmse": [0.0, 0.01, 0.01, 0.01]} for run in seeds("fig3", "analytic_rmse", curves, width=128)
    ]
    assert holds("fig3", runs, "better than the analytic") == {expected}


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
    assert (row["holds"], "still falls" in row["unless"]) == (None, True)


@pytest.mark.parametrize(
    ("values", "rate", "expected"),
    [
        ([0.05, 0.06, 0.05], 1, True),
        ([0.4, 0.4, 0.41], 1, False),
        ([0.1, 0.3, 0.2], 1, None),
        ([0.05, 0.06, 0.05], 5, None),
        ([0.05, 0.06, 0.05], 0.2, None),
    ],
)
@pytest.mark.parametrize("figure", ["fig3", "figS2", "figS8"])
def test_continuous_time_holds_at_the_papers_settings(figure, values, rate, expected):
    curves = [[0.0, value, 0.0, 0.0] for value in values]
    runs = seeds(figure, "flow_apart", curves, flow_rate=rate * SETTINGS[figure]["flow_rate"])
    assert holds(figure, runs, "continuous time") == {expected}
    assert holds(figure, runs, "continuous time", "digits") == {None}
    assert holds(figure, seeds(figure, "flow_apart", curves, images=16), "continuous time") == {None}


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


@pytest.mark.parametrize(("logits", "holds"), [([0.0, 1.0, 0.5, 1.5], True), ([0.0, 1.0, 0.9, 0.8], False)])
def test_a_logit_that_shrank_before_grows_and_one_that_shrinks_does_not(logits, holds):
    curves = [[[logit, 0.0] for logit in logits]] * 3
    assert verdicts("figS4", seeds("figS4", "network_logits", curves), "keep growing")[0]["holds"] is holds


def test_logits_are_judged_where_all_training_images_are_right():
    runs = seeds("figS4", "network_train_accuracy", [[0.1, 0.9, 1.0, 1.0]] * 3)
    assert verdicts("figS4", runs, "keep growing")[0]["holds"] is None


def deviating(narrow: list[list[float]], wide: list[list[float]], **changes: Any) -> list[dict[str, Any]]:
    """Two widths, seed by seed: deviation when logits start to grow (moved by 0.5), and the factor to the end."""
    runs = []
    for width, rows in ((64, narrow), (512, wide)):
        curves = [[0.0, 0.5 * early, 0.5 * early, 0.5 * early * factor] for early, factor in rows]
        runs += seeds("figS4", "linearized_rmse", curves, width=width, **changes)
    return runs


@pytest.mark.parametrize(
    ("narrow", "wide", "expected", "of_fewer_images"),
    [
        ([0.6, 0.65, 0.6], [0.1, 0.1, 0.11], True, True),
        ([0.1, 0.11, 0.1], [0.1, 0.1, 0.11], False, None),
        ([0.6, 0.65, 0.6], [0.9, 0.9, 0.91], False, None),
        ([0.1, 0.4, 0.3], [0.1, 0.1, 0.11], None, None),
        ([0.16, 0.17, 0.18], [0.1, 0.1, 0.11], None, None),  # below 20% by chance, as one of two conditions
    ],
)
def test_the_narrowest_network_deviates_early(narrow, wide, expected, of_fewer_images):
    rows = [[[early, 1.0] for early in earlies] for earlies in (narrow, wide)]
    assert holds("figS4", deviating(*rows), "deviates early") == {expected}
    assert holds("figS4", deviating(*rows, images=256), "deviates early") == {of_fewer_images}
    assert holds("figS4", deviating(*rows), "deviates early", "digits") == {None}


@pytest.mark.parametrize(
    ("late", "elsewhere", "expected"),
    [
        ([3.0, 3.2, 3.1], 1.3, True),
        ([1.5, 1.55, 1.5], 1.3, False),  # larger than elsewhere at all times, but it does not grow much
        ([3.0, 3.2, 3.1], 5.0, False),  # so do those that do not deviate early
        ([1.6, 3.0, 2.4], 1.3, None),
    ],
)
def test_what_deviates_early_grows_much_more_late(late, elsewhere, expected):
    rows = (
        [[0.6 + 0.01 * i, factor] for i, factor in enumerate(late)],
        [[early, elsewhere] for early in (0.1, 0.1, 0.11)],
    )
    (row,) = verdicts("figS4", deviating(*rows), "much worse")
    assert (row["holds"], row["subject"]) == (expected, "width 64")
    assert row["number"] == pytest.approx(2.3 if expected is None else late[0], rel=0.05)
    assert holds("figS4", deviating(*rows, images=256), "much worse") == {None}
    assert holds("figS4", deviating(*rows), "much worse", "digits") == {None}


def test_late_errors_need_widths_of_both_kinds():
    runs = deviating([[0.1, 2.0]] * 3, [[0.1, 0.5]] * 3)
    assert holds("figS4", runs, "much worse") == {None}
