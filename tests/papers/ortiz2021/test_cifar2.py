from typing import Any

import pytest

from ntk_repro.papers.figure import Figure
from ntk_repro.papers.index import FIGURES
from tests.papers.ortiz2021.verdicts import SGD, outcomes, verdicts, why

FIG5: Figure = FIGURES["ortiz2021/fig5"]
SEEDS = (-0.002, 0.0, 0.002)


def seeds(*means: float, spread: float = 1.0) -> list[list[float]]:
    """A row of three seeds for each size."""
    return [[mean + spread * seed for seed in SEEDS] for mean in means]


def curves(**changes: Any) -> dict[str, Any]:
    """A network with no lead at 500 images and one of 10 points at 50,000."""
    settings: dict[str, Any] = {"size": [500, 5000, 50000], "seeds": [0, 1, 2], "width": 1.0, "epochs": 200}
    settings |= {"residual_scale_init": 0.0, **SGD}
    distances = {"network_distance": [1.0, 2.0, 3.0], "network_distance_std": [0.1] * 3}
    errors = {"approximation_error": [0.2, 0.5, 0.9], "approximation_error_std": [0.01] * 3}
    best = {f"{model}_epochs_to_best": [[50.0] * 3] * 3 for model in ("network", "linearized")}
    best |= {
        f"{model}_{of}": seeds(0, 0, 0) for model in ("network", "linearized") for of in ("below_best", "from_late")
    }
    loss = {"network_epochs_to_loss": [[20.0] * 3] * 3, "linearized_epochs_to_loss": [[90.0, 100.0, None]] * 3}
    return {**settings, "lead": seeds(0, 0.03, 0.1), **distances, **errors, **best, **loss, **changes}


def judged(beginning: str, data: str = "cifar10", **changes: Any) -> list[bool | None]:
    return outcomes("fig5", beginning, data, nets={"mlp": curves(**changes)})


@pytest.mark.parametrize("claim", [one.statement for one in FIG5.claims if "architecture" not in one.statement])
def test_every_claim_holds_on_what_the_paper_says_and_is_about_its_data_and_width(claim):
    assert set(judged(claim)) == {True}
    assert why("fig5", claim, "mnist5k", nets={"mlp": curves()}) == "data mnist5k (the paper: cifar10)"
    others: list[dict[str, Any]] = [{"width": 0.125}, {"epochs": 100}, {"batch_size": 64}]
    for other in others:
        assert set(judged(claim, **other)) == {None}
    assert set(outcomes("fig5", claim, nets={"resnet18": curves(residual_scale_init=1.0)})) == {None}


@pytest.mark.parametrize("claim", ["some networks", "the non-linear advantage", "after 200 epochs"])
def test_advantages_are_those_on_all_images_after_200_epochs(claim):
    assert why("fig5", claim, nets={"mlp": curves(epochs=100)}) == "epochs 100 (the paper: 200)"
    fewer = {"mlp": curves(size=[500, 5000, 10000])}
    assert why("fig5", claim, nets=fewer) == "training images 10,000 (the paper: 50,000)"


NETS = ("mlp", "lenet", "resnet18")


@pytest.mark.parametrize(
    ("leads", "holds"),
    [
        ((seeds(0.01), seeds(0.12)), True),  # one network is enough
        ((seeds(0.01), seeds(0.02), seeds(0.01)), False),
        ((seeds(0.01), seeds(0.02)), None),  # the third may have one
        ((seeds(0.01), seeds(0.02), seeds(0.05)), None),
        ((seeds(0.01), seeds(0.02), seeds(0.12, spread=10)), None),
    ],
)
def test_some_network_has_a_large_advantage(leads, holds):
    nets = {net: curves(lead=[*seeds(0, 0), *lead]) for net, lead in zip(NETS, leads, strict=False)}
    (row,) = verdicts("fig5", "some networks", nets=nets)
    assert (row["subject"], row["holds"]) == ("some network", holds)
    nets |= {"resnet18": curves(width=0.125, lead=seeds(0, 0, 0.4))}
    (row,) = verdicts("fig5", "some networks", nets=nets)
    assert row["holds"] is (True if holds else None)  # others may show it
    assert row["number"] == pytest.approx(max(sum(lead[0]) / 3 for lead in leads[:2]))  # of those that are judged


