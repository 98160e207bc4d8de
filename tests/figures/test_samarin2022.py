import sys

import numpy as np
import pytest

from ntk_repro.finite_width import grid, sizes, solver, spectra, training
from ntk_repro.finite_width.output_statistics import output_statistics
from tests.figures import scripts
from tests.figures.scripts import kept_run, verdicts
from tests.refusals import refused

STATISTICS, APART = output_statistics, 0.3  # of the followed outputs of made-up runs


def draw(script, runs):
    return scripts.draw(f"samarin2022/{script}", runs)


def finished(study, config, root, arrays):
    provenance = {"label": f"Label of {config.data}", "n_train": 4000, "n_test": 1000}
    return kept_run(study, config, root, provenance, arrays)


def trained(root, width=1.0, seed=0, network=0.97, linearized=0.9, **settings):
    config = training.Config(width=width, seed=seed, epochs=5, **settings)
    epochs, y = config.followed_epochs, np.eye(10)[:4]
    arrays: dict = {"num_params": int(6e4 * width**2), "followed_epochs": epochs, "outputs_apart": np.full(4, APART)}
    arrays["majority_rate"] = 0.11
    for kind in config.kinds:
        accuracy = {"network": network, "linearized": linearized}[kind]
        noise = accuracy and 0.002 * seed
        arrays |= {f"{kind}_train_accuracy": accuracy + 0.02, f"{kind}_test_accuracy": accuracy + noise}
        outputs = np.stack([y * accuracy * e / 5 for e in epochs])
        arrays |= {f"{kind}_{name}": value for name, value in STATISTICS(outputs, y).items()}
    if config.baseline:
        arrays |= {"logistic_train_accuracy": 0.93, "logistic_test_accuracy": 0.89}
    return finished("finite_width_training", config, root, arrays)


def widening(root, shift=0, **settings):
    """Two seeds at three widths: the linearization comes nearer to the network."""
    for width, accuracy in ((1.0, 0.9), (2.0, 0.93), (4.0, 0.955)):
        for seed in (0, 1):
            yield trained(root, width, seed, linearized=accuracy - 0.02 * shift, shift=shift, **settings)


def claims(name, drawing, *words):
    """The verdicts of a figure, those whose statements contain one of the words."""
    rows = verdicts(f"samarin2022/{name}", drawing.numbers)
    return [row for row in rows if not words or any(word in row["statement"] for word in words)]


@pytest.mark.parametrize("script", ["accuracy_by_width", "accuracy_table", "fig1"])
def test_the_plotted_accuracies_are_those_of_the_runs(tmp_path, script):
    (panel,) = draw(script, widening(tmp_path)).numbers["panels"]
    network, linearized = panel["lines"]
    assert (network["name"], linearized["name"]) == ("LeNet", "LinLeNet")
    assert linearized["widths"] == [1.0, 2.0, 4.0]
    np.testing.assert_allclose(linearized["test"], [[0.9, 0.902], [0.93, 0.932], [0.955, 0.957]])
    np.testing.assert_allclose(network["train"][0], [0.99, 0.99])
    assert panel["logistic_test"] == 0.89
    assert panel["settings"].startswith("4,000 + 1,000 images, 5 epochs")


def test_a_width_of_fewer_seeds_is_said(tmp_path):
    (panel,) = draw("accuracy_by_width", [*widening(tmp_path), trained(tmp_path, 8.0, 0)]).numbers["panels"]
    assert panel["settings"].endswith("2 seeds (bars: std), 1 at x8")


def test_claims_hold_where_the_gap_closes(tmp_path):
    rows = claims("fig2", draw("accuracy_by_width", widening(tmp_path)))
    assert all(row["holds"] for row in rows)
    assert rows[0]["number"] == pytest.approx(0.07)
    assert rows[0]["paper"] == 0.0467
    assert rows[0]["note"] == "7.00 points (95 % interval 7.00 to 7.00, 0 outside, 2 seeds)"
    (shrinks,) = [row for row in rows if row["statement"].startswith("the gap shrinks")]
    assert shrinks["number"] == pytest.approx(-0.055)
    assert rows[-1]["number"] == pytest.approx(0.9 + 0.001 - 0.89)


def test_claims_fail_where_the_linearization_is_ahead_and_loses(tmp_path):
    runs = [trained(tmp_path, 1.0, linearized=0.99), trained(tmp_path, 2.0, linearized=0.6)]
    rows = claims("fig2", draw("accuracy_by_width", runs))
    assert [row["holds"] for row in rows] == [False, True, False, False, False]
    assert rows[0]["note"] == "-2.00 points (1 seed)"


