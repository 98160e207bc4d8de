"""The structured Gram matrix against neural-tangents' best setting, PyTorch, and the machine's GEMM peak."""

from typing import Any

import jax
import numpy as np

from benchmarks.held_features import HeldFeatures, make_all
from benchmarks.neural_tangents_kernel import fastest
from benchmarks.stopwatch import gemm_peak, seconds, timed, warmed
from benchmarks.torch_networks import ABSENT, has_torch, torch_lenet
from ntk_repro import Network, empirical_gram
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.structured.computation import Computation, structured_plan
from ntk_repro.gram.structured.schedule import Schedule

SHAPE = (32, 32, 3)
SIZES, FAR = (1000, 2000), 10_000
# Divisors of all sizes, so that neural-tangents has no padding to compute. Implementation 2 is several times slower.
LENET_SETTINGS = ((125, 1), (250, 1), (500, 1), (1000, 1), (125, 2))
RESNET_SAMPLES = 128
RESNET_SETTINGS = ((16, 1), (32, 1), (64, 1), (128, 1))
TORCH_SAMPLES, TORCH_CHUNKS = 1000, (50, 200, 1000)
TILE_SAMPLES = 12_288
REPEATS = 2


def lenet(sizes=SIZES, far: int = FAR, settings=LENET_SETTINGS, torch_samples: int = TORCH_SAMPLES) -> dict[str, Any]:
    """LeNet: both at each size, at `far` ours measured and neural-tangents' time extrapolated; and PyTorch's."""
    net, x = Network.create("lenet", 0, SHAPE), _images(far)
    best, tried = fastest(net, x, settings)
    rows = []
    for n in sizes:
        ours, k_ours = warmed(lambda n=n: empirical_gram(net, x[:n]), REPEATS)
        runs = [timed(lambda n=n: best.kernel(net, x[:n])) for _ in range(REPEATS)]
        theirs, k = min(time for time, _ in runs), runs[0][1]
        difference = float(np.abs(k_ours - k).max() / np.abs(k).max())
        rows.append(
            {"n": n, "structured": ours, "neural_tangents": theirs, "ratio": theirs / ours, "difference": difference}
        )
        print(f"n = {n:,}: structured {ours:.3f} s, neural-tangents {theirs:.2f} s, {theirs / ours:.0f} times faster")
    found = {"neural_tangents_best": best.as_dict(), "tried": tried, "sizes": rows}
    found["far"] = _carried_on(rows, far, seconds(lambda: empirical_gram(net, x), 1))
    if has_torch():
        near = {row["n"]: row["structured"] for row in rows}.get(torch_samples)
        ours = near or seconds(lambda: empirical_gram(net, x[:torch_samples]), REPEATS)
        found["pytorch"] = _pytorch(x[:torch_samples], ours)
    else:
        print(ABSENT)
        found["pytorch"] = {"skipped": ABSENT}
    return found


def resnet18(n: int = RESNET_SAMPLES, settings=RESNET_SETTINGS, width: float = 1.0) -> dict[str, Any]:
    """ResNet18, each residual block's last scale initialized at 1: both measured at n samples."""
    net = Network.create("resnet18", 0, SHAPE, width=width, residual_scale_init=1.0)
    x = _images(n)
    ours, k_ours = warmed(lambda: empirical_gram(net, x), REPEATS)
    best, tried = fastest(net, x, settings)
    theirs, k = timed(lambda: best.kernel(net, x))
    difference = float(np.abs(k_ours - k).max() / np.abs(k).max())
    print(
        f"ResNet18, n = {n}: structured {ours:.2f} s, neural-tangents {theirs:.1f} s, {theirs / ours:.0f} times faster"
    )
    return {
        "n": n,
        "structured": ours,
        "neural_tangents": theirs,
        "ratio": theirs / ours,
        "difference": difference,
        "neural_tangents_best": best.as_dict(),
        "tried": tried,
    }


def tiles(n: int = TILE_SAMPLES) -> dict[str, Any]:
    """Speed of LeNet's tiles from precomputed features, copied into the full matrix, as a share of the peak."""
    peaks = [gemm_peak()]
    out = np.zeros((n, n), np.float32)  # pages of zeros are allocated when they are written, within the timed part
    with checked_arguments(Network.create("lenet", 0, SHAPE), _images(n), None, "mean", "float32") as checked:
        net, x = checked[:2]
        plan = structured_plan(net, x, "mean", 1)
        schedule = Schedule.of(plan, n, None, 4, result=out.nbytes)
        rows = schedule.rows
        computation = Computation(net, plan, schedule, None, "float32")
        held = HeldFeatures.of(computation, jax.block_until_ready(make_all(computation, x)))

        def write(i: int, j: int, values: np.ndarray) -> None:
            row, column = rows.samples(i), rows.samples(j)
            out[row, column] = values
            if i != j:
                out[column, row] = values.T

        time = seconds(lambda: held.run(write, x), 3)
        features, _ = timed(lambda: make_all(computation, x))
    peaks.append(gemm_peak())
    lengths = [part.stop - part.start for part in map(rows.samples, range(rows.count))]
    entries = sum(lengths[i] * lengths[j] for i in range(rows.count) for j in range(i, rows.count))
    speed = 2 * plan.multiplications_per_pair * entries / time / 1e9
    peak = {name: max(one[name] for one in peaks) for name in peaks[0]}
    share = speed / max(peak.values())
    print(f"GEMM peak: {peak['jax']:.0f} GFLOP/s through JAX, {peak['numpy']:.0f} through NumPy")
    print(f"tiles at n = {n:,}: {speed:.0f} GFLOP/s, {share:.0%} of the peak; features: {features:.2f} s")
    return {
        "n": n,
        "tile": rows.tile,
        "seconds": time,
        "features": features,
        "gflops": speed,
        "peak_gflops": peak,
        "share_of_peak": share,
    }


