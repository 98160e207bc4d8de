"""Eigenfunctions of a network's NTK on a data set, computed once and saved, and the label tasks that they define."""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from ntk_repro.errors import UserError
from ntk_repro.gram.checks import check_eigenpair_count, checked_array
from ntk_repro.gram.fingerprint import fingerprint
from ntk_repro.gram.on_disk import gram_store
from ntk_repro.gram.spectrum.eigenpairs import Eigenpairs, top_eigenpairs
from ntk_repro.gram.store.gram_store import GramStore
from ntk_repro.memory import remaining_bytes
from ntk_repro.network import Network
from ntk_repro.ranges import check_whole
from ntk_repro.record import RunFolder

_FIRST_TASK = "begin at 2 (counted from 1, the first eigenfunction of a positive kernel never changes sign)"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Eigenbasis(Eigenpairs):
    """The first eigenpairs of a Gram matrix together with the matrix itself.

    Attributes:
        store: the NTK between all samples, on disk.
        path: folder of the run that holds the eigenpairs.
    """

    store: GramStore = dataclasses.field(kw_only=True)
    path: Path = dataclasses.field(kw_only=True)

    @functools.cached_property
    def gram(self) -> Float[np.ndarray, "n n"]:
        """The whole matrix in memory, read once."""
        return self.store.array()


@dataclasses.dataclass(frozen=True)
class _GramIdentity:
    """What identifies a saved Gram matrix."""

    network: dict[str, Any]
    fingerprint: str  # of parameters, state and inputs
    n: int
    outputs: str = "mean"
    precision: str = "float32"
    layout: str = "upper tiles"


@dataclasses.dataclass(frozen=True)
class _EigenpairsIdentity:
    gram: str
    k: int
    tolerance: float


def eigenbasis(
    net: Network,
    x: Shaped[np.ndarray, "n ..."],
    k: int,
    *,
    identity: Mapping[str, Any],
    root: Path | None = None,
    outputs: str | int = "mean",
    precision: str = "float32",
    tolerance: float = 1e-3,
    memory: int | None = None,
) -> Eigenbasis:
    """The first k eigenfunctions of the network's NTK on x: computed once, saved, and loaded from then on.

    The Gram matrix lies in `<root>/gram/<hash>/` (a `GramStore`), the eigenpairs in `<root>/eigenbasis/<hash>/`. They
    are identified by the contents of parameters, state and x, and by `identity`. A process that needs a matrix or
    eigenpairs which another one is computing waits for it.

    Source: Ortiz-Jimenez et al. 2021, appendix B: the eigenvectors of the Gram matrix on all samples, training and
    test together, represent the eigenfunctions.

    Args:
        net: the network, at the point where its kernel is taken.
        x: the samples.
        k: number of eigenpairs, at most n.
        identity: what the parameters do not say about the network (architecture, activation ...), as plain values.
        root: folder of all runs, None for the usual one.
        outputs: as in `empirical_gram`; with "full" the vectors have n times the number of outputs entries.
        precision: as in `empirical_gram`.
        tolerance: of `top_eigenpairs`.
        memory: bytes that this process may use in all, None for what is available.

    Raises:
        UserError: for k above n, and where memory or disk do not suffice.
    """
    k = check_eigenpair_count(k, len(x))
    folder = gram_folder(net, x, identity=identity, root=root, outputs=outputs, precision=precision)
    pairs_of = _EigenpairsIdentity(folder.name, k, tolerance)
    # With the eigenpairs saved a quick check of the matrix is enough: its tiles are verified when they are read.
    store = GramStore.read(folder) if GramStore.exists(folder) else None
    if store is None or store.absent() or not RunFolder.is_done("eigenbasis", pairs_of, root=root):
        store = gram_store(
            net, x, folder, outputs=outputs, precision=precision, identity={"network": dict(identity)}, memory=memory
        )
    with RunFolder.open("eigenbasis", pairs_of, root=root, wait=True) as run:
        if not run.done:
            pairs = top_eigenpairs(store, k, tolerance=tolerance, memory=remaining_bytes(memory))
            run.finish(**vars(pairs))
        found = run.result()
    values, vectors, residuals = (found[name] for name in ("values", "vectors", "residuals"))
    counts = {name: int(found[name]) for name in ("clipped", "products", "passes")}
    eps = float(np.finfo(store.dtype).eps)
    return Eigenbasis(values, vectors, residuals, **counts, eps=eps, store=store, path=run.path)


def gram_folder(
    net: Network,
    x: Shaped[np.ndarray, "n ..."],
    *,
    identity: Mapping[str, Any],
    root: Path | None = None,
    outputs: str | int = "mean",
    precision: str = "float32",
) -> Path:
    """The folder of the store of a Gram matrix, named by its hash; arguments as of `eigenbasis`."""
    about = _GramIdentity(dict(identity), fingerprint(net, x), len(x), str(outputs), precision)
    return RunFolder.locate("gram", about, root=root)


def eigenfunction_labels(vectors: Float[np.ndarray, "n k"] | Eigenpairs, index: int) -> Float[np.ndarray, " n"]:
    """The labels sign(phi_j) of all samples, in {-1, +1}; an entry that is exactly 0 counts as +1.

    Source: Ortiz-Jimenez et al. 2021, section 3.1.

    Args:
        vectors: eigenvectors as columns, by descending eigenvalue, or the eigenpairs themselves.
        index: j, counted from 1.

    Raises:
        UserError: for an index outside 1..k, and where all labels are one class (phi_1 of a positive kernel always).
    """
    vectors = checked_array(vectors.vectors if isinstance(vectors, Eigenpairs) else vectors, "the vectors", ("n", "k"))
    index = check_whole("the index of an eigenfunction", index, 1, vectors.shape[1])
    labels = np.where(vectors[:, index - 1] >= 0, 1, -1).astype(np.float32)
    if np.all(labels == labels[0]):
        raise UserError(f"phi_{index} has one sign on all samples, so its labels are one class: {_FIRST_TASK}")
    return labels


def check_task_index(index: int) -> None:
    """Refuses an eigenfunction whose labels are one class.

    Raises:
        UserError: an index below 2.
    """
    if index < 2:
        raise UserError(f"index {index} cannot be a task: {_FIRST_TASK}")
