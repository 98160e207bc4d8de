"""neural-tangents on today's JAX: the only file that imports it; all others import `nt` and `stax` from here.

neural-tangents 0.6.5 is its last release and was written for the JAX of its time. Before it is imported, this file puts
back the names that it takes from JAX and that JAX has since moved; a name that JAX still has is not changed. Its part
`neural_tangents.experimental` is for TensorFlow models only and would import TensorFlow for seconds: it is skipped here
and can still be imported by its full name.

Where JAX has changed how a function is called, or has removed it, the function of neural-tangents that calls it is
replaced, see `REPLACED`. With these, `empirical_kernel_fn` runs in implementations 0 to 3 on every supported JAX.
"""

import importlib
import importlib.metadata
import inspect
import itertools
import sys
import types
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import numpy as np
import scipy.linalg
from jax.interpreters import ad

from ntk_repro.errors import UserError

SUPPORTED_JAX = ("0.5.3", "0.13")
"""The oldest JAX that is supported, and the first version after the newest one that the tests have run on."""

# Names by the module that had them, and the one that has them now.
_MOVED = {
    ("jax.core", "jax.extend.core"): ("Jaxpr", "JaxprEqn", "Literal", "Primitive", "Var"),
    ("jax.core", "jax._src.core"): ("AbstractValue", "ShapedArray", "Value", "eval_context"),
    ("jax.util", "jax._src.util"): ("safe_map", "safe_zip"),
    ("jax.interpreters.ad", "jax._src.ad_util"): ("zeros_like_p",),
    ("jax.interpreters.ad", "jax._src"): ("source_info_util",),
}


class UnsupportedJaxError(UserError, ImportError):
    """The installed JAX is outside the range on which neural-tangents can be made to run."""


class MissingPackageError(UserError, ImportError):
    """neural-tangents is not installed, or a package that it needs is not."""


def _unsupported(why: str) -> UnsupportedJaxError:
    oldest, beyond = SUPPORTED_JAX
    return UnsupportedJaxError(
        f"neural-tangents does not run on the installed JAX {importlib.metadata.version('jax')} ({why}): "
        f"install one that it runs on, with pip install 'jax>={oldest},<{beyond}'"
    )


