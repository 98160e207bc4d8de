import numpy as np
import pytest

from ntk_repro.finite_width import grid, ridges, sizes, solver, spectra, training
from ntk_repro.finite_width.output_statistics import output_statistics
from tests.figures import scripts
from tests.figures.scripts import kept_run, verdicts
from tests.refusals import refused

APART = 0.3  # of the followed outputs of made-up runs


def draw(script, runs):
    return scripts.draw(f"samarin2022/{script}", runs)


def finished(study, config, root, arrays):
    provenance = {"label": f"Label of {config.data}", "n_train": 4000, "n_test": 1000}
    return kept_run(study, config, root, provenance, arrays)


def trained(root, width=1.0, seed=0, network=0.97, linearized=0.9, **settings):
    config = training.Config(width=width, seed=seed, epochs=5, **settings)
    epochs, y = config.followed_epochs, np.eye(10)[:4]
    arrays: dict = {"num_params": int(6e4 * width**2), "followed_epochs": epochs, "outputs_apart": np.full(4, APART)}
    arrays["outputs_moved"] = np.full(4, 0.5)
    arrays["majority_rate"] = 0.11
    for kind in config.kinds:
        accuracy = {"network": network, "linearized": linearized}[kind]
        noise = accuracy and 0.002 * seed
        arrays |= {f"{kind}_train_accuracy": accuracy + 0.02, f"{kind}_test_accuracy": accuracy + noise}
        outputs = np.stack([y * accuracy * e / 5 for e in epochs])
        arrays |= {f"{kind}_{name}": value for name, value in output_statistics(outputs, y).items()}
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
    found = [row for row in rows if not words or any(word in row["statement"] for word in words)]
    assert found, words
    return found


@pytest.mark.parametrize("script", ["accuracy_by_width", "accuracy_table", "fig1"])
def test_the_plotted_accuracies_are_those_of_the_runs(tmp_path, script):
    (panel,) = draw(script, widening(tmp_path)).numbers["panels"]
    network, linearized = panel["lines"]
    assert (network["name"], linearized["name"]) == ("LeNet", "LinLeNet")
    assert linearized["widths"] == [1.0, 2.0, 4.0]
    np.testing.assert_allclose(linearized["test"], [[0.9, 0.902], [0.93, 0.932], [0.955, 0.957]])
    np.testing.assert_allclose(network["train"][0], [0.99, 0.99])
    assert panel["logistic_test"] == 0.89
    assert (panel["train_images"], panel["test_images"]) == (4000, 1000)
    assert (panel["settings"], panel["seeds"]) == ("4,000 + 1,000 images, 5 epochs", "2 seeds")


def test_a_width_of_fewer_seeds_is_named(tmp_path):
    (panel,) = draw("accuracy_by_width", [*widening(tmp_path), trained(tmp_path, 8.0, 0)]).numbers["panels"]
    assert panel["seeds"] == "2 seeds, 1 at ×8"


def test_a_picture_explains_its_bars_and_a_table_its_spread(tmp_path):
    texts = {}
    for script in ("accuracy_by_width", "accuracy_table"):
        for name, runs in (("several", widening), ("one", lambda root: [trained(root), trained(root, 2.0)])):
            picture = draw(script, runs(tmp_path / script / name)).picture
            texts[script, name] = " ".join([picture.get_suptitle(), *(ax.get_title() for ax in picture.axes)])
    assert "2 seeds (bars: standard deviation)" in texts["accuracy_by_width", "several"]
    assert "2 seeds (mean ± standard deviation)" in texts["accuracy_table", "several"]
    assert all("deviation" not in text for (_, name), text in texts.items() if name == "one")


def test_a_width_below_one_is_a_fraction_in_picture_table_and_verdict(tmp_path):
    runs = [trained(tmp_path, width, net="alexnet", baseline=False) for width in (0.0625, 0.125)]
    (ax, *_) = draw("accuracy_by_width", runs).picture.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["×1/16", "×1/8"]
    drawing = draw("accuracy_table", runs)
    cells = drawing.picture.axes[0].tables[0].get_celld()
    assert [cells[0, at].get_text().get_text() for at in (0, 1)] == ["×1/16", "×1/8"]
    assert [row["subject"] for row in claims("fig5", drawing, "trained as the network")] == [
        "alexnet on mnist5k, x1/16",
        "alexnet on mnist5k, x1/8",
    ]


