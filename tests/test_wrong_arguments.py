"""Wrong arguments of the library: each ends in a `UserError` of one line that names the value."""

# Wrong types are the point here.
# pyright: reportArgumentType=false, reportCallIssue=false

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ntk_repro as ntk
from ntk_repro.errors import UserError
from tests.refusals import refused

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4, 4, 1)).astype(np.float32)
WEIGHTS = RNG.normal(size=(16, 1)).astype(np.float32)
Y = np.array([1.0, -1, 1, -1, 1, -1])
J = RNG.normal(size=(6, 9))
K = J @ J.T


def linear(params, x):
    return x.reshape(len(x), -1) @ params


def of(function: Callable, params: Any = WEIGHTS) -> ntk.Network:
    return ntk.Network.from_apply(function, params)


NET = of(linear)
NOT_NETWORKS: dict[str, Any] = {"None": None, "a text": "mlp", "a module": nn.Dense(1), "a class": ntk.Network}

SAMPLES: dict[str, tuple[Any, str]] = {
    "None": (None, "x1 holds no array"),
    "a text": ("images", "x1 must be an array of samples"),
    "texts": ([["a"] * 16] * 2, "must hold real numbers, not <U1"),
    "objects": (np.full((2, 4), None), "must hold real numbers, not None or other objects"),
    "none": (X[:0], "has shape .0, 4, 4, 1."),
    "a number": (5, "must be an array of samples .*, not 5"),
    "one axis": (np.ones(16), "has shape .16,."),
    "a side of 0": (np.zeros((3, 0, 4, 1)), "has shape .3, 0, 4, 1."),
    "nan": (X * np.nan, "6 of the 6 samples of x1 are not finite"),
    "infinity": (X + np.inf, "6 of the 6 samples of x1 are not finite"),
    "complex": (X * 1j, "x1 is complex"),
    "ragged": ([[1, 2], [3]], "lists have different lengths"),
    "a dictionary of none": ({}, "x1 holds no array"),
    "dates": (np.zeros((3, 4), "M8[s]"), "must hold real numbers, not datetime64"),
    "large integers": (np.full((2, 16), 2**40), "integers beyond 32 bits"),
    "a function": (len, "must be an array of samples"),
    "a set": ({1, 2}, "must be an array of samples"),
    "a path": (Path("x.npz"), "must be an array of samples"),
    "another shape": (np.ones((3, 5, 5, 1)), "does not run on inputs .5, 5, 1."),
}

FUNCTIONS: dict[str, tuple[Callable, str]] = {
    "no outputs": (lambda p, x: linear(p, x)[:, :0], "the network has no outputs"),
    "one number": (lambda p, x: linear(p, x).sum(), "not to shape .."),
    "a tuple": (lambda p, x: (linear(p, x), 1), r"the network returns a tuple: return one array \(n, k\)"),
    "a list": (lambda p, x: [linear(p, x)], "the network returns a list"),
    "None": (lambda p, x: None, "the network returns a NoneType"),
    "integers": (lambda p, x: jnp.argmax(linear(p, x), axis=1), "floating-point outputs, not int32"),
    "complex": (lambda p, x: linear(p, x) * 1j, "floating-point outputs, not complex64"),
    "flags": (lambda p, x: linear(p, x) > 0, "floating-point outputs, not bool"),
    "an int": (lambda p, x: 1, "the network returns an int"),
    "an error": (lambda p, x: 1 / 0, "ZeroDivisionError: division by zero"),
    "one argument": (lambda p: p, "takes 1 positional argument"),
    "a branch on values": (lambda p, x: linear(p, x) if x.sum() > 0 else x, "TracerBoolConversionError"),
    "Python's random numbers": (lambda p, x: linear(p, x) * random.random(), "different outputs for the same"),
    "NumPy's random numbers": (lambda p, x: linear(p, x) * RNG.random(), "different outputs for the same sample"),
    "dropout by a fresh key": (
        lambda p, x: linear(p, x * jax.random.bernoulli(jax.random.key(RNG.integers(2**31)), 0.5, x.shape[1:])),
        "different outputs for the same sample",
    ),
    "a mean over the batch": (lambda p, x: linear(p, x - x.mean(0)), "does not treat its samples one by one"),
}

