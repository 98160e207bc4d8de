"""The NTK without its matrix: products with vectors, in bounded memory for any number of samples and parameters."""

from ntk_repro.gram.operator.ntk_operator import NTKOperator, ntk_operator

__all__ = ["NTKOperator", "ntk_operator"]
