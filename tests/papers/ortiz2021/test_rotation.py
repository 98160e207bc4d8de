from typing import Any

import numpy as np
import pytest

from ntk_repro.papers import FIGURES
from ntk_repro.papers.presets import load_figure_preset
from tests.papers.ortiz2021.verdicts import SGD, outcomes, verdicts, why


def energies(*values: float, std: float | None = None, epochs: tuple[int, ...] = (0, 5, 200)) -> dict[str, Any]:
    curves: dict[str, Any] = {"epochs": [*epochs], "energy_concentration": [*values], "seeds": [0]}
    curves |= {"width": 1.0, "residual_scale_init": 0.0, "n_train": 50000, "images": 12000, "top": 50, **SGD}
    return curves if std is None else {**curves, "seeds": [0, 1, 2], "energy_concentration_std": [std] * len(values)}


@pytest.mark.parametrize(
    ("end", "std", "holds"),
    [(0.83, 0.01, True), (0.83, None, True), (0.30, 0.01, False), (0.50, 0.03, None), (0.52, None, None)],
)
def test_figure_6_a_third_of_the_missing_energy_is_gained(end, std, holds):
    nets = {"lenet": energies(0.25, 0.6, end, std=std)}
    beginning = "the energy of the CIFAR2 labels"
    assert outcomes("fig6", beginning, nets=nets) == [holds]
    assert why("fig6", beginning, "mnist5k", nets=nets) == "data mnist5k (the paper: cifar10)"


@pytest.mark.parametrize("beginning", ["the energy of the CIFAR2 labels", "the kernel rotates very fast"])
@pytest.mark.parametrize("after", [(0.7, 0.83), (0.25, 0.26)])
def test_figure_6_is_that_of_table_1_in_either_direction(beginning, after):
    curves = energies(0.25, *after, std=0.001)
    assert outcomes("fig6", beginning, nets={"lenet": curves}) == [after == (0.7, 0.83)]
    for other in ({"images": 1000}, {"top": 10}, {"n_train": 4000}, {"width": 0.5}, {"epochs": [0, 5, 20]}):
        assert outcomes("fig6", beginning, nets={"lenet": {**curves, **other}}) == [None]


@pytest.mark.parametrize(
    ("early", "std", "holds"), [(0.7, 0.01, True), (0.7, None, True), (0.3, 0.01, False), (0.54, 0.03, None)]
)
def test_figure_6_half_of_it_within_five_epochs(early, std, holds):
    beginning = "the kernel rotates very fast"
    assert outcomes("fig6", beginning, nets={"lenet": energies(0.25, early, 0.83, std=std)}) == [holds]
    late = energies(0.25, early, 0.83, epochs=(0, 20, 200))
    assert why("fig6", beginning, nets={"lenet": late}) == "no measurement within 5 epochs"


def column(**changes: Any) -> dict[str, Any]:
    settings = {"net": "mlp", "width": 1.0, "residual_scale_init": 0.0, "top": 50, "images": 12000}
    settings |= {"epochs": 200, "train_images": 50000, "trained_statistics": True, **SGD}
    init = {"energy_init": 0.25, "energy_init_std": 0.016, "init_seeds": 10, "end_seeds": 3}
    trained = {"energy_end": 0.62, "energy_end_std": 0.01, "test_accuracy": 0.67, "test_accuracy_std": 0.004}
    trend = {"trend_images": [6000, 12000], "trend_energy": [0.28, 0.25]}
    return {**settings, **init, **trained, **trend, **changes}


UNTRAINED = {"energy_end": None, "test_accuracy": None, "end_seeds": 0, "epochs": None, "train_images": None}


@pytest.mark.parametrize(("end", "std", "holds"), [(0.62, 0.01, True), (0.35, 0.01, False), (0.50, 0.05, None)])
def test_table_1_training_greatly_increases_the_energy(end, std, holds):
    assert outcomes("table1", "training greatly", columns=[column(energy_end=end, energy_end_std=std)]) == [holds]


