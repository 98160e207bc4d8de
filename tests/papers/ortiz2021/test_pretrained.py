from typing import Any

import pytest

from tests.papers.ortiz2021.verdicts import SGD, outcomes, verdicts, why

MODELS = ("network", "initial", "pretrained")


SETTINGS = {
    "width": 1.0, "residual_scale_init": 0.0, "n_train": 50000, "n_test": 10000, "trained_statistics": True, **SGD,
}  # fmt: skip


def task(**changes: Any) -> dict[str, Any]:
    """The network and the pretrained linearization are 18 points behind, and much faster."""
    accuracies = {"network": 0.72, "initial": 0.9, "pretrained": 0.7205}
    losses = {f"{model}_loss": [0.3] * 99 + [0.1] for model in MODELS}
    epochs = {"network_epochs_to_loss": [10.0], "initial_epochs_to_loss": [60.0], "pretrained_epochs_to_loss": [5.0]}
    seeds = {f"{model}_accuracy_by_seed": [changes.pop(f"{model}_accuracy", accuracies[model])] for model in MODELS}
    rates = {"initial_eta_over_critical": 0.1, "pretrained_eta_over_critical": 2.0}
    settings = {"net": "resnet18", "index": 400, **SETTINGS, "epochs": 100}
    return {**settings, **losses, **epochs, **seeds, **rates, **changes}


def judged(beginning: str, data: str = "cifar10", **changes: Any) -> list[bool | None]:
    return outcomes("fig8", beginning, data, tasks=[task(**changes)])


@pytest.mark.parametrize(
    ("beginning", "model"), [("the network converges", "network"), ("with the pretrained kernel alone", "pretrained")]
)
@pytest.mark.parametrize(
    ("ours", "initial", "holds"),
    [
        ([5.0], [40.0], True),
        ([30.0], [40.0], None),  # of one training, to within a factor of 1.5
        ([50.0], [40.0], False),
        ([30.0, 31.0, 30.0], [40.0, 41.0, 40.0], False),
        ([None], [None], None),
        ([20.0], [None], True),  # at 100 epochs it is not there
        ([60.0], [None], None),
        ([None], [20.0], False),
    ],
)
def test_figure_8_much_faster_is_a_loss_of_a_hundredth_in_half_the_epochs(beginning, model, ours, initial, holds):
    assert judged(beginning, **{f"{model}_epochs_to_loss": ours, "initial_epochs_to_loss": initial}) == [holds]


def test_figure_8_neither_is_shown_as_undetermined_with_the_reason():
    never = {"network_epochs_to_loss": [None], "initial_epochs_to_loss": [None]}
    assert why("fig8", "the network converges", tasks=[task(**never)]) == "neither reaches the loss in 100 epochs"


def test_figure_8_an_unstable_rate_is_the_papers_too():
    beginning, unstable = "with the pretrained kernel alone", dict[str, Any](pretrained_eta_over_critical=30.0)
    assert judged(beginning, **unstable) == [True]
    assert judged(beginning, **unstable, pretrained_epochs_to_loss=[None]) == [False]


FIGURE_8 = ("the network converges", "the linearization with", "with the pretrained kernel the", "networks overfit")


@pytest.mark.parametrize("beginning", FIGURE_8)
@pytest.mark.parametrize("far", [True, False])
def test_figure_8_is_about_resnet18_on_phi_400_and_overfitting_about_any_network_and_eigenfunction(beginning, far):
    far_behind: dict[str, Any] = {} if far else {"network_epochs_to_loss": [50.0], "pretrained_accuracy": 0.88}
    assert judged(beginning, **far_behind) == [far]
    others: list[dict[str, Any]] = [{"width": 0.125}, {"residual_scale_init": 1.0}]
    others += [{"n_train": 2000}, {"epochs": 20}, {"batch_size": 64}]
    for other in others:
        assert judged(beginning, **far_behind, **other) == [None]
    assert judged(beginning, "mnist", **far_behind) == [None]
    others = [{"net": "lenet"}, {"index": 100}]
    for other in others:
        assert judged(beginning, **far_behind, **other) == [far if beginning == "networks overfit" else None]


def test_figure_8_overfitting_is_not_about_the_classes():
    assert judged("networks overfit", index=None) == []


def test_kernels_of_a_trained_resnet18_name_their_statistics():
    (row,) = verdicts("fig8", "the linearization with", tasks=[task()])
    assert "BatchNorm statistics of then" in row["note"]
    for other in ({"net": "lenet"}, {"trained_statistics": False}):
        (row,) = verdicts("fig8", "the linearization with", tasks=[task(**other)])
        assert "BatchNorm" not in row["note"]