def test_looking_at_several_networks_makes_each_interval_wider():
    just = curves(lead=[*seeds(0, 0), [0.057, 0.06, 0.063]])  # 6 +- 0.75 points, of one network
    assert outcomes("fig5", "some networks", nets={"mlp": just}) == [True]
    assert outcomes("fig5", "some networks", nets=dict.fromkeys(NETS, just)) == [None]


@pytest.mark.parametrize(
    ("leads", "holds"),
    [(seeds(0, 0.03, 0.1), True), (seeds(0.09, 0.09, 0.1), False), (seeds(0.05, 0.07, 0.1), None),
     (seeds(0.01, 0.02, 0.02), None)],
)  # fmt: skip
def test_the_advantage_is_mostly_that_of_larger_sets(leads, holds):
    assert judged("the non-linear advantage", lead=leads) == [holds]


@pytest.mark.parametrize(("lead", "holds"), [(0.0, True), (0.04, False), (0.016, None)])
def test_small_sets_have_no_significant_gap(lead, holds):
    assert judged("on small training sets", lead=seeds(lead, 0.03, 0.1)) == [holds]
    assert judged("on small training sets", lead=[[lead], [0.0], [0.0]], seeds=[0]) == [None]
    assert judged("on small training sets", lead=seeds(lead, 0.1), size=[5000, 50000]) == [None]


@pytest.mark.parametrize("curve", ["network_distance", "approximation_error"])
@pytest.mark.parametrize(
    ("values", "std", "holds"),
    [([1.0, 2.0, 3.0], 0.1, True), ([3.0, 2.0, 1.0], 0.1, False), ([1.0, 3.0, 2.0], 0.1, False),
     ([1.0, 1.2, 1.1], 0.5, None)],
)  # fmt: skip
def test_what_grows_is_in_the_order_of_the_sizes_beyond_the_seeds(curve, values, std, holds):
    beginning = "the network's distance" if curve == "network_distance" else "the error of the linear"
    changes = {curve: values, f"{curve}_std": [std] * 3}
    assert judged(beginning, **changes) == [holds]
    assert judged(beginning, **changes, seeds=[0]) == [None]
    unfit: dict[str, Any] = {"network_epochs_to_loss": [[20.0] * 3, [20.0] * 3, [20.0, None, 20.0]]}
    assert judged(beginning, **changes, **unfit) == [None]  # one pair of sizes that the network fits


def test_sizes_that_the_network_does_not_fit_are_not_compared():
    sizes: dict[str, Any] = {"size": [128, 500, 5000, 50000], "network_distance": [9.0, 1.0, 2.0, 3.0]}
    sizes |= {"network_distance_std": [0.1] * 4, "lead": seeds(0, 0, 0.03, 0.1)}
    for first, holds in ((None, True), (20.0, False)):
        epochs: dict[str, Any] = {"network_epochs_to_loss": [[first] * 3, *[[20.0] * 3] * 3]}
        assert judged("the network's distance", **sizes, **epochs) == [holds]


def test_saturation_is_to_be_at_the_best_and_where_the_last_fifth_is():
    beginning = "the test accuracy has saturated"
    assert judged(beginning) == [True, True]
    assert judged(beginning, linearized_below_best=seeds(0, 0, 0.05)) == [True, False]
    assert judged(beginning, linearized_from_late=seeds(0, 0, -0.05)) == [True, False]
    assert judged(beginning, network_from_late=seeds(0, 0, 0.015, spread=3)) == [None, True]


