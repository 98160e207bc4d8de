from itertools import groupby
from operator import itemgetter

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
    arrays |= {"nngp_mean": mean + nngp_shift, "nngp_std": std}
    return kept_run("wide_limit_predictive", config, root, {"label": "Digits", "n_train": 16}, arrays)


def drawing(name, *runs):
    return draw(f"lee2019/{name}", runs)


def claims(name, run):
    """What holds, claim by claim."""
    rows = verdicts(f"lee2019/{name}", drawing(name, run).numbers)
    return [[row["holds"] for row in same] for _, same in groupby(rows, key=itemgetter("statement"))]


def test_figure_2_plots_mean_and_spread_of_the_networks(tmp_path):
    run = finished(tmp_path, networks=3)
    drawn = drawing("fig2", run)
    (ensemble,) = drawn.numbers["ensembles"]
    fx = run.result()["fx_ensemble"]
    np.testing.assert_allclose(ensemble["ensemble_mean"], fx.mean(axis=0))
    np.testing.assert_allclose(ensemble["ensemble_std"], fx.std(axis=0, ddof=1))
    panels = drawn.picture.axes
    assert [ax.get_title() for ax in panels] == ["step 0", "step 10"]
    np.testing.assert_allclose(panels[1].lines[2].get_ydata(), fx[:, 1].mean(axis=0))
    assert "3 networks" in drawn.picture.get_suptitle()
    assert "0.5 of critical" in drawn.picture.get_suptitle()


def test_runs_are_rows_narrowest_first(tmp_path):
    runs = [finished(tmp_path, networks=3, hidden=hidden) for hidden in (64, 32)]
    for name in ("fig2", "figS1"):
        drawn = drawing(name, *runs)
        assert [ensemble["hidden"] for ensemble in drawn.numbers["ensembles"]] == [32, 64]
        assert len(drawn.picture.axes) == 4


def test_figure_s1_plots_every_function(tmp_path):
    run = finished(tmp_path, networks=7)
    lines = drawing("figS1", run).picture.axes[1].lines
    assert len(lines) == 7 + 1  # and the two training points
    np.testing.assert_allclose(lines[3].get_ydata(), run.result()["fx_ensemble"][3, 1])


def test_an_ensemble_drawn_from_the_ntk_gp_agrees_with_it(tmp_path):
    run = finished(tmp_path)
    assert claims("fig2", run) == [[True, True], [True, True], [True]]
    assert claims("figS1", run) == [[True, True], [True]]


def test_another_mean_fails_and_another_spread_fails(tmp_path):
    assert claims("fig2", finished(tmp_path / "1", shift=0.3)) == [[False, False], [True, True], [True]]
    assert claims("fig2", finished(tmp_path / "2", stretch=1.4)) == [[True, True], [False, False], [True]]
    assert claims("figS1", finished(tmp_path / "3", stretch=1.4))[0] == [False, False]


@pytest.mark.slow
def test_an_ensemble_as_near_to_the_nngp_fails(tmp_path):
    assert claims("fig2", finished(tmp_path, shift=0.1, nngp_shift=0.0))[2] == [False]


def test_a_network_that_diverged_leaves_the_claims_undecided(tmp_path):
    run = finished(tmp_path, networks=3)
    run.result()["fx_ensemble"][0, 1] = np.nan  # the arrays are shared
    assert claims("fig2", run)[0] == [True, None]
    assert claims("figS1", run)[0][1] is None


@pytest.mark.slow
def test_the_program_writes_picture_and_numbers(tmp_path):
    drawn_without_jax(tmp_path, ("lee2019/fig2", finished(tmp_path, networks=3)))
    assert (tmp_path / "lee2019_fig2.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "lee2019_fig2.json").exists()
