"""Every claim on the ensembles with numbers that make it hold, fail and undetermined."""

from typing import Any

import numpy as np
import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES


def ensemble(**changes: Any) -> dict[str, Any]:
    """An ensemble of the paper's width whose numbers make every claim hold."""
    kind = {
        "mean_apart": [[0.0, 0.0, 0.2], [0.03, 0.02, 0.06], [0.02, 0.01, 0.05]],
        "std_apart": [[0.05, 0.02, 0.1]] * 3,
        "gaussian": [[0.06, 0.05, 0.08]] * 3,
        "apart": [[0.2, 0.1, 0.3], [0.1, 0.08, 0.12], [0.05, 0.04, 0.06]],
    }
    return {
        "hidden": 8192, "parameterization": "ntk", "learning_rate": 0.5, "images": 128, "learning_rate_ratio": 0.5,
        "networks": kind, "linearizations": kind, "readouts": kind,
        "bayes_apart": [0.1, 0.08, 0.12], "bayes_beyond_ntk_gp": [0.05, 0.01, 0.1], "ntk_gp_left": 0.01, **changes,
    }  # fmt: skip


def changed(
    name: str, row: list[float | None], kind: str = "networks", step: int = 2, **changes: Any
) -> dict[str, Any]:
    """The ensemble with another interval of a quantity at one step."""
    rows = [row if s == step else old for s, old in enumerate(ensemble()[kind][name])]
    return ensemble(**{kind: ensemble()[kind] | {name: rows}}, **changes)


def holds(word: str, *ensembles: dict[str, Any], data: str = "cifar10") -> list[bool | None]:
    rows = evaluate(FIGURES["lee2019/fig2"].claims, {"data": data, "ensembles": list(ensembles)})
    return [row["holds"] for row in rows if word in row["statement"]]


def test_an_ensemble_like_the_papers_keeps_every_claim():
    rows = evaluate(FIGURES["lee2019/fig2"].claims, {"data": "cifar10", "ensembles": [ensemble()]})
    assert [row["holds"] for row in rows] == [True] * 16
    assert all(row["place"] for row in rows)


CLAIMS = {
    "networks": "wide networks' outputs",
    "linearizations": "linearizations' outputs",
    "readouts": "readout",
}


@pytest.mark.parametrize(("kind", "word"), CLAIMS.items())
@pytest.mark.parametrize(
    ("name", "row", "at", "expected"),
    [
        ("mean_apart", [0.3, 0.25, 0.4], 0, False),
        ("mean_apart", [0.2, 0.15, 0.25], 0, None),
        ("mean_apart", [0.3, 0.205, 0.4], 0, None),  # too far by chance at one of two steps
        ("mean_apart", [None, None, None], 0, None),
        ("std_apart", [0.35, 0.3, 0.4], 1, False),
        ("std_apart", [0.15, 0.1, 0.24], 1, None),
    ],
)
def test_mean_and_spread_follow_their_process_at_every_step(kind, word, name, row, at, expected):
    found = holds(word, changed(name, row, kind))
    assert (found[at], found[1 - at]) == (expected, True)
    narrow = holds(word, changed(name, row, kind, hidden=512), data="digits")
    assert (narrow[at], narrow[1 - at]) == (None, True)


def test_theorem_2_2_is_about_rates_below_the_critical_one():
    assert holds("wide networks' outputs", ensemble(learning_rate_ratio=1.1)) == [None, None]
    assert holds("linearizations' outputs", ensemble(learning_rate_ratio=1.1)) == [True, True]


FAR: list[float | None] = [0.3, 0.25, 0.4]


@pytest.mark.parametrize(
    ("changes", "data", "near", "far"),
    [
        ({}, "cifar10", True, False),
        ({}, "mnist", None, None),
        ({"images": 32}, "cifar10", None, False),  # fewer images are easier
        ({"hidden": 512}, "cifar10", True, None),  # narrower networks are harder
        ({"images": 512}, "cifar10", True, None),  # more images are harder
        ({"learning_rate": 1.0}, "cifar10", None, None),
        ({"parameterization": "standard", "learning_rate": 0.5 / 8192}, "cifar10", True, False),
        ({"parameterization": "standard", "learning_rate": 0.5 / 512, "hidden": 512}, "cifar10", True, None),
        ({"parameterization": "standard", "learning_rate": 0.5 / 8192, "hidden": 512}, "cifar10", None, None),
    ],
)
def test_what_is_said_of_figure_2_has_its_settings(changes, data, near, far):
    word = "outputs follow the NTK-GP's through"
    assert holds(word, ensemble(**changes), data=data)[0] is near
    assert holds(word, changed("mean_apart", FAR, **changes), data=data)[0] is far
    # Which way a departure moves the distance to exact inference is not known.
    decided = near is not None and far is not None
    assert holds("is similar", ensemble(**changes), data=data) == [near if decided else None]
    assert holds("is similar", ensemble(bayes_apart=FAR, **changes), data=data) == [far if decided else None]
    assert holds("noticeably", ensemble(**changes), data=data) == [True if decided else None] * 2