KERNELS: dict[str, tuple[Any, str]] = {
    "None": (None, "k_train_train"),
    "a text": ("K", "k_train_train"),
    "one axis": (np.ones(6), "of shape .6,."),
    "not square": (np.ones((6, 4)), "of shape .6, 4."),
    "no rows": (np.zeros((0, 0)), "of shape .0, 0."),
    "not symmetric": (np.triu(np.ones((6, 6))), "not symmetric"),
    "nan": (np.full((6, 6), np.nan), "not finite"),
    "complex": (np.eye(6) * 1j, "must hold real numbers, not complex128"),
    "objects": (np.full((6, 6), None), "must hold real numbers, not None or other objects"),
    "ragged": ([[1, 2], [3]], "lists of different lengths"),
    "a network": (NET, "k_train_train"),
    "a number": (3.0, r"of shape \(\)"),
}

TARGETS: dict[str, tuple[Any, str]] = {
    "None": (None, "must hold real numbers|of shape"),
    "a text": ("y", "must hold real numbers"),
    "texts": (list("abcdef"), "must hold real numbers, not <U1"),
    "bytes": ([b"a"] * 6, "must hold real numbers, not .S1"),
    "too few": (Y[:3], "3"),
    "nan": (Y * np.nan, "not finite"),
    "complex": (Y * 1j, "must hold real numbers, not complex128"),
    "objects": ([None] * 6, "must hold real numbers, not None"),
    "three axes": (np.ones((6, 2, 2)), "6, 2, 2"),
    "ragged": ([[1], [2, 3], 1, 1, 1, 1], "lists of different lengths"),
    "dates": (np.zeros(6, "M8[s]"), "must hold real numbers, not datetime64"),
}

PAIRS = ntk.top_eigenpairs(K, 2)
BATCHES = np.arange(6)[None]
SQUARED = {"loss": "half_squared_error"}
create, gram, build = ntk.Network.create, ntk.empirical_gram, ntk.build_model


def fs(**changes: Any) -> Any:
    arguments = {"batches": BATCHES, "learning_rate": 0.1, **SQUARED, **changes}
    return ntk.train_in_function_space(arguments.pop("k", K), arguments.pop("y", Y[:, None]), **arguments)


def descend(**changes: Any) -> Any:
    return ntk.descend(NET, X, changes.pop("y", Y[:, None]), **{"learning_rate": 0.01, "steps": 1, **changes})


def posterior(**changes: Any) -> Any:
    return ntk.nngp_posterior(changes.get("k", K), K[:2], K[:2, :2], changes.get("y", Y[:, None]), changes.get("s", 0))


