"""One page on all figures: pictures, claims, the papers' numbers beside ours, and how to get each again."""

from ntk_repro.report.entries import Entry, PresetState, RunFacts, Shown, gather
from ntk_repro.report.page import PAPERS, page, write_report

__all__ = ["PAPERS", "Entry", "PresetState", "RunFacts", "Shown", "gather", "page", "write_report"]
