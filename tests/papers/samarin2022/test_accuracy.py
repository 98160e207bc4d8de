"""Verdicts on made-up accuracies: numbers that make each statement hold, fail and stay undetermined."""

import pytest

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES
from tests.papers.samarin2022.panels import FEW, RATES, gaps, holds, panel, rows, seeds, snakes

RISES = [(90, 0), (94, 0)]
SHRINKS = "the gap in test accuracy shrinks"


@pytest.mark.parametrize("figure", ["fig2", "fig3", "fig4"])
@pytest.mark.parametrize(
    ("narrow", "wide", "verdict"),
    [
        ((20, 0), (10, 3), True),
        ((10, 0), (20, 3), False),
        ((10, 0), (8, 3), None),
        ((2, 0), (-5, 0), False),  # the linearization is ahead by more than it was behind
        ((10, 0), (-5, 0), True),
        (20, 10, True),  # one seed, 10,000 images
        (2, 1.5, None),
    ],
)
def test_a_gap_shrinks_by_what_the_interval_decides(figure, narrow, wide, verdict):
    found = gaps(figure, narrow, wide)
    assert holds(figure, SHRINKS, found) == [verdict]
    if figure == "fig3" and verdict is not None:
        assert holds(figure, "the gap in training accuracy shrinks", found) == [verdict]


def test_training_and_test_gaps_are_judged_by_their_own():
    found = panel("fig3", [(95, 0), (95, 0)], [(60, 0), (80, 0)], train=[(90, 0), (70, 0)])
    assert holds("fig3", SHRINKS, found) == [True]
    assert holds("fig3", "the gap in training accuracy shrinks", found) == [False]
    assert holds("fig3", SHRINKS, gaps("fig2", (20, 0), (10, 0))) == []  # of Figure 2, drawn for comparison


@pytest.mark.parametrize(
    "changes",
    [
        {"widths": (1.0, 10.0)},  # it may yet turn until x60
        {"widths": (2.0, 60.0)},
        {"widths": (0.5, 60.0)},
        {"epochs": 10},
        {"train_images": 6000},
        {"data": "mnist5k"},
        {"data": "fashion_mnist"},
        {"net": "mlp"},
        {"batch_size": 128},
        {"momentum": 0.0},
        {"loss_reduction": "sum"},
        {"loss": "cross_entropy"},
        {"precision": "float64"},
        {"resize": 64},
    ],
)
def test_a_trend_is_undetermined_in_both_directions_at_other_settings(changes, monkeypatch):
    monkeypatch.setitem(RATES, "mlp", RATES["lenet5"])
    for narrow, wide in (((20, 0), (10, 3)), ((10, 0), (20, 3))):
        (row,) = rows("fig2", SHRINKS, gaps("fig2", narrow, wide, **changes))
        assert row["holds"] is None
        assert "(the paper: " in row["unless"]


def test_a_shift_of_another_size_is_not_figure_3():
    assert holds("fig3", SHRINKS, gaps("fig3", (20, 0), (10, 0), shift=3)) == [None]


def test_widths_of_several_seeds_decide_where_there_are_two():
    found = gaps("fig2", (8, 3), (5, 3), (3, 0), 9, widths=(1.0, 2.0, 5.0, 60.0))
    (row,) = rows("fig2", SHRINKS, found)
    assert (row["holds"], row["number"]) == (None, pytest.approx(-0.05))
    assert row["meaning"].endswith("x1 to x5")


def test_a_single_seed_without_a_number_of_images_decides_nothing():
    assert holds("fig2", SHRINKS, gaps("fig2", 20, 10, test_images=None)) == [None]


NETWORK, LINEARIZATION = "the network does not gain appreciably", "the linearization gains appreciably"