PARTS = {"lenet": lenet, "resnet18": resnet18, "tiles": tiles}


def _images(n: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, *SHAPE), np.float32)


def _carried_on(rows: list[dict[str, Any]], far: int, ours: float) -> dict[str, Any]:
    """neural-tangents' time at `far` samples, from its last two sizes; by n^2 at most."""
    before, last = rows[-2:]
    exponent = np.log(last["neural_tangents"] / before["neural_tangents"]) / np.log(last["n"] / before["n"])
    theirs = last["neural_tangents"] * (far / last["n"]) ** min(exponent, 2.0)
    print(
        f"n = {far:,}: structured {ours:.2f} s, neural-tangents {theirs:.0f} s (extrapolated, measured exponent "
        f"{exponent:.2f}), {theirs / ours:.0f} times faster"
    )
    return {
        "n": far,
        "structured": ours,
        "neural_tangents_extrapolated": float(theirs),
        "measured_exponent": float(exponent),
        "exponent_used": float(min(exponent, 2.0)),
        "ratio": float(theirs / ours),
    }


def _pytorch(x: np.ndarray, ours: float, chunks=TORCH_CHUNKS) -> dict[str, Any]:
    """torch.func: all per-sample gradients in memory, then their products; with the best chunk size."""
    import torch  # pyright: ignore[reportMissingImports]
    from torch.func import functional_call, grad, vmap  # pyright: ignore[reportMissingImports]

    net = torch_lenet()
    params = {name: value.detach() for name, value in net.named_parameters()}
    inputs = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()

    def output(params, one):
        return functional_call(net, params, (one[None],))[0, 0]

    def gram(chunk: int):
        jacobian = vmap(grad(output), in_dims=(None, 0), chunk_size=chunk)(params, inputs)
        flat = [part.reshape(len(inputs), -1) for part in jacobian.values()]
        return sum(part @ part.T for part in flat)

    times = {
        chunk: seconds(lambda c=chunk: gram(c), REPEATS) for chunk in sorted({min(chunk, len(x)) for chunk in chunks})
    }
    best = min(times, key=lambda chunk: times[chunk])
    tried = ", ".join(f"{time:.2f} s in chunks of {chunk}" for chunk, time in times.items())
    print(f"PyTorch, n = {len(x):,}: {tried}; {times[best] / ours:.1f} times ours")
    return {
        "n": len(x),
        "structured": ours,
        "pytorch": times[best],
        "ratio": times[best] / ours,
        "chunk": best,
        "tried": {str(chunk): time for chunk, time in times.items()},
        "version": torch.__version__,
    }


def draw(found: dict[str, Any]) -> Any:
    """Times against n of LeNet; beside them how many times faster the structured form is."""
    from matplotlib.figure import Figure

    figure = Figure((10, 4), layout="constrained")
    times, ratios = figure.subplots(1, 2)
    bars: dict[str, float] = {}
    if "lenet" in found:
        part = found["lenet"]
        rows, far, torch = part["sizes"], part["far"], part["pytorch"]
        n = [row["n"] for row in rows]
        ours = [*(row["structured"] for row in rows), far["structured"]]
        times.loglog([*n, far["n"]], ours, "o-", label="structured")
        (line,) = times.loglog(n, [row["neural_tangents"] for row in rows], "s-", label="neural-tangents, best setting")
        times.loglog(
            [n[-1], far["n"]],
            [rows[-1]["neural_tangents"], far["neural_tangents_extrapolated"]],
            "s--", mfc="none", color=line.get_color(), label="extrapolated",
        )  # fmt: skip
        bars = {f"LeNet, n = {row['n']:,}": row["ratio"] for row in rows}
        bars[f"LeNet, n = {far['n']:,} (extrapolated)"] = far["ratio"]
        if "ratio" in torch:
            times.loglog(torch["n"], torch["pytorch"], "^", label="PyTorch, torch.func")
            bars[f"LeNet, n = {torch['n']:,}, than PyTorch"] = torch["ratio"]
    times.set(xlabel="samples n", ylabel="seconds", title="Gram matrix of LeNet, 32 x 32 x 3")
    if "resnet18" in found:
        bars[f"ResNet18, n = {found['resnet18']['n']:,}"] = found["resnet18"]["ratio"]
    if times.lines:
        times.legend(fontsize="small")
    drawn = ratios.barh(list(bars), list(bars.values()))
    ratios.bar_label(drawn, fmt="%.1f x", padding=3)
    ratios.margins(x=0.2)
    ratios.invert_yaxis()
    title = "so many times faster than neural-tangents"
    if "tiles" in found:
        title += f"\ntiles: {found['tiles']['share_of_peak']:.0%} of the GEMM peak, n = {found['tiles']['n']:,}"
    ratios.set_title(title, fontsize="medium")
    return figure
