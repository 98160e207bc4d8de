"""How a kernel is multiplied out, and what it costs, as tables for people."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from ntk_repro.gram.estimate import Stage
from ntk_repro.gram.memory import readable_bytes
from ntk_repro.gram.structured.features import Plan

__all__ = ["plan_table", "stage_table"]


def plan_table(plan: Plan) -> Table:
    """One row a layer: its form, its multiplications a pair of samples, and the numbers kept of a sample."""
    total = max(plan.multiplications_per_pair, 1)
    table = Table(box=box.SIMPLE, caption="a pair: multiplications for two samples; a sample: numbers kept of one")
    for name in ("layer", "kind", "positions", "weights", "form", "a pair", "", "a sample"):
        table.add_column(name, no_wrap=True, justify="left" if name in ("layer", "kind", "form") else "right")
    for layer, form in plan.formed:
        count = plan.multiplications(layer, form)
        table.add_row(
            layer.name,
            f"{layer.kind} {layer.inputs[0][-1]:,}>{layer.d_out:,}",
            f"{layer.positions:,}",
            f"{layer.num_params:,}",
            form,
            f"{count:,}",
            f"{count / total:.0%}",
            f"{plan.floats(layer, form):,}",
        )
    if plan.p_rest:
        count = plan.multiplications_of_rest
        row = ("gradient", f"{count:,}", f"{count / total:.0%}", f"{plan.num_cotangents * plan.p_rest:,}")
        table.add_row("all others", "by autodiff", "", f"{plan.p_rest:,}", *row)
    table.add_section()
    parameters = plan.p_rest + sum(layer.num_params for layer in plan.layers)
    table.add_row("", "", "", f"{parameters:,}", "", f"{total:,}", "", f"{plan.floats_per_sample:,}")
    return table


def stage_table(stages: Sequence[Stage]) -> Table:
    """One row a stage of the work, and their sum."""
    table = Table(box=box.SIMPLE)
    for name in ("stage", "operations", "memory", "disk", "expected"):
        table.add_column(name, no_wrap=True, justify="left" if name == "stage" else "right")
    for stage in stages:
        operations = f"{stage.operations / 1e12:.3g} T"
        disk = readable_bytes(stage.disk) if stage.disk else ""
        table.add_row(stage.name, operations, readable_bytes(stage.memory), disk, readable_seconds(stage.seconds))
    table.add_section()
    disk, seconds = sum(stage.disk for stage in stages), sum(stage.seconds for stage in stages)
    table.add_row("in all", "", "", readable_bytes(disk), readable_seconds(seconds))
    return table


def readable_seconds(seconds: float) -> str:
    """A duration for people.

    >>> readable_seconds(75.0), readable_seconds(7300.0)
    ('1 min 15 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min"
