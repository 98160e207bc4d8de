"""What `python -m ntk_repro.gram` does: a Gram matrix into a store on disk, and its eigenpairs."""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ntk_repro.command_line import parsed, use_compilation_cache
from ntk_repro.errors import UserError
from ntk_repro.gram.arguments import checked_arguments
from ntk_repro.gram.checks import check_eigenpair_count
from ntk_repro.gram.config import GramConfig
from ntk_repro.gram.eigenfunctions import Eigenbasis, eigenbasis, gram_folder
from ntk_repro.gram.empirical import empirical_gram
from ntk_repro.gram.estimate import estimate, factor_stage, plan_table, stage_table
from ntk_repro.gram.on_disk import blocks_of, gram_store
from ntk_repro.gram.processes import join, together, wait_for_all
from ntk_repro.gram.solve.cholesky import cholesky, factor_folder
from ntk_repro.gram.solve.rounding import check_ridge
from ntk_repro.gram.store.gram_store import GramStore
from ntk_repro.gram.structured.computation import Computation, structured_plan
from ntk_repro.memory import parse_bytes, remaining_bytes
from ntk_repro.network import Network
from ntk_repro.ranges import check_not_negative
from ntk_repro.record import write_texts

_TRIED = 64  # samples whose entries tell of rounding before all are there


def run(args: Sequence[str] | None) -> None:
    """Parses the command line, computes what is missing and shows where it is."""
    config = parsed(GramConfig, args, "python -m ntk_repro.gram")
    use_compilation_cache()
    memory = None if config.memory is None else parse_bytes(config.memory)
    if config.k < 0:
        raise UserError(f"--k counts eigenpairs and cannot be {config.k}: 0 computes the matrix alone")
    if config.ridge is not None:
        check_not_negative(ridge=config.ridge)
        if config.ridge == 0 and config.precision != "float64":
            raise UserError("--ridge 0 needs a kernel without rounding of its own: add --precision float64, or a ridge")
    processes = (config.coordinator, config.processes, config.process)
    joined = config.distributed or any(value is not None for value in processes)
    if config.share and joined:
        raise UserError("--share and --distributed (or --coordinator) both say who computes what: give one of them")
    share = join(*processes) if joined else config.share or (0, 1)
    with together(joined):
        _compute(config.resolved(), memory, share, joined)


def _compute(config: GramConfig, memory: int | None, share: tuple[int, int], joined: bool) -> None:
    data = config.load()
    x = data.x
    if config.k:  # before other shares compute the whole matrix
        check_eigenpair_count(config.k, len(x), "--k")
    config.check_network(x.shape[1:], config.model_settings.get("num_outputs"))
    net = config.initial_network(x.shape[1:], outputs=None)
    identity = config.kernel_identity(data)
    outputs = int(config.outputs) if config.outputs.isdecimal() else config.outputs
    kernel: dict[str, Any] = {"outputs": outputs, "precision": config.precision}
    folder = gram_folder(net, x, identity=identity, **kernel)
    if not GramStore.exists(folder) or GramStore.read(folder).absent():
        _check_ridge(config, net, x, outputs)
    if config.explain or config.dry_run:
        _show_plan(config, net, x, folder, memory, **kernel)
        return
    if share[1] > 1 or not config.k:
        compute = functools.partial(gram_store, net, x, folder, identity={"network": identity}, memory=memory, **kernel)
        store = compute(share=share)
        if joined:
            wait_for_all(store)
            if share[0] == 0 and not store.done:  # the last process may have seen an old list of files
                store = compute()
        write_texts(store.path / "source", config.source_texts())
        if not store.done or not config.k or share[0] > 0:
            _show_store(store)
            if store.done and not config.k and config.ridge is None:
                print(f'next: the same with --k 100 for eigenpairs; in Python: GramStore.read("{store.path}").array()')
            if store.done and not config.k and share[0] == 0:
                _factor(store, config.ridge, memory)
            return
    basis = eigenbasis(net, x, config.k, identity=identity, memory=memory, tolerance=config.tolerance, **kernel)
    write_texts(basis.store.path / "source", config.source_texts())
    _show_basis(basis)
    _factor(basis.store, config.ridge, memory)