def test_gaps_are_taken_over_the_seeds_that_both_have(tmp_path):
    runs = [trained(tmp_path, 1.0, seed, linearized=0.9 + 0.05 * seed) for seed in (0, 1, 2)]
    runs += [trained(tmp_path, 2.0, seed, linearized=0.95 + 0.02 * (seed == 3)) for seed in (2, 3)]
    ahead, *_, shrinks = claims("fig2", draw("accuracy_by_width", runs), "ahead", "shrinks")
    assert ahead["number"] == pytest.approx(0.02)
    assert "0 inside: these seeds do not decide, 3 seeds" in ahead["note"]
    assert ahead["holds"] is None
    assert shrinks["number"] == pytest.approx(0.02 - (-0.03))  # of seed 2, the only one at both widths
    assert "change 5.00 points (1 seed)" in shrinks["note"]


@pytest.mark.parametrize(("network", "verdict"), [(0.12, None), (0.14, True)])
def test_a_network_that_has_learnt_nothing_is_not_judged(tmp_path, network, verdict):
    runs = [
        trained(tmp_path, width, network=network, linearized=0.12 - gap) for width, gap in ((1.0, 0.09), (2.0, 0.05))
    ]
    drawing = draw("accuracy_by_width", runs)
    for row in claims("fig1", drawing)[:1] + claims("fig2", drawing)[:2]:
        assert row["holds"] is verdict
        assert ("stays at the rate of the largest class (11.0%) at x" in row["note"]) is (verdict is None)


def test_without_a_seed_in_common_means_are_compared(tmp_path):
    runs = [trained(tmp_path, 1.0, 0, models="network"), trained(tmp_path, 1.0, 1, models="linearized")]
    row = claims("fig2", draw("accuracy_by_width", runs))[0]
    assert row["number"] == pytest.approx(0.97 - 0.902)
    assert "no seed in common" in row["note"]


@pytest.mark.parametrize(("figure", "data", "paper"), [("fig4", "mnist5k", None), ("fig4", "cifar10", 0.2022)])
def test_the_papers_number_stands_beside_its_own_data_only(tmp_path, figure, data, paper):
    assert claims(figure, draw("accuracy_by_width", [trained(tmp_path, data=data)]))[0]["paper"] == paper


def test_trainings_of_other_lengths_are_panels_of_their_own(tmp_path):
    runs = [trained(tmp_path), trained(tmp_path, decay_epochs=2)]
    panels = draw("accuracy_table", runs).numbers["panels"]
    assert [panel["decay_epochs"] for panel in panels] == [None, 2]
    assert "5 epochs (rate / 10 every 2)" in panels[1]["settings"]
    subjects = [row["subject"] for row in claims("tableA2", draw("accuracy_table", runs))]
    assert subjects[:2] == ["lenet5 on mnist5k, x1", "lenet5 on mnist5k, rate / 10 every 2 epochs, x1"]


def test_a_shift_is_a_panel_and_widens_the_gap(tmp_path):
    drawing = draw("accuracy_by_width", [*widening(tmp_path, shift=7), *widening(tmp_path)])
    assert [panel["shift"] for panel in drawing.numbers["panels"]] == [7, 0]
    assert len(drawing.picture.axes) == 4
    grows = claims("fig3", drawing, "the gap grows with the shift")
    assert [row["subject"] for row in grows] == ["x1", "x2", "x4"]
    assert grows[0]["number"] == pytest.approx(0.14)
    assert grows[0]["paper"] == pytest.approx(0.2765 - 0.0467)


def test_a_training_that_diverged_is_left_out_of_the_mean(tmp_path):
    runs = [trained(tmp_path, 1.0), trained(tmp_path, 2.0, linearized=np.nan), trained(tmp_path, 2.0, 1)]
    drawing = draw("accuracy_table", runs)
    texts = {cell.get_text().get_text() for cell in drawing.picture.axes[0].tables[0].get_celld().values()}
    assert "90.20 (1 diverged)" in texts
    assert claims("fig4", drawing)[1]["number"] == pytest.approx(0.07)


