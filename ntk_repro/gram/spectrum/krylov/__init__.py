"""The largest eigenpairs of a matrix by a block Krylov iteration, in bounded memory."""

from ntk_repro.gram.spectrum.krylov.iteration import BlockKrylov

__all__ = ["BlockKrylov"]
