import numpy as np
import pytest

from ntk_repro.record import RunFolder
from ntk_repro.wide_limit.predictive import Config
from tests.figures.scripts import draw, drawn_without_jax, kept_run, verdicts

STEPS = (0, 10)


def finished(root, shift=0.0, stretch=1.0, networks=200, nngp_shift=0.5, **settings) -> RunFolder:
    """An ensemble drawn from the NTK-GP itself, of independent points, then moved and stretched."""
    config = Config(**{"num_networks": networks, "observe_at": STEPS, "num_alphas": 21, **settings}).resolved()
    alpha = np.linspace(config.alpha_from, config.alpha_to, 21)
    mean = np.stack([0 * alpha, 2 * alpha - 1])
    std = np.stack([np.ones(21), 0.01 + 0.3 * np.abs(alpha * (1 - alpha))])
    noise = np.random.default_rng(0).normal(size=(networks, 2, 21))
    arrays = {"alpha": alpha, "steps": STEPS, "time": [0.0, 5.0], "targets": [1.0, -1.0], "learning_rate_ratio": 0.5}
    arrays |= {"fx_ensemble": mean + shift * std + stretch * std * noise, "ntk_gp_mean": mean, "ntk_gp_std": std}
    arrays |= {"nngp_mean": mean + nngp_shift, "nngp_std": std, "bayes_mean": mean[1] + nngp_shift, "bayes_std": std[1]}
    arrays |= {"fx_linearized": arrays["fx_ensemble"], "fx_readout": arrays["fx_ensemble"] + nngp_shift}
    arrays["ntk_gp_limit_mean"] = mean[1]
    return kept_run("wide_limit_predictive", config, root, {"label": "Digits", "n_train": 16}, arrays)


def drawing(name, *runs):
    return draw(f"lee2019/{name}", runs)


def test_figure_2_plots_mean_and_spread_of_the_networks(tmp_path):
    run = finished(tmp_path, networks=3)
    drawn = drawing("fig2", run)
    (ensemble,) = drawn.numbers["ensembles"]
    fx = run.result()["fx_ensemble"]
    np.testing.assert_allclose(ensemble["ensemble_mean"], fx.mean(axis=0))
    np.testing.assert_allclose(ensemble["ensemble_std"], fx.std(axis=0, ddof=1))
    panels = drawn.picture.axes
    assert [ax.get_title() for ax in panels] == ["step 0", "step 10"]
    networks = next(line for line in panels[1].lines if line.get_label() == "3 networks, mean ± 2σ")
    np.testing.assert_allclose(networks.get_ydata(), fx[:, 1].mean(axis=0))
    assert "3 networks" in drawn.picture.get_suptitle()
    assert "0.5 of critical" in drawn.picture.get_suptitle()


def test_runs_are_rows_narrowest_first(tmp_path):
    runs = [finished(tmp_path, networks=3, hidden=hidden) for hidden in (64, 32)]
    runs.insert(0, finished(tmp_path, networks=3, hidden=16, parameterization="standard"))
    for name in ("fig2", "figS1"):
        drawn = drawing(name, *runs)
        rows = [(ensemble["parameterization"], ensemble["hidden"]) for ensemble in drawn.numbers["ensembles"]]
        assert rows == [("ntk", 32), ("ntk", 64), ("standard", 16)]
        assert len(drawn.picture.axes) == 6


def test_figure_s1_plots_every_function(tmp_path):
    run = finished(tmp_path, networks=7)
    lines = drawing("figS1", run).picture.axes[1].lines
    assert len(lines) == 7 + 1  # and the two training points
    np.testing.assert_allclose(lines[3].get_ydata(), run.result()["fx_ensemble"][3, 1])


