"""The drawings of neural anisotropy directions and of what is proved about them, from runs of chosen numbers."""

from dataclasses import replace

import numpy as np
import pytest

from ntk_repro.nads import basis, lemma1, separable, tangent_space, theorem1
from tests.figures.scripts import draw, kept_run


def finished(root, study, config, **arrays):
    return kept_run(f"nads_{study}", config, root, {"label": "toy data", "n_train": 20, "n_test": 10}, arrays)


@pytest.mark.slow
def test_figure_1_shows_every_width(tmp_path, numbers):
    grid = np.linspace(-1, 1, 5)
    s, t = np.meshgrid(grid, grid, indexing="ij")
    surface = np.stack([np.stack([s, t, 0.3 / w * s * t], -1) for w in (1, 9)])
    path = np.linspace(0, 1, 4)[None, :, None] * np.ones((2, 1, 3))
    arrays = {"widths": [2, 400], "grid": grid, "surface": surface, "target": [1, 1, 0.5], "bend": [0.1, 0.01]}
    runs = [
        finished(
            tmp_path, "tangent_space", tangent_space.Config(seed=seed), **arrays, radii=[1, 0.5, 0.25],
            distance=np.ones((2, 3)), off_plane=[0, 0], network_off_plane=[1, 1], network_path=path,
            linearized_path=path * [1, 1, 0],
        )
        for seed in (1, 0)
    ]  # fmt: skip
    plotted = numbers("ortiz2021/fig1", *runs)
    assert (plotted["widths"], plotted["seeds"], plotted["radius"]) == ([2, 400], [0, 1], 1.6)
    assert (plotted["bend"], plotted["network_off_plane"]) == ([[0.1, 0.01]] * 2, [[1, 1]] * 2)
    assert plotted["linearized_end"] == [[1, 1, 0], [1, 1, 0]]
    with pytest.raises(SystemExit):
        numbers("ortiz2021/fig1", *runs[:1] * 2)


def separable_run(root, seed=0, network=(0.9, 0.7)):
    config = separable.Config(net="mlp", size=2, indices=(1, 4), train_size=200, seed=seed)
    accuracies = {f"linearized_{part}_accuracy": [0.8, 0.6] for part in ("test", "train")}
    accuracies |= {f"network_{part}_accuracy": network for part in ("test", "train")}
    return finished(
        root, "separable", config, index=[1, 4], alignment=[4.0, 2, 1, 0], null=[False] * 3 + [True], **accuracies
    )


@pytest.mark.slow
def test_figure_4_shows_accuracies_and_the_alignment_of_directions_that_are_not_null(tmp_path, numbers):
    plotted = numbers("ortiz2021/fig4", *(separable_run(tmp_path, seed, (0.9 + 0.02 * seed, 0.7)) for seed in (0, 1)))
    mlp = plotted["nets"]["mlp"]
    assert mlp["network_accuracy"] == pytest.approx([0.91, 0.7])
    assert mlp["linearized_accuracy"] == [0.8, 0.6]
    assert mlp["by_seed"]["network"] == [[0.9, 0.7], [pytest.approx(0.92), 0.7]]
    assert (mlp["n_train"], mlp["epsilon"], mlp["bias"]) == (20, 1, [pytest.approx(4 / 1.75)] * 2)
    assert mlp["alignment"] == [4, 0]
    assert (mlp["not_null"], mlp["directions"]) == (3, 4)


def basis_run(root, data, seed=0, **extra):
    config = basis.Config(net="lenet", size=4, shown=2, data=data, seed=seed)
    rng = np.random.default_rng(0)
    return finished(
        root, "basis", config, values=np.arange(16.0, 0, -1), directions=rng.normal(size=(16, 4, 4, 1)),
        null=np.zeros(16, bool), fourier=rng.random((2, 4, 4, 1)), frequencies=[2.0, 3.0], random_frequencies=8.0,
        **extra,
    )  # fmt: skip


@pytest.mark.slow
def test_figure_10_shows_each_basis(tmp_path, numbers):
    runs = [
        basis_run(tmp_path, "origin"),
        basis_run(tmp_path, "gaussian", captured_at_origin=0.95, alignment_of_origin=[9.0, 4.0]),
    ]
    first, second = numbers("ortiz2021/fig10", *runs)["bases"]
    more = [*runs, basis_run(tmp_path, "gaussian", 1, captured_at_origin=0.9, alignment_of_origin=[9.0, 4.0])]
    drawing = draw("ortiz2021/fig10", more)
    assert (len(drawing.numbers["bases"]), len(drawing.picture.subfigs)) == (3, 2)  # of two seeds one is drawn
    assert (first["alignment"], first["frequencies"], first["not_null"]) == ([256, 225], [2, 3], 16)
    assert (first["captured_at_origin"], second["captured_at_origin"]) == (None, 0.95)
    assert (first["alignment_of_origin"], second["alignment_of_origin"]) == (None, [9, 4])
    assert first["captured_at_random"] == pytest.approx(2 * np.mean(np.arange(1.0, 17) ** 2) / (256 + 225))


@pytest.mark.slow
def test_theorem_1_shows_both_estimates(tmp_path, numbers):
    names = ("monte_carlo", "monte_carlo_error", "theorem", "theorem_error", "difference_error", "at_origin")
    names += ("norm_on_inputs", "norm_on_half", "alignment_on_inputs", "mean_square", "mean_square_error")
    arrays = {name: [2.0 + i, 1.0 + i] for i, name in enumerate(names)} | {"inputs": 2000}
    run = finished(tmp_path, "theorem1", theorem1.Config(size=4, indices=(1,)), index=[1, 0], **arrays)
    (panel,) = numbers("ortiz2021/theorem1", run)["panels"]
    assert panel["monte_carlo"] == [2, 1]
    assert (panel["title"], panel["activation"], panel["index"], panel["inputs"]) == ("MLP", "gelu", [1, 0], 2000)


@pytest.mark.slow
def test_lemma_1_shows_norm_over_bound(tmp_path, numbers):
    kinds = ("eigen", "sign", "class", "random")
    arrays = {f"{kind}_{name}": value for kind in kinds for name, value in (("norm", [2, 3]), ("bound", [1, 3]))}
    names = ("gram", "gradients", "spectrum")
    arrays |= {f"alignment_by_{name}": [2.0, 1.0, 3.0, 1.0] for name in names}
    arrays |= {name: [1.0] for name in ("compared_norm", "compared_norm_by_sum", "norm_beyond_half")}
    arrays |= {"trained_distance": 1.0, "trained_norm": 1.0, "eigenvalues": [6.0, 2.0, 0.5]}
    config = lemma1.Config(net="mlp", n_train=10)
    run = finished(tmp_path, "lemma1", config, n=3, sign_overlap=[1.0, 0.8, 0.7], **arrays)
    other = finished(tmp_path, "lemma1", replace(config, seed=1), n=3, sign_overlap=[1.0, 0.8, 0.7], **arrays)
    drawing = draw("ortiz2021/lemma1", [run, other])
    assert (len(drawing.numbers["panels"]), len(drawing.picture.axes)) == (2, 2)  # of two seeds one is drawn
    (panel,) = numbers("ortiz2021/lemma1", run)["panels"]
    assert panel["ratio"]["class"] == [2, 1]
    assert panel["mean_sign_overlap"] == pytest.approx(0.75)
    assert (panel["condition"], panel["first_alignments"], panel["first_eigenvalues"]) == (12, [2], [2])
    assert (panel["title"], panel["class_alignment"]) == ("MLP, ReLU", [1, pytest.approx(1 / 3)])
