import pytest

from ntk_repro.errors import UserError
from ntk_repro.finite_width import baselines, curvature, grid, solver, spectra, training
from ntk_repro.record import config_hash


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"net": "lenet55"}, "did you mean 'lenet5'"),
        ({"width": 0.0}, "width must be above 0"),
        ({"shift": -1}, "shift"),
        ({"n_train": 0}, "n_train"),
        ({"resize": 0}, "resize"),
        ({"seed": -1}, "seed"),
        ({"imagenet": "folder"}, "--data snakes"),
        ({"wordnet_ids": ("n01728572",)}, "--data snakes"),
        ({"follow": -1}, "follow"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"decay_epochs": 0}, "decay_epochs"),
    ],
)
def test_bad_settings_of_a_training_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        training.Config(**settings).resolved()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (baselines.Config(ridge=-1.0), "ridge must be at least 0"),
        (curvature.Config(widths=()), "at least one of --widths"),
        (curvature.Config(widths=(0.0,)), "width must be above 0"),
        (curvature.Config(batches=0), "at least 1"),
        (curvature.Config(momentum=1.0), "momentum must be"),
        (curvature.Config(learning_rate=0.0), "learning_rate must be above 0"),
        (curvature.Config(n_test=5), "leave --n-test out"),
        (spectra.Config(direct_images=700), "direct_images"),
        (spectra.Config(n_test=100), "leave --n-test out"),
        (solver.Config(n_train=50, sizes=(100,)), "sizes"),
        (solver.Config(kernel_ridge=-1.0), "kernel_ridge"),
        (grid.Config(learning_rates=()), "the grid is empty"),
        (grid.Config(learning_rate=0.5), "name learning_rate there"),
        (grid.Config(weight_decay=0.5), "takes its weight_decays from --weight-decays"),
        (grid.Config(slurm_memory=0.0), "raise --slurm-cpus, -memory or -hours"),
        (grid.Config(share=(2, 2)), "share 2 of 2 does not exist"),
        (grid.Config(share=(0, 2), slurm_jobs=2), "leave out --share"),
        (grid.Config(weight_decays=(-1.0,)), "weight_decay"),
    ],
)
def test_bad_settings_of_the_other_experiments_are_refused(config, message):
    with pytest.raises(UserError, match=message):
        config.resolved()


def test_settings_without_effect_do_not_distinguish_runs():
    one, other = (config_hash(training.Config(data_seed=seed).resolved()) for seed in (0, 5))
    assert one == other
    shifted, again = (config_hash(training.Config(data_seed=seed, shift=2).resolved()) for seed in (0, 5))
    assert shifted != again
    assert config_hash(grid.Config(share=(0, 2)).resolved()) == config_hash(grid.Config().resolved())
    assert solver.Config(n_train=10, sizes=(0,)).resolved().sizes == ()


def test_a_network_is_built_at_its_width():
    assert training.Config(width=2.0).model_settings["width"] == 2.0
    assert training.Config(shift=7).label == "lenet5 x1 on mnist5k shifted by up to 7"