def test_an_ensemble_drawn_from_the_ntk_gp_is_within_every_interval(tmp_path):
    (ensemble,) = drawing("fig2", finished(tmp_path)).numbers["ensembles"]
    for kind in ("networks", "linearizations"):
        found = ensemble[kind]
        for name, true in (("mean_apart", 0), ("std_apart", 0), ("apart", 0)):
            value, low, high = np.transpose(found[name])
            assert (low <= value).all()
            assert (value <= high).all()
            assert (low - 0.02 <= true).all()
            assert (true <= high).all()
        assert (found["gaussian"][:, 2] < 0.1).all()
    np.testing.assert_allclose(ensemble["readouts"]["mean_apart"], ensemble["networks"]["mean_apart"], atol=0.05)
    assert (ensemble["learning_rate"], ensemble["images"]) == (0.5, 16)
    rows = verdicts("lee2019/fig2", {"data": "cifar10", "ensembles": [{**ensemble, "hidden": 8192, "images": 128}]})
    # Exact inference is half of the change away.
    assert [row["statement"][:40] for row in rows if not row["holds"]] == ["exact inference with the NNGP is similar"]


def test_distances_leave_out_the_noise_of_few_networks(tmp_path):
    (ensemble,) = drawing("fig2", finished(tmp_path, shift=0.3, stretch=1.4)).numbers["ensembles"]
    assert ensemble["networks"]["mean_apart"][0] == pytest.approx([0.3, 0.25, 0.35], abs=0.05)
    assert ensemble["networks"]["std_apart"][1] == pytest.approx([0.39, 0.35, 0.43], abs=0.04)
    assert ensemble["networks"]["apart"][0, 0] == pytest.approx(0.5, abs=0.04)  # 0.3 and 0.4


def test_spreads_too_large_here_and_too_small_there_do_not_cancel(tmp_path):
    run = finished(tmp_path)
    fx = run.result()["fx_ensemble"]
    mean = fx.mean(axis=0)
    fx[:] = mean + (fx - mean) * np.where(np.arange(21) % 2, 1.3, 0.6)  # the arrays are shared
    (ensemble,) = drawing("fig2", run).numbers["ensembles"]
    assert (ensemble["networks"]["std_apart"][:, 1] > 0.3).all()


def test_exact_inference_is_compared_with_the_distance_to_the_ntk_gp(tmp_path):
    run = finished(tmp_path)
    (ensemble,) = drawing("fig2", run).numbers["ensembles"]
    moved = 2 * 0.605  # RMS of 2 alpha - 1
    assert ensemble["bayes_apart"][0] == pytest.approx(0.5 / moved, abs=0.02)
    assert ensemble["bayes_beyond_ntk_gp"] == pytest.approx([0.5 / moved] * 3, abs=0.1)
    run.result()["fx_ensemble"][:] += 0.25  # the arrays are shared; half way to exact inference
    (ensemble,) = drawing("fig2", run).numbers["ensembles"]
    assert ensemble["bayes_beyond_ntk_gp"] == pytest.approx([-0.25 / moved] * 3, abs=0.1)
    run.result()["fx_ensemble"][:] += 0.25
    (ensemble,) = drawing("fig2", run).numbers["ensembles"]
    assert ensemble["bayes_apart"][0] == pytest.approx(0, abs=0.02)


def test_another_shape_is_further_from_a_gaussian(tmp_path):
    run = finished(tmp_path)
    fx = run.result()["fx_ensemble"]
    fx[:] = np.exp(fx / fx.std(axis=0))  # the arrays are shared
    (ensemble,) = drawing("fig2", run).numbers["ensembles"]
    assert (ensemble["networks"]["gaussian"][:, 1] > 0.15).all()


def test_a_network_that_diverged_leaves_the_claims_undecided(tmp_path):
    run = finished(tmp_path, networks=3)
    run.result()["fx_ensemble"][0, 1] = np.nan  # the arrays are shared
    rows = verdicts("lee2019/fig2", drawing("fig2", run).numbers)
    assert {row["holds"] for row in rows if "networks' outputs follow" in row["statement"]} == {None}
    assert [row["holds"] for row in verdicts("lee2019/figS1", drawing("figS1", run).numbers)] == [None]


@pytest.mark.slow
def test_the_program_writes_picture_and_numbers(tmp_path):
    drawn_without_jax(tmp_path, ("lee2019/fig2", finished(tmp_path, networks=3)))
    assert (tmp_path / "lee2019_fig2.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "lee2019_fig2.json").exists()
