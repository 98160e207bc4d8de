"""Random projections of the per-sample gradients in place of the exact kernel: how accurate, and at what cost.

Each layer's gradient (d_in x d_out) is projected to a given number of entries, after the mean gradient is subtracted:
products with the mean stay exact, as their errors would exceed the small eigenvalues. Kinds of projection:

- "kronecker": P G Q^T with Gaussian P and Q; from inputs and cotangents, without forming the gradient;
- "count_sketch": every entry is added, with a random sign, to one entry of the result;
- "cosine": random signs, a cosine transform, and a random subset of the result (a subsampled randomized transform, a
  fast alternative to a Gaussian projection).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntk_repro import Network, load_dataset
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.capture import Capture, Layer, capture_fn
from ntk_repro.gram.structured.computation import structured_plan
from ntk_repro.gram.structured.features import Plan

SIZES = (1024, 4096, 16_384)
TOP = (10, 100)
SEEDS = 2
ENOUGH = 0.99  # overlap at the last of TOP
CLEARLY = 2.0  # times fewer multiplications

Rows = Float[np.ndarray, "n p"]
Kernel = Float[np.ndarray, "n n"]


def lenet(n: int = 1000, sizes=SIZES, top=TOP, seeds: int = SEEDS, width: float = 1.0, data: str = "mnist5k"):
    """LeNet, whose exact kernel is cheap: its dense layers cost the sum of their sizes, not the product."""
    return _measured("lenet", n, sizes, top, seeds, data, width=width)


def resnet18(n: int = 300, sizes=SIZES, top=TOP, seeds: int = SEEDS, width: float = 0.25, data: str = "mnist5k"):
    """A narrow ResNet18, each residual block's last scale initialized at 1; and the cost at full width."""
    return _measured("resnet18", n, sizes, top, seeds, data, width=width, residual_scale_init=1.0)


PARTS = {"lenet": lenet, "resnet18": resnet18}


class Variant(NamedTuple):
    """One way to compute the kernel.

    Attributes:
        kind: of projection.
        size: entries of a layer's projection.
        cheaper: project only layers where that saves multiplications, otherwise all with more than `size` parameters.
        centred: subtract the mean gradient first.
    """

    kind: str
    size: int
    cheaper: bool
    centred: bool


def _measured(name: str, n: int, sizes, top, seeds: int, data: str, **settings: Any) -> dict[str, Any]:
    x = load_dataset(data, n_train=n).x_train
    plan, capture = _captured(Network.create(name, 0, x.shape[1:], **settings), x)
    print(f"{name}, {settings}, n = {n:,} of {data}: {plan.multiplications_per_pair:,} multiplications a pair exactly")
    kinds = [(kind, False, True) for kind in KINDS] + [("kronecker", True, True), ("kronecker", False, False)]
    variants = [Variant(kind, size, cheaper, centred) for kind, cheaper, centred in kinds for size in sizes]
    exact, kernels = _kernels(plan, capture, variants, seeds)
    bases = _bases(exact, top)
    rows = []
    for variant in variants:
        chosen = _projected_layers(plan, variant)
        found = [_compared(exact, bases, kernels[variant, seed]) for seed in range(seeds)]
        cost = _multiplications(plan, chosen, variant.size)
        rows.append(
            {
                **variant._asdict(),
                "projected": len(chosen),
                **{key: float(np.mean([one[key] for one in found])) for key in found[0]},
                "multiplications_per_pair": cost,
                "times_fewer": plan.multiplications_per_pair / cost,
            }
        )
        _print(rows[-1], top)
    offered = [row for row in rows if row[f"overlap_{top[-1]}"] >= ENOUGH and row["times_fewer"] >= CLEARLY]
    criterion = f"overlap >= {ENOUGH} at k = {top[-1]} and {CLEARLY:g} times fewer multiplications"
    print(f"  {criterion}: {len(offered)} of {len(rows)}")
    full = {} if settings["width"] == 1 else {"full_width": _at_full_width(name, x, sizes, settings)}
    found = {"n": n, "data": data, **settings, "exact_multiplications_per_pair": plan.multiplications_per_pair}
    return {**found, "rows": rows, "accurate_and_cheaper": offered, **full}


