import pytest

from tests.papers.samarin2022.panels import gaps, rows


def curve(width, apart, moved=(0.4, 0.4, 0.4), outputs=(0.1, 0.1, 0.1)):
    found = {f"{name}_apart_by_seed": list(apart) for name in ("mean", "std")}
    found |= {f"{name}_apart": sum(apart) / len(apart) for name in ("mean", "std")}
    found |= {"outputs_apart_by_seed": list(outputs)[: len(apart)], "outputs_moved_by_seed": list(moved)[: len(apart)]}
    return found | {"width": width, "seeds": list(range(len(apart)))}


@pytest.mark.parametrize(
    ("wide", "verdict"), [((0.15, 0.17, 0.15), True), ((0.4, 0.41, 0.39), False), ((0.2, 0.4, 0.1), None)]
)
def test_the_statistics_of_the_outputs_become_alike(wide, verdict):
    statement, narrow = "mean and standard deviation of the outputs", curve(1.0, (0.25, 0.33, 0.26))
    curves = [narrow, curve(60.0, wide), curve(100.0, (0.01,))]  # one seed decides nothing where others have three
    found = evaluate_a2(statement, curves)
    assert [row["holds"] for row in found] == [verdict, verdict]
    part = evaluate_a2(statement, [narrow, curve(5.0, wide)])
    assert [row["holds"] for row in part] == [None] * 2
    part = evaluate_a2(statement, [narrow | {"width": 2.0}, curve(60.0, wide)])
    assert [row["holds"] for row in part] == [None] * 2
    for changes in ({"data": "fashion_mnist"}, {"epochs": 10}, {"train_images": 6000}):
        assert [row["holds"] for row in evaluate_a2(statement, curves, **changes)] == [None, None]


def evaluate_a2(statement, curves, **changes):
    return rows("figA2", statement, gaps("fig2", (5, 0), (1, 0)) | changes, widths=curves)


@pytest.mark.parametrize(
    ("outputs", "verdict"), [((0.2, 0.19, 0.21), True), ((0.04, 0.05, 0.04), False), ((0.02, 0.2, 0.1), None)]
)
def test_outputs_are_close_or_not_by_how_far_they_move(outputs, verdict):
    for width, expected in ((60.0, verdict), (5.0, None)):
        curves = [curve(1.0, (0.3, 0.3, 0.3)), curve(width, (0.2, 0.2, 0.2), outputs=outputs)]
        assert [row["holds"] for row in evaluate_a2("output by output", curves)] == [expected]
    assert [row["holds"] for row in evaluate_a2("output by output", [curve(1.0, (0.2,), outputs=outputs)])] == [None]
