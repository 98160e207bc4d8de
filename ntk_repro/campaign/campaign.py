"""The units of a campaign computed one after another, with a log, in a folder that machines may share."""

import contextlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from ntk_repro.campaign.estimates import Estimates
from ntk_repro.campaign.units import Unit, read_entries, units_of
from ntk_repro.command_line import use_compilation_cache
from ntk_repro.errors import UserError
from ntk_repro.freed_memory import forget_programs
from ntk_repro.memory import host_available_bytes, process_bytes, readable_bytes
from ntk_repro.papers import Reproduction, draw_figure
from ntk_repro.papers.costs import duration
from ntk_repro.progress import console
from ntk_repro.record import (
    Lease,
    RunFolder,
    RunInUseError,
    append_text,
    damage_of,
    make_folder,
    remove_unit,
    restore_run,
    save_parts,
    save_unit,
    write_text,
)
from ntk_repro.record.environment import source_digest
from ntk_repro.record.run_folder import PARTS

_KILLS = 3  # after which a unit comes last
_SECONDS_BETWEEN = 60.0  # looks at the parts of a run
_SECONDS_BETWEEN_TRIES = 5.0  # to take what another process has


@dataclass(frozen=True)
class State:
    """A unit and what has become of it.

    Attributes:
        unit: the unit.
        state: "done", "running on <machine>", "failed", "damaged file", "too large" for the free memory, or "waiting".
        seconds: that it took, or that it will take.
        memory: bytes that it needed, or will need at least.
        reason: why it failed, or is damaged.
    """

    unit: Unit
    state: str
    seconds: float
    memory: float
    reason: str = ""


