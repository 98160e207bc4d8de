"""The settings of all experiments of the study: what they refuse, and which of them mean the same run."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntk_repro.data import load_dataset
from ntk_repro.errors import UserError
from ntk_repro.record import config_hash
from ntk_repro.wide_limit import (
    drift,
    kernel_convergence,
    linearization_error,
    parameterization,
    predictive,
    trajectories,
)
from ntk_repro.wide_limit.settings import check_increasing

DRIFT = drift.Config(depth=2, widths=(6, 9), data="digits", classes=(0, 1, 2), n_train=7, steps=4)
ERROR = linearization_error.Config(widths=(5, 8), sizes=(4, 6), n_test=5, depth=2, data="digits", steps=4)
KERNELS = kernel_convergence.Config(depth=1, widths=(4, 8), samples=(1, 3), input_size=5, num_inputs=3)
RATES = parameterization.Config(loss="half_mean_squared_error", log2_etas=(40, -3, 2), hidden=24, data="digits")
ENSEMBLE = predictive.Config(hidden=128, depth=1, num_networks=60, observe_at=(40, 0, 4), data="digits", n_train=8)
PAIR = trajectories.Config(
    hidden=48, depth=2, steps=12, predictions=("analytic", "empirical"), data="digits", classes=(7, 0),
    n_train=12, n_test=10,
)  # fmt: skip
RESNET = trajectories.Config(net="wide_resnet", channels=4, batch_size=4, data="digits", classes=(0, 1, 2), n_train=8)
MODULES = (drift, kernel_convergence, linearization_error, parameterization, predictive, trajectories)
RUN = {module.Config: module.run for module in MODULES}


@pytest.mark.parametrize(
    ("config", "changes", "message"),
    [
        (DRIFT, {"widths": (8, 4)}, "widths must be"),
        (DRIFT, {"steps": 0}, "steps must be"),
        (DRIFT, {"activation": "rleu"}, "relu"),
        (DRIFT, {"depth": 0}, "depth"),
        (ERROR, {"sizes": ()}, "sizes must be"),
        (ERROR, {"widths": (0, 1)}, "widths must be"),
        (ERROR, {"steps": 0}, "steps must be"),
        (ERROR, {"loss": "cross_entropy"}, "cross_entropy needs an output for each class"),
        (KERNELS, {"widths": ()}, "widths must be"),
        (KERNELS, {"samples": (4, 1)}, "samples must be"),
        (KERNELS, {"num_inputs": 0}, "num_inputs"),
        (KERNELS, {"activation": "rleu"}, "relu"),
        (RATES, {"log2_etas": ()}, "--log2-etas is empty"),
        (RATES, {"hidden": 0}, "hidden must be at least 1"),
        (RATES, {"epochs": 0}, "epochs must be at least 1"),
        (RATES, {"sigma_w_squared": 0.0}, "sigma_w_squared must be above 0"),
        (RATES, {"sigma_b_squared": -1.0}, "sigma_b_squared must be at least 0"),
        (ENSEMBLE, {"observe_at": (0,)}, "observe_at must be steps from 0 on"),
        (ENSEMBLE, {"observe_at": (-1, 4)}, "observe_at must be steps from 0 on"),
        (ENSEMBLE, {"num_networks": 1}, "raise num_networks from 1"),
        (ENSEMBLE, {"num_alphas": 1}, "the line needs"),
        (ENSEMBLE, {"alpha_from": 2.0}, "the line needs"),
        (ENSEMBLE, {"activation": "step"}, "unknown activation"),
        (ENSEMBLE, {"n_train": 1}, "all of one class"),
        (PAIR, {"steps": 0}, "steps must be at least 1"),
        (PAIR, {"num_weights": 0}, "num_weights must be at least 1"),
        (PAIR, {"batch_size": 4}, "closed forms of the squared loss are for the full batch"),
        (PAIR, {"batch_size": 13, "predictions": ()}, "above the 12 training samples"),
        (PAIR, {"loss": "cross_entropy"}, "cross_entropy needs an output for each class"),
        (PAIR, {"hidden": 0}, "hidden must be at least 1"),
        (RESNET, {"predictions": ("empirical",)}, "outputs depend on their batch"),
    ],
)
def test_invalid_settings_are_refused_before_a_folder_is_made(config, changes, message, tmp_path):
    with pytest.raises(UserError, match=message):
        RUN[type(config)](dataclasses.replace(config, **changes), root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("config", [ENSEMBLE, PAIR])
def test_a_learning_rate_above_the_critical_one_is_refused(config, tmp_path):
    with pytest.raises(UserError, match="times eta_critical"):
        RUN[type(config)](dataclasses.replace(config, learning_rate=50.0), root=tmp_path)


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (dataclasses.replace(DRIFT, classes=(0, 1)), {"kernel_outputs": "mean"}),
        (RATES, {"log2_etas": (-3, 2, 2, 40)}),
        (ENSEMBLE, {"observe_at": (0, 4, 40, 40)}),
        # Settings of other architectures do not make another run.
        (PAIR, {"channels": 7, "blocks": 2, "batch_norm": "live", "predictions": ("empirical", "analytic")}),
    ],
)
def test_settings_that_mean_the_same_share_a_run(config, changes):
    same, other = dataclasses.replace(config, **changes), dataclasses.replace(config, seed=1)
    assert same.resolved() == config.resolved()
    assert config_hash(other.resolved()) != config_hash(config.resolved())


@given(st.lists(st.integers(-2, 6), max_size=4))
def test_only_increasing_numbers_from_1_pass(values):
    if values and min(values) >= 1 and values == sorted(set(values)):
        check_increasing("widths", values)
    else:
        with pytest.raises(UserError, match="widths must be increasing whole numbers"):
            check_increasing("widths", values)


@pytest.mark.parametrize(
    ("config", "label"),
    [
        (DRIFT, "fcn of 2 relu layers, widths 6 to 9 on digits"),
        (dataclasses.replace(DRIFT, widths=(1024,)), "fcn of 2 relu layers, width 1,024 on digits"),
        (KERNELS, "fcn of 1 relu layer, widths 4 to 8, up to 3 samples"),
        (ERROR, "fcn, widths 5 to 8 on 4 to 6 images of digits"),
        (
            dataclasses.replace(ERROR, loss="cross_entropy", classes=None),
            "fcn, widths 5 to 8 on 4 to 6 images of digits, cross-entropy",
        ),
        (RATES, "relu fcn of width 24, squared loss on digits"),
        (ENSEMBLE, "60 networks of width 128 on digits"),
        (PAIR, "fcn of width 48 and its linearization on digits"),
        (
            RESNET,
            "wide_resnet of width 4 and its linearization on digits, BatchNorm: both take each batch's statistics",
        ),
    ],
)
def test_labels_name_what_is_run(config, label):
    assert config.label == label


@pytest.mark.parametrize(("classes", "outputs"), [((7, 0), 1), (None, 10), ((3, 1, 2), 3)])
def test_two_classes_are_signs_of_one_output_and_more_are_one_hot_rows(classes, outputs):
    data = dataclasses.replace(DRIFT, classes=classes, n_train=200).regression_data()
    labels = load_dataset("digits", n_train=200, n_test=1, classes=classes).y_train
    assert data.num_outputs == outputs
    expected = np.where(labels == 0, 1, -1)[:, None] if outputs == 1 else np.eye(outputs)[labels]
    np.testing.assert_array_equal(data.y_train, expected)