def test_verdicts_are_those_of_the_plotted_numbers(tmp_path):
    rows = claims("fig2", draw("accuracy_by_width", widening(tmp_path)))
    by_statement = {row["statement"].split(" (")[0]: row for row in rows}
    shrinks = by_statement["the gap in test accuracy shrinks with width"]
    assert (shrinks["holds"], shrinks["number"]) == (None, pytest.approx(-0.055))
    assert "from 7.00 points (95% 7.00 to 7.00, 2 seeds)" in shrinks["note"]
    assert by_statement["the linearization gains appreciably from width"]["number"] == pytest.approx(0.055)
    printed = by_statement["the gaps in test accuracy are those that the paper prints"]
    assert (printed["holds"], printed["paper"], printed["number"]) == (None, None, pytest.approx(0.07))
    assert "data mnist5k (the paper: mnist), training images 4,000 (the paper: 60,000)" in printed["unless"]


def test_gaps_are_taken_over_the_seeds_that_both_have(tmp_path):
    runs = [trained(tmp_path, 1.0, seed, linearized=0.9 + 0.02 * seed) for seed in (0, 1, 2)]
    runs += [trained(tmp_path, 2.0, seed, linearized=0.95 + 0.01 * (seed == 3)) for seed in (2, 3)]
    (shrinks,) = claims("fig2", draw("accuracy_by_width", runs), "shrinks")
    assert shrinks["number"] == pytest.approx(0.02 - 0.03)  # of seed 2, the only one at both widths
    assert "over draws of the images, 1 seed" in shrinks["note"]


def test_without_a_seed_in_common_nothing_is_decided(tmp_path):
    runs = [trained(tmp_path, 1.0, 0, models="network"), trained(tmp_path, 1.0, 1, models="linearized")]
    for row in claims("tableA2", draw("accuracy_by_width", runs), "at standard width"):
        assert row["holds"] is None
        assert "no seed in common" in row["note"]


def test_trainings_of_other_lengths_are_panels_of_their_own(tmp_path):
    runs = [trained(tmp_path), trained(tmp_path, decay_epochs=2)]
    panels = draw("accuracy_table", runs).numbers["panels"]
    assert [panel["decay_epochs"] for panel in panels] == [None, 2]
    assert panels[1]["settings"].endswith("5 epochs (rate / 10 every 2)")


@pytest.mark.parametrize("settings", [{}, {"loss": "cross_entropy", "precision": "float64"}])
def test_loss_and_precision_are_those_of_the_runs(tmp_path, settings):
    """A run at the defaults does not record them."""
    drawing = draw("accuracy_by_width", widening(tmp_path, **settings))
    (panel,) = drawing.numbers["panels"]
    expected = {"loss": "squared_error", "precision": "float32", **settings}
    assert {key: panel[key] for key in expected} == expected
    (shrinks,) = claims("fig2", drawing, "shrinks")
    assert ("loss cross_entropy (the paper: squared_error)" in shrinks["unless"]) is bool(settings)


def test_a_shift_is_a_panel_and_widens_the_gap(tmp_path):
    drawing = draw("accuracy_by_width", [*widening(tmp_path, shift=7), *widening(tmp_path)])
    assert [panel["shift"] for panel in drawing.numbers["panels"]] == [7, 0]
    assert [panel["label"] for panel in drawing.numbers["panels"]] == [
        "Label of mnist5k, shifted by up to 7",
        "Label of mnist5k",
    ]
    assert len(drawing.picture.axes) == 4
    grows = claims("fig3", drawing, "the gap in test accuracy grows with the shift")
    assert [row["subject"] for row in grows] == ["x1", "x2", "x4"]
    assert grows[0]["number"] == pytest.approx(0.14)


def test_figure_1_draws_the_gap_of_every_data_set(tmp_path):
    drawing = draw("fig1", [*widening(tmp_path, shift=7), *widening(tmp_path)])
    regimes, gaps = drawing.picture.axes
    assert len(gaps.get_legend().get_texts()) == 2
    np.testing.assert_allclose(gaps.lines[1].get_ydata(), [7, 4, 1.5])
    assert [text.get_text().split("\n")[0] for text in regimes.texts[:4]] == [
        "I",
        "II",
        "III",
        "IV",
    ]
    refused("name the runs of Figures 2 to 5", draw, "fig1", [trained(tmp_path, models="network")])


