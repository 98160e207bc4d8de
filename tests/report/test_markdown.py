"""The pages, and those in the repository: pages, README and explanations belong to the results beside them."""

import dataclasses
import re
from pathlib import Path

import pytest

from ntk_repro.papers import FIGURES, evaluate, presets
from ntk_repro.report.comparison import Tolerance, compare
from ntk_repro.report.differences import read_differences, unexplained
from ntk_repro.report.markdown import BEGIN, END, pages, with_table
from ntk_repro.report.reference import read_results
from ntk_repro.report.results import outdated
from tests.refusals import refused
from tests.report.verdicts import claim

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def committed():
    return read_results(REFERENCE)


@pytest.fixture(scope="module")
def differences():
    return read_differences(REFERENCE / "differences.toml")


def test_the_pages_are_those_of_the_results(committed, differences):
    for name, text in pages(committed, differences).items():
        renew = f"run `ntk-repro reference --no-redraw` to renew {name}"
        assert (REFERENCE / name).read_text(encoding="utf-8") == text, renew


def test_the_preset_nearest_to_the_paper_is_shown_and_others_are_folded(committed, differences):
    _, *sections = pages(committed, differences)["samarin2022.md"].split("\n## ")
    (section,) = (one for one in sections if one.startswith("Figure 2\n"))
    shown, *folded = section.split("\n<details>\n")
    results = [result.preset for result in committed if result.figure.id == "samarin2022/fig2"]
    assert f"Preset `{results[-1]}` on" in shown
    assert [f"Preset `{preset}` on" in text for preset, text in zip(results[-2::-1], folded, strict=True)] == [True]
    assert all(text.strip().endswith("</details>") for text in folded)


def test_the_page_of_figures_has_the_table_of_the_results(committed):
    page = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    assert with_table(page, committed, "reference") == page, "run `ntk-repro reference --no-redraw` to renew it"


def test_the_results_are_those_of_the_presets(committed):
    assert [(result.preset, result.figure.id) for result in committed if outdated(result)] == []


def test_the_claims_are_those_that_the_numbers_give_today(committed):
    for result in committed:
        rows = compare(result.claims, evaluate(result.figure.claims, result.numbers, kept=True), Tolerance(1e-2, 1e-5))
        assert [row for row in rows if row.fails] == [], "judge them again: run `ntk-repro reference --no-redraw`"


def test_every_figure_has_a_reference_at_quick(committed):
    found = {result.figure.id for result in committed if result.preset == "quick"}
    assert found == FIGURES.keys()


def test_every_claim_that_does_not_hold_has_an_explanation_and_every_explanation_a_claim(committed, differences):
    assert [(r.figure.id, r.preset, c["statement"], c["subject"]) for r, c in unexplained(committed, differences)] == []
    for difference in differences:
        failing = ((result, row) for result in committed for row in result.claims if not row["holds"])
        assert any(difference.concerns(result, row) for result, row in failing), difference


def test_every_link_and_picture_of_the_pages_is_there(committed, differences):
    texts = pages(committed, differences)
    plain = {
        name: re.sub(r"^## (.+)$", lambda line: line[0].replace(".", ""), text, flags=re.M)
        for name, text in texts.items()
    }
    headings = {name: re.findall(r"^##-(.+)$", text.lower().replace(" ", "-"), re.M) for name, text in plain.items()}
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
    own = {"statement": "it | grows", "meaning": "energy"}
    claims = [
        claim(0.702, False, subject="m|p", paper=0.636, note="JPEG", **own),
        claim(None, None, subject="lenet", **own),
    ]
    text = pages([dataclasses.replace(result, claims=claims)], [])["ortiz2021.md"]
    assert text.count("**It | grows**") == 1
    assert "| m\\|p | **does not hold** | 0.702 | 0.636 | +0.066 | energy (JPEG) |" in text
    assert "| lenet | undetermined |  |  |  | energy |" in text
    assert "0 of 2 claims hold, 1 undetermined" in text
    assert "![Figure 1 at preset quick" in text


@pytest.mark.parametrize(
    ("seconds", "cost", "shown"),
    [(61.0, "cost = { minutes = 60 }", "1.1"), (None, "cost = { minutes = 2 }", "2"), (None, "", "not recorded")],
)
def test_minutes_that_are_not_on_record_are_the_presets(seconds, cost, shown, kept, tmp_path, monkeypatch):
    (result,) = read_results(kept)
    (tmp_path / "ortiz2021").mkdir()
    (tmp_path / "ortiz2021" / "fig1.toml").write_text(f"[quick]\n{cost}")
    monkeypatch.setattr(presets, "configs_dir", lambda: tmp_path)
    index = pages([dataclasses.replace(result, seconds=seconds)], [])["index.md"]
    assert f"| quick | {shown} |" in index


def test_the_table_has_a_row_for_every_figure_and_leaves_the_rest_alone(kept):
    results = read_results(kept)
    text = with_table(f"above\n{BEGIN}\nold\n{END}\nbelow\n", results, "kept")
    assert text.startswith(f"above\n{BEGIN}\n\n| figure")
    assert text.endswith(f"|\n\n{END}\nbelow\n")
    assert "\nold\n" not in text
    assert text.count("| `make ") == len(FIGURES)
    assert "(kept/ortiz2021.md#figure-1)" in text
    assert with_table(text, results, "kept") == text


def test_a_page_without_a_place_for_it_is_one_sentence(kept):
    refused("add them", with_table, "nothing", read_results(kept), "kept")
