"""Reference results: what each figure gave when it was last looked over, kept with the source, and compared anew."""

from ntk_repro.reference.check import Check, check_reference
from ntk_repro.reference.comparison import Comparison, Tolerance, compare
from ntk_repro.reference.differences import Difference, read_differences, unexplained
from ntk_repro.reference.pages import pages, with_table, write_pages
from ntk_repro.reference.results import Result, read_results, write_results

__all__ = [
    "Check",
    "Comparison",
    "Difference",
    "Result",
    "Tolerance",
    "check_reference",
    "compare",
    "pages",
    "read_differences",
    "read_results",
    "unexplained",
    "with_table",
    "write_pages",
    "write_results",
]
