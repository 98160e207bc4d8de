import numpy as np
import pytest

from ntk_repro.wide_limit.trajectories import Config
from tests.figures.scripts import draw, kept_run, verdicts

STEPS = np.array([0, 1, 10, 100])
SETTINGS = {
    "fig3": {"classes": (7, 0), "predictions": ("empirical", "analytic")},
    "fig4": {"net": "wide_resnet", "batch_size": 8, "momentum": 0.9},
    "figS2": {"net": "cnn", "classes": (7, 0), "momentum": 0.9},
    "figS3": {"loss": "cross_entropy", "batch_size": 64, "predictions": ("empirical",), "spacing": "linear"},
    "figS4": {"loss": "cross_entropy", "batch_size": 64},
    "figS8": {"classes": (7, 0), "parameterization": "standard", "predictions": ("empirical", "analytic")},
}
PANELS = {"fig3": 4, "fig4": 4, "figS2": 6, "figS3": 6, "figS4": 3, "figS8": 6}


def finished(root, name, apart=0.05, empirical=0.0, analytic=0.2, loss=1.0, weights=1.0, accuracy=0.9, **settings):
    """A run whose linearization is off by `apart` at the end, and whose predictions by so much more."""
    config = Config(**{"steps": 100, **SETTINGS[name], **settings}).resolved()
    k = 1 if config.classes else 3
    rng, growth = np.random.default_rng(0), (STEPS / 100)[:, None, None]
    arrays = {"steps": STEPS, "learning_rate_ratio": np.array(0.25), "network_weights": rng.normal(size=(4, 3))}
    arrays["linearized_weights"] = weights * arrays["network_weights"]
    y = np.eye(3)[np.arange(8) % 3] if k > 1 else np.sign(rng.normal(size=(8, 1)))
    off = {"network": 0.0, "linearized": apart, "empirical": apart + empirical, "analytic": apart + analytic}
    for who in ("network", "linearized", *(config.predictions or ())):
        for part in ("train", "test"):
            arrays[f"y_{part}"] = y
            arrays[f"{who}_{part}"] = (2 * y + off[who]) * growth
            arrays[f"{who}_{part}_loss"] = np.array([1.0, 0.8, 0.5, 0.1]) * (1 if who == "network" else loss)
            arrays[f"{who}_{part}_accuracy"] = np.array([0.5, 0.6, 0.8, 0.9 if who == "network" else accuracy])
        if who != "network":
            arrays[f"{who}_rmse"] = off[who] * growth[:, 0, 0]
    return kept_run("wide_limit_trajectories", config, root, {"label": "Digits", "n_train": 64}, arrays)


def drawing(name, *runs):
    return draw(f"lee2019/{name}", runs)


def claims(name, *runs):
    held: dict[str, list] = {}
    for row in verdicts(f"lee2019/{name}", drawing(name, *runs).numbers):
        held.setdefault(next(word for word in WORDS if word in row["statement"]), []).append(row["holds"])
    return held


# Each stands in the statement of one claim only.
WORDS = ("than the analytic", "follow", "loss agree", "accuracies", "weights", "closed form", "early", "grows", "falls")


@pytest.mark.parametrize("name", SETTINGS)
def test_every_script_draws_its_panels_and_a_good_run_keeps_the_claims(name, tmp_path):
    run = finished(tmp_path, name)
    drawn = drawing(name, run)
    assert len(drawn.picture.axes) == PANELS[name]
    assert drawn.numbers["trajectories"][0]["steps"].tolist() == STEPS.tolist()
    assert "0.25 of" in drawn.picture.get_suptitle()
    if name != "figS4":  # whose claims are about several widths
        assert all(all(holds) for holds in claims(name, run).values())
    drawn.picture.savefig(tmp_path / "drawn.png", dpi=20)


