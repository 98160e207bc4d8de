"""What a GPU or a TPU makes of this package: at most 8 minutes there, about 2 at tiny sizes on a CPU.

No data set is needed: images are random. A part times a small size first, from it chooses the size that fits into its
share of the time, and saves both. Run nothing else on the machine.
"""

import bisect
import dataclasses
import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import psutil

from benchmarks.stopwatch import matmul_gflops, seconds, timed, warmed
from benchmarks.training import shortest_turns, stepper
from ntk_repro import Network, empirical_gram, neural_anisotropy_directions, train_in_function_space
from ntk_repro.errors import UserError
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.matrices import place_tile
from ntk_repro.gram.structured.computation import Computation, structured_plan
from ntk_repro.gram.structured.features import Plan
from ntk_repro.gram.structured.schedule import Schedule
from ntk_repro.memory import available_bytes, host_available_bytes, readable_bytes
from ntk_repro.papers import find_figures, load_figure_preset
from ntk_repro.training import minibatches
from ntk_repro.wide_limit import trajectories

SHAPE = (32, 32, 3)
RESNET18: dict[str, Any] = {"residual_scale_init": 1.0}
ITEMSIZES = {"float32": 4, "tf32": 4, "bf16": 2}


def gram(name: str, allowed: float, few: int = 32, most: int = 60_000, gemm: int = 8192, **model_kw) -> dict[str, Any]:
    """The Gram matrix of at most `most` images at each precision: time, and speed of its tiles over the GEMM peak.

    A `few` images are compared with float64. The peak is that of a product of two matrices of side `gemm`.
    """
    end = time.monotonic() + allowed
    net, x = Network.create(name, 0, SHAPE, **model_kw), _images(most)
    # A TPU has no float64.
    with jax.default_device(jax.devices("cpu")[0] if jax.default_backend() == "tpu" else None):
        exact = empirical_gram(net, x[:few], method="jacobian", precision="float64")
    found: dict[str, Any] = {"parameters": net.num_params, "compared": few, "table": []}
    for number, precision in enumerate(ITEMSIZES):
        if precision == "tf32" and not _has_cuda():
            found["table"].append((precision, "skipped", "it exists on NVIDIA GPUs only"))
            continue
        now = time.monotonic()
        peak = jax.local_device_count() * matmul_gflops(gemm, precision)
        k, row = _timed_gram(net, x, precision, now + (end - now) / (len(ITEMSIZES) - number))
        same = min(few, len(k))
        difference = float(np.abs(k[:same, :same] - exact[:same, :same]).max() / np.abs(exact).max())
        found[precision] = {**row, "difference": difference, "peak_gflops": peak, "share_of_peak": row["gflops"] / peak}
        detail = f"n = {row['n']:,}; differs by {difference:.1e} from float64; tiles of {row['tile']:,} at "
        detail += f"{row['gflops']:,.0f} GFLOP/s, {row['gflops'] / peak:.0%} of the peak"
        found["table"].append((precision, f"{row['seconds']:.3g} s", detail))
    return found