def _kernels(
    plan: Plan, capture: Capture, variants: list[Variant], seeds: int
) -> tuple[Kernel, dict[tuple[Variant, int], Kernel]]:
    """The exact kernel and that of each variant and seed; memory holds the gradients of one layer at a time."""
    exact = _kernel(np.asarray(capture.others[:, 0], np.float64))
    kernels = {(variant, seed): exact.copy() for variant in variants for seed in range(seeds)}
    projected_layers = {variant: _projected_layers(plan, variant) for variant in variants}
    # Variants of one projection in succession, so that it is computed once.
    ordered = sorted(kernels.items(), key=lambda item: (item[0][0][:2], item[0][1]))
    for number, layer in enumerate(plan.layers):
        rows = _gradients(layer, capture)
        part, with_mean = _kernel(rows), rows @ rows.mean(axis=0)
        exact += part
        made: dict[tuple[str, int, int], Rows] = {}
        for (variant, seed), kernel in ordered:
            if layer not in projected_layers[variant]:
                kernel += part
                continue
            key = variant.kind, variant.size, seed
            if key not in made:
                made = {
                    key: KINDS[variant.kind](layer, capture, rows, variant.size, np.random.default_rng([seed, number]))
                }
            projected = made[key]
            if variant.centred:
                # Projections are linear, so that the mean is projected too, and its products stay exact.
                kernel += with_mean[:, None] + with_mean - with_mean.mean()
                projected = projected - projected.mean(axis=0)
            kernel += _kernel(projected)
    return exact, kernels


def _projected_layers(plan: Plan, variant: Variant) -> list[Layer]:
    return [
        layer
        for layer, form in zip(plan.layers, plan.forms, strict=True)
        if layer.num_params > variant.size
        and not (variant.cheaper and plan.multiplications(layer, form) <= variant.size)
    ]


def _print(row: dict[str, Any], top) -> None:
    overlaps = ", ".join(f"{row[f'overlap_{k}']:.3f} at {k}" for k in top)
    which = f"{row['projected']} layers" + (", where cheaper" if row["cheaper"] else "")
    which += "" if row["centred"] else ", mean left in"
    print(
        f"  {row['kind']:12} {row['size']:6,} ({which}): overlap {overlaps}; error {row['error']:.2e}, centred "
        f"{row['centred_error']:.2e}; {row['times_fewer']:.2f} times fewer multiplications",
        flush=True,
    )


def _captured(net: Network, x: np.ndarray) -> tuple[Plan, Capture]:
    with checked_arguments(net, x, None, "mean", "float32") as checked:
        net, x = checked[:2]
        plan = structured_plan(net, x, "mean", 1)
        return plan, jax.device_get(capture_fn(net.apply_fn, plan.layers, None)(net.params, net.state, jnp.asarray(x)))


def _at_full_width(name: str, x: np.ndarray, sizes, settings: dict[str, Any]) -> dict[str, Any]:
    plan, _ = _captured(Network.create(name, 0, x.shape[1:], **{**settings, "width": 1.0}), x[:2])
    costs = {}
    for size in sizes:
        chosen = _projected_layers(plan, Variant("kronecker", size, True, True))
        costs[str(size)] = plan.multiplications_per_pair / _multiplications(plan, chosen, size)
    print("  at full width: " + ", ".join(f"{ratio:.1f} times fewer at {size}" for size, ratio in costs.items()))
    return {"exact_multiplications_per_pair": plan.multiplications_per_pair, "times_fewer": costs}


