import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.drawing import plain
from ntk_repro.papers.samarin2022 import FIGURES
from ntk_repro.record import RunFolder
from ntk_repro.widths import solver, spectra, training
from ntk_repro.widths.output_statistics import output_statistics
from tests.figures.scripts import load_script

SCRIPTS = Path(__file__).parents[2] / "figures" / "samarin2022"
CLAIMS = {figure.name: figure.claims for figure in FIGURES}


@pytest.fixture
def draw():
    """The draw function of a drawing script's module, in this process."""
    return lambda script, runs: load_script(f"samarin2022/{script}").draw(list(runs), "quick")


def finished(study, config, root, arrays):
    with RunFolder.open(study, config.resolved(), root=root) as folder:
        folder.describe(provenance={"label": f"Label of {config.data}", "n_train": 4000, "n_test": 1000})
        folder.finish(**{name: np.asarray(value) for name, value in arrays.items()})
    return RunFolder.read(folder.path)


def trained(root, width=1.0, seed=0, network=0.97, linearized=0.9, **settings):
    config = training.Config(width=width, seed=seed, epochs=5, **settings)
    epochs, y = config.followed_epochs, np.eye(10)[:4]
    arrays: dict = {"num_params": int(6e4 * width**2), "followed_epochs": epochs, "outputs_apart": np.full(4, 0.3)}
    for kind, accuracy in (("network", network), ("linearized", linearized)):
        if kind not in config.kinds:
            continue
        noise = accuracy and 0.002 * seed
        arrays |= {f"{kind}_train_accuracy": accuracy + 0.02, f"{kind}_test_accuracy": accuracy + noise}
        outputs = np.stack([y * accuracy * e / 5 for e in epochs])
        arrays |= {f"{kind}_{name}": value for name, value in output_statistics(outputs, y).items()}
    if config.baseline:
        arrays |= {"logistic_train_accuracy": 0.93, "logistic_test_accuracy": 0.89}
    return finished("widths_training", config, root, arrays)


def widening(root, shift=0, **settings):
    """Two seeds at three widths: the linearization comes nearer to the network."""
    for width, accuracy in ((1.0, 0.9), (2.0, 0.93), (4.0, 0.955)):
        for seed in (0, 1):
            yield trained(root, width, seed, linearized=accuracy - 0.02 * shift, shift=shift, **settings)


def claims(name, drawing):
    return evaluate(CLAIMS[name], plain(drawing.numbers))


@pytest.mark.parametrize("script", ["accuracy_by_width", "accuracy_table", "fig1"])
def test_the_plotted_accuracies_are_those_of_the_runs(tmp_path, draw, script):
    (panel,) = draw(script, widening(tmp_path)).numbers["panels"]
    network, linearized = panel["lines"]
    assert (network["name"], linearized["name"]) == ("LeNet", "LinLeNet")
    assert linearized["widths"] == [1.0, 2.0, 4.0]
    np.testing.assert_allclose(linearized["test"], [[0.9, 0.902], [0.93, 0.932], [0.955, 0.957]])
    np.testing.assert_allclose(network["train"][0], [0.99, 0.99])
    assert panel["logistic_test"] == 0.89
    assert panel["settings"].startswith("4,000 + 1,000 images, 5 epochs")


def test_claims_hold_where_the_gap_closes(tmp_path, draw):
    rows = claims("fig2", draw("accuracy_by_width", widening(tmp_path)))
    assert all(row["holds"] for row in rows)
    assert rows[0]["number"] == pytest.approx(0.07)
    assert rows[0]["paper"] == 0.0467
    assert rows[0]["note"] == "7.00 points (95 % interval 7.00 to 7.00, 2 seeds)"
    (shrinks,) = [row for row in rows if row["statement"].startswith("the gap shrinks")]
    assert shrinks["number"] == pytest.approx(-0.055)
    assert rows[-1]["number"] == pytest.approx(0.9 + 0.001 - 0.89)


def test_claims_fail_where_the_linearization_is_ahead_and_loses(tmp_path, draw):
    runs = [trained(tmp_path, 1.0, linearized=0.99), trained(tmp_path, 2.0, linearized=0.6)]
    rows = claims("fig2", draw("accuracy_by_width", runs))
    assert [row["holds"] for row in rows] == [False, True, False, False, False, False]
    assert "interval" not in rows[0]["note"]


