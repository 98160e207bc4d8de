"""neural-tangents runs on the installed JAX, gives known answers, and replaces nothing of JAX."""

import importlib.metadata
import inspect
import subprocess
import sys
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from ntk_repro import _neural_tangents
from ntk_repro._neural_tangents import _MOVED, UnsupportedJaxError, _version, nt, put_back, stax
from ntk_repro.errors import UserError


def dense_ntk(apply_fn, params, x1, x2):
    """The NTK by autodiff, (n1, n2, k, k)."""

    def jacobian(x):
        leaves = jax.tree_util.tree_leaves(jax.jacobian(apply_fn)(params, x))
        return jnp.concatenate([leaf.reshape(*leaf.shape[:2], -1) for leaf in leaves], axis=-1)

    return jnp.einsum("aip,bjp->abij", jacobian(x1), jacobian(x2), precision="highest")


def assert_kernels_equal(found, expected, atol=2e-6):
    """`atol` is relative to the largest entry."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=atol * float(jnp.abs(expected).max()))


# Its analytic kernels, linearize and predict are tested against ours: in tests/gram, tests/dynamics and tests/gp.
@pytest.mark.parametrize(
    ("implementation", "batch_size"), [*(pytest.param(i, 0, marks=pytest.mark.slow) for i in range(4)), (1, 2)]
)
def test_empirical_ntk_equals_autodiff(implementation, batch_size):
    init_fn, apply_fn, _ = stax.serial(stax.Conv(4, (3, 3)), stax.Relu(), stax.Flatten(), stax.Dense(2))
    keys = random.split(random.PRNGKey(0), 3)
    _, params = init_fn(keys[0], (-1, 5, 5, 1))
    x1, x2 = random.normal(keys[1], (6, 5, 5, 1)), random.normal(keys[2], (4, 5, 5, 1))
    kernel_fn = nt.empirical_kernel_fn(apply_fn, trace_axes=(), implementation=implementation)
    if batch_size:
        kernel_fn = nt.batch(kernel_fn, batch_size=batch_size, device_count=0)
    assert_kernels_equal(kernel_fn(x1, x2, "ntk", params), dense_ntk(apply_fn, params, x1, x2), atol=1e-5)


def test_max_learning_rate_is_two_over_the_largest_eigenvalue():
    kernel = jnp.array([[3.0, 1.0], [1.0, 3.0]])  # eigenvalues 2 and 4
    assert nt.predict.max_learning_rate(kernel, y_train_size=1) == pytest.approx(2 / 4)
    assert nt.predict.max_learning_rate(kernel, y_train_size=2, momentum=0.9) == pytest.approx(2 * 1.9 * 2 / 4)


def dense_shared(params, x):
    """The same weights twice, in parallel and one after the other, and a bias that also multiplies."""
    w, b = params
    return jax.nn.relu(x @ w + b) @ w + jnp.tanh(x @ w) * b


def recurrent(params, x):
    """Weights shared over the steps of a scan, inside a compiled function."""
    w, b = params
    return jax.jit(lambda x: jax.lax.scan(lambda h, _: (jnp.tanh(h @ w + b), None), x, length=3)[0])(x)


def solved(params, x):
    """A linear solve, one operation with several outputs."""
    w, b = params
    return jnp.linalg.solve(2 * jnp.eye(3) + w, (x + b).T).T


def convolved(params, x):
    """A convolution with a normalization of its features, whose weights are used again at the end."""
    w, b = params
    images = jax.lax.conv_general_dilated(x[:, None, :], w[:, None, :], (1,), "SAME") + b[:, None]
    images = (images - images.mean(1, keepdims=True)) / jnp.sqrt(images.var(1, keepdims=True) + 0.1)
    return jnp.concatenate([images.mean(2), jnp.tanh(images).mean(2) @ w], axis=1)


class TestImplementations:
    @pytest.fixture(scope="class")
    def inputs(self):
        keys = random.split(random.PRNGKey(1), 4)
        params = (random.normal(keys[0], (3, 3)), random.normal(keys[1], (3,)))
        return params, random.normal(keys[2], (4, 3)), random.normal(keys[3], (2, 3))

    @pytest.mark.slow
    @pytest.mark.parametrize("f", [dense_shared, recurrent, convolved])
    @pytest.mark.parametrize("implementation", [0, 3])
    def test_each_equals_jacobian_contraction(self, inputs, f, implementation):
        params, x1, x2 = inputs
        for options in ({}, {"vmap_axes": 0, "trace_axes": ()}):
            expected = nt.empirical_ntk_fn(f, implementation=1, **options)(x1, x2, params)
            kernel = nt.empirical_ntk_fn(f, implementation=implementation, **options)
            for found in (kernel(x1, x2, params), jax.jit(kernel)(x1, x2, params)):
                np.testing.assert_allclose(found, expected, atol=2e-6 * float(jnp.abs(expected).max()))

    @pytest.mark.slow
    def test_an_operation_without_structure_is_refused_by_3_and_passed_over_by_auto(self, inputs):
        params, x1, x2 = inputs
        with pytest.raises(UserError, match=r"implementation=3.*pass implementation=1 .* or 2") as caught:
            nt.empirical_ntk_fn(solved, implementation=3)(x1, x2, params)
        assert "\n" not in str(caught.value)
        expected = nt.empirical_ntk_fn(solved, implementation=1)(x1, x2, params)
        assert_kernels_equal(nt.empirical_ntk_fn(solved, implementation=0)(x1, x2, params), expected)

    @pytest.mark.slow
    def test_structured_derivatives_run_under_jax_checks(self, inputs):
        params, x1, _ = inputs
        expected = nt.empirical_ntk_fn(dense_shared, implementation=1)(x1, None, params)
        with jax.enable_checks(True):
            assert_kernels_equal(nt.empirical_ntk_fn(dense_shared, implementation=3)(x1, None, params), expected)

    @pytest.mark.parametrize("function", _neural_tangents.REPLACED)
    def test_each_replaced_function_exists_in_neural_tangents(self, function):
        assert f"\ndef {function.__name__}(" in inspect.getsource(nt._src.empirical)
        assert getattr(nt._src.empirical, function.__name__) is function


NO_TENSORFLOW = """
import sys, ntk_repro._neural_tangents
heavy = {"tensorflow", "tf2jax", "keras"} & set(sys.modules)
assert not heavy, heavy
assert "neural_tangents.experimental" not in sys.modules
"""
IMPORTED_BEFORE = """
import sys, types
package, experimental = types.ModuleType("neural_tangents"), types.ModuleType("neural_tangents.experimental")
package.experimental, package.stax = experimental, types.ModuleType("neural_tangents.stax")
package._src = types.SimpleNamespace(predict=types.SimpleNamespace(), empirical=types.SimpleNamespace())
sys.modules.update({"neural_tangents": package, "neural_tangents.experimental": experimental})
import ntk_repro._neural_tangents as ours
assert ours.nt is package and package.experimental is experimental
assert sys.modules["neural_tangents.experimental"] is experimental
"""
NOTHING_REPLACED = f"""
import importlib, sys
modules = [importlib.import_module(name) for name in {sorted({module for module, _ in _MOVED} - {"jax.util"})!r}]
before = [dict(vars(module)) for module in modules]
import ntk_repro._neural_tangents
for module, names in zip(modules, before):
    changed = [name for name, value in names.items() if getattr(module, name) is not value]
    assert not changed, (module, changed)
