"""Ensembles of networks trained from independent initializations: samples of a distribution over functions."""

import functools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from ntk_repro.errors import UserError
from ntk_repro.gram.checks import as_array, check_real
from ntk_repro.gram.fingerprint import fingerprint
from ntk_repro.memory import available_bytes
from ntk_repro.network import Network
from ntk_repro.progress import progress
from ntk_repro.ranges import check_counts
from ntk_repro.record import RunFolder
from ntk_repro.seeds import as_key
from ntk_repro.training.checkpoints import Checkpoint, load_part_of
from ntk_repro.training.gradient_descent import GradientDescent
from ntk_repro.training.problem import training_bytes
from ntk_repro.training.steps import Observer, has_convolutions, run_steps

PyTree = Any
# Operations of one step that keep a processor busy; with more, stacking a second network gains nothing. Measured on 2
# cores with 128 samples: at width 64 (6e7 per network) and 512 (6e8) single networks run at the speed of matrix
# products, stacked ones up to twice as slow; at width 16 (6e4) sixty stacked ones take half the time of single ones.
_ENOUGH_ON_CPU, _ENOUGH = 4e6, 2e11
_MEMORY_SHARE = 0.5
_TEST_ROWS = 500


def ensemble(
    module: Any,
    key: Array | int,
    num_networks: int,
    x_train: Float[np.ndarray, "n ..."],
    y_train: Float[np.ndarray, "n k"],
    x_test: Float[np.ndarray, "m ..."],
    *,
    learning_rate: float,
    steps: int,
    observe_at: Sequence[int] | Int[np.ndarray, " s"] | None = None,
    momentum: float = 0.0,
    loss: str = "half_mean_squared_error",
    force: bool = False,
    critical: float | None = None,
    networks_per_block: int | None = None,
    folder: RunFolder | None = None,
    name: str = "ensemble",
) -> Float[np.ndarray, "networks s m k"]:
    """Outputs of independently initialized networks on test inputs, through full-batch gradient descent.

    Network i is `Network.create(module, jax.random.fold_in(key, i), ...)` trained by `descend`, for any num_networks
    and any blocks. Small networks are trained many at a time where that is faster, and blocks are split among the
    devices. BatchNorm statistics are frozen. A network that diverges is nan from then on, with a warning.

    Source: Lee et al. 2019, Figure 2.

    Args:
        module: a Linen module, or the name of an architecture.
        key: a PRNG key or a seed.
        num_networks: how many.
        x_train: training inputs.
        y_train: targets.
        x_test: inputs for the outputs.
        learning_rate: eta, for the averaged loss, as for `descend`.
        steps: how many.
        observe_at: increasing step numbers, from 0 to `steps`; None for the last step only.
        momentum: heavy-ball momentum.
        loss: "half_mean_squared_error" or "cross_entropy".
        force: train even above (1 + momentum) eta_critical.
        critical: eta_critical from `critical_learning_rate`, if known; None to take the first network's.
        networks_per_block: how many at a time; None to choose by the size of the work, memory and devices.
        folder: an open run folder: outputs are saved there as parts `<name>_<number>` as soon as a network is trained,
            and the state of a block every minute or two.
        name: of this ensemble in the folder.

    Raises:
        UserError: as `descend`; for a number of networks below 1, and a module that cannot be initialized.
    """
    check_counts(num_networks=num_networks, networks_per_block=networks_per_block)
    key = as_key(key)
    x_train, x_test = as_array(x_train, "x_train"), as_array(x_test, "x_test")
    check_real(x_test, "x_test")
    if x_test.shape[1:] != x_train.shape[1:] or not len(x_test):
        raise UserError(f"one test input has shape {x_test.shape[1:]}, one for training {x_train.shape[1:]}")

    def network(i: int) -> Network:
        return Network.create(module, jax.random.fold_in(key, i), x_train.shape[1:])

    first = network(0)
    observe_at = (steps,) if observe_at is None else observe_at
    descent = GradientDescent(first, x_train, y_train, learning_rate, steps, None, momentum, loss, observe_at)
    descent.ratio_to_critical(first, critical, force)
    x_test = x_test.astype(descent.x.dtype, copy=False)
    identity, found = "", {}
    if folder is not None:
        identity = descent.identity(first, descent.observe_at, fingerprint(first, x_test))
        parts = {i: load_part_of(folder, f"{name}_{i:05d}", identity) for i in range(num_networks)}
        found = {i: part["outputs"] for i, part in parts.items() if part}
    missing = [i for i in range(num_networks) if i not in found]
    trainer = _Trainer(first, descent, x_test)
    per_block = min(networks_per_block or trainer.networks_at_once(), num_networks)
    with progress("ensemble", num_networks, "networks") as advance:
        advance(num_networks - len(missing))
        for start in range(0, len(missing), per_block):
            members = missing[start : start + per_block]
            block_name = f"{name}_{members[0]:05d}_to_{members[-1]:05d}_of_{trainer.block_size(per_block)}"
            checkpoint = folder and Checkpoint(folder, block_name, f"{identity} {members}")
            block = trainer.outputs([network(i) for i in members], per_block, checkpoint)
            for i, outputs in zip(members, block, strict=True):
                found[i] = outputs
                if folder is not None:
                    folder.save_part(f"{name}_{i:05d}", outputs=outputs, identity=identity)
            if checkpoint:
                checkpoint.discard()
            advance(len(members))
    result = np.stack([found[i] for i in range(num_networks)])
    if diverged := np.sum(~np.isfinite(result).all(axis=(1, 2, 3))):
        message = f"{diverged} of {num_networks} networks diverged and are nan; lower the learning rate"
        warnings.warn(message, stacklevel=2)
    return result