def _timed_gram(net: Network, x: np.ndarray, precision: str, end: float) -> tuple[np.ndarray, dict[str, Any]]:
    """The kernel of as many blocks of samples as will be done by `end`, and its time; one block is timed first.

    A tile alone is timed too: the kernel's time also has the features and the copy of its tiles to the host.
    """
    with checked_arguments(net, x, None, "mean", precision) as arguments:
        plan = structured_plan(arguments.net, x, "mean", 1)
        computation = Computation.planned(arguments, plan, precision, result=4 * len(x) ** 2)
        rows = computation.schedule.rows
        features, block = warmed(lambda: computation.features(x, rows, 0), 1)
        tile = seconds(lambda block=block: computation.tile(block, block))
        del block

        def kernel(blocks: int) -> np.ndarray:
            # By `structured_gram` the blocks of each n would have their own size, and compile again.
            part = arguments._replace(x1=arguments.x1[: blocks * rows.tile])
            k, like = np.empty((len(part.x1),) * 2, np.float32), dataclasses.replace(rows, n=len(part.x1))
            planned = Computation.planned(part, plan, precision, result=k.nbytes, like=like)
            planned.run(lambda i, j, tile: place_tile(k, i * rows.tile, j * rows.tile, tile, True), part.x1)
            return k

        trial, k = warmed(lambda: kernel(1), 1)
        largest = largest_held(plan, ITEMSIZES[precision])
        left, fits = end - time.monotonic(), min(largest, int((host_available_bytes() / 8) ** 0.5)) // rows.tile
        costs = ((m, m * features + m * (m + 1) / 2 * max(trial - features, 0.0)) for m in range(2, rows.count + 1))
        blocks = max((m for m, cost in costs if cost <= left and m <= fits), default=1)
        whole, k = timed(lambda: kernel(blocks)) if blocks > 1 else (trial, k)
    row = {"n": len(k), "tile": rows.tile, "seconds": whole, "one_block": trial, "features_of_one_block": features}
    gflops = 2 * plan.multiplications_per_pair * rows.tile**2 / tile / 1e9
    return k, {**row, "one_tile": tile, "gflops": gflops, "largest_n": largest}


def largest_held(plan: Plan, itemsize: int) -> int:
    """The largest number of samples whose features the schedule holds all at once in the memory that there is now."""

    def exceeds(n: int) -> bool:
        try:
            return not Schedule.of(plan, n, None, itemsize, result=4 * n**2).all_held
        except UserError:
            return True

    return bisect.bisect_left(range(1, 2**24), True, key=exceeds)


def largest_n(allowed: float, **model_kw: Any) -> dict[str, Any]:
    """By calculation: the largest n whose features fit into the memory of the device."""
    found: dict[str, Any] = {"available_bytes": available_bytes(), "table": []}
    for name, settings in (("mlp", {}), ("lenet", {}), ("resnet18", {**RESNET18, **model_kw})):
        net, x = Network.create(name, 0, SHAPE, **settings), _images(2)
        with checked_arguments(net, x, None, "mean", "float32") as arguments:
            plan = structured_plan(arguments.net, x, "mean", 1)
        found[name] = {precision: largest_held(plan, ITEMSIZES[precision]) for precision in ("float32", "bf16")}
        per_image = f"{plan.floats_per_sample:,} numbers an image, {readable_bytes(found['available_bytes'])} available"
        found["table"] += [(f"{name}, {precision}", f"{n:,}", per_image) for precision, n in found[name].items()]
    return found


def function_space(allowed: float, tasks: int = 1000, trial: int = 2000, most: int = 60_000, batch: int = 128):
    """An epoch of `train_in_function_space` on many tasks, whose labels are half-spaces of 64 random features."""
    end = time.monotonic() + allowed
    first = row = _tasks_of(trial, tasks, batch)
    fits = int(trial * (max(end - time.monotonic(), 0.0) / 3 / row["seconds"]) ** 0.5)
    n = min(most, fits, int((available_bytes() / 16) ** 0.5))
    if n > trial:
        row = _tasks_of(n, tasks, batch)
    detail = f"one epoch, n = {row['n']:,}, batch {batch}; training accuracy {row['accuracy']:.1%}"
    return {"trial": first, **row, "table": [(f"{tasks:,} tasks", f"{row['seconds']:.3g} s", detail)]}


