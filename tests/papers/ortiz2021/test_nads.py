from collections import Counter
from typing import Any

import numpy as np
import pytest

from ntk_repro.nads import lemma1, separable
from ntk_repro.papers import FIGURES, evaluate
from ntk_repro.papers.presets import load_figure_preset
from ntk_repro.papers.resources import printed_numbers
from tests.papers.ortiz2021.verdicts import SGD

CURVES: dict[str, Any] = {
    "index": [1, 10, 50, 120], "seeds": [0], "width": 1.0, "residual_scale_init": 0.0, "n_train": 10000,
    "n_test": 10000, "epochs": 100, "epsilon": 1.0, "sigma": 1.0, **SGD, "not_null": 131, "majority_rate": [0.5] * 4,
    "bias": [20.0],
    "by_seed": {
        "network": [[1.0, 0.9, 0.7, 0.5]], "network_train": [[1.0, 0.95, 0.9, 0.8]],
        "linearized": [[0.9, 0.7, 0.6, 0.51]], "linearized_train": [[0.95, 0.8, 0.7, 0.52]],
    },
}  # fmt: skip
BASIS: dict[str, Any] = {
    "title": "LeNet", "net": "lenet", "residual_scale_init": 0.0, "seed": 0, "data": "origin", "samples": 64,
    "of": 1024, "width": 1.0, "frequencies": [10.0, 20.0],
    "captured_at_origin": None, "captured_at_random": 0.1,
}  # fmt: skip
THEOREM: dict[str, Any] = {
    "title": "MLP", "activation": "gelu", "monte_carlo": [1.0, 0.5], "monte_carlo_error": [0.05, 0.05],
    "theorem": [1.01, 0.49], "difference_error": [0.02, 0.01], "inputs": 2000,
    "alignment_on_inputs": [1.0, 2.0, 4.0, 8.0],
    "norm_on_inputs": [8.0, 4.0, 2.0, 1.0], "norm_on_half": [8.0, 4.0, 2.0, 1.0],
    "mean_square": [1.0, 1.01, 0.99, 1.02], "mean_square_error": [0.01] * 4,
}  # fmt: skip
LEMMA: dict[str, Any] = {
    "title": "MLP", "net": "mlp", "width": 1.0, "residual_scale_init": 0.0, "activation": "relu", "seed": 0, "n": 240,
    "condition": 1e5, "ratio": {"eigen": [1.0, 1.0], "sign": [3.0]},
    "alignment_by_gram": [2.0, 4.0], "alignment_by_gradients": [2.0, 4.0], "alignment_by_spectrum": [2.0, 4.0],
    "first_alignments": [2.0, 1.0], "first_eigenvalues": [2.0, 1.0], "compared_norm": [2.0, 4.0],
    "compared_norm_by_sum": [2.0, 4.0], "trained_distance": 1.5, "trained_norm": 1.5, "norm_beyond_half": [0.8, 0.9],
    "sign_alignment": [90.0, 10.0, 9.0, 3.0, 1.0], "sign_norm": [0.5, 1.0, 2.0, 3.0, 4.0], "class_alignment": [5.0],
    "random_alignment": [1.0],
}  # fmt: skip


def rows_of(figure: str, start: str, numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """The verdicts of the claim of a figure whose statement begins so."""
    (claim,) = (claim for claim in FIGURES[f"ortiz2021/{figure}"].claims if claim.statement.startswith(start))
    return evaluate([claim], numbers)


def fig4(start: str, net: str = "lenet", rows: dict | None = None, **changes: Any) -> list[dict[str, Any]]:
    curves = {**CURVES, "by_seed": {**CURVES["by_seed"], **(rows or {})}, **changes}
    return rows_of("fig4", start, {"nets": {net: curves}})


CLAIMS_OF_CNNS = ("network accuracy", "linearized accuracy", "along the", "network and lin", "the NTK has")


@pytest.mark.parametrize("start", CLAIMS_OF_CNNS)
def test_figure_4_speaks_of_convolutional_networks_of_full_width(start):
    assert fig4(start)[0]["holds"] is True
    assert fig4(start, "mlp") == []
    assert fig4(start, "resnet18")[0]["holds"] is True
    assert fig4(start, "resnet18", width=0.125)[0]["holds"] is None
    assert fig4(start, "resnet18", residual_scale_init=1.0)[0]["holds"] is None


@pytest.mark.parametrize("start", CLAIMS_OF_CNNS[:4])
@pytest.mark.parametrize(
    "other",
    [
        {"n_train": 1000},
        {"n_test": 1000},
        {"epochs": 20},
        {"sigma": 2.0},
        {"epsilon": 0.5},
        {"momentum": 0.0},
        {"not_null": 100},
    ],
)
@pytest.mark.parametrize("fall", [True, False])
def test_figure_4_is_judged_at_its_samples_and_epochs_in_neither_direction_elsewhere(start, other, fall):
    rows = {} if fall else {"network": [[0.5, 0.6, 0.7, 0.8]]}
    assert fig4(start, rows=rows)[0]["holds"] is (fall or start == "linearized accuracy")
    assert fig4(start, rows=rows, **other)[0]["holds"] is None
    assert fig4("the NTK has", **other)[0]["holds"] is True


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [([1.0, 0.9, 0.7, 0.5], True), ([0.6, 0.7, 0.8, 0.9], False), ([0.502, 0.5, 0.5, 0.502], None)],
)
def test_accuracies_fall_along_the_directions(accuracies, verdict):
    for model in ("network", "linearized"):
        assert fig4(f"{model} accuracy", rows={model: [accuracies]})[0]["holds"] is verdict


