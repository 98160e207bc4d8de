"""Networks of several inputs, and of outputs of any shape."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.gram import alignment, alignment_from_gram, empirical_gram, gram_store, ntk_function
from ntk_repro.gram.structured import structured_plan
from ntk_repro.nads import neural_anisotropy_directions
from ntk_repro.network import Network
from ntk_repro.samples import as_samples, described
from tests.gram.cases import relative_error
from tests.refusals import refused

RNG = np.random.default_rng(0)
N = 7
IMAGE, TEXT = RNG.normal(size=(N, 4, 3)).astype(np.float32), RNG.normal(size=(N, 5)).astype(np.float32)
TOKENS = RNG.integers(0, 9, (N, 6)).astype(np.int32)
MASK = np.arange(6) < RNG.integers(1, 7, (N, 1))


def towers() -> Network:
    """The outer product of two embeddings, (n, 2, 3): CLIP's logits before the sum."""
    params = {name: RNG.normal(size=size).astype(np.float32) for name, size in {"a": (12, 2), "b": (5, 3)}.items()}

    def f(p, x):
        image, text = x
        return jnp.tanh(image.reshape(len(image), -1) @ p["a"])[:, :, None] * jnp.tanh(text @ p["b"])[:, None]

    return Network.from_apply(f, params)


class Encoder(nn.Module):
    """Attention over the tokens that the mask leaves, and a number a sample."""

    @nn.compact
    def __call__(self, x):
        mask = x["mask"] & (x["length"][:, None] > jnp.arange(6))
        h = nn.Embed(9, 4)(x["tokens"])
        h = h + nn.MultiHeadDotProductAttention(num_heads=2)(h, h, mask=mask[:, None, None])
        return nn.Dense(2)((h * mask[..., None]).sum(1) * x["scale"][:, None])


def encoder() -> Network:
    dtypes = jax.tree.map(lambda a: a.dtype, SENTENCES)
    return Network.create(Encoder(), 0, {"tokens": 6, "mask": [6], "length": (), "scale": ()}, input_dtype=dtypes)


SENTENCES = {"tokens": TOKENS, "mask": MASK, "length": np.full(N, 5), "scale": TEXT[:, 0]}
CASES = {"towers": (towers, (IMAGE, TEXT)), "encoder": (encoder, SENTENCES)}


@pytest.mark.parametrize("name", ["towers", pytest.param("encoder", marks=pytest.mark.slow)])
def test_kernels_of_several_inputs(name, tmp_path):
    make, x = CASES[name]
    net, y = make(), jax.tree.map(lambda a: a[::-2], x)
    fx = net(x, batch_size=3)
    np.testing.assert_allclose(fx, net.apply(net.params, x), rtol=1e-5, atol=1e-6)
    for outputs, x2, precision, limit in (("mean", y, "float32", 1e-6), ("full", None, "float64", 1e-12)):
        exact = empirical_gram(net, x, x2, outputs=outputs, method="jacobian", precision="float64")
        assert relative_error(empirical_gram(net, x, x2, outputs=outputs, precision=precision), exact) < limit
    exact = empirical_gram(net, x)
    assert len(structured_plan(net, x, 0, 1).layers) >= 2
    assert relative_error(empirical_gram(net, x, diagonal=True), np.diag(exact)) < 1e-6
    assert relative_error(np.sum([*empirical_gram(net, x, layerwise=True).values()], axis=0), exact) < 1e-6
    assert relative_error(jax.jit(ntk_function(net))(net.params, x), exact) < 1e-6
    assert relative_error(alignment(net, x, fx), alignment_from_gram(exact, fx)) < 1e-5
    store = gram_store(net, x, tmp_path / "k")
    np.testing.assert_array_equal(store.array(), exact)
    assert gram_store(net, x, tmp_path / "k").done
    refused("fingerprint", gram_store, net, jax.tree.map(lambda a: a[::-1], x), tmp_path / "k")