def test_a_shift_is_a_panel_and_widens_the_gap(tmp_path, draw):
    drawing = draw("accuracy_by_width", [*widening(tmp_path, shift=7), *widening(tmp_path)])
    assert [panel["shift"] for panel in drawing.numbers["panels"]] == [7, 0]
    assert len(drawing.picture.axes) == 4
    grows = [row for row in claims("fig3", drawing) if row["statement"] == "the gap grows with the shift"]
    assert [row["subject"] for row in grows] == ["x1", "x2", "x4"]
    assert grows[0]["number"] == pytest.approx(0.14)
    assert grows[0]["paper"] == pytest.approx(0.2765 - 0.0467)


def test_a_training_that_diverged_is_left_out_of_the_mean(tmp_path, draw):
    runs = [trained(tmp_path, 1.0), trained(tmp_path, 2.0, linearized=np.nan), trained(tmp_path, 2.0, 1)]
    drawing = draw("accuracy_table", runs)
    texts = {cell.get_text().get_text() for cell in drawing.picture.axes[0].tables[0].get_celld().values()}
    assert "90.20 (1 diverged)" in texts
    assert claims("fig4", drawing)[1]["number"] == pytest.approx(0.07)


def test_a_linearization_at_other_settings_is_a_line_of_its_own(tmp_path, draw):
    pair = [trained(tmp_path, width, net="alexnet", linearized=0.6, baseline=False) for width in (1.0, 2.0)]
    own = {"models": "linearized", "learning_rate": 1.0, "weight_decay": 5e-7, "net": "alexnet", "baseline": False}
    alone = [trained(tmp_path, width, linearized=accuracy, **own) for width, accuracy in ((1.0, 0.8), (2.0, 0.9))]
    drawing = draw("accuracy_by_width", pair + alone)
    names = [line["name"] for line in drawing.numbers["panels"][0]["lines"]]
    assert names == [
        "AlexNet, learning rate 0.1", "LinAlexNet, learning rate 0.1", "LinAlexNet, learning rate 1"
    ]  # fmt: skip
    rows = claims("fig5", drawing)
    assert [row["number"] for row in rows[:2]] == pytest.approx([0.37, 0.37])
    assert rows[2]["number"] == pytest.approx(-0.1)
    assert rows[2]["paper"] is None
    table = claims("tableA1", draw("accuracy_table", pair + alone))
    assert table[0]["number"] == pytest.approx(0.17)
    assert table[0]["paper"] == pytest.approx(0.204)


def test_outputs_that_come_together_are_told(tmp_path, draw):
    drawing = draw("figA2", widening(tmp_path))
    assert [curve["width"] for curve in drawing.numbers["widths"]] == [1.0, 2.0, 4.0]
    rows = claims("figA2", drawing)
    assert rows[0]["holds"]
    assert rows[0]["subject"] == "mean of the outputs"
    assert [row["holds"] for row in rows[2:]] == [True, True, True]
    with pytest.raises(UserError, match="--follow 200"):
        draw("figA2", [trained(tmp_path, models="network")])


def spectrum(root, width=1.0, shift=0, condition=100.0, rank_of=100, **settings):
    values = np.geomspace(condition, 1, rank_of)
    config = spectra.Config(width=width, shift=shift, n_train=60, **settings)
    arrays = {
        "singular_values": np.concatenate([values * width, np.zeros(2)]),
        "effective_rank": 90.0 + width - shift / 10 * width,
        "effective_rank_of_kernel": 10.0 + width,
        "condition_number": condition,
        "vanishing": 2,
        "rows": 600,
        "num_params": 100,
    }
    if config.direct_images:
        arrays |= {"direct_images": 5, "direct_effective_rank": 50.0, "direct_from_kernel": 50.01}
    return finished("widths_spectra", config, root, arrays)


def test_effective_ranks_are_plotted_and_judged(tmp_path, draw):
    plain_runs = [spectrum(tmp_path, width, direct_images=5 * (width == 1)) for width in (1.0, 2.0, 4.0)]
    shifted = [spectrum(tmp_path, width, shift=7) for width in (1.0, 2.0, 4.0)]
    drawing = draw("fig6", plain_runs + shifted)
    lines = drawing.numbers["lines"]
    assert [line["shift"] for line in lines] == [0, 7]
    assert lines[0]["effective_rank"] == [91.0, 92.0, 94.0]
    rows = claims("fig6", drawing)
    by_statement = {row["statement"]: row for row in rows}
    assert all(row["holds"] for row in rows if row["subject"].endswith("of the Jacobian"))
    assert by_statement["the kernel's square roots have the effective rank of the Jacobian (to 0.1 %)"]["holds"]
    same = by_statement["the kernel's square roots have the effective rank of the Jacobian (to 0.1 %)"]
    assert same["number"] == pytest.approx(2e-4)


