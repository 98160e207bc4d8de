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


TABLE = '[[statement]]\nid = "a"\nplace = "section 1"\nsays = "one"\n'
CHECKED = f'figure = "lee2019/tableS1"\nclaims = ["{FIGURES["lee2019/tableS1"].claims[0].statement}"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE + CHECKED.replace("tableS1", "tableS9"), "unknown figure of .*: a 'lee2019/tableS9'; did you mean"),
        (TABLE + 'claims = ["x"]', "unknown figure of"),
        (TABLE + CHECKED.replace('claims = ["', 'claims = ["x'), "unknown claim of .*did you mean"),
        (TABLE + CHECKED + TABLE, "two statements are called a: rename one"),
        (TABLE + "wrong = 1", "wrong"),
    ],
)
def test_a_statement_that_nothing_checks_is_refused(tmp_path, text, message):
    (tmp_path / "paper.toml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_statements(tmp_path)


def test_statements_are_counted_by_their_state(tmp_path):
    kinds = ("count = 3", 'why_not = "cited"', CHECKED, CHECKED + 'fault = "another number"')
    tables = (TABLE.replace('"a"', f'"{at}"') + kind for at, kind in enumerate(kinds))
    (tmp_path / "paper.toml").write_text("\n".join(tables))
    found = read_statements(tmp_path)
    assert [one.state for one in found["paper"]] == ["missing", "not checkable", "checked", "to be corrected"]
    assert "| paper | 6 | 5 | 1 | 1 | 3 | 1 |" in statements_page(found)
