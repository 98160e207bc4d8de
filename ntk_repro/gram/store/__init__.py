"""A symmetric matrix on disk in checksummed tiles; imports no JAX."""

from ntk_repro.gram.store.gram_store import GramStore

__all__ = ["GramStore"]
