import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import sketch
from benchmarks.sketch import KINDS, Variant
from ntk_repro import Network, empirical_gram
from ntk_repro.gram.capture import Layer
from ntk_repro.gram.capture.dense import Dense
from ntk_repro.gram.capture.view import View

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def captured():
    net = Network.create("lenet", 0, (8, 8, 1))
    x = RNG.standard_normal((12, 8, 8, 1)).astype(np.float32)
    plan, capture = sketch._captured(net, x)
    return net, x, plan, capture


def variants(size, *, cheaper=False, centred=True):
    return [Variant(kind, size, cheaper, centred) for kind in KINDS]


@pytest.mark.slow
def test_the_exact_kernel_is_the_library_s_and_that_of_a_projection_as_large_as_every_layer(captured):
    net, x, plan, capture = captured
    exact, kernels = sketch._kernels(plan, capture, variants(10**6), 1)
    np.testing.assert_allclose(exact, empirical_gram(net, x), rtol=1e-5, atol=1e-5)
    for kernel in kernels.values():
        np.testing.assert_array_equal(kernel, exact)


@pytest.mark.slow
@pytest.mark.parametrize("centred", [True, False])
def test_projected_kernels_are_right_on_average(captured, centred):
    _, _, plan, capture = captured
    exact, kernels = sketch._kernels(plan, capture, variants(40, centred=centred), 30)
    for variant in variants(40, centred=centred):
        each = np.stack([kernels[variant, seed] for seed in range(30)])
        assert np.abs(each - exact).max() > 1e-3 * np.abs(exact).max()
        spread = np.mean([np.linalg.norm(one - exact) for one in each])
        error = np.linalg.norm(each.mean(axis=0) - exact) / spread
        assert error < 0.4  # 30 independent errors leave about 1/5 of one


def test_the_mean_gradient_is_exact(captured):
    _, _, plan, capture = captured
    exact, kernels = sketch._kernels(plan, capture, variants(16), 1)
    for kernel in kernels.values():
        np.testing.assert_allclose(kernel.mean(axis=0), exact.mean(axis=0), rtol=1e-9)


def test_a_kronecker_projection_is_of_the_gradient():
    layer = Layer(("dense",), ((5, 7),), ((5, 6),), 0, None, View.of((7, 6)), Dense())
    a, d = RNG.standard_normal((3, 5, 7)), RNG.standard_normal((3, 1, 5, 6))
    inputs, cotangents = {layer.path: [jnp.array(a)]}, {layer.path: [jnp.array(d)]}
    capture = sketch.Capture(inputs, cotangents, others=jnp.zeros((3, 1, 0)))
    gradients = np.einsum("nsi,ncso->nio", a, d)
    made = sketch._by_kronecker(layer, capture, gradients.reshape(3, -1), 12, np.random.default_rng(1))
    again = np.random.default_rng(1)
    left, right = sketch._gaussian(7, 3, again), sketch._gaussian(6, 4, again)
    np.testing.assert_allclose(made, (left.T @ gradients @ right).reshape(3, -1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("d_in", "d_out", "size"), [(25, 6, 1024), (576, 64, 4096), (9, 500, 100), (2000, 1, 64)])
def test_kronecker_sizes_stay_within_the_size_and_the_layer(d_in, d_out, size):
    left, right = sketch.kronecker_sizes(d_in, d_out, size)
    assert left <= d_in
    assert right <= d_out
    assert left * right <= size
    # The projection is as large as possible: neither side could take one more.
    assert left == d_in or (left + 1) * right > size


def test_only_layers_where_it_saves_multiplications_are_projected(captured):
    plan = captured[2]
    cheaper, every = (sketch._projected_layers(plan, Variant("kronecker", 1000, only, True)) for only in (True, False))
    # The second convolution's 2,416 weights; the dense layers cost the sum of their sizes only.
    assert [layer.path for layer in cheaper] == [("Conv_1",)]
    assert {layer.path for layer in every} == {("Conv_1",), ("Dense_0",), ("Dense_1",)}
    assert sketch._multiplications(plan, cheaper, 1000) < plan.multiplications_per_pair
    assert sketch._multiplications(plan, every, 1000) > sketch._multiplications(plan, cheaper, 1000)


@pytest.mark.slow
def test_a_measurement_has_a_row_for_each_variant(capsys):
    found = sketch.lenet(n=12, sizes=(64,), top=(3, 5), seeds=1, data="digits")
    assert len(found["rows"]) == 5
    for row in found["rows"]:
        assert 0 <= row["overlap_5"] <= 1 + 1e-9
        assert row["centred_error"] >= 0
    assert capsys.readouterr().out.count("overlap") == 6
