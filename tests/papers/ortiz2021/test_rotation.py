from typing import Any

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES


def verdicts(name: str, **numbers: Any) -> list[dict[str, Any]]:
    return evaluate(FIGURES[f"ortiz2021/{name}"].claims, {"data": "mnist5k", **numbers})


def outcomes(rows: list[dict[str, Any]]) -> list[tuple[Any, Any]]:
    return [(row["holds"], row["number"]) for row in rows]


SIZES: dict[str, Any] = {
    "size": [100, 200, 400], "network_distance": [1.0, 2.0, 3.0], "majority_rate": 0.52,
    "network_accuracy": [0.6, 0.7, 0.85], "linearized_accuracy": [0.6, 0.65, 0.7],
    "linearized_train_accuracy": [0.9, 0.9, 0.9],
}  # fmt: skip


def sizes(**changes: Any) -> dict[str, Any]:
    return {"nets": {"mlp": SIZES | changes}}


def test_figure_5_the_gap_opens():
    rows = verdicts("fig5", **sizes())
    assert outcomes(rows) == [(True, 1.0), (True, pytest.approx(0.15)), (True, 1.0)]
    assert rows[0]["note"] == "from +0.0 to +15.0 points"
    closing = verdicts("fig5", **sizes(linearized_accuracy=[0.4, 0.6, 0.9], network_distance=[3.0, 2.0, 1.0]))
    assert outcomes(closing) == [(False, -1.0), (False, pytest.approx(-0.05)), (False, -1.0)]
    missing = verdicts("fig5", **sizes(network_accuracy=[0.6, 0.7, None]))
    assert outcomes(missing)[:2] == [(None, None), (None, None)]


def test_figure_5_is_not_judged_where_the_linearization_does_not_fit():
    few: dict[str, Any] = {"size": [100, 200, 400, 800], "network_distance": [1.0, 2.0, 3.0, 4.0]}
    few |= {"network_accuracy": [0.9, 0.7, 0.8, 0.9], "linearized_accuracy": [0.5, 0.6, 0.6, 0.6]}
    rows = verdicts("fig5", **sizes(**few, linearized_train_accuracy=[0.6, 0.9, 0.9, 0.9]))
    assert outcomes(rows)[:2] == [(True, 1.0), (True, pytest.approx(0.3))]
    assert rows[0]["note"].endswith("without 100 images, which the linearization does not fit")
    rows = verdicts("fig5", **sizes(**few, linearized_train_accuracy=[0.6, 0.6, 0.9, 0.55]))
    assert outcomes(rows) == [(None, None), (None, pytest.approx(0.3)), (True, 1.0)]
    assert rows[1]["note"] == "not judged: the linearization does not fit them"


def test_figure_6_the_energy_grows():
    curves = {"epochs": [0, 1, 5], "energy_concentration": [0.2, 0.3, 0.5]}
    rows = verdicts("fig6", nets={"lenet": curves})
    assert outcomes(rows) == [(True, 1.0), (True, pytest.approx(0.3))]
    rows = verdicts("fig6", nets={"lenet": {**curves, "energy_concentration": [0.5, 0.6, 0.4]}})
    assert outcomes(rows) == [(False, -0.5), (False, pytest.approx(-0.1))]


def column(**changes: Any) -> dict[str, Any]:
    settings = {"net": "mlp", "width": 1.0, "residual_scale_init": 0.0, "top": 50, "images": 12000}
    settings |= {"epochs": 200, "train_images": 50000}
    init = {"energy_init": 0.25, "energy_init_std": 0.004, "init_seeds": 3, "end_seeds": 1}
    trained = {"energy_end": 0.6, "energy_end_std": 0.0, "test_accuracy": 0.66, "test_accuracy_std": 0.0}
    trend = {"trend_images": [6000, 12000], "trend_energy": [0.28, 0.25]}
    return {**settings, **init, **trained, **trend, **changes}