def test_a_linearization_that_hardly_trained_decides_nothing():
    rows = {"linearized_train": [[0.7, 0.51, 0.51, 0.51]]}
    for start in ("linearized accuracy", "along the", "network and lin"):
        (row,) = fig4(start, rows=rows)
        assert row["holds"] is None
        assert "in 3 of 4 tasks its training accuracy is that of chance" in row["unless"]
    assert fig4("network accuracy", rows=rows)[0]["holds"] is True


@pytest.mark.parametrize(
    ("linearized", "verdict"),
    [
        ([0.9, 0.7, 0.6, 0.5], True),
        ([0.99, 0.89, 0.69, 0.5], False),  # a lead, but not a strong one
        ([0.9, 0.95, 0.5, 0.5], True),  # behind along one direction
        ([0.95, 0.85, 0.652, 0.5], None),
        ([None] * 4, None),
    ],
)
def test_the_network_has_a_strong_advantage_where_one_of_the_two_learns(linearized, verdict):
    assert fig4("along the", rows={"linearized": [linearized]})[0]["holds"] is verdict


@pytest.mark.parametrize(
    ("linearized", "verdict"), [([0.9, 0.7, 0.6, 0.5], True), ([0.5, 0.6, 0.7, 0.9], False), ([0.6] * 4, None)]
)
def test_network_and_linearization_agree_on_directions(linearized, verdict):
    assert fig4("network and lin", rows={"linearized": [linearized]})[0]["holds"] is verdict


@pytest.mark.parametrize(("bias", "verdict"), [([20.0, 15.0], True), ([1.0, 2.0], False), ([5.0, 20.0], None)])
def test_the_kernel_prefers_directions(bias, verdict):
    assert fig4("the NTK has", bias=bias)[0]["holds"] is verdict


@pytest.mark.parametrize(
    ("shares", "chance", "verdict"),
    [
        ([0.955, 0.96, 0.953], 0.1, True),
        ([0.5, 0.52, 0.51], 0.1, False),
        ([0.95, 0.951, 0.949], 0.9, False),  # so nearly flat that random directions capture 0.9
        ([1.0, 1.0, 1.0], 1.0, False),  # flat: any directions capture all
        ([0.9, 0.95, 0.85], 0.1, None),
        ([0.99], 0.1, None),  # one seed
        ([None, None], 0.1, None),
    ],
)
def test_averaged_directions_are_compared_with_the_origins_above_chance(shares, chance, verdict):
    seeds = [
        {**BASIS, "data": "mnist5k", "seed": seed, "title": "LeNet" + (f", seed {seed}" if seed else ""),
         "captured_at_origin": share, "captured_at_random": chance}
        for seed, share in enumerate(shares)
    ]  # fmt: skip
    (row,) = rows_of("fig10", "directions averaged", {"bases": [BASIS, *seeds]})
    assert (row["subject"], row["holds"]) == ("LeNet, mnist5k inputs", verdict)
    narrow = [{**one, "width": 0.125} for one in seeds]
    assert rows_of("fig10", "directions averaged", {"bases": narrow})[0]["holds"] is None


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, True),
        ({"theorem": [1.2, 0.45]}, False),
        ({"theorem": [1.2, 0.45], "monte_carlo_error": [0.2, 0.2]}, None),
        ({"difference_error": [0.06, 0.01]}, True),  # of the second direction alone
        ({"difference_error": [0.06, 0.01], "theorem": [1.2, 0.49]}, True),  # a difference that noise may make
        ({"difference_error": [0.06, 0.06]}, None),  # so large that no test would reject
        ({"theorem": [1.08, 0.49], "difference_error": [0.025, 0.01]}, None),
        ({"theorem": [1.2, 0.49], "difference_error": [0.025, 0.01]}, False),
    ],
)
def test_theorem_1_is_judged_by_its_error_bars(changes, verdict):
    assert rows_of("theorem1", "alpha(g_u)", {"panels": [{**THEOREM, **changes}]})[0]["holds"] is verdict


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"theorem": [0.5, 0.2]}, True),
        ({"theorem": [1.0, 0.5], "difference_error": [0.03, 0.03]}, False),
        ({"theorem": [0.85, 0.5]}, None),  # 15 +- 10% are missed
        ({"theorem": [0.5, 0.2], "monte_carlo_error": [0.2, 0.2]}, None),
    ],
)
def test_relu_is_judged_apart(changes, verdict):
    relu = {**THEOREM, "activation": "relu", "difference_error": [0.05, 0.05], **changes}
    assert rows_of("theorem1", "with ReLU", {"panels": [THEOREM, relu]})[0]["holds"] is verdict
    for start in ("alpha(g_u)", "all predictors"):
        assert rows_of("theorem1", start, {"panels": [relu]}) == []


