import numpy as np
import pytest

from ntk_repro.wide_limit.trajectories import Config
from tests.figures.scripts import draw, kept_run, verdicts

STEPS = np.array([0, 1, 10, 100])
SETTINGS = {
    "fig3": {"classes": (7, 0), "predictions": ("empirical", "analytic"), "flow_rate": 0.01},
    "fig4": {"net": "wide_resnet", "batch_size": 8, "momentum": 0.9},
    "figS2": {"net": "cnn", "classes": (7, 0), "momentum": 0.9},
    "figS3": {"loss": "cross_entropy", "batch_size": 64, "spacing": "linear"},
    "figS4": {"loss": "cross_entropy", "batch_size": 64},
    "figS8": {"classes": (7, 0), "parameterization": "standard", "predictions": ("empirical", "analytic")},
}
PANELS = {"fig3": 4, "fig4": 4, "figS2": 6, "figS3": 6, "figS4": 3, "figS8": 6}


def finished(root, name, apart=0.05, **settings):
    """A run whose linearization and empirical prediction are off by `apart` at the end, the analytic one by more."""
    config = Config(**{"steps": 100, **SETTINGS[name], **settings}).resolved()
    k = 1 if config.classes else 3
    rng, growth = np.random.default_rng(0), (STEPS / 100)[:, None, None]
    arrays = {"steps": STEPS, "learning_rate_ratio": np.array(0.25), "network_weights": rng.normal(size=(4, 3))}
    arrays |= {"linearized_weights": 0.9 * arrays["network_weights"], "weights_apart": 0.1 + 0.01 * config.seed}
    y = np.eye(3)[np.arange(8) % 3] if k > 1 else np.sign(rng.normal(size=(8, 1)))
    off = {"network": 0.0, "linearized": apart, "empirical": apart, "analytic": apart + 0.2}
    for who in ("network", "linearized", *(config.predictions or ())):
        for part in ("train", "test"):
            arrays[f"y_{part}"] = y
            arrays[f"{who}_{part}"] = (2 * y + off[who]) * growth
            arrays[f"{who}_{part}_loss"] = np.array([1.0, 0.8, 0.002, 0.002])
            arrays[f"{who}_{part}_accuracy"] = np.array([0.5, 0.6, 0.8, 0.9])
        if who != "network":
            arrays[f"{who}_rmse"] = off[who] * growth[:, 0, 0]
    if "empirical" in (config.predictions or ()) and config.loss != "cross_entropy":
        arrays |= {"flow_apart": 0.01 * growth[:, 0, 0]}
    return kept_run("wide_limit_trajectories", config, root, {"label": "Digits", "n_train": 64}, arrays)


def drawing(name, *runs):
    return draw(f"lee2019/{name}", runs)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_script_draws_its_panels_and_plots_what_the_claims_read(name, tmp_path):
    runs = [finished(tmp_path, name, seed=seed) for seed in (1, 0)]
    drawn = drawing(name, *runs)
    assert len(drawn.picture.axes) == PANELS[name]
    assert [run["seed"] for run in drawn.numbers["trajectories"]] == [0, 1]
    assert drawn.numbers["trajectories"][0]["steps"].tolist() == STEPS.tolist()
    assert "0.25 of" in drawn.picture.get_suptitle()
    rows = verdicts(f"lee2019/{name}", drawn.numbers)
    if name != "figS4":  # whose claims are about several widths and late times
        assert all(row["number"] is not None for row in rows)
        # Digits are not the paper's data: what is said of a figure is not judged.
        assert {row["holds"] for row in rows if not row["unless"]} <= {True}
    drawn.picture.savefig(tmp_path / "drawn.png", dpi=20)


def test_distances_are_those_of_the_outputs(tmp_path):
    run = finished(tmp_path, "fig3", apart=0.1)
    (numbers,) = drawing("fig3", run).numbers["trajectories"]
    np.testing.assert_allclose(numbers["linearized_train_rmse"], 0.1 * STEPS / 100)
    np.testing.assert_allclose(numbers["network_train_rms_change"], 2 * STEPS / 100)
    np.testing.assert_allclose(numbers["empirical_train_apart"], 0, atol=1e-12)
    assert (numbers["images"], numbers["classes"], numbers["batch_size"], numbers["flow_rate"]) == (64, 2, None, 0.01)
    (numbers,) = drawing("figS3", finished(tmp_path, "figS3")).numbers["trajectories"]
    assert numbers["network_logits"].shape == (4, 3)
    assert (numbers["classes"], numbers["batch_size"]) == (3, 64)


def test_outputs_and_their_linearization_are_what_the_run_holds(tmp_path):
    run = finished(tmp_path, "fig3")
    lines = drawing("fig3", run).picture.axes[0].lines
    assert len(lines) == 12  # six images, each of the network and of its linearization
    np.testing.assert_allclose(lines[2].get_ydata(), run.result()["network_train"][:, 2, 0])
    np.testing.assert_allclose(lines[8].get_ydata(), run.result()["linearized_train"][:, 2, 0])


def test_the_widest_run_is_drawn(tmp_path):
    runs = [finished(tmp_path, "figS8", hidden=hidden, apart=10 / hidden) for hidden in (64, 16)]
    drawn = drawing("figS8", *runs)
    np.testing.assert_allclose(drawn.picture.axes[5].lines[0].get_ydata()[-1], 10 / 64)
    assert "64 units" in drawn.picture.get_suptitle()


def test_several_classes_show_the_output_of_the_images_own_class(tmp_path):
    run = finished(tmp_path, "fig4")
    lines = drawing("fig4", run).picture.axes[1].lines
    np.testing.assert_allclose(lines[2].get_ydata(), run.result()["network_test"][:, 2, 2])


def test_cross_entropy_shows_all_logits_of_one_image_and_next_to_the_deviation_the_ode(tmp_path):
    run = finished(tmp_path, "figS3")
    full = finished(tmp_path, "figS3", batch_size=None, predictions=("empirical",))
    axes = drawing("figS3", run, full).picture.axes
    assert [line.get_linestyle() for line in axes[0].lines] == ["-"] * 3 + ["--"] * 3
    np.testing.assert_allclose(axes[0].lines[4].get_ydata(), run.result()["linearized_train"][:, 0, 1])
    assert len(axes[5].lines) == 2
    np.testing.assert_allclose(axes[5].lines[1].get_ydata(), 0, atol=1e-12)


def test_the_picture_says_what_batch_norm_does(tmp_path):
    for mode, said in (
        ("batch", "of each batch, in both"),
        ("frozen", "of the start, in both"),
        ("none", "no BatchNorm"),
    ):
        run = finished(tmp_path, "fig4", batch_norm=mode)
        assert said in drawing("fig4", run).picture.get_suptitle()


def test_every_width_is_a_row_of_figure_s4(tmp_path):
    runs = [finished(tmp_path, "figS4", hidden=hidden, seed=seed) for hidden in (64, 16, 32) for seed in (0, 1)]
    drawn = drawing("figS4", *runs)
    assert [row["width"] for row in drawn.numbers["trajectories"]] == [16, 16, 32, 32, 64, 64]
    assert len(drawn.picture.axes) == 9
    assert "16, 32 and 64 units" in drawn.picture.get_suptitle()
