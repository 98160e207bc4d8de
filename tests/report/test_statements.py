"""The statements in the repository name claims that exist, and the page counts them."""

from pathlib import Path

import pytest

from ntk_repro.errors import UserError
from ntk_repro.papers import FIGURES
from ntk_repro.report.markdown import statements_page
from ntk_repro.report.statements import read_statements

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
STATEMENTS = read_statements(REFERENCE / "statements")


def test_the_page_is_that_of_the_statements():
    assert (REFERENCE / "statements.md").read_text(encoding="utf-8") == statements_page(STATEMENTS)


def test_every_claim_that_a_statement_names_is_one_of_its_figure():
    for found in STATEMENTS.values():
        assert len({one.id for one in found}) == len(found)
        for one in found:
            known = {claim.statement for claim in FIGURES[one.figure].claims} if one.claims else set()
            assert set(one.claims) <= known, one.id


def test_statements_are_counted_by_their_state(tmp_path):
    text = '[[statement]]\nid = "a"\nplace = "section 1"\nsays = "one"\n'
    kinds = ("count = 3", 'why_not = "cited"', 'claims = ["x"]', 'claims = ["x"]\nfault = "another number"')
    (tmp_path / "paper.toml").write_text("\n".join(text + kind for kind in kinds))
    found = read_statements(tmp_path)
    assert [one.state for one in found["paper"]] == ["missing", "not checkable", "checked", "to be corrected"]
    assert "| paper | 6 | 5 | 1 | 1 | 3 | 1 |" in statements_page(found)
    (tmp_path / "paper.toml").write_text(text + "wrong = 1")
    with pytest.raises(UserError, match="wrong"):
        read_statements(tmp_path)