def test_a_training_that_diverged_is_left_out_of_the_mean(tmp_path):
    runs = [trained(tmp_path, 1.0), trained(tmp_path, 2.0, linearized=np.nan), trained(tmp_path, 2.0, 1)]
    drawing = draw("accuracy_table", runs)
    texts = {cell.get_text().get_text() for cell in drawing.picture.axes[0].tables[0].get_celld().values()}
    assert "90.20 (1 diverged)" in texts


def test_a_linearization_at_other_settings_is_a_line_of_its_own(tmp_path):
    settings = {"net": "alexnet", "baseline": False, "weight_decay": 5e-6}
    pair = [trained(tmp_path, width, linearized=0.6, **settings) for width in (1.0, 2.0)]
    own = settings | {"models": "linearized", "learning_rate": 1.0, "weight_decay": 5e-7}
    alone = [trained(tmp_path, width, linearized=accuracy, **own) for width, accuracy in ((1.0, 0.8), (2.0, 0.9))]
    drawing = draw("accuracy_by_width", alone + pair)
    names = [line["name"].split(", learning rate ") for line in drawing.numbers["panels"][0]["lines"]]
    assert names == [["AlexNet", "0.1"], ["LinAlexNet", "1"], ["LinAlexNet", "0.1"]]
    equal = claims("fig5", drawing, "trained as the network")
    assert [(row["number"], row["holds"]) for row in equal] == [(pytest.approx(0.37), None)] * 2  # digits
    shrinks = claims("fig5", drawing, "the gap in test accuracy shrinks")
    assert [row["number"] for row in shrinks] == [pytest.approx(0.0), pytest.approx(-0.1)]


def test_outputs_that_come_together_are_judged_by_seed(tmp_path):
    drawing = draw("figA2", widening(tmp_path))
    curves = drawing.numbers["widths"]
    assert [curve["width"] for curve in curves] == [1.0, 2.0, 4.0]
    by_hand = [(0.07 + 0.0) * e / 5 for e in (1, 2, 5)]  # the ones' means at epochs 1, 2 and 5, the zeros' being 0
    assert curves[0]["mean_apart_by_seed"][0] == pytest.approx(np.sqrt(np.mean(np.square([by_hand, [0, 0, 0]]))))
    assert curves[0]["outputs_apart_by_seed"] == pytest.approx([APART] * 2)
    rows = claims("figA2", drawing)
    assert (rows[0]["subject"], rows[0]["holds"]) == ("mean of the outputs", None)
    assert "epochs 5 (the paper: 100)" in rows[0]["unless"]
    assert (rows[-1]["subject"], rows[-1]["holds"], rows[-1]["number"]) == ("x4", None, pytest.approx(APART / 0.5))
    refused("--follow 200", draw, "figA2", [trained(tmp_path, models="network")])


@pytest.mark.parametrize(("net", "name"), [("lenet5", "LeNet"), ("alexnet", "AlexNet"), ("mlp", "MLP")])
def test_figure_a2_names_the_network_that_it_shows(tmp_path, net, name):
    (legend,) = draw("figA2", [trained(tmp_path, net=net)]).picture.legends
    said = "median, middle half, 90%"
    assert [text.get_text() for text in legend.get_texts()] == [f"{name}: {said}", f"Lin{name}: {said}"]


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
    assert [row["holds"] for row in grows] == [None, None]
    assert "rows 600 (the paper: 6,000)" in grows[0]["unless"]
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
    assert [row["number"] for row in rows] == [pytest.approx(4), pytest.approx(1 / 4), pytest.approx(1 / 16)]
    assert all("rows 600 (the paper: 6,000)" in row["unless"] for row in rows)
    labels = [text.get_text() for text in drawing.picture.axes[0].get_legend().get_texts()]
    assert labels == ["×1: 100", "×2: 50", "×4: 25"]
    rows = claims("fig7", draw("singular_values", runs(1)))
    assert [row["holds"] for row in rows] == [None, None, None]
    assert all("lost in rounding: 2 of 600 at x1, 0 of 600 at x4" in row["unless"] for row in rows)


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
    assert (cells[0, 0], cells[1, 0], cells[3, 0]) == ("×1/16\n62 parameters", "98.00", "99.70")
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