def test_table_1_is_held_against_the_paper():
    rows = verdicts("table1", data="cifar10", columns=[column()])
    assert outcomes(rows) == [(True, pytest.approx(0.35)), (True, 0.25), (True, 0.6), (True, 0.66)]
    assert [row["paper"] for row in rows] == [None, 0.26, 0.636, 0.676]
    assert rows[1]["note"] == "mean of 3 seeds, standard deviation 0.4 points"
    far = verdicts("table1", data="cifar10", columns=[column(energy_init=0.24, energy_end=0.5, test_accuracy=0.6)])
    assert [row["holds"] for row in far] == [True, False, False, False]


UNTRAINED_LENET: dict[str, Any] = {"net": "lenet", "init_seeds": 1, "energy_end": None, "test_accuracy": None}


def test_table_1_takes_lenet_within_three_points():
    for energy, holds in ((0.23, True), (0.22, False)):
        (row,) = verdicts("table1", data="cifar10", columns=[column(**UNTRAINED_LENET, energy_init=energy)])
        assert (row["subject"], row["holds"], row["paper"]) == ("lenet", holds, 0.258)


@pytest.mark.parametrize(
    ("other", "holds", "said"),
    [
        ({"images": 6000}, [None, None, True], "images of the kernel 6,000, not 12,000"),
        ({"top": 10}, [None, None, True], "eigenvectors 10, not 50"),
        ({"epochs": 20}, [True, None, None], "epochs 20, not 200"),
        ({"train_images": 10000}, [True, None, None], "training images 10,000, not 50,000"),
    ],
)
def test_table_1_measured_otherwise_is_shown_and_not_judged(other, holds, said):
    rows = verdicts("table1", data="cifar10", columns=[column(**other)])[1:]
    assert [row["holds"] for row in rows] == holds
    assert [row["number"] for row in rows] == [0.25, 0.6, 0.66]
    assert [said in row["note"] for row in rows] == [held is None for held in holds]


def test_table_1_says_on_how_many_images():
    (row,) = verdicts("table1", data="cifar10", columns=[column(**UNTRAINED_LENET, images=6000)])
    assert row["note"].startswith("on 6,000: 28.0%, 12,000: 25.0% images; not judged: ")


def test_table_1_is_the_papers_only_on_its_data_and_at_full_width():
    for data, width, papers in (("mnist5k", 1.0, []), ("cifar10", 0.125, []), ("cifar10", 1.0, [0.227, 0.967, 0.814])):
        resnet18 = column(net="resnet18", width=width, residual_scale_init=1.0)
        rows = verdicts("table1", data=data, columns=[resnet18])
        assert [row["paper"] for row in rows] == [None, *papers]
        assert {row["subject"] for row in rows} == {"resnet18, residual scale 1"}


def panel(after: list[float], norm: float = 9.0) -> dict[str, Any]:
    return {"alignment_before": [8.0, 4.0, 2.0, 1.0], "alignment_after": after, "gradient_norm_before": 3.0,
            "gradient_norm_after": norm}  # fmt: skip


@pytest.mark.parametrize("name", ["fig7", "fig15", "fig16"])
def test_the_eigenfunction_trained_on_spikes(name):
    rows = verdicts(name, nets={"mlp": {"3": panel([16.0, 8.0, 20.0, 2.0])}})
    assert outcomes(rows) == [(True, 5.0), (True, 1.0), (True, 1.0)]
    assert rows[0]["subject"] == "mlp, phi_3"
    assert rows[0]["note"] == "grew 10 times, the others' median 2"
    rows = verdicts(name, nets={"mlp": {"3": panel([2.0, 8.0, 3.0, 10.0], norm=2.0)}})
    assert outcomes(rows) == [(False, pytest.approx(0.15)), (False, -1.0), (False, 0.75)]
    assert rows[0]["note"].endswith("; 2 of 3 grew more")


def task(**changes: Any) -> dict[str, Any]:
    losses = {"network_loss": [0.3, 0.1], "initial_loss": [0.6, 0.5], "pretrained_loss": [0.2, 0.0]}
    accuracies = {"network_accuracy": 0.7, "initial_accuracy": 0.9, "pretrained_accuracy": 0.72, "n_test": 1000}
    return {"net": "resnet18", "index": 400, **losses, **accuracies, **changes}