def test_table_1_every_network_has_a_row_with_or_without_training():
    resnets = [column(net="resnet18", residual_scale_init=scale) for scale in (0.0, 1.0)]
    columns = [column(), column(net="lenet", **UNTRAINED), *resnets, column(width=0.5)]
    assert outcomes("table1", "training greatly", columns=columns) == [True, None, True, None, None]
    assert why("table1", "training greatly", columns=columns[1:]) == "not trained"
    assert why("table1", "training greatly", "mnist5k", columns=columns) == "data mnist5k (the paper: cifar10)"
    for other in ({"images": 6000}, {"top": 10}, {"epochs": 20}, {"train_images": 4000}):
        assert outcomes("table1", "training greatly", columns=[column(**other)]) == [None]


ROWS = {
    "the energy before": ("energy_init", 0.26),
    "the energy after": ("energy_end", 0.636),
    "the test": ("test_accuracy", 0.676),
}


@pytest.mark.parametrize(("beginning", "row"), ROWS.items())
def test_table_1_the_printed_number_is_where_a_further_run_would_be(beginning, row):
    name, printed = row
    for mean, std, holds in (
        (printed - 0.005, 0.006, True),
        (printed - 0.03, 0.004, False),
        (printed - 0.005, 0.04, None),  # so wide that it would contradict little
        (printed - 0.3, 0.04, False),
    ):
        (found,) = verdicts("table1", beginning, columns=[column(**{name: mean, f"{name}_std": std})])
        assert (found["holds"], found["paper"], found["number"]) == (holds, printed, mean)
    few = column(init_seeds=9, end_seeds=2)
    assert "seeds, fewer than" in why("table1", beginning, columns=[few])
    assert why("table1", beginning, columns=[column(net="resnet18", residual_scale_init=1.0)]).startswith("residual")
    assert outcomes("table1", beginning, "mnist5k", columns=[column()]) == [None]


@pytest.mark.parametrize(
    ("other", "undetermined", "reason"),
    [
        ({"images": 6000}, {"the energy before", "the energy after"}, "images of the kernel 6,000 (the paper: 12,000)"),
        ({"top": 10}, {"the energy before", "the energy after"}, "eigenvectors 10 (the paper: 50)"),
        ({"epochs": 20}, {"the energy after", "the test"}, "epochs 20 (the paper: 200)"),
        ({"learning_rate": 0.01}, {"the energy after", "the test"}, "learning rate 0.01 (the paper: 0.05)"),
        ({"train_images": 10000}, {"the energy after", "the test"}, "training images 10,000 (the paper: 50,000)"),
        ({"width": 0.5}, set(ROWS), "width 0.5 (the paper: 1)"),
    ],
)
def test_table_1_numbers_are_compared_at_the_papers_settings_only(other, undetermined, reason):
    for beginning in ROWS:
        (found,) = verdicts("table1", beginning, columns=[column(**other)])
        assert (found["holds"] is None) == (beginning in undetermined)
        assert found["unless"].endswith(reason) == (beginning in undetermined)


def test_table_1_says_on_how_many_images_and_of_which_copy():
    columns = [column(**UNTRAINED, images=6000)]
    (found,) = verdicts("table1", "the energy before", columns=columns, data_label="CIFAR-10 (JPEG copy)")
    assert "on 6,000: 28.0%, 12,000: 25.0% images; CIFAR-10 (JPEG copy)" in found["note"]
    assert verdicts("table1", "the energy after", columns=columns) == []


SEEDS = np.array([0.98, 1.0, 1.02])


def panel(once: list[float], spread: float = 1.0, **changes: Any) -> dict[str, Any]:
    """Three seeds of a task, whose third of four alignments varies with the seeds; `once` is their growth."""
    varying = 1 + spread * (SEEDS - 1)
    growth = np.repeat([once], 3, axis=0).astype(float)
    growth[:, 2] *= varying
    curves = {"alignment_before": [8.0, 4.0, 2.0, 1.0], "alignment_after": (np.array(once) * [8, 4, 2, 1]).tolist()}
    scale = {
        "smallest_after": (2e7 * varying).tolist(),
        "largest_after": (5e8 * varying).tolist(),
        "n_train": 50000,
        "n_test": 10000,
    }
    seeds = {"growth": growth.tolist(), "gradient_norm_growth": (3.0 * SEEDS).tolist()}
    label = {"label_growth": (12.0 * SEEDS).tolist(), "energy_before": [0.2, 0.21, 0.22], "energy_after": [0.8] * 3}
    settings = {"width": 1.0, "residual_scale_init": 0.0, "epochs": 100, "trained_statistics": True, **SGD}
    return {**curves, **scale, **seeds, **label, **settings, **changes}