@pytest.mark.parametrize(
    ("rise", "half", "verdict"), [(0.4, 0.1, True), (3, 0.5, False), (2, 1, None), (-1, 0.5, True)]
)
def test_a_network_gains_little_against_its_linearization(rise, half, verdict):
    """The linearization gains 4 points: at 99% a network could gain no 3."""
    found = panel("fig2", [(96.5, 0), (96.5 + rise, half)], RISES)
    assert holds("fig2", NETWORK, found) == [verdict]
    assert holds("fig2", NETWORK, found | FEW) == [None]
    part = panel("fig2", [(96.5, 0), (96.5 + rise, half)], RISES, widths=(1.0, 10.0))
    assert holds("fig2", NETWORK, part) == [None]


@pytest.mark.parametrize(("rise", "half", "verdict"), [(4.5, 1, True), (0.6, 0.1, False), (5.3, 4.2, None)])
def test_a_linearization_gains_appreciably_from_width(rise, half, verdict):
    found = panel("fig2", [(95, 0), (60, 0)], [(80, 0), (80 + rise, half)])  # whatever the network gains
    assert holds("fig2", LINEARIZATION, found) == [verdict]


@pytest.mark.parametrize(("accuracy", "verdict"), [(84.5, True), (83.5, None)])
def test_one_seed_gains_by_what_its_test_images_decide(accuracy, verdict):
    found = panel("fig2", [95, 95], [80, accuracy])
    assert holds("fig2", LINEARIZATION, found) == [verdict]


PRINTED = "the gaps in test accuracy are those that the paper prints"


@pytest.mark.parametrize("figure", ["fig2", "fig3", "fig4", "tableA1"])
@pytest.mark.parametrize(("off", "half", "verdict"), [(0.1, 0.3, True), (2, 1, False), (2, 9, None)])
def test_a_printed_gap_is_compared_with_the_prediction_of_a_mean_of_five(figure, off, half, verdict):
    of = "fig5" if figure == "tableA1" else figure
    printed = {"fig2": (4.67, 0.48), "fig3": (27.65, 3.91), "fig4": (20.22, 13.17), "fig5": (20.4, 18.56)}[of]
    widths = (1.0, 4.0) if of == "fig5" else (1.0, 60.0)
    own = [(95 - gap - off, half) for gap in printed]
    found = panel(of, [(95, 0)] * 2, own, own if of == "fig5" else None, widths=widths)
    judged = rows(figure, PRINTED, found)
    assert [row["holds"] for row in judged] == [verdict] * 2
    assert [row["paper"] for row in judged] == pytest.approx([gap / 100 for gap in printed])
    for change in ({"epochs": 10}, {"train_images": 6000}, {"data": "mnist5k"}):
        assert [(row["holds"], row["paper"]) for row in rows(figure, PRINTED, found | change)] == [(None, None)] * 2


@pytest.mark.parametrize(
    ("narrow", "wide", "verdicts"), [(20.44, 18.564, [True, True]), (20.46, 18.566, [False, False])]
)
def test_a_printed_gap_is_known_to_half_its_last_digit(narrow, wide, verdicts):
    """20.4 may be 20.44: 18.56 has two decimals."""
    own = [(60 - narrow, 0), (60 - wide, 0)]
    assert holds("tableA1", PRINTED, panel("fig5", [(60, 0)] * 2, own, own, widths=(1.0, 4.0))) == verdicts


def test_a_printed_gap_is_not_compared_with_one_seed_or_with_other_widths():
    (one,) = rows("fig2", PRINTED, gaps("fig2", 4.67, 2, widths=(1.0, 2.0)))
    assert (one["holds"], one["unless"]) == (None, "1 seed, fewer than 3")


LOGISTIC = "at x1 the linearization is ahead of a logistic regression"


@pytest.mark.parametrize(
    ("accuracy", "half", "images", "verdict"),
    [
        (94.3, 0.2, 60_000, True),
        (97, 0.2, 60_000, False),
        (91, 0.2, 60_000, False),
        (92.5, 3, 60_000, None),
        (94.3, 0.2, 6000, None),
    ],
)
def test_the_lead_over_a_logistic_regression_is_small(accuracy, half, images, verdict):
    found = panel("fig2", [(99, 0)] * 2, [(accuracy, half), (98, 0)], logistic_test=0.92, train_images=images)
    assert holds("fig2", LOGISTIC, found) == [verdict]
    assert holds("fig2", LOGISTIC, found | {"logistic_test": None}) == []


