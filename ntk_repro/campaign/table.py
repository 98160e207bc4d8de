"""The units of a campaign as a table on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ntk_repro.campaign.campaign import Campaign, State
from ntk_repro.memory import readable_bytes
from ntk_repro.papers.costs import duration


def show_states(work: Campaign, states: Sequence[State]) -> None:
    """Prints a line for each unit, and what is done and left in all."""
    estimates, left = work.estimates(), [one for one in states if one.state != "done"]
    table = Table("unit", "state", "takes", "value per hour", "memory", title=str(work.folder))
    for one in states:
        time = duration(one.seconds / 60) if one.seconds else "not recorded"
        time += " on a GPU" if one.unit.device == "gpu" and one.state != "done" else ""
        value = "" if one.state == "done" else f"{estimates.value_per_hour(one.unit):.3g}"
        memory = readable_bytes(one.memory) if one.memory else "not known"
        memory = memory if one.state == "done" or not one.memory else f"{memory} or more"
        table.add_row(one.unit.label, one.state, time, value, memory)
    Console().print(table)
    spent = sum(line["seconds"] for line in work.log())
    print(f"{len(states) - len(left)} of {len(states)} units are done, in {duration(spent / 60)}")
    if left:
        most = max(one.memory for one in left)
        needs = f"; the largest needs {readable_bytes(most)} or more" if most else ""
        hours = {device: sum(one.seconds for one in left if one.unit.device == device) for device in ("cpu", "gpu")}
        places = {"cpu": "on this machine", "gpu": "on a GPU, by an estimate of its order of magnitude"}
        times = [f"{duration(hours[device] / 60)} {place}" for device, place in places.items() if hours[device]]
        print(f"about {' and '.join(times)} are left{needs}")
        for asked in dict.fromkeys((one.unit.study.name, one.unit.preset, one.unit.needs) for one in left):
            if asked[-1]:
                print("{}, {}: needs {}".format(*asked))