def ridged(root, width=1.0, jacobian=False, **settings):
    config = ridges.Config(width=width, data="mnist", ridges=(0.0, 1e-8, 1e-4), jacobian=jacobian, **settings)
    arrays: dict = {"ridges": [1e-4, 1e-8, 0.0], "num_params": 1000, "majority_rate": 0.9, "largest_eigenvalue": 7.0}
    arrays |= {"test_accuracy": [0.98, 0.99, 0.9], "train_accuracy": [0.97, 0.99, 1.0]}
    arrays |= {name: [0.1, 0.2, 0.3] for name in ("train_error", "norm", "residual")}
    if jacobian:
        arrays |= {f"jacobian_{name}": value for name, value in
                   {"test_accuracy": 0.85, "train_accuracy": 1.0, "rank": 900, "norm": 5.0}.items()}  # fmt: skip
    return finished("finite_width_ridges", config, root, arrays)


def test_errors_are_drawn_against_the_ridge_and_the_jacobians_across(tmp_path):
    runs = [ridged(tmp_path, jacobian=True), ridged(tmp_path, shift=7), ridged(tmp_path, shift=7, seed=1)]
    drawing = draw("ridges", runs)
    test, train = drawing.picture.axes
    curve, across, shifted = test.lines
    np.testing.assert_array_equal(curve.get_xdata(), [1e-4, 1e-8])  # none has no place
    np.testing.assert_allclose(curve.get_ydata(), [0.02, 0.01])
    np.testing.assert_allclose(across.get_ydata(), 0.15)
    assert shifted.get_label() == "×1, shifted by up to 7"
    assert train.lines[1].get_ydata()[0] == 0
    assert [line["jacobian"] and line["jacobian"]["rank"] for line in drawing.numbers["lines"]] == [900, None, None]
    refused("width", draw, "ridges", [solved(tmp_path)])


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
    (entry,) = drawing.numbers["grids"]
    assert (entry["loss"], entry["precision"]) == ("squared_error", "float32")
    assert drawing.numbers["grids"][0]["network"][:3].tolist() == [0.99, 0.98, 0.97]
    assert [text.get_text() for text in drawing.picture.axes[0].texts if "epochs" not in text.get_text()] == [
        "99.0", "98.0", "97.0", "diverged",
    ]  # fmt: skip
    (row,) = claims("grid", drawing)
    assert (row["holds"], row["number"]) == (None, pytest.approx(-0.01))


def varied(root, seed=0, accuracy=0.98, **settings):
    config = training.Config(seed=seed, epochs=10, data="mnist", **{"models": "network", **settings})
    arrays: dict = {"followed_epochs": [0, 1, 2, 5, 10], "num_params": 61_706, "majority_rate": 0.1}
    for kind in config.kinds:
        arrays |= {f"{kind}_train_accuracy": 0.999, f"{kind}_test_accuracy": accuracy + 0.001 * seed}
        arrays[f"{kind}_distance_followed"] = [
            0.0,
            1.0,
            2.0,
            3.0,
            3.0 + (config.loss == "cross_entropy") * (1 + 0.1 * seed),
        ]
    return finished("finite_width_training", config, root, arrays)


def test_variants_are_lines_of_a_table_and_of_distances(tmp_path):
    runs = [varied(tmp_path, seed, models="both") for seed in (0, 1)]
    runs += [varied(tmp_path, seed, models="both", precision="float64") for seed in (0, 1)]
    runs += [varied(tmp_path, seed, 0.975, loss="cross_entropy", learning_rate=0.03) for seed in (0, 1)]
    drawing = draw("variants", runs)
    lines = drawing.numbers["lines"]
    assert {line["loss_reduction"] for line in lines} == {"mean"}
    assert [(line["kind"], line["loss"], line["precision"]) for line in lines][3:] == [
        ("linearized", "squared_error", "float64"), ("network", "cross_entropy", "float32"),
    ]  # fmt: skip
    cells = cells_of(drawing)
    assert cells[5, 1] == "97.55 ± 0.07"
    assert cells[3, -1] == "LeNet ×1, squared error, rate 0.1, double precision"
    assert len(drawing.picture.axes[1].lines) == 3
    found = {row["statement"].split(" (")[0]: row["holds"] for row in claims("variants", drawing)}
    assert list(found.values()) == [None, None, None]
    reasons = [row["unless"] for row in claims("variants", drawing)]
    assert all("epochs 10 (the paper: 100)" in reason for reason in reasons)
    assert "settings were not searched for" in reasons[0]


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