@pytest.mark.parametrize(
    ("train", "test", "images", "verdicts"),
    [(0.934, 0.925, 60_000, [True, True]), (0.95, 0.925, 60_000, [True, False]), (0.93, 0.92, 6000, [None, None])],
)
def test_the_logistic_regression_is_that_of_the_paper(train, test, images, verdicts):
    found = gaps("fig2", (4, 0), logistic_train=train, logistic_test=test, train_images=images, widths=(1.0,))
    judged = rows("fig2", "a logistic regression on the pixels", found | {"epochs": 1})
    assert [row["holds"] for row in judged] == verdicts
    assert [row["paper"] for row in judged] == ([0.92, 0.93] if images == 60_000 else [None, None])


@pytest.mark.parametrize("part", ["test", "training"])
@pytest.mark.parametrize(
    ("centred", "shifted", "verdict"),
    [((5, 1), (20, 0), True), ((15, 1), (10, 0), False), ((5, 3), (6, 0), None), (5, 20, True), (5, 5.1, None)],
)
def test_a_shift_widens_the_gap(part, centred, shifted, verdict):
    statement = f"the gap in {part} accuracy grows with the shift"
    panels = [gaps("fig3", shifted, widths=(2.0,)), gaps("fig2", centred, widths=(2.0,))]
    (row,) = rows("fig3", statement, *panels)
    assert (row["holds"], row["subject"], row["paper"]) == (verdict, "x2", None)
    poorly = gaps("fig3", shifted, widths=(2.0,), **FEW, fitted=75)
    assert holds("fig3", statement, poorly, panels[1]) == [None]
    assert holds("fig3", statement, panels[0]) == []


@pytest.mark.parametrize(
    ("width", "gap", "changes", "verdict"),
    [
        (60.0, (13, 1), {}, True),
        (60.0, (1, 0.5), {}, False),
        (60.0, (3, 1), {}, None),
        (10.0, (15, 1), {}, None),  # it may yet close
        (60.0, (1, 0.5), FEW, None),
        (60.0, (13, 1), {"data": "mnist5k"}, None),
    ],
)
def test_the_gap_on_cifar10_stays_appreciable(width, gap, changes, verdict):
    found = gaps("fig4", (20, 0), gap, widths=(1.0, width), **changes)
    assert holds("fig4", "at the widest the gap on CIFAR-10", found) == [verdict]


@pytest.mark.parametrize(
    ("width", "lead", "half", "changes", "verdict"),
    [
        (60.0, 3, 1, {}, True),
        (60.0, -3, 1, {}, False),
        (60.0, 1, 2, {}, None),
        (60.0, 3, 1, FEW, None),
        (60.0, -5, 1, FEW, None),
        (10.0, 3, 1, {}, None),
        (60.0, 3, 1, {"data": "mnist5k"}, None),
    ],
)
def test_a_wide_linearization_beats_a_narrow_network(width, lead, half, changes, verdict):
    found = panel("fig4", [(70, 0), (80, 0)], [(50, 0), (70 + lead, half)], widths=(1.0, width), **changes)
    found["lines"][0]["train"] = [seeds(96)] * 2
    found["lines"][1]["train"] = [seeds(60), seeds(96 + lead, half)]
    assert holds("fig4", "the widest linearization is ahead", found) == [verdict, verdict]


@pytest.mark.parametrize(("gap", "half", "verdict"), [(25, 2, True), (12, 2, False), (21, 2, None)])
def test_the_gap_of_alexnet_is_above_20_points(gap, half, verdict):
    statement = "trained as the network"
    equal, own = [(60 - gap, half)] * 2, [(60, 0)] * 2
    found = snakes([(60, 0)] * 2, equal, own)
    assert holds("fig5", statement, found) == [verdict] * 4
    turned = found | {"lines": found["lines"][::-1]}  # the order of the runs decides nothing
    assert holds("fig5", statement, turned) == [verdict] * 4
    assert holds("fig5", statement, found | {"data": "cifar10"}) == [None] * 4
    assert holds("fig5", statement, snakes([(60, 0)] * 2, equal, widths=(0.125, 0.25))) == [None] * 2
    assert holds("fig5", statement, found | {"epochs": 20}) == [None] * 4  # a printed number