def test_figure_8_a_pretrained_kernel_is_fast_and_generalizes_worse():
    rows = verdicts("fig8", tasks=[task()])
    assert [row["holds"] for row in rows] == [True] * 4
    assert rows[0]["number"] == 0.5
    assert rows[0]["note"] == "the loss of 0.5: reached after 1 of 2 epochs"
    assert rows[2]["number"] == pytest.approx(-0.18)
    worse = {"pretrained_accuracy": 0.95, "network_loss": [0.7, 0.6], "pretrained_loss": [1.0, None]}
    rows = verdicts("fig8", tasks=[task(**worse)])
    assert [row["holds"] for row in rows] == [False, None, None, None]
    assert rows[0]["number"] == 1.5
    assert rows[0]["note"].endswith("not reached in 2 epochs")
    rows = verdicts("fig8", tasks=[task(pretrained_accuracy=0.95)])
    assert [row["holds"] for row in rows][2:] == [False, False]


@pytest.mark.parametrize(
    ("model", "loss", "holds"),
    [
        ("pretrained", [1417.0, 2.98], [True, False, None, None]),
        ("network", [0.7, 0.694], [False, True, True, None]),
        ("network", [0.6, 0.693], [False, True, True, True]),
        ("initial", [0.8, 0.75], [None] * 4),
    ],
)
def test_figure_8_does_not_judge_a_model_that_has_not_learnt(model, loss, holds):
    """At the loss of guessing, log 2, or above it."""
    rows = verdicts("fig8", tasks=[task(**{f"{model}_loss": loss})])
    assert [row["holds"] for row in rows] == holds
    assert [row["number"] for row in rows[2:]] == pytest.approx([-0.18, 0.02])
    name = "the network" if model == "network" else f"the {model} linearization"
    why = f"not judged: {name} ends at a training loss of {loss[-1]} (guessing: 0.69)"
    assert [row["note"].endswith(why) for row in rows] == [held is None for held in holds]


@pytest.mark.parametrize(
    ("losses", "share"),
    [
        ([0.9, 0.8, 0.7, 0.1], 1.0),  # overtakes at the very end
        ([0.9, 0.8, 0.5, 0.1], 0.75),
        ([0.9, 0.5, 0.4, 0.3], 0.5),
        ([0.9, 0.8, 0.7, 0.6], 1.25),
    ],
)
def test_figure_8_wants_the_last_loss_of_the_linearization_in_half_the_epochs(losses, share):
    curves = {"initial_loss": [0.9, 0.7, 0.6, 0.5], "network_loss": losses, "pretrained_loss": losses}
    assert outcomes(verdicts("fig8", tasks=[task(**curves)]))[:2] == [(share <= 0.5, share)] * 2


@pytest.mark.parametrize(("n_test", "holds"), [(4000, True), (1000, False)])
def test_figure_8_wants_more_than_the_noise_of_the_test_images(n_test, holds):
    row = verdicts("fig8", tasks=[task(pretrained_accuracy=0.88, n_test=n_test)])[2]
    assert (row["holds"], row["number"]) == (holds, pytest.approx(-0.02))


def linearizations(index: int | None, accuracies: list[float]) -> dict[str, Any]:
    kinds = {"biased_accuracy": accuracies, "unbiased_accuracy": [a - 0.01 for a in accuracies]}
    kinds |= {"biased_loss": [0.3, 0.2, 0.2, 0.1], "unbiased_loss": [0.3, 0.2, 0.2, 0.1]}
    return {"net": "mlp", "index": index, "epochs": [0, 2, 5, 20], "n_test": 2000, **kinds}


