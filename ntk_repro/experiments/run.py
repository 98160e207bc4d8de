"""What every `run` does: resolve the settings, load and check the data, open the run folder, compute, finish."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ntk_repro.data import Provenance
from ntk_repro.experiments.settings import Settings
from ntk_repro.record import RunFolder

__all__ = ["Run", "experiment"]

C = TypeVar("C", bound=Settings)
C_contra = TypeVar("C_contra", bound=Settings, contravariant=True)


class Run(Protocol[C_contra]):
    """A function that computes runs."""

    def __call__(
        self, config: C_contra, root: Path | None = None, data: Any = None, *, wait: bool = False
    ) -> RunFolder:
        """Computes a run, or continues one that was interrupted, or returns one that is done.

        Args:
            config: the settings.
            root: folder of all runs, None for $NTK_REPRO_RUNS or ./runs.
            data: what the experiment loads for this config, where the caller has it already.
            wait: whether to wait for another process that computes the same, rather than to refuse.

        Raises:
            UserError: for settings or data that cannot be worked with.
            RunInUseError: another process computes the same, and `wait` is False.
        """
        ...


def _nothing(config: Any) -> None:
    return None


def _recorded(provenance: Provenance | Mapping[str, Any]) -> Mapping[str, Any]:
    return provenance.as_dict() if isinstance(provenance, Provenance) else provenance


def experiment(
    name: str,
    *,
    load: Callable[[Any], Any] = _nothing,
    wait: bool = False,
) -> Callable[[Callable[[C, Any, RunFolder], Mapping[str, Any]]], Run[C]]:
    """Makes an experiment's `run(config, root=None)` of the function that computes the arrays of its result.

    That function is called with the settings in their canonical form, the data and the open run folder, and only where
    the run is not done.

    Args:
        name: of the folder of these runs, the study's and the experiment's, such as "widths_spectra".
        load: (config) -> data, with `provenance` (that of a data set, or a mapping of what is recorded). All that can
            be refused is refused here, before there is a folder. It is called for a finished run too: only the data
            tell whether it was computed from these.
        wait: whether to wait for another process that computes the same.
    """

    def decorate(compute: Callable[[C, Any, RunFolder], Mapping[str, Any]]) -> Run[C]:
        @functools.wraps(compute)
        def run(config: C, root: Path | None = None, data: Any = None, *, wait: bool = wait) -> RunFolder:
            config = config.resolved()
            data = load(config) if data is None else data
            facts = None if data is None else _recorded(data.provenance)
            texts = config.source_texts()
            with RunFolder.open(name, config, root=root, wait=wait, provenance=facts, source=texts) as folder:
                if not folder.done:
                    folder.finish(**compute(config, data, folder))
            return folder

        del run.__wrapped__  # so that its signature is shown, not that of the computation
        return run

    return decorate