@pytest.mark.parametrize(
    ("name", "row", "at", "expected"),
    [
        ("std_apart", [0.35, 0.3, 0.4], 0, False),
        ("std_apart", [0.15, 0.1, 0.24], 0, None),
        ("gaussian", [0.2, 0.17, 0.22], 1, False),
        ("gaussian", [0.1, 0.08, 0.12], 1, None),
    ],
)
def test_the_start_is_judged_by_its_spread_and_shape(name, row, at, expected):
    found = holds("at the start", changed(name, row, step=0))
    assert (found[at], found[1 - at]) == (expected, True)


@pytest.mark.parametrize("kind", CLAIMS)
@pytest.mark.parametrize(("row", "expected"), [([0.2, 0.17, 0.22], False), ([0.1, 0.08, 0.12], None)])
def test_outputs_stay_gaussian_at_every_step(kind, row, expected):
    found = dict(zip(CLAIMS, holds("remain Gaussian", changed("gaussian", row, kind, step=1)), strict=True))
    assert found == dict.fromkeys(CLAIMS, True) | {kind: expected}


@pytest.mark.parametrize(
    ("row", "ratio", "expected"),
    [
        ([0.5, 0.4, 0.6], 0.5, True),
        ([0.01, 0.005, 0.015], 0.5, False),
        ([0.06, 0.04, 0.08], 0.5, None),
        ([0.5, 0.4, 0.6], 1.5, None),
    ],
)
def test_the_distance_to_the_ntk_gp_falls_with_the_width(row, ratio, expected):
    narrow = changed("apart", row, hidden=64, learning_rate_ratio=ratio)
    assert holds("comes nearer", ensemble(), narrow) == [expected]
    assert holds("comes nearer", ensemble()) == []
    assert holds("comes nearer", ensemble(), narrow | {"parameterization": "standard"}) == []


def test_the_widest_ensemble_of_each_parameterization_is_judged():
    runs = [ensemble(), changed("std_apart", [0.5, 0.4, 0.6], hidden=64), ensemble(parameterization="standard")]
    assert holds("wide networks' outputs", *runs) == [True] * 4


@pytest.mark.parametrize(
    ("name", "word", "row", "expected"),
    [
        ("bayes_apart", "is similar", [0.3, 0.25, 0.35], False),
        ("bayes_apart", "is similar", [0.2, 0.15, 0.25], None),
        ("bayes_apart", "noticeably", [0.03, 0.02, 0.04], False),
        ("bayes_apart", "noticeably", [0.06, 0.04, 0.08], None),
        ("bayes_beyond_ntk_gp", "noticeably", [-0.1, -0.2, -0.05], False),
        ("bayes_beyond_ntk_gp", "noticeably", [0.1, -0.05, 0.2], None),
    ],
)
def test_exact_inference_is_similar_and_different(name, word, row, expected):
    found = holds(word, ensemble(**{name: row}))
    assert found.pop(0 if name == "bayes_apart" else 1) is expected
    assert set(found) <= {True}
    assert set(holds(word, ensemble(ntk_gp_left=0.2))) == {None}


@pytest.mark.parametrize(
    ("distances", "expected"),
    [([1.0, 0.01, 0.01], True), ([1.0, 0.3, 0.3], False), ([1.0, 0.4, 0.2], None), ([1.0, 0.051, 0.051], None)],
)
def test_functions_converge_to_the_training_points(distances, expected):
    rng = np.random.default_rng(0)
    sizes = rng.choice([-1.0, 1.0], size=(50, 1, 1)) * rng.uniform(0.6, 1.4, size=(50, 1, 1))
    fx = np.array([1.0, -1.0]) + sizes * np.array(distances)[:, None]
    fx[:, 0] = np.array([1.0, -1.0]) + 1.1 * np.sign(sizes[:, 0])  # the start varies otherwise than the end
    numbers = {"hidden": 64, "parameterization": "ntk", "alpha": [1.0, 0.0], "targets": [1.0, -1.0], "functions": fx}
    (row,) = evaluate(FIGURES["lee2019/figS1"].claims, {"ensembles": [numbers]})
    assert row["holds"] is expected
