import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ntk_repro.gram import analytic_kernel, empirical_gram, empirical_nngp
from ntk_repro.network import Network
from ntk_repro.wide_limit import kernel_convergence
from ntk_repro.wide_limit.kernel_convergence import Config, relative_errors
from tests.interruption import interrupted

RUN = kernel_convergence.run
CONFIG = Config(depth=1, widths=(4, 8), samples=(1, 3), input_size=5, num_inputs=3)


@given(arrays(float, st.tuples(st.integers(4, 9), st.just(2), st.just(2)), elements=st.floats(-3, 3)))
def test_errors_are_those_of_the_averages_over_stretches(kernels):
    running = np.cumsum(kernels, axis=0) / np.arange(1, len(kernels) + 1)[:, None, None]
    exact, samples = np.array([[2.0, 1.0], [1.0, 3.0]]), (1, 2, 4)
    errors = relative_errors(running, exact, samples)
    for m, error in zip(samples, errors, strict=True):
        averages = [kernels[i : i + m].mean(axis=0) for i in range(0, len(kernels) - m + 1, m)]
        squares = [np.linalg.norm(average - exact) ** 2 / np.linalg.norm(exact) ** 2 for average in averages]
        assert error == pytest.approx(np.mean(squares) ** 0.5, abs=1e-9)


@pytest.mark.slow
def test_errors_are_those_of_real_networks(done):
    x, module = CONFIG.inputs(), CONFIG.module(8)
    exact = analytic_kernel(module, x)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 0), 8)
    nets = [Network.create(module, jax.random.fold_in(key, i), (5,)) for i in range(3)]
    for name, kernel_fn, kernel in (("nngp", empirical_nngp, exact.nngp), ("ntk", empirical_gram, exact.ntk)):
        found = [np.asarray(kernel_fn(net, x), float) for net in nets]
        single = [np.linalg.norm(k - kernel) ** 2 for k in found]
        all_three = np.linalg.norm(np.mean(found, axis=0) - kernel)
        expected = np.array([np.mean(single) ** 0.5, all_three]) / np.linalg.norm(kernel)
        np.testing.assert_allclose(done.result()[f"{name}_error"][1], expected, rtol=1e-4)


def test_inputs_are_standard_normal_and_differ_by_seed():
    x = Config(num_inputs=50).inputs()
    assert x.shape == (50, 1024)
    assert abs(x.mean()) < 0.02
    assert x.std() == pytest.approx(1, abs=0.02)
    assert not np.allclose(x, Config(num_inputs=50, seed=1).inputs())


@pytest.mark.slow
def test_a_stopped_run_continues_with_the_next_width(done, tmp_path, monkeypatch):
    stop = (monkeypatch, kernel_convergence, "monte_carlo_kernels", 2, done, kernel_convergence.run, CONFIG, tmp_path)
    asked, _ = interrupted(*stop, asked_for=lambda args: args[0].hidden)
    assert asked == [4, 8, 8]