class _Trainer:
    """Trains blocks of an ensemble."""

    def __init__(self, first: Network, descent: GradientDescent, x_test: np.ndarray):
        self.first, self.descent = first, descent
        self.devices = jax.local_devices()
        self.data = self.descent.data(first)
        self.x_test = [jnp.asarray(x_test[i : i + _TEST_ROWS]) for i in range(0, len(x_test), _TEST_ROWS)]

    def networks_at_once(self) -> int:
        """How many networks keep all devices busy, within memory."""
        inputs = self.data.x
        cpu = jax.default_backend() == "cpu"
        work = 6 * len(inputs) * self.first.num_params  # a lower bound where weights are shared, as in convolutions
        single = cpu and has_convolutions(self.first, self.descent.x)
        enough = 1 if single else math.ceil((_ENOUGH_ON_CPU if cpu else _ENOUGH) / work)
        # The activations of a batch of test inputs count as no more than those of a step.
        fitting = int(_MEMORY_SHARE * available_bytes() / training_bytes(self.first, inputs, self.descent.rule))
        return max(1, min(enough, fitting)) * len(self.devices)

    def block_size(self, per_block: int) -> int:
        """A block filled up to a multiple of the devices."""
        return math.ceil(per_block / len(self.devices)) * len(self.devices)

    def outputs(
        self, networks: list[Network], per_block: int, checkpoint: Checkpoint | None
    ) -> Float[np.ndarray, "networks s m k"]:
        """Trains a block; it is filled up to one size, so that all blocks share one program."""
        size = self.block_size(per_block)
        stacked = size > 1
        for other in networks[1:]:
            if not all(map(np.array_equal, *map(jax.tree.leaves, (other.state, networks[0].state)))):
                raise UserError("the network's state differs between initializations, which an ensemble does not carry")
        program = self.descent.program(self.first, stacked=stacked)
        forward = _forward(self.first.apply_fn, stacked)

        def start() -> PyTree:  # new arrays at each call, as the steps donate theirs
            if not stacked:
                return jax.tree.map(jnp.array, networks[0].params)
            filled = [*networks, *[networks[0]] * (size - len(networks))]
            return jax.tree.map(lambda *leaves: jnp.stack(leaves), *[network.params for network in filled])

        carry, data = self.descent.start(start(), stacked=stacked), self.data
        if len(self.devices) > 1:
            mesh = Mesh(np.array(self.devices), ("networks",))
            by_network = NamedSharding(mesh, PartitionSpec("networks"))
            by_step = NamedSharding(mesh, PartitionSpec(None, "networks"))
            carry = jax.device_put(carry, carry._replace(params=by_network, moments=by_network, losses=by_step))
            data = jax.device_put(data, NamedSharding(mesh, PartitionSpec()))

        def outputs(params: PyTree) -> np.ndarray:
            return np.concatenate([np.asarray(forward(params, data.frozen, x)) for x in self.x_test], axis=-2)

        observer = Observer(
            self.descent.observe_at, lambda carry, step: outputs(carry.params), lambda: outputs(start())
        )
        with warnings.catch_warnings():  # one warning for all blocks comes at the end
            warnings.filterwarnings("ignore", message="training diverged")
            run_steps(program, carry, data, observer, checkpoint, "gradient descent")
        seen = observer.stacked()
        return np.moveaxis(seen, 1, 0)[: len(networks)] if stacked else seen[None]


@functools.lru_cache(maxsize=16)
def _forward(apply_fn: Callable, stacked: bool) -> Callable:
    return jax.jit(jax.vmap(apply_fn, in_axes=(0, None, None)) if stacked else apply_fn)
