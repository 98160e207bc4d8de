import numpy as np
import pytest

from ntk_repro.papers.drawing import json_ready
from ntk_repro.wide_limit import drift, kernel_convergence, linearization_error
from tests.figures.scripts import draw, drawn_without_jax, kept_run, load_script, verdicts
from tests.refusals import refused

WIDTHS = (16, 32, 64, 128)
EXPONENTS = {"input": -0.5, "intermediate": -1.0, "output": -0.5, "ntk": -1.0, "nngp": -0.9}


def finished(study, config, root, arrays):
    return kept_run(study, config, root, {"label": f"Label of {getattr(config, 'data', '')}"}, arrays)


def moved(root, seed=0, noise=0.0, **settings):
    """A run whose changes are power laws of the width, half of them at half the steps."""
    config = drift.Config(widths=WIDTHS, steps=2, seed=seed, **settings)
    widths = np.array(WIDTHS, float)
    changes = {name: np.outer(widths**exponent, [0.5, 1]) for name, exponent in EXPONENTS.items()}
    changes["input"] *= (widths**noise)[:, None]
    sizes = {"input": widths**0.5, "intermediate": widths, "output": widths**0.5}
    if config.depth == 1:
        del changes["intermediate"], sizes["intermediate"]
    moved = np.outer(widths**-0.3, [0.5, 1])
    changes |= {f"{kind}_size": size for kind, size in sizes.items()} | {f"{kind}_largest": moved for kind in sizes}
    changes |= {"activations": moved, "outputs": np.ones((4, 2)), "ntk_from_analytic": widths**-0.5}
    changes |= {"widths": WIDTHS, "steps": [1, 2], "train_loss": np.ones((4, 2)), "learning_rate_ratio": [0.3] * 4}
    return finished("wide_limit_drift", config, root, changes)


def apart(root, seed=0, exponent=-0.5, sizes=(8, 16, 32), widths=WIDTHS, **settings):
    config = linearization_error.Config(widths=widths, sizes=sizes, steps=2, seed=seed, **settings)
    errors = np.array(widths, float)[:, None] ** exponent * np.array(sizes, float) ** (0.25 + 0.01 * seed)
    over_steps = np.stack([0.1 * errors, errors], axis=-1)
    arrays: dict = dict.fromkeys(("test_rmse", "train_rmse", "test_scale", "train_loss"), over_steps)
    arrays |= {
        "weights_apart": 2 * errors,
        "widths": widths,
        "sizes": sizes,
        "steps": [1, 2],
        "learning_rate_ratio": np.full((4, len(sizes)), 0.4),
    }
    return finished("wide_limit_linearization_error", config, root, arrays)


def converging(root, seed=0, depth=1, bias=0.0):
    """Errors n^-1/2 M^-1/2, and a bias where M is above n/10."""
    widths, samples = np.array([40, 80, 160, 320]), np.array([1, 4, 16])
    config = kernel_convergence.Config(depth=depth, seed=seed, widths=tuple(widths), samples=tuple(samples))
    errors = (widths[:, None] * samples) ** -0.5
    errors = errors + bias * (samples > widths[:, None] / 10)
    arrays = {"widths": widths, "samples": samples, "nngp_error": errors, "ntk_error": 2 * errors}
    return finished("wide_limit_kernel_convergence", config, root, arrays)


def test_figure_1_fits_what_the_runs_hold(tmp_path):
    numbers = json_ready(draw("lee2019/drift", [moved(tmp_path, seed=s) for s in (1, 0)]).numbers)
    (panel,) = numbers["panels"]
    assert panel["title"] == "Three hidden ReLU layers"
    assert (panel["seeds"], panel["widths"], panel["learning_rate_ratio"]) == ([0, 1], list(WIDTHS), 0.3)
    for name, exponent in EXPONENTS.items():
        curve = panel["curves"][name]
        assert curve["exponent"] == pytest.approx(exponent)
        assert curve["fitted"] == list(WIDTHS[1:])
        assert curve["all_widths"]["exponent"] == pytest.approx(exponent)
        assert [fit["exponent"] for fit in curve["fit_by_step"]] == pytest.approx([exponent] * 2)
        np.testing.assert_allclose(curve["mean"], np.array(WIDTHS, float) ** exponent)
    undrawn = {name: fit["exponent"] for name, fit in panel["undrawn"].items()}
    assert undrawn == pytest.approx(
        {
            **dict.fromkeys(("input_largest", "intermediate_largest", "output_largest", "activations"), -0.3),
            **dict.fromkeys(("outputs", "intermediate_over_input", "intermediate_over_output"), 0),
            "ntk_over_distance": -0.5,
        },
        abs=1e-9,
    )
    assert (panel["data"], panel["loss_left"]) == ("mnist5k", 1.0)
    assert {row["holds"] for row in verdicts("lee2019/fig1", numbers)} == {True}


def test_the_spread_of_seeds_is_in_the_interval_and_in_the_legend(tmp_path):
    drawing = draw("lee2019/drift", [moved(tmp_path, seed=s, noise=noise) for s, noise in enumerate((-0.1, 0, 0.1))])
    curve = drawing.numbers["panels"][0]["curves"]["input"]
    assert curve["exponent"] == pytest.approx(-0.5)
    half = 4.302653 * 0.1 / 3**0.5
    assert (curve["low"], curve["high"]) == pytest.approx((-0.5 - half, -0.5 + half))
    labels = [text.get_text() for text in drawing.picture.axes[0].get_legend().get_texts()]
    assert labels[0] == "input weights: −0.50 ± 0.25"