def test_outputs_of_any_shape_count_flattened_in_c_order():
    net = towers()
    fx = net((IMAGE, TEXT))
    assert fx.shape == (N, 6)
    a, b = np.tanh(IMAGE.reshape(N, -1) @ net.params["a"]), np.tanh(TEXT @ net.params["b"])
    np.testing.assert_allclose(fx.reshape(N, 2, 3), a[:, :, None] * b[:, None], rtol=1e-5, atol=1e-6)
    only = Network.from_apply(lambda p, x: net.apply(p, x)[:, 4], net.params)  # output (1, 1)
    ours, exact = (empirical_gram(one, (IMAGE, TEXT), outputs=o) for one, o in ((net, 4), (only, 0)))
    assert relative_error(ours, exact) < 1e-6


def test_coupling_among_several_inputs_is_refused():
    net = Network.from_apply(lambda p, x: (x["a"] - x["b"].mean(0)) @ p, np.ones((5, 2), np.float32))
    refused("one by one", empirical_gram, net, {"a": TEXT, "b": TEXT})
    refused("one by one", empirical_gram, net, {"a": TEXT[:1], "b": TEXT[:1]})


def test_inputs_that_do_not_fit_are_refused_by_name():
    net, x = towers(), {"image": IMAGE, "text": TEXT}
    for function in (lambda x: empirical_gram(net, x), lambda x: net(x)):
        refused(r"\['image'\] has 7 samples and x1?\['text'\] 6", function, {**x, "text": TEXT[:6]})
    refused(r"x1\['text'\] must be an array of samples", empirical_gram, net, {**x, "text": np.float32(1)})
    bad = TEXT.copy()
    bad[3] = np.nan
    refused(r"1 of the 7 samples of x1\[1\] are not finite, the first is number 3", empirical_gram, net, (IMAGE, bad))
    refused(r"\[0\] \(4, 3\) of type float32, \[1\] \(5,\).* must agree", empirical_gram, net, (IMAGE, TEXT), IMAGE)
    refused(r"does not run on inputs \['image'\] \(4, 3\) of type float32, \['text'\]", empirical_gram, net, x)
    refused("x1 holds no array", empirical_gram, net, {})
    refused("no rows", net, (IMAGE[:0], TEXT[:0]))
    refused(r"does not run on inputs \['image'\] \(4, 3\)", net, x)
    refused("give a tuple of arrays", empirical_gram, net, [IMAGE, TEXT])
    refused("must hold real numbers, not <U1", empirical_gram, net, (IMAGE, np.full(TEXT.shape, "a")))
    refused("takes one array of inputs", empirical_gram, net, (IMAGE, TEXT), method="neural_tangents")


def test_input_shapes_and_types_that_are_none_are_refused():
    for shape in ((0, 3), (4, -1), (4.0, 3), "4", {"a": (3,), "b": (2, 0)}, ((4,), (None,))):
        refused("positive integers without the sample axis, such as .*, not ", Network.create, Encoder(), 0, shape)
    types = {"a": np.float32, "c": np.int32}
    refused("one type, or a type for each", Network.create, Encoder(), 0, {"a": 3, "b": 4}, input_dtype=types)
    refused(r"Encoder does not run on inputs \['a'\] \(3,\) of type float32", Network.create, Encoder(), 0, {"a": 3})
    refused("'intt' is not a type of inputs", Network.create, Encoder(), 0, 3, input_dtype="intt")
    net = encoder()
    assert net.input_shape == {"tokens": (6,), "mask": (6,), "length": (), "scale": ()}
    refused("directions need a network with one input array", neural_anisotropy_directions, net)


def test_lists_are_arrays():
    one = as_samples({"a": [[1.0, 2.0], [3.0, 4.0]], "b": np.zeros((2, 1), int)})
    assert described(one) == "['a'] (2,) of type float64, ['b'] (1,) of type int64"