CASES: dict[str, tuple[str, Callable[[], Any]]] = {
    "precision of NumPy": (
        "precision <class 'numpy.float64'> is not a name: write one of",
        lambda: gram(NET, X, precision=np.float64),
    ),
    "precision 32": ("precision 32 is not a name", lambda: gram(NET, X, precision=32)),
    "precision None": ("precision None is not a name", lambda: gram(NET, X, precision=None)),
    "precision half": (
        "unknown precision 'float16'; did you mean 'float64'",
        lambda: gram(NET, X, precision="float16"),
    ),
    "method None": ("method None is not a name", lambda: gram(NET, X, method=None)),
    "method of a list": (r"method \[\] is not a name", lambda: gram(NET, X, method=[])),
    "method": ("unknown method 'fast'", lambda: gram(NET, X, method="fast")),
    "outputs": ("unknown choice of outputs 'all'", lambda: gram(NET, X, outputs="all")),
    "output 1": (
        "outputs=1 is not an output of the network, which has output 0 alone",
        lambda: gram(NET, X, outputs=1),
    ),
    "output -1": ("outputs=-1 is not an output", lambda: gram(NET, X, outputs=-1)),
    "output 1.5": ("not 1.5", lambda: gram(NET, X, outputs=1.5)),
    "output of an array of floats": ("not Array", lambda: gram(NET, X, outputs=jnp.asarray(0.5))),
    "outputs None": ("not None", lambda: gram(NET, X, outputs=None)),
    "outputs True": ("not True", lambda: gram(NET, X, outputs=True)),
    "params_of nothing": ("matches no parameter", lambda: gram(NET, X, params_of="head")),
    "params_of a number": ("params_of must be a path", lambda: gram(NET, X, params_of=3)),
    "params_of that chooses none": (
        "chooses none of the 1 parameters",
        lambda: gram(NET, X, params_of=lambda path, leaf: False),
    ),
    "params_of of one argument": ("the function params_of fails", lambda: gram(NET, X, params_of=lambda path: True)),
    "params_of that raises": ("ZeroDivisionError", lambda: gram(NET, X, params_of=lambda path, leaf: 1 / 0)),
    "diagonal": ("diagonal must be True or False, not 'yes'", lambda: gram(NET, X, diagonal="yes")),
    "layerwise": ("layerwise must be True or False, not 'no'", lambda: gram(NET, X, layerwise="no")),
    "x2": ("they must agree", lambda: gram(NET, X, np.ones((3, 5, 5, 1)))),
    "parameters None": ("has no parameters", lambda: gram(of(linear, None), X)),
    "parameters {}": ("has no parameters", lambda: gram(of(linear, {}), X)),
    "parameters of size 0": ("no outputs|no parameters", lambda: gram(of(linear, np.zeros((16, 0))), X)),
    "parameters as texts": ("is an array of <U1: make it an array of numbers", lambda: of(linear, np.array(["a"]))),
    "parameters as objects": ("is an array of object", lambda: of(linear, np.array([None]))),
    "parameters as integers": ("has no parameters", lambda: gram(of(linear, np.ones((16, 1), int)), X)),
    "apply swapped": ("in this order", lambda: ntk.Network.from_apply(WEIGHTS, linear)),
    "apply None": ("in this order", lambda: ntk.Network.from_apply(None, WEIGHTS)),
    "statistics as parameters": ("running statistics", lambda: of(linear, {"batch_stats": WEIGHTS})),
    "no name": ("Network.create takes a name", lambda: create(3, 0, (4,))),
    "a function as a module": ("Network.from_apply", lambda: create(linear, 0, (4,))),
    "a class": ("is a class: make a module of it", lambda: create(nn.Dense, 0, (4,))),
    "unknown network": ("unknown network 'mlpp'; did you mean 'mlp'", lambda: create("mlpp", 0, (4,))),
    "no key": ("needs a key", lambda: create("mlp")),
    "no shape": ("the input shape", lambda: create("mlp", 0)),
    "seed -1": ("the seed must be from 0 to 4294967295, not -1", lambda: create("mlp", -1, (4,))),
    "seed 10^20": ("not 100000000000000000000", lambda: create("mlp", 10**20, (4,))),
    "seed 1.5": ("key must be a seed, .* not 1.5", lambda: create("mlp", 1.5, (4,))),
    "seed as text": ("key must be a seed, .* not '0'", lambda: create("mlp", "0", (4,))),
    "seed True": ("the seed must be a whole number, not True", lambda: create("mlp", True, (4,))),
    "key of numbers": ("key must be a seed", lambda: create("mlp", np.zeros(3), (4,))),
    "two keys": ("key must be a seed", lambda: create("mlp", jax.random.split(jax.random.key(0)), (4,))),
    "ragged keys": ("key must be a seed", lambda: create("mlp", [[1], [1, 2]], (4,))),
    "a generator": ("key must be a seed", lambda: create("mlp", RNG, (4,))),
    "side 0": (r"positive integers .* not \(0, 4\)", lambda: create("mlp", 0, (0, 4))),
    "side -4": (r"not \(-4, 4\)", lambda: create("mlp", 0, (-4, 4))),
    "side 4.0": (r"not \(4.0,\)", lambda: create("mlp", 0, (4.0,))),
    "shape as text": ("not '4,4,1'", lambda: create("mlp", 0, "4,4,1")),
    "side None": (r"not \(None, 4\)", lambda: create("mlp", 0, (None, 4))),
    "a huge shape": (
        "a network of 100,000,000,000,010,301 parameters needs .* are available",
        lambda: create("mlp", 0, (10**6, 10**6, 10**3)),
    ),
    "a huge width": ("a network of 10,000,001,.* parameters needs", lambda: create("mlp", 0, (4, 4, 1), width=1e6)),
    "huge outputs": ("TiB of memory", lambda: create("mlp", 0, (4, 4, 1), num_outputs=10**12)),
    "a huge fcn": ("TiB of memory", lambda: create("fcn", 0, (4,), width=1e7)),
    "a flat image": ("lenet needs images", lambda: create("lenet", 0, (784,))),
    "no file": ("there is no file nofile.py", lambda: create("nofile.py:Net", 0, (4,))),
    "type of inputs": ("'flot' is not a type of inputs", lambda: create("mlp", 0, (4,), input_dtype="flot")),
    "width 0": ("width must be above 0 and finite, not 0", lambda: build("mlp", width=0)),
    "width as text": ("width must be a number, not '2'", lambda: build("mlp", width="2")),
    "width nan": ("not nan", lambda: build("mlp", width=float("nan"))),
    "width inf": ("not inf", lambda: build("mlp", width=float("inf"))),
    "width of a list": (r"width must be a number, not \[2\]", lambda: build("mlp", width=[2])),
    "width 1j": ("width must be a number, not 1j", lambda: build("mlp", width=1j)),
    "width True": ("width must be a number, not True", lambda: build("mlp", width=True)),
    "outputs 0": ("num_outputs must be at least 1, not 0", lambda: build("mlp", num_outputs=0)),
    "outputs 2.0": ("num_outputs must be a whole number, not 2.0", lambda: build("mlp", num_outputs=2.0)),
    "outputs '2'": ("num_outputs must be a whole number, not '2'", lambda: build("mlp", num_outputs="2")),
    "activation": ("unknown activation 'relus'; did you mean 'relu'", lambda: build("mlp", activation="relus")),
    "activation 3": ("activation 3 is not a name", lambda: build("mlp", activation=3)),
    "activation of JAX": ("is not a name", lambda: build("mlp", activation=jnp.tanh)),
    "parameterization": ("mlp exists in standard parameterization only", lambda: build("mlp", parameterization="ntk")),
    "parameterization 3": ("parameterization 3 is not a name", lambda: build("mlp", parameterization=3)),
    "unknown setting": ("unknown setting of mlp 'depht'", lambda: build("mlp", depht=3)),
    "residual scale of mlp": (
        "unknown setting of mlp 'residual_scale_init'",
        lambda: build("mlp", residual_scale_init=1.0),
    ),
    "residual scale as text": (
        "residual_scale_init must be a number, not 'a'",
        lambda: build("resnet18", residual_scale_init="a"),
    ),
    "residual scale nan": ("not nan", lambda: build("resnet18", residual_scale_init=float("nan"))),
    "hidden 3": ("hidden must hold whole numbers, such as .100, 100., not 3", lambda: build("mlp", hidden=3)),
    "hidden -3": ("hidden must be at least 1, not -3", lambda: build("mlp", hidden=(-3,))),
    "hidden 2.5": ("hidden must be a whole number, not 2.5", lambda: build("mlp", hidden=(2.5,))),
    "channels 0": ("channels must be at least 1, not 0", lambda: build("lenet", channels=(0, 3))),
    "depth 0": ("depth must be at least 1, not 0", lambda: build("fcn", depth=0)),
    "depth 1.5": ("depth must be a whole number, not 1.5", lambda: build("fcn", depth=1.5)),
    "sigma_w 0": ("sigma_w must be above 0 and finite, not 0", lambda: build("fcn", sigma_w=0)),
    "sigma_w as text": ("sigma_w must be a number, not 'a'", lambda: build("fcn", sigma_w="a")),
    "sigma_b -1": ("sigma_b must be at least 0 and finite, not -1", lambda: build("fcn", sigma_b=-1)),
    "batch_norm": ("batch_norm must be True or False, not 'yes'", lambda: build("wide_resnet", batch_norm="yes")),
    "k 2.0": ("must be a whole number, not 2.0", lambda: ntk.top_eigenpairs(K, 2.0)),
    "k of NumPy": ("must be a whole number", lambda: ntk.top_eigenpairs(K, np.float64(2))),
    "k '2'": ("must be a whole number, not '2'", lambda: ntk.top_eigenpairs(K, "2")),
    "k None": ("must be a whole number, not None", lambda: ntk.top_eigenpairs(K, None)),
    "k True": ("must be a whole number, not True", lambda: ntk.top_eigenpairs(K, True)),
    "k of an array": ("must be a whole number", lambda: ntk.top_eigenpairs(K, np.array([[2], [3]]))),
    "k [2]": ("must be a whole number", lambda: ntk.top_eigenpairs(K, [2])),
    "k 0": ("0 is not a number of eigenfunctions: ask for 1 to 6", lambda: ntk.top_eigenpairs(K, 0)),
    "k 7": ("7 eigenfunctions need at least 7 samples, not 6", lambda: ntk.top_eigenpairs(K, 7)),
    "k of an operator": ("must be a whole number, not 2.0", lambda: ntk.top_eigenpairs(ntk.ntk_operator(NET, X), 2.0)),
    "k of a basis": ("must be a whole number, not 2.0", lambda: ntk.eigenbasis(NET, X, 2.0, identity={})),
    "tolerance 0": ("tolerance must be above 0 and finite, not 0", lambda: ntk.top_eigenpairs(K, 2, tolerance=0)),
    "tolerance as text": ("tolerance must be a number, not '1e-3'", lambda: ntk.top_eigenpairs(K, 2, tolerance="1e-3")),
    "method of eigenpairs": ("unknown method 'lobpcg'", lambda: ntk.top_eigenpairs(K, 2, method="lobpcg")),
    "seed of eigenpairs": ("seed must be from 0", lambda: ntk.top_eigenpairs(K, 2, seed=-1)),
    "memory 0": ("memory must be above 0", lambda: ntk.top_eigenpairs(K, 2, memory=0)),
    "memory as text": ("'lots' is not an amount of memory", lambda: ntk.top_eigenpairs(K, 2, memory="lots")),
    "memory without a unit": ("'6' is not an amount of memory", lambda: ntk.top_eigenpairs(K, 2, memory="6")),
    "memory of a list": (r"memory must be a number, not \[1\]", lambda: ntk.top_eigenpairs(K, 2, memory=[1])),
    "solver": ("solver must be an eigensolver .* not 'lapack'", lambda: ntk.top_eigenpairs(K, 2, solver="lapack")),
    "ridge -1": ("ridge must be at least 0 and finite, not -1", lambda: ntk.kernel_solve(K, Y, -1)),
    "ridge '0.1'": ("ridge must be a number, not '0.1'", lambda: ntk.kernel_solve(K, Y, "0.1")),
    "ridge None": ("ridge must be a number, not None", lambda: ntk.mse_dynamics(K, Y, None)),
    "ridge nan": ("not nan", lambda: ntk.mse_dynamics(K, Y, float("nan"))),
    "no ridges": ("ridges must be a list of numbers", lambda: ntk.ridge_path(K, Y, [])),
    "one ridge": ("ridges must be a list of numbers", lambda: ntk.ridge_path(K, Y, 1.0)),
    "ridge in a path": ("ridge must be a number, not '0.1'", lambda: ntk.ridge_path(K, Y, ["0.1"])),
    "ridge None in a path": ("ridge must be a number, not None", lambda: ntk.ridge_path(K, Y, [None])),
    "noise -1": ("observation_noise must be at least 0", lambda: posterior(s=-1)),
    "time -1": ("not negative", lambda: ntk.mse_dynamics(K, Y).outputs(-1, np.zeros(6))),
    "time '1'": ("a time must hold real numbers, not <U1", lambda: ntk.mse_dynamics(K, Y).outputs("1", np.zeros(6))),
    "ragged times": (
        "a time is a list of lists of different lengths",
        lambda: ntk.mse_dynamics(K, Y).outputs([[1], [1, 2]], np.zeros(6)),
    ),
    "time 1j": ("a time must hold real numbers", lambda: ntk.mse_dynamics(K, Y).outputs(1j, np.zeros(6))),
    "time of an object": (
        "a time must hold real numbers",
        lambda: ntk.momentum_dynamics(K, Y).outputs(object(), np.zeros(6)),
    ),
    "eigenpairs 0": ("0 is not a number", lambda: ntk.mse_dynamics(K, Y, num_eigenpairs=0)),
    "eigenpairs 1.5": ("must be a whole number, not 1.5", lambda: ntk.mse_dynamics(K, Y, num_eigenpairs=1.5)),
    "momentum 1": ("momentum must be at least 0 and below 1, not 1", lambda: ntk.momentum_dynamics(K, Y, 1)),
    "momentum 'a'": ("momentum must be a number, not 'a'", lambda: fs(momentum="a")),
    "momentum None": ("momentum must be a number, not None", lambda: descend(momentum=None)),
    "start 'a'": ("must hold real numbers", lambda: ntk.mse_dynamics(K, Y).outputs(1.0, "a")),
    "start of three": ("fx_train_0 must be", lambda: fs(fx_train_0=np.zeros(3))),
    "batches None": ("batches must be integer row indices", lambda: fs(batches=None)),
    "batches 7": ("batches must index rows 0 to 5, not 7", lambda: fs(batches=[[7]])),
    "batches 0.5": ("batches must be integer row indices", lambda: fs(batches=[[0.5]])),
    "batches of none": ("batches must be integer row indices", lambda: fs(batches=np.zeros((0, 2), int))),
    "learning rate -1": ("learning_rate must be at least 0", lambda: fs(learning_rate=-1)),
    "learning rate 'a'": ("learning_rate .* must hold real numbers", lambda: fs(learning_rate="a")),
    "learning rate of descent": ("learning_rate must be a number, not 'a'", lambda: descend(learning_rate="a")),
    "weight decay": ("weight_decay must be a number, not 'a'", lambda: fs(weight_decay="a")),
    "loss None": ("loss None is not a name", lambda: fs(loss=None)),
    "loss 3": ("loss 3 is not a name", lambda: descend(loss=3)),
    "labels -1": ("binary_cross_entropy takes labels in {0, 1}", lambda: fs(loss="binary_cross_entropy")),
    "steps 0": ("steps must be at least 1, not 0", lambda: descend(steps=0)),
    "steps 1.5": ("steps must be a whole number, not 1.5", lambda: descend(steps=1.5)),
    "steps True": ("steps must be a whole number, not True", lambda: descend(steps=True)),
    "observe_at 5": (r"increasing step numbers from 0 to 1, not \[5\]", lambda: fs(observe_at=[5])),
    "observe_at 'a'": ("increasing step numbers from 0 to 1, not 'a'", lambda: fs(observe_at="a")),
    "observe_at 0": ("increasing step numbers from 0 to 1, not 0", lambda: fs(observe_at=0)),
    "observe_at of an array without an axis": (r"not array\(1\)", lambda: fs(observe_at=np.array(1))),
    "observe_at of an array of floats": (r"not array\(\[1\.\]\)", lambda: fs(observe_at=np.ones(1))),
    "observe_at of a matrix": ("increasing step numbers", lambda: fs(observe_at=np.eye(2, dtype=int))),
    "observe_at ragged": ("increasing step numbers", lambda: fs(observe_at=[[0], [0, 1]])),
    "observe_at None": ("increasing step numbers from 0 to 1, not None", lambda: descend(observe_at=None)),
    "observe_at 1.5": (r"not \[1.5\]", lambda: descend(observe_at=[1.5])),
    "no data set": ("unknown data set 'mnist5'; did you mean 'mnist5k'", lambda: ntk.load_dataset("mnist5")),
    "data None": ("unknown data set 'None'", lambda: ntk.load_dataset(None)),
    "data folder": ("there is no data directory", lambda: ntk.load_dataset("mnist", "/nowhere")),
    "data folder 5": ("data_dir must be a path, not 5", lambda: ntk.load_dataset("cifar10", 5)),
    "no images": ("n_train must be at least 1, not 0", lambda: ntk.load_dataset("digits", n_train=0)),
    "2.5 images": ("n_train must be a whole number, not 2.5", lambda: ntk.load_dataset("digits", n_train=2.5)),
    "images as text": ("n_test must be a whole number, not 'a'", lambda: ntk.load_dataset("digits", n_test="a")),
    "too many images": ("ask for at most", lambda: ntk.load_dataset("digits", n_train=10**6)),
    "data seed -1": ("seed must be at least 0, not -1", lambda: ntk.load_dataset("digits", seed=-1)),
    "data seed None": ("seed must be a whole number, not None", lambda: ntk.load_dataset("digits", seed=None)),
    "data seed 1.5": ("seed must be a whole number, not 1.5", lambda: ntk.load_dataset("digits", seed=1.5)),
    "classes as text": (
        "classes must be a list of classes, .* not '01'",
        lambda: ntk.load_dataset("digits", classes="01"),
    ),
    "classes 3": ("classes must be a list of classes, .* not 3", lambda: ntk.load_dataset("digits", classes=3)),
    "no classes": ("classes must name each class once", lambda: ntk.load_dataset("digits", classes=())),
    "class 99": ("has no training images of class 99", lambda: ntk.load_dataset("digits", classes=(0, 99))),
    "class 0.5": ("a class must be a whole number, not 0.5", lambda: ntk.load_dataset("digits", classes=(0.5, 1))),
    "standardize": ("standardize must be True or False, not 'x'", lambda: ntk.load_dataset("digits", standardize="x")),
    "checkpoint None": ("the path of a checkpoint must be a path, not None", lambda: ntk.load_network(NET, None)),
    "no checkpoint": ("is not a checkpoint of safetensors or Orbax", lambda: ntk.load_network(NET, "/nowhere")),
    "store None": ("the folder of a store must be a path, not None", lambda: ntk.gram_store(NET, X, None)),
    "store 5": ("the folder of a store must be a path, not 5", lambda: ntk.gram_store(NET, X, 5)),
    "store nowhere": ("there is no Gram store in /nowhere", lambda: ntk.GramStore.read("/nowhere")),
    "store ''": ("must be a path, not ''", lambda: ntk.GramStore.open("", {}, n=2, tile=2)),
    "store of None": ("must be a path, not None", lambda: ntk.GramStore.read(None)),
    "share 2 of 2": ("share 2 of 2 does not exist", lambda: ntk.gram_store(NET, X, "s", share=(2, 2))),
    "share 5": ("share must be two whole numbers, .* not 5", lambda: ntk.gram_store(NET, X, "s", share=5)),
    "share of one": ("share must be two whole numbers", lambda: ntk.gram_store(NET, X, "s", share=(0,))),
    "share 'a'": ("share must be two whole numbers", lambda: ntk.gram_store(NET, X, "s", share=("a", 2))),
    "identity 5": ("identity must be a dictionary .* not 5", lambda: ntk.gram_store(NET, X, "s", identity=5)),
    "precision of an operator": ("is not a name", lambda: ntk.ntk_operator(NET, X, precision=np.float64)),
    "memory of an operator": ("'x' is not an amount of memory", lambda: ntk.ntk_operator(NET, X, memory="x")),
    "samples of a function": ("must hold real numbers, not <U1", lambda: ntk.ntk_function(NET)(WEIGHTS, "a")),
    "ragged samples of a function": (
        "lists of different lengths",
        lambda: ntk.ntk_function(NET)(WEIGHTS, [[1], [2, 3]]),
    ),
    "parameters of a function": ("these are not the network's params", lambda: ntk.ntk_function(NET)({"a": 1}, X)),
    "blocks of 0": ("batch_size must be at least 1, not 0", lambda: ntk.analytic_kernel(build("fcn"), X, batch_size=0)),
    "blocks of 2.5": (
        "batch_size must be a whole number, not 2.5",
        lambda: ntk.analytic_kernel(build("fcn"), X, batch_size=2.5),
    ),
    "degree 'a'": ("must be a whole number, not 'a'", lambda: ntk.analytic_kernel(build("fcn"), X, degree="a")),
    "degree 1": ("must be at least 2, not 1", lambda: ntk.analytic_kernel(build("fcn"), X, degree=1)),
    "no twin": ("no infinite-width twin", lambda: ntk.analytic_kernel(build("lenet"), X)),
    "analytic ragged": ("lists of different lengths", lambda: ntk.analytic_kernel(build("fcn"), [[1], [1, 2]])),
    "analytic without sides": ("has shape .2, 0.", lambda: ntk.analytic_kernel(build("fcn"), np.ones((2, 0)))),
    "directions below -1": (
        "null_below must be at least 0",
        lambda: ntk.neural_anisotropy_directions(NET, X, null_below=-1),
    ),
    "directions below 'a'": (
        "null_below must be a number, not 'a'",
        lambda: ntk.neural_anisotropy_directions(NET, X, null_below="a"),
    ),
    "directions of output 1": ("outputs=1 is not an output", lambda: ntk.neural_anisotropy_directions(NET, X, 1)),
    "directions without a shape": ("give input_shape", lambda: ntk.neural_anisotropy_directions(NET)),
    "rank of a text": ("must hold real numbers", lambda: ntk.effective_rank("a")),
    "rank of 1j": ("must hold real numbers", lambda: ntk.effective_rank([1j])),
    "rank of -1": ("none is negative", lambda: ntk.effective_rank([-1.0])),
    "index 0": ("the index of an eigenfunction must be from 1 to 2, not 0", lambda: ntk.eigenfunction_labels(PAIRS, 0)),
    "index 1.5": ("must be a whole number, not 1.5", lambda: ntk.eigenfunction_labels(PAIRS, 1.5)),
    "index None": ("must be a whole number, not None", lambda: ntk.eigenfunction_labels(PAIRS, None)),
    "pairs as text": ("must be Eigenpairs", lambda: ntk.nystrom_extension("a", K)),
    "complex kernel": ("must hold real numbers", lambda: ntk.nystrom_extension(PAIRS, K * 1j)),
    "no networks": (
        "num_networks must be at least 1",
        lambda: ntk.ensemble("mlp", 0, 0, X, Y, X, learning_rate=0.1, steps=1),
    ),
    "1.5 networks": (
        "num_networks must be a whole number",
        lambda: ntk.ensemble("mlp", 0, 1.5, X, Y, X, learning_rate=0.1, steps=1),
    ),
    "key of an ensemble": (
        "key must be a seed",
        lambda: ntk.ensemble("mlp", "a", 2, X, Y, X, learning_rate=0.1, steps=1),
    ),
    "outputs by 0": ("batch_size must be at least 1, not 0", lambda: NET(X, 0)),
    "outputs by 'a'": ("batch_size must be a whole number, not 'a'", lambda: NET(X, "a")),
    "outputs of none": ("no inputs", lambda: NET(X[:0])),
}