@pytest.mark.parametrize(("pretrained", "holds"), [(0.74, True), (0.88, False), (0.85, None)])
def test_figure_8_much_lower_is_five_points_beyond_noise(pretrained, holds):
    assert judged("the linearization with", pretrained_accuracy=pretrained) == [holds]


@pytest.mark.parametrize(("pretrained", "holds"), [(0.721, True), (0.75, False), (0.735, None)])
def test_figure_8_comparable_is_within_a_significant_difference(pretrained, holds):
    assert judged("with the pretrained kernel the", pretrained_accuracy=pretrained) == [holds]


@pytest.mark.parametrize(
    ("network", "pretrained", "holds"),
    [(0.72, 0.74, True), (0.72, 0.88, False), (0.72, 0.81, None), (0.88, 0.74, None)],
)
def test_figure_8_the_kernel_explains_more_than_half(network, pretrained, holds):
    assert judged("networks overfit", network_accuracy=network, pretrained_accuracy=pretrained) == [holds]


@pytest.mark.parametrize(
    ("model", "undetermined"), [("pretrained", {1, 2, 3}), ("network", {2, 3}), ("initial", {1, 3})]
)
def test_figure_8_accuracies_of_a_model_that_has_not_learnt_say_nothing(model, undetermined):
    """At the loss of guessing, log 2, or above it."""
    beginnings = (
        "the network converges",
        "the linearization with",
        "with the pretrained kernel the",
        "networks overfit",
    )
    for place, beginning in enumerate(beginnings):
        changes: dict[str, Any] = {f"{model}_loss": [1417.0, 0.694]}
        found = judged(beginning, **changes)
        assert found == [None if place in undetermined else True]


def test_several_seeds_decide_in_place_of_the_test_images():
    seeds = {f"{model}_accuracy_by_seed": [0.9 - 0.1 * i, 0.91 - 0.1 * i] for i, model in enumerate(MODELS)}
    (row,) = verdicts("fig8", "the linearization with", tasks=[task(**seeds)])
    assert (row["holds"], row["number"]) == (True, pytest.approx(0.1))


def course(index: int | None, *unbiased: float | None, network: float = 0.7, **changes: Any) -> dict[str, Any]:
    last = 200 if index is None else 100
    settings = {"net": "mlp", "index": index, **SETTINGS, "epochs": [0, 2, 5, last]}
    numbers: dict[str, Any] = {}
    for kind in ("unbiased", "biased"):
        numbers |= {f"{kind}_accuracy": [*unbiased], f"{kind}_accuracy_by_seed": [[*unbiased]]}
        numbers[f"{kind}_loss"] = [0.3, 0.2, 0.2, 0.1]
    kernel = {"label_alignment": [1.0, 20.0, 40.0, 100.0], "gradient_norm": [1.0, 2.0, 4.0, 10.0]}
    return {**settings, **numbers, "network_accuracy_by_seed": [network], **kernel, **changes}


DECAYS, IMPROVES = "on an eigenfunction", "on CIFAR2 the kernel's rotation"
CLOSER, HURTS = "linearizing later", "a higher alignment"


@pytest.mark.parametrize(
    ("accuracies", "holds"),
    [
        ([0.9, 0.8, 0.72, 0.7], True),
        ([0.9, 0.9, 0.88, 0.7], False),  # late
        ([0.9, 0.9, 0.9, 0.9], False),
        ([0.9, 0.89, 0.85, 0.84], None),
        ([0.9, 0.7, 0.9, 0.7], False),  # the worst of the first epochs is not what they come to
    ],
)
def test_figure_9_decays_rapidly_on_an_eigenfunction(accuracies, holds):
    (row,) = verdicts("fig9", DECAYS, tasks=[course(400, *accuracies), course(None, 0.5, 0.5, 0.5, 0.5)])
    assert (row["subject"], row["holds"]) == ("mlp, phi_400", holds)


def test_figure_9_needs_an_early_epoch_and_linearizations_that_have_learnt():
    falling = [0.9, 0.8, 0.72, 0.7]
    late = course(400, *falling, epochs=[0, 20, 50, 100])
    assert why("fig9", DECAYS, tasks=[late]) == "no linearization within 5 epochs"
    lost = course(400, *falling, unbiased_loss=[0.3, 2.0, 3.0, 0.1])
    reason = "the linearization after epoch 5 ends at a training loss of 3 (guessing: 0.69)"
    assert why("fig9", DECAYS, tasks=[lost]) == reason
    between = course(400, *falling, unbiased_loss=[0.3, 2.0, 0.2, 0.1])
    assert outcomes("fig9", DECAYS, tasks=[between]) == [True]
    assert outcomes("fig9", DECAYS, tasks=[course(400, *falling, net="resnet18", width=0.125)]) == [None]


LEVEL = course(None, 0.6, 0.6, 0.6, 0.61)