def test_a_linearization_at_other_settings_is_a_line_of_its_own(tmp_path):
    pair = [trained(tmp_path, width, net="alexnet", linearized=0.6, baseline=False) for width in (1.0, 2.0)]
    own = {"models": "linearized", "learning_rate": 1.0, "weight_decay": 5e-7, "net": "alexnet", "baseline": False}
    alone = [trained(tmp_path, width, linearized=accuracy, **own) for width, accuracy in ((1.0, 0.8), (2.0, 0.9))]
    drawing = draw("accuracy_by_width", pair + alone)
    names = [line["name"].split(", learning rate ") for line in drawing.numbers["panels"][0]["lines"]]
    assert names == [["AlexNet", "0.1"], ["LinAlexNet", "0.1"], ["LinAlexNet", "1"]]
    rows = claims("fig5", drawing)
    assert [row["number"] for row in rows[:2]] == pytest.approx([0.37, 0.37])
    assert [row["paper"] for row in rows[:2]] == [None, None]  # digits are not the paper's snakes
    assert rows[2]["number"] == pytest.approx(-0.1)
    assert rows[2]["paper"] is None
    table = claims("tableA1", draw("accuracy_table", pair + alone))
    assert table[0]["number"] == pytest.approx(0.17)
    assert table[0]["paper"] is None


def test_outputs_that_come_together_are_told(tmp_path):
    drawing = draw("figA2", widening(tmp_path))
    assert [curve["width"] for curve in drawing.numbers["widths"]] == [1.0, 2.0, 4.0]
    rows = claims("figA2", drawing)
    assert rows[0]["holds"]
    assert rows[0]["subject"] == "mean of the outputs"
    # Outputs of one class are all alike in these runs: there is nothing to measure their difference by.
    assert [row["holds"] for row in rows[2:]] == [None, None, None]
    refused("--follow 200", draw, "figA2", [trained(tmp_path, models="network")])


@pytest.mark.parametrize(("net", "name"), [("lenet5", "LeNet"), ("alexnet", "AlexNet"), ("mlp", "mlp")])
def test_figure_a2_names_the_network_that_it_shows(tmp_path, net, name):
    (legend,) = draw("figA2", [trained(tmp_path, net=net)]).picture.legends
    said = "median, middle half, 90 %"
    assert [text.get_text() for text in legend.get_texts()] == [f"{name}: {said}", f"Lin{name}: {said}"]


@pytest.mark.parametrize(("apart", "holds"), [(0.3, True), (0.1, False)])
def test_outputs_are_close_or_not_by_their_own_spread(tmp_path, monkeypatch, apart, holds):
    spread = lambda outputs, y: output_statistics(outputs + 0.4 * np.arange(-1, 3, 2)[:, None].repeat(2, 0), y)  # noqa: E731
    monkeypatch.setattr(sys.modules[__name__], "STATISTICS", spread)
    monkeypatch.setattr(sys.modules[__name__], "APART", apart)
    drawing = draw("figA2", [trained(tmp_path, seed=seed) for seed in (0, 1)])
    (curve,) = drawing.numbers["widths"]
    assert curve["outputs_std"] == pytest.approx(0.4)
    by_hand = [0.07 * e / 5 for e in (1, 2, 5)]  # the ones' means at epochs 1, 2 and 5, the zeros' being 0
    assert curve["mean_apart"] == pytest.approx(np.sqrt(np.mean(np.square([by_hand, [0, 0, 0]]))))
    row = claims("figA2", drawing)[-1]
    assert (row["number"], row["holds"]) == (pytest.approx(apart / 0.4), holds)


def spectrum(root, width=1.0, shift=0, condition=100.0, rank_of=100, vanishing=0, data="mnist", **settings):
    values = np.geomspace(condition, 1, rank_of)
    config = spectra.Config(width=width, shift=shift, data=data, n_train=60, **settings)
    arrays = {"singular_values": np.concatenate([values * width, np.zeros(vanishing)]), "condition_number": condition}
    arrays |= {"effective_rank": 90.0 + width - shift / 10 * width, "effective_rank_of_kernel": 10.0 + width}
    arrays |= {"vanishing": vanishing, "rows": 600, "num_params": 100, "reached": 30}
    arrays |= {"reached_train_accuracy": 0.9, "flow_train_accuracy": 0.9 + 0.01 * width}
    if config.direct_images:
        arrays |= {"direct_images": 5, "direct_effective_rank": 50.0, "direct_from_kernel": 50.01}
    return finished("finite_width_spectra", config, root, arrays)


def test_both_effective_ranks_are_plotted_and_the_kernels_is_judged(tmp_path):
    plain_runs = [
        spectrum(tmp_path, width, seed=seed, direct_images=5 * (width == 1))
        for width in (1.0, 2.0, 4.0)
        for seed in (0, 1)
    ]
    shifted = [spectrum(tmp_path, width, shift=7) for width in (1.0, 2.0, 4.0)]
    drawing = draw("fig6", plain_runs + shifted)
    first, second = drawing.numbers["lines"]
    assert (first["shift"], second["shift"]) == (0, 7)
    assert first["effective_rank"] == [91.0, 92.0, 94.0]
    assert first["by_seed"]["effective_rank_of_kernel"] == [[11.0, 11.0], [12.0, 12.0], [14.0, 14.0]]
    assert first["direct_apart"][0] == pytest.approx(2e-4)
    grows = claims("fig6", drawing, "effective rank grows with the width")
    assert [row["holds"] for row in grows] == [True, None]  # the shifted ones have one seed
    assert grows[0]["number"] == pytest.approx(14 / 11)
    assert len(drawing.picture.axes) == 2


