"""Results of the figures: on one page, stored with the source as references, and fresh ones compared with those."""

from ntk_repro.report.check import Check, check_reference
from ntk_repro.report.comparison import Comparison, Tolerance, compare
from ntk_repro.report.differences import Difference, read_differences, unexplained
from ntk_repro.report.markdown import pages, with_table, write_pages
from ntk_repro.report.page import page, write_report
from ntk_repro.report.reference import judge_again, read_results, write_results
from ntk_repro.report.results import Entry, Result, Shown, gather

__all__ = [
    "Check",
    "Comparison",
    "Difference",
    "Entry",
    "Result",
    "Shown",
    "Tolerance",
    "check_reference",
    "compare",
    "gather",
    "judge_again",
    "page",
    "pages",
    "read_differences",
    "read_results",
    "unexplained",
    "with_table",
    "write_pages",
    "write_report",
    "write_results",
]