@pytest.mark.parametrize(
    ("gain", "half", "verdict"), [(1.2, 0.5, True), (8, 1, False), (-1.5, 0.5, False), (2, 2.5, None)]
)
def test_its_own_settings_help_the_linearization_slightly(gain, half, verdict):
    found = snakes([(60, 0)] * 2, [(38, 0)] * 2, [(38 + gain, half)] * 2)
    assert holds("fig5", "its own best settings", found) == [verdict] * 4


def test_the_gap_of_alexnet_shrinks_at_both_settings():
    for narrow, wide, verdict in (((38, 0), (41, 1), True), ((38, 0), (33, 1), False), ((38, 0), (38, 1), None)):
        found = snakes([(60, 0)] * 2, [narrow, wide], [(50, 0), (40, 0)])
        assert holds("fig5", SHRINKS, found) == [verdict, False]
        del found["lines"][1]  # at its own settings alone
        assert holds("fig5", SHRINKS, found) == [False]


@pytest.mark.parametrize(("change", "half", "verdict"), [(0.5, 1, True), (8, 1, False), (-8, 1, False), (2, 3, None)])
def test_width_has_little_impact_on_alexnet(change, half, verdict):
    found = snakes([(60, 0), (60 + change, half)], [(40, 0)] * 2)
    assert holds("fig5", "width has little impact on the network's test accuracy", found) == [verdict]
    found["lines"][0]["train"] = [*[seeds(80)] * 3, seeds(80 + change, half)]
    assert holds("fig5", "width has little impact on the network's training accuracy", found) == [verdict]


@pytest.mark.parametrize("widths", [(1.0, 4.0), (1.0, 2.0, 4.0), (0.5, 1.0, 2.0, 3.0, 4.0)])
def test_alexnets_trend_is_of_the_widths_that_the_paper_names(widths):
    network, linearized = [(60, 0)] * len(widths), [*[(38, 0)] * (len(widths) - 1), (41, 1)]
    found = snakes(network, linearized, linearized, widths=widths)
    assert holds("fig5", SHRINKS, found) == [None] * 2


SLIGHTLY, STRONGLY = "the linearization's test accuracy rises slightly", "the linearization's training accuracy rises"


@pytest.mark.parametrize(("rise", "half", "verdict"), [(1.5, 1, True), (13, 1, False), (-2, 1, False), (1, 1.5, None)])
def test_the_test_accuracy_of_linearized_alexnet_rises_slightly(rise, half, verdict):
    both = [(40, 0), (40 + rise, half)]
    assert holds("fig5", SLIGHTLY, snakes([(60, 0)] * 2, both, both)) == [verdict] * 2


@pytest.mark.parametrize(("train", "half", "verdict"), [(22, 2, True), (5, 1, False), (9, 3, None)])
def test_the_training_accuracy_of_linearized_alexnet_rises_strongly(train, half, verdict):
    found = snakes([(60, 0)] * 2, [(40, 0)] * 2, train=[(60, 0), (60 + train, half)])
    assert holds("fig5", STRONGLY, found) == [verdict]


def test_an_alexnet_at_chance_on_few_digits_is_not_judged():
    """16.0% of 400 images after 10.5%, where the largest class has 12.25%."""
    digits = {"data": "mnist5k", "train_images": 600, "test_images": 400, "epochs": 7, "majority_rate": 0.1225}
    for changes in (digits, digits | {"data": "snakes"}):
        found = snakes([9.5, 10.75], [10.5, 16], [12.75, 26.5], fitted=15, widths=(1.0, 2.0), **changes)
        every = evaluate(
            FIGURES["samarin2022/fig5"].claims + FIGURES["samarin2022/tableA1"].claims, {"panels": [found]}
        )
        assert len(every) > 8
        assert all(row["holds"] is None for row in every)


USUAL, SMALL = "at standard width the network is ahead by 3 points", "at a small expansion factor"