class Campaign:
    """A campaign: the units of a file, and beside it a folder of the same name without its ending.

    That folder holds `units/<study>/<hash>.zip`, a file for each finished unit, and `<hash>.parts.zip` for one that is
    not, with what it has finished, such as the training on one eigenfunction; `log-<machine>.jsonl`, a line for each
    time that a unit was computed; and `running/`, the leases of units that are being computed. Two machines that share
    it, each with a folder of runs of its own or with one for both, divide the units among themselves.

    Attributes:
        entries: the entries of the file.
        units: the runs of the entries, each once.
        folder: the folder beside the file.
        root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.
    """

    def __init__(self, path: Path, root: Path | None = None):
        """Reads the file and checks every entry.

        Raises:
            UserError: the file cannot be read; an unknown figure, preset, network or setting.
        """
        self.entries = read_entries(path)
        self.units = units_of(self.entries)
        self.folder, self.root = path.with_suffix(""), root
        self._damages: dict[str, str] = {}  # by the names of units whose files were read
        if self.folder == path:
            raise UserError(f"{path} has no ending, so its folder would have the same name: call it {path.name}.toml")

    def run(self) -> dict[str, str]:
        """Computes all units, but those that other processes have taken; returns why units failed, by their labels.

        A unit that fails is not tried again, nor one that needs more memory than is free. Killed at any moment, this
        continues: what a run has saved of itself is used. It ends when no process computes anything any more, so that
        it takes over what another one leaves when it dies.

        Raises:
            UserError: a file of the campaign cannot be written.
        """
        make_folder(self.folder)
        write_text(self.folder / ".gitignore", "running/\nslurm/\n")
        tried, failed, previous = set(), {}, None
        while (taken := self._take_or_wait(tried)) is not None:
            unit, lease = taken
            with lease:
                tried.add(unit.name)
                if previous is not None and unit.kind != previous.kind:
                    forget_programs()
                error, previous = self._compute(unit), unit
                failed |= {unit.label: error} if error else {}
        return failed

    def _take_or_wait(self, tried: set[str]) -> tuple[Unit, Lease] | None:
        """As `_take`, after waiting for the units of other processes, which may die; None when all these have ended."""
        told = False
        while (taken := self._take(tried)) is None:
            others = {host for unit in self.units if unit.name not in tried and (host := self._holder(unit))}
            if not others:
                return None
            if not told:
                _say(f"all that is left is being computed on {' and '.join(sorted(others))}: waiting, to take over")
            told = True
            time.sleep(_SECONDS_BETWEEN_TRIES)
        return taken

    def states(self) -> list[State]:
        """Every unit: first those that are left, the next one first. Changes nothing."""
        log, estimates = self.log(), self.estimates()
        failed = {line["unit"]: line["error"] for line in log if line["event"] == "failed"}
        free = _free_bytes()
        found = []
        for unit in self.units:
            seconds, memory = _spent(log, unit)
            damage = self._damage(unit)
            if self._is_finished(unit) and not damage:
                found.append(State(unit, "done", seconds, memory))
                continue
            host, needed, state, reason = self._holder(unit), estimates.memory(unit), "waiting", ""
            if damage:
                state, reason = "damaged file", damage
            elif host:
                state = f"running on {host}"
            elif unit.name in failed:
                state, reason = "failed", failed[unit.name]
            elif needed > free:
                state = "too large"
            found.append(State(unit, state, estimates.seconds(unit), needed, reason))
        order = self._order(log, estimates)
        return sorted(found, key=lambda one: (one.state == "done", *order(one.unit)))

    def _order(self, log: Iterable[dict[str, Any]], estimates: Estimates) -> Callable[[Unit], tuple[bool, float]]:
        """What units are computed by: the value per hour, but those last that are killed again and again.

        As where memory ends: such a unit must not keep the others from being computed.
        """
        killed = Counter(line["unit"] for line in log if line["event"] == "killed")
        return lambda unit: (killed[unit.name] >= _KILLS, -estimates.value_per_hour(unit))

    def draw(self, out: Path) -> Iterator[Reproduction]:
        """Draws every entry whose runs are done, from run folders laid out from unit files where these are missing.

        Computes nothing, and needs no data; says which entries are not complete.

        Raises:
            UserError: from the drawing script.
        """
        self.exchange()
        for entry in self.entries:
            study, configs = entry.of.folder, entry.configs()
            done = sum(RunFolder.is_done(study, config, root=self.root) for config in configs)
            if done < len(configs):
                _say(f"{entry.of.id}, {entry.preset}: {done} of {len(configs)} runs are done, so it is not drawn")
            else:
                folders = dict.fromkeys(RunFolder.locate(study, config, root=self.root) for config in configs)
                yield draw_figure(entry.of, list(folders), preset=entry.preset, out=out)

    def exchange(self) -> None:
        """Lays out the run folders of unit files, and writes the unit files of finished runs, where either is missing.

        A unit file that is damaged is named and left alone.

        Raises:
            UserError: a unit file cannot be written.
        """
        for unit in self.units:
            done = self._is_done(unit)
            if done:
                if not self._file(unit).exists():
                    save_unit(RunFolder.read(self._run(unit)), self._file(unit))
                remove_unit(self._parts(unit))
            elif self._file(unit).exists() and not self._damage(unit):
                restore_run(self._file(unit), self.root)

    def log(self) -> list[dict[str, Any]]:
        """The lines of all machines, by time; lines that are no JSON are left out."""
        lines = []
        for path in self.folder.glob("log-*.jsonl"):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                with contextlib.suppress(ValueError, TypeError, KeyError):  # a kill cut it short, or it is none of ours
                    lines.append(_checked_line(json.loads(line)))
        return sorted(lines, key=lambda line: datetime.fromisoformat(line["time"]))

    def estimates(self) -> Estimates:
        """What the finished units say of the others."""
        log = self.log()
        return Estimates((unit, *self._measured(log, unit)) for unit in self.units if self._is_finished(unit))

    def _take(self, tried: set[str]) -> tuple[Unit, Lease] | None:
        """The unit to compute next and its lease; None where none is left that is free, untried and not too large."""
        self.exchange()
        self._collect_leases()
        estimates, left = self.estimates(), [unit for unit in self.units if not self._is_done(unit)]
        hours = sum(map(estimates.seconds, left)) / 3600
        for unit in sorted(left, key=self._order(self.log(), estimates)):
            needed, free = estimates.memory(unit), _free_bytes()
            if unit.name in tried:
                continue
            if needed > free:
                sizes = f"needs {readable_bytes(needed)}, {readable_bytes(free)} are free"
                _say(f"{unit.label} {sizes}: left out; give the command again when more is free")
                tried.add(unit.name)
            elif trouble := unit.trouble:
                _say(f"{unit.label} is left out: {trouble}")
                tried.add(unit.name)
            elif (lease := Lease.take(self._lease(unit))) is not None:
                self._note_loss(unit, lease)
                if self._file(unit).exists():  # another machine has finished it just now
                    tried.add(unit.name)
                    lease.release()
                    return self._take(tried)
                count = f"[{len(self.units) - len(left) + 1}/{len(self.units)}]"
                about = duration(estimates.seconds(unit) / 60)
                _say(f"{count} {unit.label}: about {about}; all that is left: {duration(60 * hours)}")
                return unit, lease
        return None

    def _compute(self, unit: Unit) -> str:
        """Computes a unit and writes its file; returns why it failed, "" where it did not."""
        if self._parts(unit).exists():
            try:
                restore_run(self._parts(unit), self.root)
            except UserError:  # what it held is computed again
                _say(f"{self._parts(unit)} is damaged: removed")
                remove_unit(self._parts(unit))
        started, event, facts = time.monotonic(), "stopped", {}
        watch = _Watch(self._run(unit), self._parts(unit))
        try:
            with watch:
                unit.study.run(unit.config, root=self.root)
            event = "finished"
        except RunInUseError as error:
            event = ""
            _say(str(error))
        except Exception as error:  # the other units are still computed
            event, facts = "failed", {"error": str(error) if isinstance(error, UserError) else repr(error)}
            _say(f"failed: {facts['error']}")
        finally:
            if event:
                self._write(unit, event, time.monotonic() - started, memory=watch.bytes, **facts)
        self.exchange()
        return facts.get("error", "")

    def _collect_leases(self) -> None:
        """Removes those that processes killed after the end of a unit have left."""
        for unit in self.units:
            if self._is_done(unit) and self._lease(unit).exists() and (lease := Lease.take(self._lease(unit))):
                self._note_loss(unit, lease)
                lease.release()

    def _note_loss(self, unit: Unit, lease: Lease) -> None:
        if lease.lost_by:
            self._write(unit, "killed", lease.seconds_lost, host=lease.lost_by)

    def _write(self, unit: Unit, event: str, seconds: float, **facts: Any) -> None:
        host = socket.gethostname()
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": when, "host": host, "unit": unit.name, "event": event, "seconds": round(seconds, 3)}
        line |= {"source": source_digest(), **facts}
        append_text(self.folder / f"log-{host}.jsonl", json.dumps(line) + "\n")

    def _measured(self, log: Iterable[dict[str, Any]], unit: Unit) -> tuple[float, float]:
        """Seconds and bytes of a finished unit: of the log, or, of a run made without the campaign, of its folder."""
        seconds, memory = _spent(log, unit)
        if not seconds and self._is_done(unit):
            seconds = RunFolder.read(self._run(unit)).environment.get("seconds")
        return seconds or unit.seconds, memory

    def _is_done(self, unit: Unit) -> bool:
        return RunFolder.is_done(unit.folder, unit.config, root=self.root)

    def _is_finished(self, unit: Unit) -> bool:
        """Whether it is done here, or on another machine that has left its file."""
        return self._is_done(unit) or self._file(unit).exists()

    def _run(self, unit: Unit) -> Path:
        return RunFolder.locate(unit.folder, unit.config, root=self.root)

    def _file(self, unit: Unit) -> Path:
        return self.folder / "units" / unit.folder / f"{unit.hash}.zip"

    def _parts(self, unit: Unit) -> Path:
        return self.folder / "units" / unit.folder / f"{unit.hash}.parts.zip"

    def _damage(self, unit: Unit) -> str:
        """What is wrong with the file of a unit that is not done here, "" where nothing is; said once."""
        if self._is_done(unit) or not self._file(unit).exists():
            return ""
        if unit.name not in self._damages:
            self._damages[unit.name] = damage_of(self._file(unit))
            if self._damages[unit.name]:
                _say(self._damages[unit.name])
        return self._damages[unit.name]

    def _holder(self, unit: Unit) -> str:
        """The machine that computes it, "" where none does."""
        return Lease.holder(self._lease(unit))

    def _lease(self, unit: Unit) -> Path:
        return self.folder / "running" / f"{unit.folder}-{unit.hash}.json"