"""


class TestImport:
    @pytest.mark.parametrize(
        "program",
        [NO_TENSORFLOW, *(pytest.param(p, marks=pytest.mark.slow) for p in (IMPORTED_BEFORE, NOTHING_REPLACED))],
    )
    def test_it_prints_nothing_and_changes_nothing_else(self, program):
        command = [sys.executable, "-W", "default", "-c", program]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    def test_every_moved_name_is_in_its_old_module(self):
        for (module, _), names in _MOVED.items():
            assert all(hasattr(sys.modules[module], name) for name in names)


class TestPutBack:
    @pytest.fixture
    def holder(self, monkeypatch):
        module = ModuleType("ntk_repro_test_holder")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module

    def test_a_missing_name_is_found_at_its_new_home_and_then_kept(self, holder):
        assert put_back(holder.__name__, "sqrt", "math")
        assert holder.sqrt(9.0) == 3.0
        holder.sqrt = "mine"
        assert not put_back(holder.__name__, "sqrt", "math")
        assert holder.sqrt == "mine"

    def test_a_deprecated_name_that_still_exists_is_not_replaced(self, holder, recwarn):
        def deprecated(name):
            if name == "sqrt":
                import warnings

                warnings.warn("sqrt is deprecated", DeprecationWarning, stacklevel=2)
                return "old"
            raise AttributeError(name)

        holder.__getattr__ = deprecated
        assert not put_back(holder.__name__, "sqrt", "math")
        assert not recwarn.list
        assert "sqrt" not in vars(holder)

    def test_a_module_that_no_longer_exists_is_created(self, monkeypatch, holder):
        name = f"{holder.__name__}.gone"
        holder.__path__ = []  # a package, so that importing a submodule raises ModuleNotFoundError
        assert put_back(name, "sqrt", "math")
        assert put_back(name, "cos", "math")
        assert sys.modules[name].sqrt(4.0) == 2.0
        assert holder.gone is sys.modules[name]
        monkeypatch.delitem(sys.modules, name)

    def test_a_home_without_the_name_raises(self, holder):
        with pytest.raises(AttributeError):
            put_back(holder.__name__, "no_such_function", "math")


class TestRange:
    @pytest.mark.parametrize(
        ("text", "numbers"), [("0.10.2", (0, 10, 2)), ("0.12.0.1", (0, 12, 0, 1)), ("0.5.3.dev2", (0, 5, 3))]
    )
    def test_version_numbers(self, text, numbers):
        assert _version(text) == numbers

    def test_a_jax_too_old_is_refused_in_one_sentence(self, monkeypatch):
        monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.4.30")
        message = r"installed JAX 0\.4\.30 \(too old\).*pip install 'jax>=0\.5\.3,<"
        with pytest.raises(UnsupportedJaxError, match=message) as caught:
            _neural_tangents._import_neural_tangents()
        assert isinstance(caught.value, UserError)
        assert isinstance(caught.value, ImportError)
        assert "\n" not in str(caught.value)

    def test_a_jax_without_the_names_is_refused_in_one_sentence(self, monkeypatch):
        monkeypatch.setattr(_neural_tangents, "_MOVED", {("jax.core", "jax.extend.core"): ("NoSuchName",)})
        with pytest.raises(UnsupportedJaxError, match=r"jax\.core\.NoSuchName is neither there nor in.*pip install"):
            _neural_tangents._import_neural_tangents()

    def test_the_declared_range_is_the_supported_one(self):
        requirements = importlib.metadata.requires("ntk_repro") or []
        (jax_requirement,) = [r for r in requirements if r.split(">")[0] == "jax"]
        assert jax_requirement == f"jax>={_neural_tangents.SUPPORTED_JAX[0]}"

    def test_the_installed_jax_has_been_covered(self):
        oldest, beyond = map(_version, _neural_tangents.SUPPORTED_JAX)
        assert oldest <= _version(jax.__version__) < beyond


WITHOUT = """
import sys
sys.modules["neural_tangents"] = None
import jax, numpy as np
from ntk_repro import Network, analytic_kernel, empirical_gram, train_pair
net, x = Network.create("mlp", 0, (4, 4, 1), width=0.1), np.ones((3, 4, 4, 1), np.float32)
print(empirical_gram(net, x).shape, net.linearization()(x).shape, net.linearized()(net.params, x).shape)
twin = Network.create("fcn", 0, (4, 4, 1))
for needs in (lambda: empirical_gram(net, x, method="neural_tangents"), lambda: analytic_kernel(twin, x)):
    try:
        needs()
    except ImportError as error:
        print(error)
"""


def test_only_infinite_width_and_comparisons_need_it():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    shapes, *errors = done.stdout.splitlines()
    assert shapes == "(3, 3) (3, 1) (3, 1)"
    assert len(errors) == 2
    assert all(error.endswith("which is not installed: pip install 'ntk_repro[neural_tangents]'") for error in errors)