@pytest.mark.parametrize(
    ("first", "second", "holds"),
    [
        (course(None, 0.55, 0.6, 0.65, 0.7), LEVEL, True),  # some: one is enough
        (LEVEL, LEVEL, False),
        (course(None, 0.6, 0.6, 0.6, 0.65), LEVEL, None),
        (course(None, 0.55, 0.6, None, None, unbiased_loss=[0.3, 0.2, None, None]), LEVEL, None),
    ],
)
def test_figure_9_some_model_gains_on_the_classes(first, second, holds):
    tasks = [first, {**second, "net": "lenet"}, course(400, 0.9, 0.7, 0.7, 0.7)]
    third = {**LEVEL, "net": "resnet18"}
    (row,) = verdicts("fig9", IMPROVES, tasks=[*tasks, third])
    assert (row["subject"], row["holds"]) == ("some network", holds)
    for others in ([], [{**third, "width": 0.125}]):  # the third may gain
        assert outcomes("fig9", IMPROVES, tasks=[*tasks, *others]) == [True if holds else None]


def test_figure_9_starts_at_the_usual_linearization_of_figure_8():
    """Whose accuracy is 90%; without f(theta_0) it would be 70%."""
    started: dict[str, Any] = {
        "unbiased_accuracy_by_seed": [[0.7, 0.8, 0.72, 0.7]],
        "unbiased_loss": [3.0, 0.2, 0.2, 0.1],
    }
    assert outcomes("fig9", DECAYS, tasks=[course(400, 0.9, 0.8, 0.72, 0.7, **started)]) == [True]


@pytest.mark.parametrize("claim", [IMPROVES, CLOSER])
def test_figure_9_classes_are_those_of_cifar2_in_200_epochs(claim):
    rising = course(None, 0.55, 0.6, 0.65, 0.7)
    assert outcomes("fig9", claim, tasks=[rising]) == [True]
    assert why("fig9", claim, "mnist5k", tasks=[rising]) == "data mnist5k (the paper: cifar10)"
    assert why("fig9", claim, tasks=[{**rising, "width": 0.5}]) == "width 0.5 (the paper: 1)"
    assert why("fig9", claim, tasks=[{**rising, "n_train": 2000}]) == "training images 2,000 (the paper: 50,000)"
    assert why("fig9", claim, tasks=[{**rising, "epochs": [0, 2, 5, 100]}]) == "epochs 100 (the paper: 200)"


@pytest.mark.parametrize(("last", "holds"), [(0.69, True), (0.56, False), (0.63, None)])
def test_figure_9_a_later_linearization_is_closer_to_the_network(last, holds):
    assert outcomes("fig9", CLOSER, tasks=[course(None, 0.55, 0.6, 0.65, last)]) == [holds]
    none = course(None, 0.69, 0.7, 0.7, last)
    assert why("fig9", CLOSER, tasks=[none]) == "no significant advantage at the start"


def test_figure_9_a_later_linearization_is_that_of_equation_1():
    usual: dict[str, Any] = {"biased_accuracy_by_seed": [[0.55, 0.6, 0.65, 0.69]]}
    assert outcomes("fig9", CLOSER, tasks=[course(None, 0.55, 0.6, 0.65, 0.56, **usual)]) == [True]


@pytest.mark.parametrize(
    ("changes", "holds", "fall"),
    [
        ({}, True, 0.2),
        ({"label_alignment": [1.0, 2.0, 4.0, 15.0]}, False, 0.2),
        ({"width": 0.5}, None, 0.0),  # of the tasks that are judged
    ],
)
def test_figure_9_more_alignment_can_hurt(changes, holds, fall):
    """100 times the alignment at 10 times the mean squared gradient norm, then 15 times."""
    falling = course(400, 0.9, 0.8, 0.72, 0.7, **changes)
    others = [course(400, 0.9, 0.9, 0.9, 0.9, net=net) for net in ("lenet", "resnet18")]
    (row,) = verdicts("fig9", HURTS, tasks=[falling, *others, course(None, 0.55, 0.6, 0.65, 0.7)])
    assert (row["subject"], row["holds"], row["number"]) == ("some eigenfunction", holds, pytest.approx(fall))
    assert outcomes("fig9", HURTS, tasks=[falling]) == [True if holds else None]  # others may show it


@pytest.mark.parametrize(("last", "holds"), [(0.9, None), (0.88, None), (0.7, True)])
def test_figure_9_what_hurts_is_a_significant_fall_on_any_eigenfunction(last, holds):
    rising = course(400, 0.8, 0.8, 0.8, 0.9)
    assert outcomes("fig9", HURTS, tasks=[course(300, 0.9, 0.9, 0.9, last), rising]) == [holds]