def test_singular_values_are_plotted_but_for_those_that_vanish(tmp_path):
    def runs(lost_at):
        return [
            spectrum(tmp_path, width, seed=seed, condition=100 / width, vanishing=2 * (width == lost_at))
            for width in (1.0, 2.0, 4.0)
            for seed in (2 * lost_at, 2 * lost_at + 1)
        ]

    drawing = draw("singular_values", runs(2))
    assert [len(line.get_xdata()) for line in drawing.picture.axes[0].lines] == [100, 100, 100]
    rows = claims("fig7", drawing)
    assert [row["holds"] for row in rows] == [True, True, True]
    assert rows[0]["number"] == pytest.approx(4)
    labels = [text.get_text() for text in drawing.picture.axes[0].get_legend().get_texts()]
    assert labels == ["×1: 100", "×2: 50", "×4: 25"]
    rows = claims("fig7", draw("singular_values", runs(1)))
    assert [row["holds"] for row in rows] == [None, None, None]
    assert all("lost in rounding: 2 of 600 at x1, 0 of 600 at x4" in row["note"] for row in rows)


@pytest.mark.parametrize(
    ("number", "text"), [(980.2, "980"), (450_584.0, "451,000"), (3.1416, "3.14"), (25.0, "25"), (1e7, "10,000,000")]
)
def test_condition_numbers_have_three_digits_and_no_exponent(number, text):
    assert scripts.load_script("samarin2022/singular_values").three_digits(number) == text


@pytest.mark.slow
def test_no_curve_is_dropped(tmp_path):
    runs = [spectrum(tmp_path, width, shift=shift) for width in (1.0, 2.0) for shift in range(6)]
    drawing = draw("fig6", runs)
    assert len(drawing.picture.axes[0].lines) == 6


def solved(
    root, width=1.0, solver_test=(0.99, 0.9, 0.98), sizes=(500, 1000, 4000), linearized=0.985,
    live=None, solver_train=(1.0, 1.0, 0.99), data="mnist", n_train=4000, **settings,
):  # fmt: skip
    config = solver.Config(width=width, data=data, n_train=n_train, sizes=sizes, **settings)
    live = int(1000 * width) if live is None else live
    arrays = {"sizes": sizes, "num_params": int(1000 * width), "majority_rate": 0.9, "solver_dual": [1, 1, 0]}
    arrays |= {"solver_rank": [min(n, live) for n in sizes], "solver_live": [live] * 3, "outputs": 1}
    test = {"solver": solver_test, "kernel_ridge": 0.985, "logistic": 0.97, "ridge": 0.96}
    test |= {"linearized": linearized, "network": 0.9989}
    train = test | {"solver": solver_train, "logistic": 1.0, "ridge": 0.99, "network": 1.0}
    for part, accuracies in (("train", train), ("test", test)):
        arrays |= {f"{model}_{part}_accuracy": accuracy for model, accuracy in accuracies.items()}
    return finished("finite_width_solver", config, root, arrays)


def cells_of(drawing):
    return {place: cell.get_text().get_text() for place, cell in drawing.picture.axes[0].tables[0].get_celld().items()}


def test_a_table_holds_our_numbers_and_the_papers_only_at_its_settings(tmp_path):
    drawing = draw("table1", [solved(tmp_path, 1.0), solved(tmp_path, 0.0625, linearized=0.997)])
    cells = cells_of(drawing)
    assert (cells[0, 0], cells[1, 0], cells[3, 0]) == ("×1/16\n62", "98.00", "99.70")
    (column, _) = drawing.numbers["columns"]
    assert column["solver_by_size"]["sizes"].tolist() == [500, 1000, 4000]
    script = scripts.load_script("samarin2022/solver_table")
    paper = {**column, "width": 1.0, "images": 60_000, "test_images": 10_000, "epochs": 200}
    assert script.cell([paper], "linearized", "test", "table1") == "99.70 (99.61)"
    assert script.cell([paper], "solver", "test", "table1") == "98.00\non 4,000"


