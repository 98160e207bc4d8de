"""The pages, and what stands in the repository: pages, README and words on claims belong to the results beside them."""

import dataclasses
import re
from pathlib import Path

import pytest

from ntk_repro.errors import UserError
from ntk_repro.papers import FIGURES
from ntk_repro.reference.differences import read_differences, unexplained
from ntk_repro.reference.pages import BEGIN, END, pages, readme_with_table
from ntk_repro.reference.results import read_results

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def committed():
    return read_results(REFERENCE)


@pytest.fixture(scope="module")
def said():
    return read_differences(REFERENCE / "differences.toml")


def test_the_pages_are_those_of_the_results(committed, said):
    for name, text in pages(committed, said).items():
        assert (REFERENCE / name).read_text(encoding="utf-8") == text, f"run `ntk-repro reference` to renew {name}"


def test_the_readme_has_the_table_of_the_results(committed):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme_with_table(readme, committed) == readme, "run `ntk-repro reference` to renew it"


def test_every_figure_has_a_reference_at_quick(committed):
    assert [result.figure for result in committed if result.preset == "quick"] == list(FIGURES)


def test_every_claim_that_does_not_hold_has_a_word_and_every_word_a_claim(committed, said):
    assert [(r.figure, r.preset, c["statement"], c["subject"]) for r, c in unexplained(committed, said)] == []
    for difference in said:
        assert any(
            difference.concerns(result, claim) and not claim["holds"] for result in committed for claim in result.claims
        ), difference


def test_every_link_and_picture_of_the_pages_is_there(committed, said):
    texts = pages(committed, said)
    headings = {
        name: {h.lower().replace(" ", "-") for h in re.findall(r"^## (.+)$", text, re.M)}
        for name, text in texts.items()
    }
    checked = 0
    for name, text in texts.items():
        for target in re.findall(r"\]\(([^)]+)\)", text):
            page, _, anchor = target.partition("#")
            assert (REFERENCE / page).exists(), f"{name} leads to {target}"
            assert not anchor or anchor in headings[page], f"{name} leads to {target}"
            checked += 1
    assert checked > 2 * len(FIGURES)


def test_no_place_of_a_machine_is_kept():
    for path in REFERENCE.rglob("*.json"):
        assert not re.search(r'"/(home|tmp|work|root|Users)', path.read_text(encoding="utf-8")), path


def test_a_page_shows_number_paper_and_difference(kept):
    (result,) = read_results(kept)
    claim = {
        "statement": "a | b",
        "subject": "mlp",
        "holds": False,
        "number": 0.702,
        "meaning": "energy",
        "paper": 0.636,
    }
    text = pages([dataclasses.replace(result, claims=[claim | {"note": "JPEG"}])], [])["ortiz2021.md"]
    assert "| a \\| b | mlp | **does not hold** | 0.702 | 0.636 | +0.066 | energy (JPEG) |" in text
    assert "0 of 1 claims hold" in text
    assert "![Figure 1 at preset quick" in text


def test_the_table_has_a_row_for_every_figure_and_leaves_the_rest_alone(kept):
    results = read_results(kept)
    text = readme_with_table(f"above\n{BEGIN}\nold\n{END}\nbelow\n", results)
    assert text.startswith(f"above\n{BEGIN}\n\n| figure")
    assert text.endswith(f"|\n\n{END}\nbelow\n")
    assert "\nold\n" not in text
    assert text.count("| `make ") == len(FIGURES)
    assert "(docs/reference/ortiz2021.md#figure-1)" in text
    assert readme_with_table(text, results) == text


def test_a_readme_without_a_place_for_it_is_one_sentence(kept):
    with pytest.raises(UserError, match="add them"):
        readme_with_table("nothing", read_results(kept))
