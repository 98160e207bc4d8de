from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.finite_width import spectra
from ntk_repro.finite_width.spectra import spectrum_facts, training_reach
from ntk_repro.finite_width.task import images
from ntk_repro.gram import effective_rank
from ntk_repro.gram.jacobian import jacobian
from tests.finite_width.small import SMALL

RUN = spectra.run
CONFIG = spectra.Config(**{**SMALL, "n_train": 12, "n_test": 1}, direct_images=5)


@pytest.mark.slow
def test_the_singular_values_are_those_of_the_jacobian(done):
    result, data = done.result(), images(CONFIG)
    j = jacobian(CONFIG.initial_network(data.x_train.shape[1:], 10), data.x_train, 10).reshape(120, -1)
    exact = np.linalg.svd(j.astype(float), compute_uv=False)
    there = result["singular_values"] > 1e-3 * exact[0]
    np.testing.assert_allclose(result["singular_values"][there], exact[: there.sum()], rtol=1e-3)
    assert result["effective_rank"] == pytest.approx(effective_rank(exact), rel=1e-3)
    assert result["effective_rank_of_kernel"] == pytest.approx(effective_rank(exact**2), rel=1e-3)
    assert result["rows"] == 120


def test_the_jacobian_and_the_kernel_have_one_effective_rank(done):
    result = done.result()
    assert result["direct_from_kernel"] == pytest.approx(result["direct_effective_rank"], rel=1e-3)
    assert result["direct_from_kernel"] < result["effective_rank"]


def test_vanishing_values_are_counted_and_left_out_of_the_condition_number():
    facts = spectrum_facts(np.diag([9.0, 4.0, 1e-18, 0.0]))
    assert facts["vanishing"] == 2
    assert facts["condition_number"] == pytest.approx(1.5)
    np.testing.assert_allclose(facts["singular_values"], [3, 2, 0, 0])


def test_training_reaches_the_directions_of_large_singular_values():
    """Of 2 images and 2 outputs 100 steps at 0.1 / (1 - 0.9) give the exponent 2 * 100 / 4 times lambda."""
    y = np.eye(2)
    kernel = np.diag([1.0, 1.0, 1e-3, 1e-3])  # the second image is hardly learned
    reach = training_reach(kernel, np.array([[0.0, 0.0], [0.5, 0.2]]), y)
    assert reach["reached"] == 2
    assert (reach["reached_train_accuracy"], reach["flow_train_accuracy"]) == (0.5, 0.5)
    reach = training_reach(kernel * 100, np.array([[0.0, 0.0], [0.5, 0.2]]), y)
    assert reach["reached"] == 4
    assert (reach["reached_train_accuracy"], reach["flow_train_accuracy"]) == (1.0, 1.0)


def test_gradient_flow_leaves_what_its_exponential_leaves():
    """With f_0 = (0.8, 0.2) and y = (0, 1) the outputs are equal where exp(a) = 1.6."""
    y, start = np.array([[0.0, 1.0]]), np.array([[0.8, 0.2]])
    for exponent, accuracy in ((0.9 * np.log(1.6), 0.0), (1.1 * np.log(1.6), 1.0)):
        reach = training_reach(np.eye(2) * exponent / 100, start, y)
        assert reach["flow_train_accuracy"] == accuracy


@pytest.mark.slow
def test_a_run_keeps_what_training_reaches(done):
    result = done.result()
    assert 0 < result["reached"] <= result["rows"]
    assert 0 <= result["reached_train_accuracy"] <= 1
    assert 0 <= result["flow_train_accuracy"] <= 1


def test_more_direct_images_than_images_are_refused_or_left_out(tmp_path):
    with pytest.raises(UserError, match="--direct-images 1500 is above the 1,442 images"):
        spectra.run(spectra.Config(data="digits", n_train=None, direct_images=1500), root=tmp_path)
    fit, (line,) = CONFIG.within(3, 1)
    assert fit.direct_images == 3
    assert "not on 5" in line
    assert CONFIG.within(5, 1) == (CONFIG, [])


def test_the_title_names_all_images(capsys):
    arrays = dict.fromkeys(("rows", "num_params", "effective_rank", "effective_rank_of_kernel", "vanishing"), 1.0)
    run: Any = SimpleNamespace(
        result=lambda: {**arrays, "condition_number": 2.0}, config={"net": "lenet5", "width": 1.0, "n_train": None}
    )
    spectra.show(run)
    assert "all images" in capsys.readouterr().out