def test_seeds_of_a_width_are_one_column_of_the_picture(tmp_path):
    runs = [solved(tmp_path, seed=seed, linearized=0.985 + 0.001 * seed) for seed in (0, 1, 2)]
    drawing = draw("table1", runs)
    assert [column["seed"] for column in drawing.numbers["columns"]] == [0, 1, 2]
    cells = cells_of(drawing)
    assert cells[3, 0] == "98.60 ± 0.10"
    assert (1, 1) not in cells


def test_other_tasks_are_kept_beside_the_tables_own(tmp_path):
    runs = [solved(tmp_path, shift=7), solved(tmp_path), solved(tmp_path, shift=7, positive=3)]
    runs += [
        solved(tmp_path, shift=7, positive=4),
        solved(tmp_path, shift=7, positive=-1, n_train=3999, sizes=(5, 6, 7)),
    ]
    numbers = draw("table2", runs).numbers
    found = {name: [(c["shift"], c["positive"]) for c in numbers[name]] for name in ("columns", "centred", "others")}
    assert found == {"columns": [(7, 0)], "centred": [(0, 0)], "others": [(7, 3), (7, 4)]}
    assert [column["positive"] for column in numbers["ten_classes"]] == [-1]
    assert [column["shift"] for column in draw("table1", runs[:2]).numbers["columns"]] == [0]


def test_the_solvers_curves_are_drawn_apart_with_the_legend_beside_them(tmp_path):
    drawing = draw("table1", [solved(tmp_path, width) for width in (1.0, 2.0, 4.0, 5.0, 6.0, 7.0, 8.0)])
    axes = drawing.picture.axes[1]
    curves = [line for line in axes.lines if line.get_label().startswith("×")]
    assert len({(tuple(line.get_color()), line.get_marker()) for line in curves}) == 7
    assert axes.get_yscale() == "log"
    drawing.picture.canvas.draw()
    assert axes.get_legend().get_window_extent().x0 >= axes.get_window_extent().x1


def test_a_table_of_other_data_has_none_of_the_papers_numbers(tmp_path):
    drawing = draw("table1", [solved(tmp_path, data="fashion_mnist")])
    assert cells_of(drawing)[1, 0] == "98.00"
    assert all(row["paper"] is None for row in claims("table1", drawing))


def sized(root, **settings):
    config = sizes.Config(**settings)
    return finished("finite_width_sizes", config, root, {"widths": config.widths, "num_params": [61_706, 244_362]})


def test_parameters_are_plotted(tmp_path):
    runs = [sized(tmp_path, widths=(1.0, 2.0)), sized(tmp_path, widths=(1.0, 2.0), net="alexnet")]
    drawing = draw("sizes", runs)
    assert [line["num_params"] for line in drawing.numbers["lines"]] == [[61_706, 244_362]] * 2
    assert [axes.get_title() for axes in drawing.picture.axes] == ["LeNet", "AlexNet"]
    (row, *_) = claims("sizes", drawing, "LeNet has about 60,000")
    assert (row["holds"], row["paper"]) == (True, 60_000)


def test_a_grid_is_plotted_with_the_accuracies_of_its_points(tmp_path):
    config = grid.Config(learning_rates=(0.1, 0.01), weight_decays=(5e-5, 5e-6))
    values = np.array([[0.99, 0.98], [0.97, np.nan]])
    arrays = {"learning_rates": config.learning_rates, "weight_decays": config.weight_decays}
    arrays |= {f"{kind}_test_accuracy": values for kind in ("network", "linearized")}
    drawing = draw("grid", [finished("finite_width_grid", config, tmp_path, arrays)])
    assert drawing.numbers["grids"][0]["network"][:3].tolist() == [0.99, 0.98, 0.97]
    assert [text.get_text() for text in drawing.picture.axes[0].texts if "epochs" not in text.get_text()] == [
        "99.0", "98.0", "97.0", "diverged",
    ]  # fmt: skip
    (row,) = claims("grid", drawing)
    assert (row["holds"], row["number"]) == (None, pytest.approx(-0.01))


def test_runs_that_do_not_belong_together_are_refused(tmp_path):
    run = trained(tmp_path)
    for script, runs, message in (
        ("accuracy_by_width", [run, run], "name each run once"),
        ("accuracy_by_width", [run, trained(tmp_path, models="network")], "two runs have a LeNet x1 of seed 0: name"),
        ("accuracy_by_width", [run, trained(tmp_path, width=2.0, momentum=0.5)], "differ in momentum"),
        ("table1", [solved(tmp_path, seed=5), solved(tmp_path, width=2.0, epochs=10)], "differ in epochs"),
        ("table2", [solved(tmp_path), solved(tmp_path, sizes=(5, 6, 7))], "have the same width and seed"),
    ):
        refused(message, draw, script, runs)