def test_singular_values_are_plotted_but_for_those_that_vanish(tmp_path, draw):
    runs = [spectrum(tmp_path, width, condition=100 / width) for width in (1.0, 2.0, 4.0)]
    drawing = draw("singular_values", runs)
    assert [len(line.get_xdata()) for line in drawing.picture.axes[0].lines] == [100, 100, 100]
    rows = claims("fig7", drawing)
    assert [row["holds"] for row in rows] == [True, True]
    assert rows[0]["number"] == pytest.approx(4)


def solved(root, width=1.0, solver_test=(0.99, 0.9, 0.98), sizes=(500, 1000, 4000), linearized=0.985, **settings):
    config = solver.Config(width=width, data="mnist", n_train=4000, sizes=sizes, **settings)
    arrays = {
        "sizes": sizes,
        "num_params": int(1000 * width),
        "majority_rate": 0.9,
        "solver_test_accuracy": solver_test,
        "solver_train_accuracy": [1.0, 1.0, 0.99],
        "solver_rank": [min(n, int(1000 * width)) for n in sizes],
        "solver_live": [int(1000 * width)] * 3,
        "solver_dual": [1, 1, 0],
        "kernel_ridge_train_accuracy": 0.985,
        "kernel_ridge_test_accuracy": 0.985,
        "logistic_train_accuracy": 1.0,
        "logistic_test_accuracy": 0.97,
        "ridge_train_accuracy": 0.99,
        "ridge_test_accuracy": 0.96,
        "linearized_train_accuracy": linearized,
        "linearized_test_accuracy": linearized,
        "network_train_accuracy": 1.0,
        "network_test_accuracy": 0.9989,
    }
    return finished("widths_solver", config, root, arrays)


def test_a_table_holds_ours_and_the_papers_numbers(tmp_path, draw):
    runs = [solved(tmp_path, 1.0), solved(tmp_path, 2.0, linearized=0.997)]
    drawing = draw("table1", runs)
    cells = drawing.picture.axes[0].tables[0].get_celld()
    assert cells[1, 0].get_text().get_text() == "98.00 (97.8)"
    assert cells[3, 1].get_text().get_text() == "99.70 (99.75)"
    assert cells[0, 1].get_text().get_text() == "×2\n2,000"
    rows = claims("table1", drawing)
    fits = [row for row in rows if row["statement"].startswith("the solver fits")]
    assert [row["subject"] for row in fits] == [
        "x1, 500 images",
        "x1, 1,000 images",
        "x2, 500 images",
        "x2, 1,000 images",
    ]
    assert all(row["holds"] for row in fits)
    dip = next(row for row in rows if "dips" in row["statement"])
    assert dip["holds"]
    assert dip["number"] == pytest.approx(1.0)
    worse = next(row for row in rows if row["statement"].endswith("generalizes worse than SGD"))
    assert worse["number"] == pytest.approx(0.005)
    assert worse["paper"] == pytest.approx(0.9961 - 0.978)
    printed = [row for row in rows if row["statement"].startswith("test accuracies are the paper's")]
    assert [row["holds"] for row in printed] == [True, False, True, False, True, True]


def test_runs_that_do_not_belong_together_are_refused(tmp_path, draw):
    run = trained(tmp_path)
    with pytest.raises(UserError, match="name each run once"):
        draw("accuracy_by_width", [run, RunFolder.read(run.path)])
    with pytest.raises(UserError, match="differ in momentum"):
        draw("accuracy_by_width", [run, trained(tmp_path, width=2.0, momentum=0.5)])
    with pytest.raises(UserError, match="is not a run that this figure draws"):
        draw("accuracy_by_width", [spectrum(tmp_path)])
    with pytest.raises(UserError, match="is not a run that this figure draws"):
        draw("fig6", [run])
    with pytest.raises(UserError, match="is not a run that this figure draws"):
        draw("table1", [run])
    with pytest.raises(UserError, match="have the same width"):
        draw("table2", [solved(tmp_path), solved(tmp_path, seed=1)])


def test_a_script_is_a_program(tmp_path):
    command = [sys.executable, str(SCRIPTS / "fig2.py"), str(trained(tmp_path / "runs").path), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "samarin2022_fig2.json").read_text())["figure"] == "samarin2022/fig2"