def compute(path: Path, root: Path | None = None) -> None:
    """Computes a campaign: what each job on a cluster does."""
    use_compilation_cache()
    Campaign(path, root).run()


class _Watch:
    """Sees how much memory this process uses while it computes a run, and saves the parts of that as they are finished.

    Attributes:
        bytes: the most memory seen, once a second.
    """

    def __init__(self, run: Path, parts: Path):
        self.bytes, self._run, self._parts, self._saved = 0, run, parts, set()
        self._end, self._thread = threading.Event(), threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        next_save = time.monotonic() + _SECONDS_BETWEEN
        while not self._end.wait(1.0):
            self.bytes = max(self.bytes, process_bytes())
            if time.monotonic() >= next_save:
                self._look()
                next_save = time.monotonic() + _SECONDS_BETWEEN

    def _look(self) -> None:
        self.bytes = max(self.bytes, process_bytes())
        finished = {path.name for path in (self._run / PARTS).glob("*.npz")}
        if finished - self._saved:
            # A part that is removed as it is read, or a full disk: what is not saved here can be computed again.
            with contextlib.suppress(OSError, UserError):
                save_parts(RunFolder.read(self._run), self._parts)
                self._saved = finished


def _checked_line(line: dict[str, Any]) -> dict[str, Any]:
    """A line of the log with the types that it must have; an error of Python where it has others."""
    if datetime.fromisoformat(line["time"]).tzinfo is None:
        raise ValueError("a time without its zone")
    texts = {name: str(line.get(name, "")) for name in ("unit", "event", "error")}
    return {**line, **texts, "seconds": float(line["seconds"]), "memory": float(line.get("memory", 0.0))}


def _spent(log: Iterable[dict[str, Any]], unit: Unit) -> tuple[float, float]:
    """The seconds that a unit has taken in all, and the most bytes that it needed; 0 where the log does not know."""
    lines = [line for line in log if line["unit"] == unit.name]
    return sum(line["seconds"] for line in lines), max((line["memory"] for line in lines), default=0.0)


def _free_bytes() -> int:
    return host_available_bytes() + process_bytes()


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)