def _tasks_of(n: int, tasks: int, batch: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    a, w = rng.standard_normal((n, 64), np.float32) / 8, rng.standard_normal((64, tasks), np.float32)
    k, y = a @ a.T, (a @ w > 0).astype(np.float32)
    settings: dict[str, Any] = {"batches": minibatches(0, n, batch, 1), "learning_rate": 1.0, "momentum": 0.9}
    train = functools.partial(train_in_function_space, k, y, **settings)
    time, trained = warmed(lambda: train().fx_train, 1)
    return {"n": n, "tasks": tasks, "batch": batch, "seconds": time, "accuracy": float(((trained > 0) == y).mean())}


def epoch(allowed: float, n: int = 10_000, batch: int = 128, **model_kw: Any) -> dict[str, Any]:
    """An epoch of ResNet18; of one that would take too long some steps, and the epoch by their time."""
    end = time.monotonic() + allowed
    net = Network.create("resnet18", 0, SHAPE, num_outputs=10, **RESNET18, **model_kw)
    y = np.random.default_rng(1).standard_normal((n, 10), np.float32)
    go = stepper(net, _images(n), y, batch)
    first, _ = timed(lambda: go(1))
    trial = timed(lambda: go(2))[0] / 2
    steps = n // batch
    made = int(np.clip((end - time.monotonic()) / trial, 1, steps))
    time_made, carry = timed(lambda: go(made))
    found = {"n": n, "batch": batch, "parameters": net.num_params, "steps": steps, "steps_made": made}
    found |= {"first_step": first, "trial_step": trial, "seconds": time_made * steps / made}
    found["finite"] = all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(carry))
    detail = f"n = {n:,}, batch {batch}, {net.num_params:,} parameters; {made} of {steps} steps made"
    return {**found, "table": [("resnet18", f"{found['seconds']:.3g} s", detail)]}


def directions(allowed: float, name: str = "resnet18", sides: tuple[int, ...] = (8, 16, 32)) -> dict[str, Any]:
    """NADs on gray images, up to the largest side whose time, by the fourth power at most, is allowed."""
    end = time.monotonic() + allowed
    settings: dict[str, Any] = {"activation": "gelu", **(RESNET18 if name == "resnet18" else {})}
    rows: list[dict[str, Any]] = []
    for side in sides:
        if rows:
            before = rows[-1]
            grown = 2 * before["seconds"] * (side / before["side"]) ** 4
            if before["first_call"] - before["seconds"] + grown > end - time.monotonic():
                break
        net = Network.create(name, 0, (side, side, 1), **settings)
        first, _ = timed(lambda net=net: neural_anisotropy_directions(net))
        again, nads = timed(lambda net=net: neural_anisotropy_directions(net))
        v = nads.directions.reshape(len(nads.values), -1)
        row = {"side": side, "seconds": again, "first_call": first, "rank": nads.rank}
        rows.append({**row, "off_orthonormal": float(np.abs(v @ v.T - np.eye(len(v))).max())})
    row = rows[-1]
    detail = f"images of {row['side']}^2, {row['rank']:,} not null; orthonormal up to {row['off_orthonormal']:.1e}"
    return {**row, "sizes": rows, "table": [(name, f"{row['seconds']:.3g} s", detail)]}


def lee2019_fig3(allowed: float, **changes: Any) -> dict[str, Any]:
    """One of the three runs of Figure 3 of Lee et al. at `paper`, on random images; of fewer steps if it takes long."""
    end = time.monotonic() + allowed
    preset: Any = load_figure_preset(find_figures("lee2019/fig3")[0], "paper").configs[0]
    with tempfile.TemporaryDirectory() as folder:
        path, arrays = Path(folder) / "random.npz", {}
        for part, n in (("train", preset.n_train), ("test", preset.n_test)):
            arrays[f"x_{part}"] = np.random.default_rng(n).integers(0, 256, (n, *SHAPE), np.uint8)
            arrays[f"y_{part}"] = np.resize(preset.classes, n)
        np.savez(path, **arrays)
        config = dataclasses.replace(preset, data=str(path), **changes)
        data = config.regression_data()
        net, n = Network.create(config.network(data.num_outputs), 0, data.x_train.shape[1:]), len(data.x_train)
        pair = {"network": net, "linearization": net.linearization()}
        kinds = {who: stepper(one, data.x_train, data.y_train, n) for who, one in pair.items()}
        step = sum(shortest_turns(kinds, 3, 2).values())
        brief, _ = timed(lambda: trajectories.run(dataclasses.replace(config, steps=2), root=Path(folder)))
        steps = int(np.clip(0.8 * (end - time.monotonic() - brief) / step, 1, config.steps))
        config = dataclasses.replace(config, steps=steps)
        whole, run = timed(lambda: trajectories.run(config, root=Path(folder)))
        result = run.result()
    found: dict[str, Any] = {"steps": steps, "of_steps": preset.steps, "hidden": config.hidden, "n": n}
    found |= {"seconds": whole, "run_of_2_steps": brief, "step_of_both": step}
    found["linearized_rmse"] = float(result["linearized_rmse"][-1])
    detail = f"1 of 3 runs, random images, width {config.hidden:,}, n = {n}, {steps:,} of {preset.steps:,} steps; "
    detail += f"linearization off the network by {found['linearized_rmse']:.1e}"
    return {**found, "table": [("run and compilation", f"{whole:.3g} s", detail)]}