@pytest.mark.parametrize("two", [np.array(2), jnp.asarray(2), np.int8(2)], ids=repr)
def test_whole_numbers_of_numpy_and_jax_are_as_good_as_pythons(two):
    np.testing.assert_array_equal(ntk.top_eigenpairs(K, two, seed=two).values, ntk.top_eigenpairs(K, 2, seed=2).values)
    np.testing.assert_array_equal(ntk.eigenfunction_labels(PAIRS, two), ntk.eigenfunction_labels(PAIRS, 2))
    one, other = create("mlp", two, (4, 4, 1), num_outputs=3), create("mlp", 2, (4, 4, 1), num_outputs=3)
    np.testing.assert_array_equal(gram(one, X, outputs=two), gram(other, X, outputs=2))


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("case", CASES)
def test_values(case):
    message, call = CASES[case]
    refused(message, call)


@pytest.mark.parametrize("samples", SAMPLES)
def test_samples(samples):
    x, message = SAMPLES[samples]
    refused(message, gram, NET, x)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("kernel", ["matrix", "function"])
def test_functions(kernel, function):
    apply_fn, message = FUNCTIONS[function]
    if kernel == "matrix":
        refused(message, gram, of(apply_fn), X)
    else:
        refused(message, ntk.ntk_function(of(apply_fn)), WEIGHTS, X)