def test_figure_9_falls_on_eigenfunctions_and_rises_on_classes():
    falling, rising = linearizations(400, [0.9, 0.8, 0.75, 0.7]), linearizations(None, [0.6, 0.65, 0.7, 0.72])
    rows = verdicts("fig9", tasks=[falling, rising])
    assert [row["subject"] for row in rows] == [*("mlp, phi_400, biased", "mlp, phi_400, unbiased", "some network")]
    assert outcomes(rows) == [*[(True, pytest.approx(0.15))] * 2, (True, pytest.approx(0.12))]
    assert rows[-1]["note"] == "mlp, biased: 60.0% to 72.0%; mlp, unbiased: 59.0% to 71.0%"
    late, level = linearizations(400, [0.9, 0.9, 0.895, 0.5]), linearizations(None, [0.7, 0.8, 0.7, 0.7])
    assert [row["holds"] for row in verdicts("fig9", tasks=[late, level])] == [False] * 3
    assert [row["holds"] for row in verdicts("fig9", tasks=[level, rising])] == [True]


def test_figure_9_takes_no_noise_for_a_fall_or_a_rise():
    dips = linearizations(400, [0.8, 0.7, 0.8, 0.6])  # the worst of the first epochs is not what they come to
    noisy, risen = linearizations(400, [0.8, 0.79, 0.78, 0.6]), linearizations(None, [0.7, 0.8, 0.7, 0.72])
    rows = verdicts("fig9", tasks=[dips, noisy, risen])
    assert outcomes(rows) == [(False, pytest.approx(number)) for number in (0, 0, 0.02, 0.02, 0.02)]
    rows = verdicts("fig9", tasks=[{**task, "n_test": 10000} for task in (noisy, risen)])
    assert [row["holds"] for row in rows] == [True] * 3
    assert rows[0]["note"] == "from 80.0%; at the end 60.0%; 2 standard errors of 10,000 test images are 1.2 points"
    assert rows[0]["meaning"] == "fall of the accuracy after 5 epochs"


def test_figure_9_rises_for_some_model_whatever_diverged_beside_it():
    rising, diverged = linearizations(None, [0.6, 0.65, 0.7, 0.72]), [0.6, 0.65, None, None]
    broken = {**rising, "biased_accuracy": diverged, "unbiased_accuracy": diverged}
    for tasks in ([broken, rising], [rising, broken]):
        assert outcomes(verdicts("fig9", tasks=tasks)) == [(True, pytest.approx(0.12))]
    assert outcomes(verdicts("fig9", tasks=[broken])) == [(None, None)]


def test_figure_9_does_not_judge_linearizations_that_have_not_learnt():
    falling, rising = linearizations(400, [0.9, 0.8, 0.75, 0.7]), linearizations(None, [0.6, 0.65, 0.7, 0.72])
    rows = verdicts("fig9", tasks=[{**falling, "biased_loss": [0.3, 2.0, 3.0, 0.1]}])
    assert outcomes(rows) == [(None, pytest.approx(0.15)), (True, pytest.approx(0.15))]
    why = "not judged: the linearization after epoch 5 ends at a training loss of 3 (guessing: 0.69)"
    assert rows[0]["note"].endswith(why)
    # What lies between the two epochs that are compared has no say.
    rows = verdicts("fig9", tasks=[{**falling, "biased_loss": [0.3, 2.0, 0.2, 2.0]}])
    assert [row["holds"] for row in rows] == [True, True]
    level = linearizations(None, [0.7, 0.8, 0.7, 0.7])
    lost = {"biased_loss": [0.7, 0.3, 0.3, 0.1], "unbiased_loss": [0.3, 0.3, 0.3, None]}
    assert outcomes(verdicts("fig9", tasks=[{**rising, **lost}])) == [(None, pytest.approx(0.12))]
    for tasks in ([{**rising, **lost}, level], [level, {**rising, **lost}]):
        (row,) = verdicts("fig9", tasks=tasks)
        assert (row["holds"], row["number"]) == (False, pytest.approx(0.0))
        assert "not judged: the linearization after epoch 0 ends at a training loss of 0.7 " in row["note"]


def test_without_an_early_epoch_nothing_is_decided():
    losses = {f"{kind}_loss": [0.3, 0.1] for kind in ("biased", "unbiased")}
    only = {**linearizations(400, [0.9, 0.7]), "epochs": [0, 20], **losses}
    assert outcomes(verdicts("fig9", tasks=[only])) == [(None, None)] * 2