def test_figure_s6_has_a_panel_a_network(tmp_path):
    runs = [moved(tmp_path, depth=1, data="cifar10", classes=(7, 0)), moved(tmp_path, activation="tanh")]
    drawing = draw("lee2019/drift", runs)
    titles = [panel["title"] for panel in drawing.numbers["panels"]]
    assert titles == ["One hidden ReLU layer", "Three hidden tanh layers"]
    assert "intermediate" not in drawing.numbers["panels"][0]["curves"]
    labels = [text.get_text() for text in drawing.picture.axes[0].get_legend().get_texts()]
    assert [label.split(":")[0] for label in labels[:2]] == ["non-read-out weights", "read-out weights"]
    facts = [ax.texts[-1].get_text() for ax in drawing.picture.axes]
    shown = "|D| = 128, 2 steps, η = 1 (0.3 of critical); hollow: not fitted"
    assert facts == [f"Label of cifar10, classes 7 and 0, {shown}", f"Label of mnist5k, {shown}"]


def test_figure_s5_fits_along_both_axes(tmp_path):
    numbers = json_ready(
        draw("lee2019/figS5", [apart(tmp_path, seed=s, exponent=-0.5 - 0.02 * s) for s in (0, 1)]).numbers
    )
    assert [line["of"] for line in numbers["against_width"]] == [8, 16, 32]
    assert [line["exponent"] for line in numbers["against_width"]] == pytest.approx([-0.51] * 3)
    assert [line["exponent"] for line in numbers["against_size"]] == pytest.approx([0.255] * 4)
    assert (len(verdicts("lee2019/figS5", numbers)), numbers["cross_entropy"]) == (4, [])
    of_weights = numbers["weights"]["half_mean_squared_error"]
    assert [line["of"] for line in of_weights] == [8, 16, 32]
    assert [line["exponent"] for line in of_weights] == pytest.approx([-0.51] * 3)
    assert all(row["holds"] for row in verdicts("lee2019/figS5", numbers))


def test_figure_s5_has_a_curve_of_the_other_loss(tmp_path):
    other = {"loss": "cross_entropy", "classes": (0, 1, 2), "sizes": (16,), "widths": WIDTHS[:3]}
    runs = [apart(tmp_path, s, -0.5 - 0.02 * s, **settings) for settings in (other, {}) for s in (0, 1)]
    drawing = draw("lee2019/figS5", runs)
    numbers = json_ready(drawing.numbers)
    assert [line["of"] for line in numbers["cross_entropy"]] == [16]
    assert numbers["cross_entropy"][0]["exponent"] == pytest.approx(-0.51)
    assert [row["holds"] for row in verdicts("lee2019/figS5", numbers)] == [True] * 6
    labels = [text.get_text() for text in drawing.picture.axes[0].get_legend().get_texts()]
    assert labels[-1].startswith("cross-entropy, |D| = 16: −0.51")
    refused("figure S5 takes", draw, "lee2019/figS5", runs[:2])


def test_only_few_samples_for_the_width_are_fitted(tmp_path):
    runs = [converging(tmp_path, seed=s, depth=depth, bias=0.5) for depth in (1, 3) for s in (0, 1)]
    by_width = json_ready(draw("lee2019/kernel_errors", runs, against="width").numbers)
    assert [(p["kernel"], p["depth"]) for p in by_width["panels"]] == [(k, d) for d in (1, 3) for k in ("nngp", "ntk")]
    one, four, sixteen = by_width["panels"][0]["lines"]
    assert [line["fitted"] for line in (one, four, sixteen)] == [[40, 80, 160, 320], [40, 80, 160, 320], [160, 320]]
    assert (one["exponent"], four["exponent"]) == pytest.approx((-0.5, -0.5))
    assert sixteen["exponent"] is None  # two points are no fit
    by_samples = json_ready(draw("lee2019/kernel_errors", runs, against="samples", depths=(1,)).numbers)
    assert [p["depth"] for p in by_samples["panels"]] == [1, 1]
    assert by_samples["panels"][1]["lines"][3]["exponent"] == pytest.approx(-0.5)
    for figure, numbers in (("figS9", by_width), ("figS10", by_samples)):
        assert all(row["holds"] for row in verdicts(f"lee2019/{figure}", numbers))


def test_runs_that_do_not_go_together_are_refused(tmp_path):
    run = moved(tmp_path)
    refused("have the same seed", draw, "lee2019/drift", [run, run])
    refused("differ in sigma_b_squared", draw, "lee2019/drift", [run, moved(tmp_path, sigma_b_squared=0.0)])
    refused("hidden layers", draw, "lee2019/figS10", [converging(tmp_path, depth=3)])


def test_a_value_that_is_missing_is_left_out():
    geometric_mean = load_script("lee2019/power_laws").geometric_mean
    np.testing.assert_allclose(geometric_mean(np.array([[1, np.nan, np.nan], [4, 3, np.nan]])), [2, 3, np.nan])


@pytest.mark.slow
def test_every_script_draws_without_jax(tmp_path):
    made = {"fig1": moved, "figS6": moved, "figS5": apart, "figS9": converging, "figS10": converging}
    runs = {function: function(tmp_path) for function in set(made.values())}
    drawn_without_jax(tmp_path, *((f"lee2019/{script}", runs[function]) for script, function in made.items()))
    assert {path.name for path in tmp_path.glob("*.json")} == {f"lee2019_{script}.json" for script in made}