@pytest.mark.parametrize("given_for_it", NOT_NETWORKS)
def test_networks(given_for_it):
    value = NOT_NETWORKS[given_for_it]
    for call in (
        gram,
        ntk.ntk_operator,
        lambda net, x: ntk.gram_store(net, x, "s"),
        lambda net, x: ntk.ntk_function(net),
    ):
        refused("the first argument must be a Network, not", call, value, X)
    refused("load_network takes the network first", ntk.load_network, value, "path")


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels(kernel):
    k, message = KERNELS[kernel]
    refused(message, ntk.mse_dynamics, k, Y)
    refused(message, fs, k=k)
    for call in (lambda k: ntk.top_eigenpairs(k, 1), lambda k: ntk.kernel_solve(k, Y, 1.0), lambda k: posterior(k=k)):
        refused("", call, k)


@pytest.mark.parametrize("targets", TARGETS)
def test_targets(targets):
    y, message = TARGETS[targets]
    refused(message, ntk.mse_dynamics, K, y)
    refused(message, posterior, y=y)
    for call in (
        lambda y: ntk.kernel_solve(K, y, 1.0),
        lambda y: ntk.energy_concentration(PAIRS.vectors, y),
        lambda y: ntk.alignment(NET, X, y),
        lambda y: fs(y=y),
        lambda y: descend(y=y),
    ):
        refused("", call, y)


def ended(call: Callable) -> str:
    """The message of the error that a call ends in, if any."""
    try:
        call()
    except UserError as error:
        return str(error)
    return ""


@settings(max_examples=20)
@given(
    st.one_of(
        st.none(), st.text(max_size=3), st.floats(), st.integers(), st.booleans(), st.lists(st.integers(), max_size=2)
    )
)
def test_whatever_is_given_for_a_number_is_taken_or_refused_in_one_line(value):
    for call in (
        lambda: ntk.top_eigenpairs(K, value),
        lambda: ntk.mse_dynamics(K, Y, value),
        lambda: build("mlp", width=value if not isinstance(value, int) or value < 100 else 100),
        lambda: build("mlp", num_outputs=value),
        lambda: ntk.load_dataset("digits", seed=value),
        lambda: fs(observe_at=value),
        lambda: gram(NET, X, outputs=value),
    ):
        assert "\n" not in ended(call)