def nets(*args: Any, net: str = "lenet", index: int = 3, **changes: Any) -> dict[str, Any]:
    return {"nets": {net: {str(index): panel(*args, **changes)}}}


SPIKE = "the alignment of the eigenfunction trained on"


@pytest.mark.parametrize("name", ["fig7", "fig15", "fig16"])
@pytest.mark.parametrize(
    ("growth", "spread", "holds"),
    [([2, 2, 10, 2], 1, True), ([2, 2, 3, 2], 1, False), ([2, 9, 10, 2], 1, False), ([2, 2, 4.1, 2], 5, None)],
)
def test_the_eigenfunction_trained_on_spikes(name, growth, spread, holds):
    (row,) = verdicts(name, SPIKE, **nets(growth, spread))
    assert (row["subject"], row["holds"]) == ("lenet, phi_3", holds)


def test_one_seed_decides_no_alignment():
    one = {name: panel([2, 2, 10, 2])[name][:1] for name in ("growth", "label_growth", "gradient_norm_growth")}
    for beginning in (SPIKE, "the alignment of the target", "the relative", "the absolute", "the growth of all"):
        assert outcomes("fig7", beginning, **nets([2, 2, 10, 2], **one)) == [None]


@pytest.mark.parametrize(
    ("data", "net", "width", "judged"),
    [("cifar10", "resnet18", 1.0, True), ("mnist", "lenet", 1.0, False), ("mnist5k", "lenet", 1.0, False),
     ("cifar10", "mine", 1.0, False), ("cifar10", "resnet18", 0.125, False)],
)  # fmt: skip
def test_eigenfunctions_are_those_of_the_papers_data_at_full_width(data, net, width, judged):
    assert outcomes("fig7", SPIKE, data, **nets([2, 2, 10, 2], net=net, width=width)) == [True if judged else None]
    for other in ({"n_train": 10000}, {"n_test": 2000}, {"epochs": 30}):
        assert outcomes("fig7", SPIKE, data, **nets([2, 2, 3, 2], net=net, width=width, **other)) == [None]


def test_kernels_of_a_trained_resnet18_name_their_statistics():
    for net in ("lenet", "resnet18"):
        (row,) = verdicts("fig7", SPIKE, **nets([2, 2, 10, 2], net=net))
        assert ("BatchNorm statistics of then" in row["note"]) == (net == "resnet18")
        (row,) = verdicts("table1", "the energy after", columns=[column(net=net)])
        assert ("BatchNorm statistics of then" in row["note"]) == (net == "resnet18")


@pytest.mark.parametrize(
    ("label", "holds"), [([12.0, 12.1, 11.9], True), ([3.0, 3.1, 2.9], False), ([3.0, 4.0, 6.0], None)]
)
def test_the_targets_alignment_grows_most(label, holds):
    """The others grow by 2; the trained eigenfunction itself, by 50, is none of them."""
    assert outcomes("fig7", "the alignment of the target", **nets([2, 2, 50, 2], label_growth=label)) == [holds]


def spectrum(shares: tuple[float, ...]) -> dict[str, Any]:
    """Growths of 100 others of which these shares, by seed, are within a factor of 2 of the median, the rest at 5."""
    growth = [[9.0] + [1.0] * round(100 * share) + [5.0] * round(100 * (1 - share)) for share in shares]
    curves = {f"alignment_{when}": np.linspace(2, 1, 101).tolist() for when in ("before", "after")}
    return nets([1, 1, 1, 1], index=1, growth=growth, **curves)


@pytest.mark.parametrize(
    ("shares", "holds"), [((1.0,) * 3, True), ((0.6, 0.61, 0.62), False), ((0.93, 0.95, 0.97), None)]
)
def test_the_others_keep_their_relative_alignment(shares, holds):
    (row,) = verdicts("fig7", "the relative alignment", **spectrum(shares))
    assert row["holds"] is holds
    assert row["note"].endswith("rank correlation of before and after 1.00")