@pytest.mark.parametrize(
    ("wrong", "claim"),
    [
        ({"analytic": -0.02}, "than the analytic"),
        ({"apart": 0.7}, "follow"),
        ({"loss": 1.2}, "loss agree"),
        ({"weights": 0.4}, "weights"),
        ({"empirical": 0.1}, "closed form"),
        ({"accuracy": 0.8}, "accuracies"),
    ],
)
def test_each_claim_can_fail_alone(wrong, claim, tmp_path):
    held = claims("figS8", finished(tmp_path, "figS8", **wrong))
    assert {word for word, holds in held.items() if not all(holds)} == {claim}


def test_outputs_and_their_linearization_are_what_the_run_holds(tmp_path):
    run = finished(tmp_path, "fig3")
    lines = drawing("fig3", run).picture.axes[0].lines
    assert len(lines) == 12  # six images, each of the network and of its linearization
    np.testing.assert_allclose(lines[2].get_ydata(), run.result()["network_train"][:, 2, 0])
    np.testing.assert_allclose(lines[8].get_ydata(), run.result()["linearized_train"][:, 2, 0])


def test_several_classes_show_the_output_of_the_images_own_class(tmp_path):
    run = finished(tmp_path, "fig4")
    lines = drawing("fig4", run).picture.axes[1].lines
    np.testing.assert_allclose(lines[2].get_ydata(), run.result()["network_test"][:, 2, 2])


def test_cross_entropy_shows_all_logits_of_one_image_and_the_ode(tmp_path):
    run = finished(tmp_path, "figS3")
    lines = drawing("figS3", run).picture.axes[0].lines
    assert [line.get_linestyle() for line in lines] == ["-"] * 3 + ["--"] * 3 + [":"] * 3
    np.testing.assert_allclose(lines[7].get_ydata(), run.result()["empirical_train"][:, 0, 1])


def test_the_picture_says_what_batch_norm_does(tmp_path):
    for mode, said in (
        ("batch", "of each batch, in both"),
        ("frozen", "of the start, in both"),
        ("none", "no BatchNorm"),
    ):
        run = finished(tmp_path, "fig4", batch_norm=mode)
        assert said in drawing("fig4", run).picture.get_suptitle()


def test_logits_that_part_with_the_width_keep_the_claims_of_figure_s4(tmp_path):
    runs = [finished(tmp_path, "figS4", hidden=hidden, apart=10 / hidden) for hidden in (64, 16, 32)]
    drawn = drawing("figS4", *runs)
    assert [row["width"] for row in drawn.numbers["trajectories"]] == [16, 32, 64]
    assert len(drawn.picture.axes) == 9
    assert "16, 32 and 64 units" in drawn.picture.get_suptitle()
    assert claims("figS4", *runs) == {"early": [True], "grows": [True] * 3, "falls": [True]}


def test_a_deviation_that_grows_with_the_width_fails(tmp_path):
    runs = [finished(tmp_path, "figS4", hidden=hidden, apart=hidden / 10) for hidden in (16, 32, 64)]
    assert claims("figS4", *runs)["falls"] == [False]


def test_a_deviation_that_stays_after_half_of_the_steps_has_not_grown_late(tmp_path):
    run = finished(tmp_path, "figS4", hidden=16)
    run.result()["linearized_rmse"][:] = [0.0, 0.2, 0.3, 0.1]  # the arrays are shared
    assert claims("figS4", run)["grows"] == [False]


def test_the_losses_at_the_end_are_noted(tmp_path):
    rows = verdicts("lee2019/fig4", drawing("fig4", finished(tmp_path, "fig4", loss=1.2)).numbers)
    notes = [row["note"] for row in rows if "loss agree" in row["statement"]]
    assert notes == ["at the end 0.1 of it, linearization 0.12"] * 2


def test_two_seeds_are_one_row_and_two_verdicts(tmp_path):
    runs = [finished(tmp_path, "figS4", hidden=16, seed=seed) for seed in (1, 0)]
    drawn = drawing("figS4", *runs)
    assert len(drawn.picture.axes) == 3
    assert [row["seed"] for row in drawn.numbers["trajectories"]] == [0, 1]
