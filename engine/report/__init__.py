"""Judge a finished job without knowing how it should look: from its source, its chunks and its result."""

from engine.report.brief import brief, brief_lines
from engine.report.job import FinishedJob
from engine.report.measuring import Findings, measure
from engine.report.page import page
from engine.report.words import as_facts, as_lines, headline

__all__ = ["Findings", "FinishedJob", "as_facts", "as_lines", "brief", "brief_lines", "headline", "measure", "page"]