@pytest.mark.parametrize(
    ("epochs", "holds"),
    [([60.0, 55.0, 50.0], True), ([190.0, 200.0, 195.0], False), ([100.0, 95.0, 105.0], None)],
)
def test_both_are_at_their_best_in_about_the_same_epochs_at_every_size(epochs, holds):
    changed = [[50.0] * 3, epochs, [50.0] * 3]
    assert judged("network and linearization reach", linearized_epochs_to_best=changed) == [holds]


@pytest.mark.parametrize(
    ("network", "linearized", "holds"),
    [
        ([20.0, 22.0, 21.0], [180.0, 190.0, None], True),
        ([60.0, 62.0, 61.0], [90.0, 92.0, 91.0], False),
        ([60.0, 62.0, 61.0], [None] * 3, True),  # 200 epochs are not enough
        ([150.0, 152.0, 151.0], [None] * 3, None),  # how many more it needs is not known
        ([None] * 3, [90.0, 92.0, 91.0], False),
        ([None] * 3, [None] * 3, None),
        ([45.0, 48.0, 42.0], [90.0, 92.0, 91.0], None),
        ([20.0], [90.0], True),
        ([40.0], [90.0], None),  # one training
    ],
)
def test_the_linearization_fits_in_twice_the_epochs(network, linearized, holds):
    changes: dict[str, Any] = {"network_epochs_to_loss": [network] * 3, "linearized_epochs_to_loss": [linearized] * 3}
    assert judged("the linearization takes", **changes) == [holds]


def test_one_size_of_several_refutes_only_beyond_the_choice_among_them():
    """The ratio at the first size is 2.1 to 3.1 by its own interval, 1.8 to 3.6 by one of three."""
    for others, holds in ([], False), ([[50.0] * 3] * 2, None):
        late = [[120.0, 130.0, 140.0], *others]
        epochs: dict[str, Any] = {"network_epochs_to_best": [[50.0] * 3] * len(late), "linearized_epochs_to_best": late}
        assert judged("network and linearization reach", **epochs, size=[500, 5000, 50000][: len(late)]) == [holds]


def test_one_training_of_several_refutes_a_fast_network_only_beyond_the_choice_among_them():
    """The ratio at the first size is 0.51 to 0.64 by its own interval, 0.47 to 0.69 by one of three."""
    for others, holds in ([], False), ([[20.0] * 3] * 2, None):
        slow = [[55.0, 57.0, 60.0], *others]
        epochs: dict[str, Any] = {
            "network_epochs_to_loss": slow,
            "linearized_epochs_to_loss": [[100.0] * 3] * len(slow),
        }
        assert judged("the linearization takes", **epochs, size=[500, 5000, 50000][: len(slow)]) == [holds]


def test_every_size_holds_by_its_own_interval():
    """Of three sizes that would all be 1.5 to 2.1 by an interval of one of three."""
    epochs = [[85.0, 90.0, 92.0]] * 3
    assert judged("network and linearization reach", linearized_epochs_to_best=epochs) == [True]


@pytest.mark.parametrize(("lead", "holds"), [(0.03, True), (0.005, False), (0.016, None)])
def test_after_200_epochs_networks_are_significantly_better(lead, holds):
    assert judged("after 200 epochs", lead=seeds(0, 0, lead)) == [holds]


@pytest.mark.parametrize(("other", "holds"), [(0.02, True), (0.08, False), (0.05, None)])
def test_the_gap_depends_on_the_architecture(other, holds):
    nets = {"mlp": curves(lead=seeds(0, 0, other)), "resnet18": curves()}
    beginning = "the gap depends heavily"
    assert outcomes("fig5", beginning, nets=nets) == [True if holds else None]  # the third may be far from both
    nets["lenet"] = curves()
    assert outcomes("fig5", beginning, nets=nets) == [holds]
    nets["lenet"] = curves(width=0.125)
    assert outcomes("fig5", beginning, nets=nets) == [True if holds else None]
    assert why("fig5", beginning, nets={"mlp": curves()}) == "one network"
    assert why("fig5", beginning, nets={"mlp": curves(), "lenet": curves(size=[1, 2, 3])}) == "no common size"