@dataclasses.dataclass(frozen=True)
class Part:
    """A part, its seconds on an accelerator (less those by which earlier parts were late), and its sizes on a CPU."""

    measure: Callable[..., dict[str, Any]]
    allowed: float
    on_cpu: dict[str, Any]

    def __call__(self) -> dict[str, Any]:
        """Measures it here."""
        start, here = time.monotonic(), _has_accelerator()
        allowed = max(self.allowed - _late[0], 1.0) if here else 30.0
        found = self.measure(allowed=allowed, **({} if here else self.on_cpu))
        took = time.monotonic() - start
        _late[0] = max(_late[0] + took - self.allowed, 0.0)
        return {**found, "allowed": allowed, "took": took, "device": device()}


_late = [0.0]
_NARROW = {"width": 0.0625}
_SMALL = {"few": 24, "gemm": 2048}
# Their seconds on an accelerator: 465 in all, which leaves some for the start.
PARTS = {
    "gram_mlp": Part(functools.partial(gram, "mlp"), 40, {**_SMALL, "most": 2000}),
    "gram_lenet": Part(functools.partial(gram, "lenet"), 45, {**_SMALL, "most": 2000}),
    "gram_resnet18": Part(functools.partial(gram, "resnet18", **RESNET18), 120, {**_SMALL, **_NARROW, "most": 64}),
    "largest_n": Part(largest_n, 15, _NARROW),
    "function_space": Part(function_space, 40, {"trial": 500, "most": 2000}),
    "epoch": Part(epoch, 50, {**_NARROW, "n": 512}),
    "directions": Part(directions, 80, {"name": "lenet", "sides": (16,)}),
    "lee2019_fig3": Part(lee2019_fig3, 75, {"hidden": 128, "n_train": 64, "n_test": 64, "steps": 256}),
}


def device() -> dict[str, Any]:
    """The devices of this host: kind, number, bytes of memory (of one; without its own the host's), JAX's version."""
    one = jax.local_devices()[0]
    memory = (one.memory_stats() or {}).get("bytes_limit") or psutil.virtual_memory().total
    return {"kind": one.device_kind, "count": jax.local_device_count(), "memory": memory, "jax": jax.__version__}


def lines(found: dict[str, Any]) -> list[str]:
    """All parts as a table, with the device of each part."""
    table = [f"{'part':14}  {'quantity':19}  {'value':>9}  conditions"]
    for part in (part for part in PARTS if part in found):
        table += [f"{part:14}  {name:19}  {value:>9}  {detail}" for name, value, detail in found[part]["table"]]
    devices = (found[part]["device"] for part in PARTS if part in found)
    on = ("{count} x {kind}, {} for JAX, JAX {jax}".format(readable_bytes(one["memory"]), **one) for one in devices)
    return [*table, *dict.fromkeys(on)]


@functools.cache
def _has_accelerator() -> bool:
    if jax.default_backend() != "cpu":
        return True
    print("no accelerator was found: the CPU is measured, at tiny sizes")
    return False


def _has_cuda() -> bool:
    return jax.default_backend() == "gpu" and "cuda" in jax.local_devices()[0].client.platform_version.lower()


def _images(n: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, *SHAPE), np.float32)