@pytest.mark.parametrize(
    ("norms", "squares", "verdict"),
    [
        ([8.0, 4.0, 2.0, 1.0], [1.0] * 4, True),
        ([2.8, 2.0, 1.4, 1.0], [1.0] * 4, False),
        ([9.0, 3.0, 2.5, 1.0], [1.0] * 4, None),
        ([8.0, 4.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.5], False),  # not of one norm
    ],
)
def test_alignment_is_inversely_proportional_to_the_norm(norms, squares, verdict):
    panel = {**THEOREM, "norm_on_inputs": norms, "norm_on_half": norms, "mean_square": squares}
    assert rows_of("theorem1", "all predictors", {"panels": [panel]})[0]["holds"] is verdict
    growing = {**panel, "norm_on_half": [0.7 * norm for norm in norms]}
    assert rows_of("theorem1", "all predictors", {"panels": [growing]})[0]["holds"] is None


def lemma(start: str, **changes: Any) -> bool | None:
    return rows_of("lemma1", start, {"panels": [{**LEMMA, **changes}]})[0]["holds"]


def test_lemma_1_bounds_the_norm():
    assert lemma("the kernel norm is at least") is True
    assert lemma("the kernel norm is at least", ratio={"eigen": [1.0], "sign": [0.9]}) is False
    assert lemma("the kernel norm is at least", condition=1e9) is None


@pytest.mark.parametrize(
    ("start", "changed"),
    [
        ("alpha(f) is the squared", {"alignment_by_gradients": [2.0, 4.001]}),
        ("alpha(f) is the sum", {"alignment_by_spectrum": [2.0, 4.001]}),
        ("alpha(phi_j)", {"first_alignments": [2.001, 1.0]}),
        ("the kernel norm is the sum", {"compared_norm_by_sum": [2.001, 4.0]}),
        ("the kernel norm of a trained", {"trained_distance": 1.501}),
    ],
)
def test_identities_hold_to_rounding(start, changed):
    assert lemma(start) is True
    assert lemma(start, **changed) is False
    assert lemma(start, condition=1e9) is (None if "norm" in start else True)


def of_seeds(start: str, **by_seed: list) -> bool | None:
    """Of one network, with an initialization for each entry of the lists."""
    count = len(next(iter(by_seed.values())))
    panels = [{**LEMMA, "seed": s, **{name: rows[s] for name, rows in by_seed.items()}} for s in range(count)]
    (row,) = rows_of("lemma1", start, {"panels": panels})
    return row["holds"]


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ([[0.48, 0.9], [0.5, 0.9], [0.49, 0.8]], True),
        ([[0.02, 0.9], [0.03, 0.9], [0.02, 0.9]], False),  # of one class
        ([[0.05, 0.9], [0.2, 0.9], [0.1, 0.9]], None),
        ([[0.9, 0.9]], None),  # one initialization
    ],
)
def test_the_norm_needs_the_smallest_eigenvalues(shares, verdict):
    assert of_seeds("the norm needs", norm_beyond_half=shares) is verdict


IN_ORDER, REVERSED = [0.5, 1.0, 2.0, 3.0, 4.0], [0.5, 4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("norms", "verdict"),
    [
        ([IN_ORDER] * 3, True),
        ([REVERSED] * 3, False),
        ([[1.0] * 5] * 3, None),
        ([[0.5, 1.0, 0.9, 3.0, 4.0]] * 3, True),  # alignments of 10 and 9 are too close to count
        ([IN_ORDER, IN_ORDER, REVERSED], None),
        ([IN_ORDER], None),  # one initialization
    ],
)
def test_a_high_alignment_means_a_small_norm(norms, verdict):
    assert of_seeds("a high alignment", sign_norm=norms) is verdict


