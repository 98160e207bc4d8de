"""Eigenfunctions of a network's NTK on a data set, computed once and kept, and the label tasks they make."""

import dataclasses
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from ntk_repro.errors import UserError
from ntk_repro.gram.empirical import empirical_gram
from ntk_repro.gram.memory import readable_bytes
from ntk_repro.gram.spectrum import Eigenpairs, top_eigenpairs
from ntk_repro.network import Network
from ntk_repro.record import RunFolder, config_hash, runs_root

__all__ = ["Eigenbasis", "eigenbasis", "eigenfunction_labels"]


@dataclasses.dataclass(frozen=True, eq=False)
class Eigenbasis(Eigenpairs):
    """The first eigenpairs of a Gram matrix together with the matrix itself.

    Attributes:
        gram: (n, n), the NTK between all samples, float32.
    """

    gram: Float[np.ndarray, "n n"] = dataclasses.field(kw_only=True)


@dataclasses.dataclass(frozen=True)
class _GramIdentity:
    """What a kept Gram matrix is the kernel of."""

    network: dict[str, Any]
    fingerprint: str  # of parameters, state and inputs
    n: int
    method: str = "structured"
    precision: str = "float32"


@dataclasses.dataclass(frozen=True)
class _EigenpairsIdentity:
    gram: str
    k: int
    tolerance: float


def eigenbasis(
    net: Network,
    x: Float[np.ndarray, "n ..."],
    k: int,
    *,
    identity: Mapping[str, Any],
    root: Path | None = None,
    tolerance: float = 1e-3,
) -> Eigenbasis:
    """The first k eigenfunctions of the network's NTK on x: computed once, kept on disk, loaded from then on.

    The Gram matrix lies in `<root>/gram/<hash>/`, the eigenpairs in `<root>/eigenbasis/<hash>/`. They are recognised
    by the contents of parameters, state and x, and by `identity`.

    Source: Ortiz-Jimenez et al. 2021, appendix B: the eigenvectors of the Gram matrix on all samples, training and
    test together, stand for the eigenfunctions.

    Args:
        net: the network, at the point where its kernel is taken.
        x: the samples.
        k: number of eigenpairs, at most n.
        identity: what the parameters do not tell of the network (architecture, activation ...), as plain values.
        root: folder of all runs, None for the usual one.
        tolerance: of `top_eigenpairs`.

    Raises:
        UserError: for k above n, and where memory or disk do not hold the Gram matrix.
    """
    if not 1 <= k <= len(x):
        raise UserError(f"{k} eigenfunctions were asked for, but {len(x)} samples have 1 to {len(x)}")
    about = _GramIdentity(dict(identity), _fingerprint(net, x), len(x))
    if not RunFolder.is_done("gram", about, root=root):
        _check_disk(runs_root(root), len(x))
    with RunFolder.open("gram", about, root=root) as folder:
        if not folder.done:
            folder.finish(gram=empirical_gram(net, x))
        gram = folder.result()["gram"]
    with RunFolder.open("eigenbasis", _EigenpairsIdentity(config_hash(about), k, tolerance), root=root) as folder:
        if not folder.done:
            pairs = top_eigenpairs(gram, k, tolerance=tolerance)
            folder.finish(**{field.name: getattr(pairs, field.name) for field in dataclasses.fields(pairs)})
        found = folder.result()
    return Eigenbasis(found["values"], found["vectors"], found["residuals"], int(found["clipped"]), gram=gram)


def eigenfunction_labels(vectors: Float[np.ndarray, "n k"] | Eigenpairs, index: int) -> Float[np.ndarray, " n"]:
    """The labels sign(phi_j) of all samples, in {-1, +1}; an entry that is exactly 0 counts as +1.

    Source: Ortiz-Jimenez et al. 2021, section 3.1.

    Args:
        vectors: eigenvectors as columns, by descending eigenvalue, or the eigenpairs themselves.
        index: j, counted from 1.

    Raises:
        UserError: for an index outside 1..k, and where all labels are one class (phi_1 of a positive kernel always).
    """
    vectors = vectors.vectors if isinstance(vectors, Eigenpairs) else vectors
    k = vectors.shape[1]
    if not 1 <= index <= k:
        raise UserError(f"eigenfunction {index} was asked for, but eigenpairs 1 to {k} were computed: ask for more")
    labels = np.where(vectors[:, index - 1] >= 0, 1, -1).astype(np.float32)
    if np.all(labels == labels[0]):
        raise UserError(
            f"phi_{index} has one sign on all samples, so its labels are one class: begin at eigenfunction 2 "
            "(the first of a positive kernel never changes sign)"
        )
    return labels


def _fingerprint(net: Network, x: np.ndarray) -> str:
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path((net.params, net.state, np.asarray(x))):
        array = np.ascontiguousarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _check_disk(folder: Path, n: int) -> None:
    while not folder.exists():
        folder = folder.parent
    needed, free = 4 * n * n, shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"the Gram matrix of {n:,} samples needs {readable_bytes(needed)} of disk and {folder} has "
            f"{readable_bytes(free)} free: make room, or name another folder in NTK_REPRO_RUNS"
        )