@pytest.mark.parametrize(("gap", "verdict"), [((4.67, 0.5), True), ((1, 0.5), False), ((4.67, 3), None)])
def test_the_gap_at_standard_width_is_significant(gap, verdict):
    assert holds("tableA2", USUAL, gaps("fig2", gap, (0.1, 0))) == [verdict, verdict]
    assert holds("tableA2", USUAL, gaps("fig2", gap, (0.1, 0), **FEW)) == [None, None]
    assert holds("tableA2", SMALL, gaps("fig2", (20, 0), gap, widths=(1.0, 2.0))) == [verdict]
    assert holds("tableA2", SMALL, gaps("fig2", gap, widths=(1.0,))) == [None]
    found = snakes([(60, 0)] * 2, [(60 - gap[0], gap[1])] * 2, train=[(100 - gap[0], gap[1])] * 2)
    assert holds("tableA1", USUAL, found) == [verdict, verdict]
    assert holds("tableA1", USUAL, snakes([(60, 0)] * 2, [(30, 0)] * 2, widths=(2.0, 4.0))) == [None, None]


@pytest.mark.parametrize(("gap", "verdict"), [((30, 2), True), ((5, 2), False), ((9, 2), None)])
def test_the_training_gap_of_alexnet_is_large(gap, verdict):
    found = snakes([(60, 0)] * 2, [(50, 0)] * 2, train=[(100 - gap[0], gap[1])] * 2)
    assert holds("tableA1", "the gap in training accuracy at standard width is large", found) == [verdict]


@pytest.mark.parametrize(
    ("narrow", "wide", "verdict"), [((92, 1), (99, 1), True), ((99, 1), (99.5, 0.1), False), ((96, 3), (97, 3), None)]
)
def test_narrow_linearizations_do_not_fit_their_training_images(narrow, wide, verdict):
    found = panel("fig2", [(99, 0)] * 2, [(90, 0)] * 2, train=[narrow, wide])
    assert holds("tableA2", "linearizations of standard width do not fit", found) == [verdict]


@pytest.mark.parametrize(
    ("spread", "verdict"), [([99, 99.01, 99.02, 99.0, 99.01], True), ([98, 98.5, 99, 98.2, 98.9], False)]
)
def test_seeds_differ_in_the_second_decimal(spread, verdict):
    found = gaps("fig2", (1, 0), widths=(1.0,))
    for values, expected in ((spread, verdict), ([99, 99.1, 99.2, 99.0, 99.1], None), ([99.0], None)):
        for at, other in ((0, [99.0] * 5), (1, [98.0] * 5)):  # of the network, of the linearization
            for line, of_line in zip(found["lines"], (values, other) if at == 0 else (other, values), strict=True):
                line |= {"test": [[value / 100 for value in of_line]], "seeds": [list(range(len(of_line)))]}
            assert holds("tableA2", "accuracies on MNIST differ", found)[at] is expected
    assert holds("tableA2", "accuracies on MNIST differ", found | FEW) == [None, None]
    assert holds("tableA2", "accuracies on MNIST differ", gaps("fig3", (1, 0), (1, 0))) == []


@pytest.mark.parametrize("figure", ["fig2", "fig3", "fig4", "fig5", "tableA1", "tableA2"])
def test_no_measurement_is_counted_twice_and_every_claim_has_its_place(figure):
    claims = FIGURES[f"samarin2022/{figure}"].claims
    assert all(one.place for one in claims)
    of = {"tableA1": "fig5", "tableA2": "fig2"}.get(figure, figure)
    mixed = panel(of, [(90, 0), (95.3, 0)], [(70, 0), (82.9, 0)], train=[(75, 0), (89.1, 0)], fitted=99)
    found = evaluate(claims, {"panels": [mixed]})
    assert found
    # A printed number may be judged beside what is said of it, and a significant gap may be called large, too.
    once = [
        row for row in found if row["number"] and PRINTED not in row["statement"] and "is large" not in row["statement"]
    ]
    numbers = [round(abs(row["number"]), 6) for row in once]
    assert len(set(numbers)) == len(numbers)