def test_initializations_of_different_networks_are_not_one_sample():
    panels = [{**LEMMA, "net": net, "title": net} for net in ("mlp", "lenet")]
    for start in ("the norm needs", "a high alignment"):
        assert [row["holds"] for row in rows_of("lemma1", start, {"panels": panels})] == [None, None]


TOY: dict[str, Any] = {
    "widths": [2, 20, 200], "seeds": [0, 1, 2], "radius": 2.0, "radii": [2.0, 1.0, 0.5],
    "bend": [[0.1, 0.03, 0.01], [0.12, 0.04, 0.012], [0.09, 0.03, 0.009]],
    "distance": [[[0.4, 0.1, 0.025]] * 3, [[0.41, 0.11, 0.025]] * 3, [[0.39, 0.1, 0.026]] * 3],
    "off_plane": [[0.0, 1e-16, 0.0]] * 3, "network_off_plane": [[0.4, 0.1, 0.01]] * 3,
}  # fmt: skip


def toy(start: str, **changes: Any) -> list[bool | None]:
    return [row["holds"] for row in rows_of("fig1", start, {**TOY, **changes})]


def test_figure_1_flattens_with_the_width_at_a_rate_that_seeds_cannot_turn():
    assert toy("with growing") == [True]
    assert toy("with growing", bend=np.array(TOY["bend"])[:, ::-1].tolist()) == [False]
    assert toy("with growing", bend=[[0.1, 0.03, 0.2], [0.1, 0.2, 0.01], [0.1, 0.1, 0.1]]) == [None]
    assert toy("with growing", bend=TOY["bend"][:1], seeds=[0]) == [None]
    assert toy("with growing", widths=[2, 20], bend=[[0.1, 0.01]] * 3) == [None]


def test_figure_1_touches_the_plane():
    assert toy("near the start") == [True] * 3
    straight, mixed = [[[0.4, 0.3, 0.2]] * 3] * 3, [[[0.4, 0.2, 0.1]] * 3, [[0.4, 0.3, 0.1]] * 3, [[0.4, 0.1, 0.1]] * 3]
    assert toy("near the start", distance=straight) == [False] * 3
    assert toy("near the start", distance=mixed) == [None] * 3
    assert toy("near the start", distance=TOY["distance"][:1], seeds=[0]) == [None] * 3


def test_figure_1_keeps_the_linearization_in_the_plane():
    assert toy("training the lin") == [True]
    assert toy("training the lin", off_plane=[[0.0, 0.1, 0.0]] * 3) == [False]
    assert toy("training the lin", network_off_plane=[[1e-12] * 3] * 3) == [False]


def test_the_paper_presets_have_its_networks_and_its_data():
    def configs(figure: str) -> Any:
        return load_figure_preset(FIGURES[f"ortiz2021/{figure}"], "paper").configs

    assert {config.net for config in configs("fig4")} == {"lenet", "resnet18"}
    averaged = {config.net for config in configs("fig10") if config.data == "cifar10"}
    assert averaged == {"lenet", "resnet18"}
    assert any(config.activation == "relu" for config in configs("theorem1"))


def test_figure_4_trains_with_the_papers_settings():
    setup = printed_numbers("ortiz2021")["setups"]["directions"]
    for config in load_figure_preset(FIGURES["ortiz2021/fig4"], "paper").configs:
        assert isinstance(config, separable.Config)
        assert (config.train_size, config.test_size, config.epochs) == (10000, 10000, 100)
        assert (config.epsilon, config.sigma) == (setup["epsilon"], setup["sigma"])
        assert config.width == 1


def test_figure_4_has_at_paper_no_null_direction_of_resnet18():
    configs = load_figure_preset(FIGURES["ortiz2021/fig4"], "paper").configs
    (config,) = (one for one in configs if isinstance(one, separable.Config) and one.net == "resnet18")
    assert (config.residual_scale_init, max(config.indices) <= CURVES["not_null"]) == (0, True)


def test_claims_of_initializations_have_several():
    for preset in ("quick", "laptop", "paper"):
        configs = load_figure_preset(FIGURES["ortiz2021/lemma1"], preset).configs
        nets = Counter(config.net for config in configs if isinstance(config, lemma1.Config))
        assert nets == {"mlp": 3, "lenet": 3}