def _multiplications(plan: Plan, chosen: list[Layer], size: int) -> int:
    exact = sum(
        plan.multiplications(layer, form)
        for layer, form in zip(plan.layers, plan.forms, strict=True)
        if layer not in chosen
    )
    return plan.p_others + exact + size * len(chosen)


def _gradients(layer: Layer, capture: Capture) -> Rows:
    made: Any = layer.gradient(capture.inputs[layer.path], capture.cotangents[layer.path], ordered=False)
    return np.asarray(made[:, 0], np.float64)


def _kernel(rows: Rows) -> Kernel:
    return rows @ rows.T


def _by_kronecker(layer: Layer, capture: Capture, rows: Rows, size: int, rng: np.random.Generator) -> Rows:
    calls: Any = capture.inputs[layer.path]
    a = np.asarray(layer.input_rows(calls), np.float64)
    if layer.use_bias:
        a = np.concatenate([a, np.ones((*a.shape[:2], 1))], axis=-1)
    d = np.concatenate([d.reshape(len(d), -1, d.shape[-1]) for d in capture.cotangents[layer.path]], axis=1)
    left, right = kronecker_sizes(a.shape[-1], d.shape[-1], size)
    a, d = a @ _gaussian(a.shape[-1], left, rng), d @ _gaussian(d.shape[-1], right, rng)
    return (a.swapaxes(1, 2) @ d).reshape(len(a), -1)


def kronecker_sizes(d_in: int, d_out: int, size: int) -> tuple[int, int]:
    """Rows of P and Q: as equal as their product `size` allows, and no more than the dimensions."""
    left = min(d_in, round(size**0.5))
    right = min(d_out, size // left)
    return min(d_in, size // right), right


def _gaussian(d: int, kept: int, rng: np.random.Generator) -> Float[np.ndarray, "d kept"]:
    return np.eye(d) if kept == d else rng.standard_normal((d, kept)) / kept**0.5


def _by_counting(layer: Layer, capture: Capture, rows: Rows, size: int, rng: np.random.Generator) -> Rows:
    from scipy.sparse import coo_array

    p = rows.shape[1]
    signs, places = rng.choice([-1.0, 1.0], p), rng.integers(0, size, p)
    return np.asarray((coo_array((signs, (places, np.arange(p))), shape=(size, p)).tocsr() @ rows.T).T)


def _by_cosines(layer: Layer, capture: Capture, rows: Rows, size: int, rng: np.random.Generator) -> Rows:
    from scipy.fft import dct

    p = rows.shape[1]
    mixed: Any = dct(rows * rng.choice([-1.0, 1.0], p), norm="ortho", axis=1)
    return np.asarray(mixed[:, rng.choice(p, size, replace=False)] * (p / size) ** 0.5)


KINDS: dict[str, Callable[..., Rows]] = {
    "kronecker": _by_kronecker,
    "count_sketch": _by_counting,
    "cosine": _by_cosines,
}


def _bases(kernel: Kernel, top) -> dict[int, Float[np.ndarray, "n k"]]:
    vectors = np.linalg.eigh(kernel)[1][:, ::-1]
    return {k: vectors[:, :k] for k in top}


def _compared(exact: Kernel, bases: dict[int, np.ndarray], sketched: Kernel) -> dict[str, float]:
    """Overlap ||V^T W||_F^2 / k of the top-k eigenspaces, and relative errors of the kernel, centred or not."""
    others = _bases(sketched, tuple(bases))
    overlaps = {f"overlap_{k}": float(np.sum((bases[k].T @ others[k]) ** 2) / k) for k in bases}
    errors = {"error": (exact, sketched), "centred_error": (_centred(exact), _centred(sketched))}
    return overlaps | {
        key: float(np.linalg.norm(two - one) / np.linalg.norm(one)) for key, (one, two) in errors.items()
    }


def _centred(kernel: Kernel) -> Kernel:
    means = kernel.mean(axis=0)
    return kernel - means - means[:, None] + means.mean()
