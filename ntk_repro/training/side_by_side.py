"""Several trainings at once, in threads, where one of them leaves processors of this machine idle."""

import contextlib
import contextvars
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import jax

from ntk_repro.memory import host_available_bytes
from ntk_repro.precision import float64_scope

_MEMORY_SHARE = 0.5
_stop: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar("stop", default=None)

Task = TypeVar("Task")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Task], Result], tasks: Sequence[Task], bytes_each: int) -> Iterator[Result]:
    """The results of `work` on each task, in order; on a CPU as many at once as there are processors and memory.

    Each gives what it gives alone, to the last bit. Two trainings of small networks on two cores take 0.6 to 0.8 of the
    time that they take one after the other (`python -m benchmarks training`): a step has parts that one core does. On
    an accelerator, and within a task, tasks follow one another.

    Once a task fails or the caller stops, the others end at the next `end_if_stopped`, no other begins, and the error
    of that task is raised.

    Args:
        work: takes a task.
        tasks: what to work on.
        bytes_each: the memory that one task needs, from `training_bytes`.
    """
    workers = at_once(len(tasks), bytes_each)
    if workers == 1:
        yield from map(work, tasks)
        return
    stop, float64 = threading.Event(), jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]

    def one(task: Task) -> Result:
        _stop.set(stop)
        end_if_stopped()
        try:
            with float64_scope() if float64 else contextlib.nullcontext():  # JAX's scopes hold in one thread
                return work(task)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(workers, "training") as pool:
        try:
            futures = [pool.submit(contextvars.copy_context().run, one, task) for task in tasks]
            for future in futures:
                try:
                    result = future.result()
                except _Stopped:
                    errors = [other.exception() for other in futures]
                    raise next(one for one in errors if one is not None and not isinstance(one, _Stopped)) from None
                yield result
        finally:
            stop.set()


def at_once(tasks: int, bytes_each: int) -> int:
    """How many of `tasks` trainings run at once, at least 1, each of which needs so much memory."""
    if jax.default_backend() != "cpu" or _stop.get() is not None:
        return 1
    fitting = int(_MEMORY_SHARE * host_available_bytes() / max(bytes_each, 1))
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(tasks, processors, fitting))


def end_if_stopped() -> None:
    """Ends a task of `side_by_side` of which no result is wanted any more; called between the steps of a training.

    Raises:
        RuntimeError: it does end.
    """
    if (stop := _stop.get()) is not None and stop.is_set():
        raise _Stopped("another task has failed, or the caller has stopped")


class _Stopped(RuntimeError):
    pass
