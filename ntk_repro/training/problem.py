"""A training problem for weights: checked once, and run by the same steps for every optimizer and loss."""

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from ntk_repro.banded_convolution import with_banded_convolutions
from ntk_repro.dynamics.function_space import checked_batches
from ntk_repro.errors import UserError
from ntk_repro.gram.checks import as_array, check_real
from ntk_repro.gram.fingerprint import fingerprint
from ntk_repro.network import Network
from ntk_repro.program import Program
from ntk_repro.record import RunFolder
from ntk_repro.training.checkpoints import Checkpoint
from ntk_repro.training.losses import Loss
from ntk_repro.training.recipe import UpdateRule
from ntk_repro.training.steps import Carry, Observer, StepData, Steps, has_convolutions, run_steps, steps_program

PyTree = Any


class Problem:
    """Samples, targets, a loss and an update rule, and the batch and the learning rate of every step.

    Attributes:
        x: training inputs, (n, ...).
        y: targets, (n, k), in the type of the outputs, at least float32.
        loss: the loss to minimize.
        rule: turns gradients into the directions that the learning rates multiply.
        rates: the learning rate of every step, (steps,).
        batches: the rows of every step's batch, (steps, b), None for all.
    """

    def __init__(
        self,
        net: Network,
        x_train: Float[np.ndarray, "n ..."],
        y_train: Shaped[np.ndarray, "n *k"],
        loss: Loss,
        rule: UpdateRule,
        rates: Float[np.ndarray, " steps"],
        batches: Int[np.ndarray, "steps b"] | None,
        batch_size: int | None = None,
    ):
        """Checks the problem for a network, and for others of its shape; trains nothing.

        Raises:
            UserError: for shapes that do not fit, targets that the loss does not take, and rows outside of 0..n-1.
        """
        x, y = as_array(x_train, "x_train"), as_array(y_train, "y_train")
        check_real(x, "x_train")
        check_real(y, "y_train")
        y = y[:, None] if y.ndim == 1 else y
        n = len(x) if x.ndim else 0
        if n == 0 or y.ndim != 2 or len(y) != n:
            raise UserError(f"targets of shape {y.shape} do not fit {n} training samples: give (n,) or (n, k)")
        self.x = x.astype(jax.dtypes.canonicalize_dtype(x.dtype), copy=False)
        fx = jax.eval_shape(net.apply, net.params, jax.ShapeDtypeStruct((1, *x.shape[1:]), self.x.dtype))
        if fx.shape[1] != y.shape[1]:
            raise UserError(
                f"the network has {fx.shape[1]} outputs and the targets {y.shape[1]}: build it with num_outputs"
            )
        loss.check_targets(y)
        dtype = jnp.promote_types(fx.dtype, jnp.float32)
        self.y, self.rates, self.loss, self.rule = y.astype(dtype), rates.astype(dtype), loss, rule
        self.batches = None if batches is None else checked_batches(batches, n, len(rates), batch_size)

    def data(self, net: Network, live: bool = False) -> StepData:
        """The arrays of every step of a network, on the device."""
        x, y, rates, batches = jax.tree.map(jnp.asarray, (self.x, self.y, self.rates, self.batches))
        return StepData({} if live else net.state, net.origin, x, y, batches, rates)

    def start(self, params: PyTree, state: PyTree = None, stacked: bool = False) -> Carry:
        """The carry before the first step; of a stack of networks, with `stacked`."""
        init = self.rule.transform().init
        moments = (jax.vmap(init) if stacked else init)(params)
        networks = jax.tree.leaves(params)[0].shape[:1] if stacked else ()
        return Carry(params, state, moments, jnp.full((len(self.rates), *networks), jnp.nan, self.y.dtype))

    def program(self, net: Network, *, live: bool = False, stacked: bool = False) -> Steps:
        """The compiled steps of a network, or of a stack of networks of its kind."""
        called = jax.default_backend() == "cpu" and has_convolutions(net, self.x)
        fn = net.training_fn if live else net.apply_fn
        fn = with_banded_convolutions(fn)
        return steps_program(fn, self.loss, self.rule.transform(), live=live, stacked=stacked, called=called)

    def identity(self, net: Network, *settings: object) -> str:
        """A digest of everything that determines a training: network, parameters, data, steps, settings."""
        text = f"{net.module} {fingerprint(net, self.x)} {self.loss.name} {self.rule} {settings}"
        digest = hashlib.sha256(text.encode())
        for array in jax.tree.leaves((self.y, self.rates, self.batches)):
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def train(
        self,
        net: Network,
        observe_at: Sequence[int],
        observe: Callable[[Network, int], PyTree],
        *,
        live: bool,
        folder: RunFolder | None,
        name: str,
        save_first: bool = False,
    ) -> tuple[Network, Float[np.ndarray, " steps"], Observer]:
        """Trains a copy of a network from its present parameters.

        Args:
            net: a network or a linearization.
            observe_at: increasing step numbers, from 0 for the start to the number of steps.
            observe: (the network then, the step number) -> a pytree of arrays.
            live: whether batch statistics are live, and the network in training mode.
            folder: an open run folder, where the state is saved as part `<name>_state`; None for none.
            name: of the training in the folder.
            save_first: as for `Observer`.

        Returns:
            The network after the last step, the loss of each step's batch before the step, and what was observed.
        """

        def network(carry: Carry) -> Network:
            return net.replace(params=carry.params, state=carry.state if live else net.state)

        # The steps donate their carry, so they work on a copy.
        start = self.start(*jax.tree.map(jnp.array, (net.params, net.state if live else None)))
        observer = Observer(
            observe_at, lambda carry, step: observe(network(carry), step), lambda: observe(net, 0), save_first
        )
        checkpoint = folder and Checkpoint(folder, name, self.identity(net, list(observe_at), live))
        label = name.replace("_", " ")
        carry = run_steps(self.program(net, live=live), start, self.data(net, live), observer, checkpoint, label)
        return network(carry), np.array(carry.losses), observer


def training_bytes(net: Network, batch: Float[np.ndarray | Array, "b ..."], rule: UpdateRule) -> int:
    """Memory that the training of a network needs beside its images, roughly.

    Args:
        net: the network.
        batch: inputs of one step; only their shape and dtype matter.
        rule: of the training.
    """
    moments = jax.eval_shape(rule.transform().init, net.params)
    # Four copies of the parameters: current, gradient, updated, and a margin for XLA.
    weights = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves([net.params] * 4 + [moments]))
    inputs = jax.ShapeDtypeStruct(batch.shape, jax.dtypes.canonicalize_dtype(batch.dtype))
    program = Program.of(net.apply_fn, net.params, net.state, inputs)
    made = [program.avals[number] for step in program.steps for number in step.outputs]
    # Activations, once forwards and once backwards.
    return weights + 2 * sum(math.prod(aval.shape) * aval.dtype.itemsize for aval in made)