def test_an_order_that_is_kept_is_not_enough():
    """Growth from 1 to 10 along the index, rank correlation 1."""
    growth = [[9.0, *np.linspace(10, 1, 100)]] * 3
    curves = {"alignment_before": np.linspace(2, 1, 101).tolist()}
    curves["alignment_after"] = (np.array(curves["alignment_before"]) * growth[0]).tolist()
    (row,) = verdicts("fig7", "the relative alignment", **nets([1, 1, 1, 1], index=1, growth=growth, **curves))
    assert row["holds"] is False
    assert "rank correlation of before and after 1.00" in row["note"]


@pytest.mark.parametrize(
    ("growth", "holds"), [([2, 2, 10, 2], True), ([2, 0.9, 10, 2], False), ([2, 2, 1.01, 2], None)]
)
def test_all_alignments_grow(growth, holds):
    assert outcomes("fig7", "the absolute values", **nets(growth, spread=2)) == [holds]


@pytest.mark.parametrize(
    ("norm", "others", "holds"),
    [
        ([3.0, 3.1, 2.9], 2, True),
        ([9.0, 9.1, 8.9], 2, False),
        ([3.0, 4.0, 6.0], 2, None),
        ([0.9, 0.91, 0.89], 1, False),  # it does not grow
        ([0.9, 1.1, 1.0], 1, None),
    ],
)
def test_the_growth_is_that_of_the_jacobian(norm, others, holds):
    growth = [others, others, 10, others]
    assert outcomes("fig7", "the growth of all", **nets(growth, gradient_norm_growth=norm)) == [holds]


@pytest.mark.parametrize(
    ("after", "holds"), [([0.8, 0.81, 0.82], True), ([0.3, 0.31, 0.32], False), ([0.4, 0.48, 0.55], None)]
)
def test_the_kernel_rotates_towards_other_tasks(after, holds):
    assert outcomes("fig7", "the kernel rotates towards", **nets([2, 2, 10, 2], energy_after=after)) == [holds]


def test_seeds_that_gain_alike_from_different_starts_decide():
    start = np.array([0.2, 0.3, 0.5])
    energies = {"energy_before": start.tolist(), "energy_after": (start + 0.4 * (1 - start)).tolist()}
    assert outcomes("fig7", "the kernel rotates towards", **nets([2, 2, 10, 2], **energies)) == [True]


def test_figure_16_is_in_the_range_of_the_tick_labels():
    beginning = "LeNet's alignments after training"
    task = nets([2, 2, 10, 2], index=20)
    assert outcomes("fig16", beginning, **task) == [True]
    assert outcomes("fig16", beginning, **nets([2, 2, 10, 2], index=20, largest_after=[2e10, 2.1e10, 2.2e10])) == [
        False
    ]
    assert outcomes("fig16", beginning, **nets([2, 2, 10, 2], index=20, largest_after=[0.9e10, 1e10, 1.1e10])) == [None]
    (row,) = verdicts("fig16", beginning, **task, data_label="CIFAR-10 (JPEG copy)")
    assert "CIFAR-10 (JPEG copy)" in row["note"]
    assert why("fig16", beginning, "mnist", **task) == "data mnist (the paper: cifar10)"
    few = nets([2, 2, 10, 2], index=20, n_train=4000)
    assert why("fig16", beginning, **few) == "training images 4,000 (the paper: 50,000)"
    assert outcomes("fig16", beginning, **nets([2, 2, 10, 2], index=200)) == []


@pytest.mark.parametrize("figure", ["fig7", "fig8", "fig9", "fig15", "fig16", "table1"])
def test_the_paper_presets_have_its_residual_scale_and_all_its_images(figure):
    """Table 1 has one network more, of scale 1."""
    configs: Any = load_figure_preset(FIGURES[f"ortiz2021/{figure}"], "paper").configs
    assert {(one.data, one.n_train, one.n_test, one.width) for one in configs} == {("cifar10", None, None, 1)}
    scales = {config.residual_scale_init for config in configs}
    assert scales == ({0, 1} if figure == "table1" else {0})