def _version(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: "0.5.3.dev1" is (0, 5, 3)."""
    return tuple(map(int, itertools.takewhile(str.isdigit, text.split("."))))


def put_back(module: str, name: str, home: str) -> bool:
    """Gives `module` the attribute `name` of the module `home`, unless it has one.

    A module that no longer exists is created with this name alone. A name that exists is never changed, even when it is
    deprecated.

    Returns:
        Whether anything was put back.

    Raises:
        ImportError, AttributeError: the home has no such name.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # asking whether a deprecated name exists warns
        try:
            holder = importlib.import_module(module)
        except ModuleNotFoundError:
            holder = ModuleType(module, "Names that neural-tangents needs, put back by ntk_repro.")
        if hasattr(holder, name):
            return False
        setattr(holder, name, getattr(importlib.import_module(home), name))
    if module not in sys.modules:
        sys.modules[module] = holder
        parent, _, child = module.rpartition(".")
        setattr(importlib.import_module(parent), child, holder)
    return True


def _import_neural_tangents() -> ModuleType:
    if _version(importlib.metadata.version("jax")) < _version(SUPPORTED_JAX[0]):
        raise _unsupported("too old")
    for (module, home), names in _MOVED.items():
        for name in names:
            try:
                put_back(module, name, home)
            except (ImportError, AttributeError) as error:
                raise _unsupported(f"{module}.{name} is neither there nor in {home}") from error

    experimental = "neural_tangents.experimental"
    skip = "neural_tangents" not in sys.modules  # a user who has imported it before has all of it
    if skip:
        sys.modules[experimental] = ModuleType(experimental)
    try:
        with warnings.catch_warnings():
            # A user cannot fix these: names deprecated in JAX, and escapes in docstrings that Python 3.12 warns of.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", SyntaxWarning)
            package = importlib.import_module("neural_tangents")
    except (ImportError, AttributeError) as error:
        if getattr(error, "name", None) in ("neural_tangents", "frozendict"):
            needed = 'kernels of infinitely wide networks and method="neural_tangents" need'
            remedy = "pip install 'ntk_repro[neural_tangents]'"
            raise MissingPackageError(f"{needed} {error.name}, which is not installed: {remedy}") from error
        raise _unsupported(str(error)) from error
    finally:
        if skip:
            del sys.modules[experimental]  # an import by its full name loads the real one
    if skip and hasattr(package, "experimental"):
        delattr(package, "experimental")
    return package


def _get_primals_out_and_pullback(
    fn: Callable[[Any], Any], mode: Any, _j_rules: bool, _s_rules: bool, _fwd: bool | None, params: Any
) -> tuple[Any, Callable[..., Any]]:
    """The outputs of `fn`, and a function that collects cotangents or Jacobians (by `mode`) for implementation 3.

    It linearizes `fn` by public functions, because `ad.linearize` differs between versions of JAX.
    """
    leaves, tree = jax.tree_util.tree_flatten((params,))
    with jax.disable_jit():  # the rules are for single operations, so none may be hidden in a compiled function
        outputs, linear = jax.linearize(lambda *leaves: fn(*tree.unflatten(leaves)), *leaves)
        program = jax.make_jaxpr(linear)(*leaves)

    def pullback(cotangents: Any) -> Any:
        try:
            collected = _empirical._backward_pass(
                program.jaxpr,
                mode=mode,
                consts=program.consts,
                primals_in=[ad.UndefinedPrimal(variable.aval) for variable in program.jaxpr.invars],
                cotangents_in=jax.tree_util.tree_leaves(cotangents),
                _j_rules=_j_rules,
                _s_rules=_s_rules,
                _fwd=_fwd,
            )
        except NotImplementedError as error:
            raise UserError(
                "structured derivatives (implementation=3) do not cover an operation of this network: pass "
                "implementation=1 (Jacobian contraction) or 2 (NTK-vector products)"
            ) from error
        return tree.unflatten(collected)

    return outputs, pullback


def _eqn_vjp_fn(eqn: Any, cotangent: Any, *values: Any) -> Any:
    """The cotangents of the inputs of one operation of a linear program; `eqn` None is the identity."""
    if eqn is None:
        return (cotangent,)
    return ad.get_primitive_transpose(eqn.primitive)(cotangent, *values, **eqn.params)


def _read_primal(values: dict[Any, Any], variable: Any) -> Any:
    """The value of a variable of a linear program, undefined where it depends on the parameters."""
    if isinstance(variable, _empirical.Literal):
        return variable.val
    return values.get(variable, ad.UndefinedPrimal(variable.aval))


def _write_cotangent(_primitive: Any, cotangents: dict[Any, Any], variable: Any, cotangent: Any) -> None:
    """Adds a cotangent to the cotangent of a variable of a linear program."""
    if cotangent is None or isinstance(cotangent, ad.Zero) or isinstance(variable, _empirical.Literal):
        return
    if variable in cotangents:
        cotangent = ad.add_tangents(cotangents[variable], cotangent)
    cotangents[variable] = cotangent


def _get_flops(f: Callable[..., Any], _optimize: bool, *args: Any, **kwargs: Any) -> float:
    """Floating-point operations of the compiled `f`, by which AUTO chooses; infinity if it does not run on this JAX."""
    try:
        analysis: Any = jax.jit(f).lower(*args, **kwargs).compile().cost_analysis()
    except UserError:
        return np.inf
    if isinstance(analysis, list):  # one for each device, in older versions of JAX
        analysis = analysis[0]
    return analysis["flops"]


def _eigvalsh(a: Any, *, eigvals: tuple[int, int]) -> Any:
    """`scipy.linalg.eigvalsh` with its argument `subset_by_index` under the name it had before SciPy 1.14."""
    return scipy.linalg.eigvalsh(a, subset_by_index=eigvals)


nt: Any = _import_neural_tangents()
"""The package `neural_tangents`."""
stax: Any = nt.stax
"""`neural_tangents.stax`: infinite-width layers."""

_empirical: Any = nt._src.empirical

REPLACED = (_get_primals_out_and_pullback, _eqn_vjp_fn, _read_primal, _write_cotangent, _get_flops)
"""The functions that replace those of the same names in `neural_tangents._src.empirical`."""

for _function in REPLACED:
    setattr(_empirical, _function.__name__, _function)

if "eigvals" not in inspect.signature(scipy.linalg.eigvalsh).parameters:
    # predict.max_learning_rate is the only place that uses SciPy there, and it passes the argument of that name.
    nt._src.predict.sp = types.SimpleNamespace(linalg=types.SimpleNamespace(eigvalsh=_eigvalsh))
