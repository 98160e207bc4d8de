import io
import json

import numpy as np
import pytest
from PIL import Image

from ntk_repro.errors import UserError
from ntk_repro.report.reference import read_results, write_results
from tests.refusals import refused
from tests.report.conftest import FIGURE


def test_what_is_kept_are_the_claims_of_the_run_folder_to_six_digits(kept, drawn):
    (result,) = read_results(kept)
    assert [claim["statement"] for claim in result.claims] == [claim["statement"] for claim in drawn.claims]
    for ours, theirs in zip(result.claims, drawn.claims, strict=True):
        assert ours["holds"] is theirs["holds"]
        assert ours["number"] == pytest.approx(theirs["number"], rel=5e-6)


def test_and_its_plotted_numbers_without_the_place_where_the_runs_lay(kept, drawn):
    (result,) = read_results(kept)
    plotted = json.loads(drawn.files[2].read_text())
    assert {*result.numbers, "runs"} == set(plotted)
    assert "/" not in json.dumps({key: value for key, value in result.numbers.items() if key != "figure"})
    compared = 0
    for key, value in result.numbers.items():
        if isinstance(value, list):
            assert np.allclose(np.array(value, float), np.array(plotted[key], float), rtol=5e-6, atol=0, equal_nan=True)
            compared += 1
    assert compared


def test_facts_of_the_runs_are_kept(kept, runs):
    (result,) = read_results(kept)
    environments = [json.loads(path.read_text()) for path in runs.rglob("environment.json")]
    environment = environments[0]
    assert (result.preset, result.devices) == ("quick", ["cpu: cpu"])
    assert result.seconds == round(sum(one["seconds"] for one in environments), 1) > 0
    assert result.versions["jax"] == environment["versions"]["jax"]
    assert result.provenance == [{"label": environment["provenance"]["label"]}]


def test_the_picture_is_the_same_at_fewer_bytes(kept, drawn):
    original = drawn.files[0].read_bytes()
    small = (kept / "quick" / "ortiz2021_fig1.png").read_bytes()
    assert len(small) < len(original) / 2
    pictures = [
        np.asarray(Image.open(io.BytesIO(png)).convert("RGBA").convert("RGB"), float) for png in (original, small)
    ]
    assert pictures[0].shape == pictures[1].shape
    drawn_there = [(picture < 200).any(axis=2) for picture in pictures]  # lines and letters, not the white around them
    assert drawn_there[0].mean() > 0.01
    assert (drawn_there[0] != drawn_there[1]).sum() < 0.05 * drawn_there[0].sum()
    assert np.abs(pictures[0] - pictures[1])[drawn_there[0]].mean() < 8  # of 255


def test_what_is_not_computed_stays_as_it_was(reference, tmp_path):
    before = {path: path.read_bytes() for path in reference.rglob("*.*")}
    assert write_results(reference, tmp_path / "drawn", figures=[FIGURE], root=tmp_path / "no_runs") == []
    assert {path: path.read_bytes() for path in reference.rglob("*.*")} == before


def test_of_the_presets_those_named_are_taken(kept, runs, tmp_path):
    assert write_results(tmp_path, tmp_path / "drawn", figures=[FIGURE], presets=["laptop"], root=runs) == []
    with pytest.raises(UserError, match="unknown preset 'quik'; did you mean 'quick'"):
        write_results(tmp_path, tmp_path / "drawn", figures=[FIGURE], presets=["quik"], root=runs)


def test_no_reference_and_a_damaged_one_are_one_sentence(reference, tmp_path):
    refused("has no reference results: name the folder docs/reference of a clone", read_results, tmp_path)
    (reference / "quick" / "ortiz2021_fig1.json").write_text("{}")
    refused(r"ortiz2021_fig1.json is not a reference result", read_results, reference)