def _check_ridge(config: GramConfig, net: Network, x: np.ndarray, outputs: str | int) -> None:
    """Refuses a ridge that the rounding of some entries shows to be too small, before any work."""
    if config.ridge is None or config.precision == "float64":
        return
    some = empirical_gram(net, x[:_TRIED], outputs=outputs, diagonal=True)
    rows = len(x) * (some.shape[1] if some.ndim == 2 else 1)
    check_ridge(config.ridge, some.reshape(-1), float(np.finfo(np.float32).eps), rows)


def _factor(store: GramStore, ridge: float | None, memory: int | None) -> None:
    """The Cholesky factor of K + ridge I on disk, where a ridge is given."""
    if ridge is None:
        return
    folder = factor_folder(store, ridge)
    cholesky(store, ridge, memory=remaining_bytes(memory), folder=folder)
    print(f"the Cholesky factor of K + {ridge:g} I: {folder}")
    print(f'next, in Python: kernel_solve(GramStore.read("{store.path}"), y, {ridge!r})   (from ntk_repro)')


def _show_plan(
    config: GramConfig, net: Network, x: np.ndarray, folder: Path, memory: int | None, **kernel: Any
) -> None:
    with checked_arguments(net, x, None, **kernel) as arguments:
        plan = structured_plan(arguments.net, arguments.x1, arguments.outputs, arguments.num_outputs)
        # Wide tables are cut by the terminal, not by the program that a pipe leads to.
        console = Console(width=None if sys.stdout.isatty() else 120)
        if config.explain:
            console.print(plan_table(plan))
        if config.dry_run:
            begun = GramStore.read(folder) if GramStore.exists(folder) else None
            left, like = (len(begun.absent()), blocks_of(begun)) if begun else (None, None)
            free = remaining_bytes(memory)
            computation = Computation.planned(arguments, plan, config.precision, memory=free, like=like)
            stages = estimate(computation, arguments.x1, config.k, folder, left, free)
            if config.ridge is not None:
                rows, tile = (plan.rows_per_sample * count for count in (len(x), computation.schedule.rows.tile))
                stages.append(factor_stage(rows, folder, free, min(tile, rows), arguments.dtype.itemsize))
            console.print(stage_table(stages))
            print(f"its folder: {folder}")
    flags = [f"--{name.replace('_', '-')}" for name in ("explain", "dry_run") if getattr(config, name)]
    print(f"next: the same command without {' and '.join(flags)}")


def _show_store(store: GramStore) -> None:
    if not store.done:
        print(f"{len(store.absent()):,} of {store.num_tiles:,} tiles of {store.path} are left to the other shares")
        print("next: the same command for each of them, --share INDEX COUNT; share 0 last, with --k for eigenpairs")
        return
    print(f"K ({store.n:,} x {store.n:,}, {store.dtype}) in tiles of {store.tile:,}: {store.path}")
    if "precision_error" in store.facts:
        print(f"largest error by the lower precision, tried on a few samples: {store.facts['precision_error']:.2g}")


def _show_basis(basis: Eigenbasis) -> None:
    _show_store(basis.store)
    first, last = basis.values[0], basis.values[-1]
    print(f"{len(basis.values):,} eigenvalues from {first:.4g} down to {last:.4g}, kept in: {basis.path}")
    products = f"; {basis.products:,} products with K in {basis.passes:,} passes"
    solver = products if basis.passes else ", by a dense eigendecomposition"
    print(f"residuals up to {basis.residuals.max():.2g}{solver}")
    print(f'next, in Python: RunFolder.read("{basis.path}").result()["vectors"]   (from ntk_repro.record)')
