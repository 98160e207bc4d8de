import dataclasses

import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.nads import basis, lemma1, separable, tangent_space, theorem1
from ntk_repro.record import RunFolder
from ntk_repro.training import checkpoints
from tests.interruption import interrupted
from tests.refusals import refused

MLP = {"net": "mlp", "width": 0.1}
BASIS = basis.Config(**MLP, size=4, shown=3)
SEPARABLE = separable.Config(
    **MLP, size=4, indices=(16, 1), train_size=200, test_size=100, batch_size=32, epochs=8, learning_rate=0.2
)


@pytest.mark.slow
def test_a_basis_is_orthonormal_and_saved(root, monkeypatch):
    result = basis.run(BASIS, root=root).result()
    flat = result["directions"].reshape(16, 16)
    np.testing.assert_allclose(flat @ flat.T, np.eye(16), atol=1e-6)
    assert result["fourier"].shape == (3, 4, 4, 1)
    monkeypatch.setattr(basis, "neural_anisotropy_directions", None)
    assert basis.run(BASIS, root=root).result()["values"].shape == (16,)


@pytest.mark.slow
def test_directions_averaged_over_a_data_set_have_its_shape_and_are_compared_with_those_at_the_origin(root):
    result = basis.run(dataclasses.replace(BASIS, data="digits", samples=4), root=root).result()
    assert result["directions"].shape == (64, 8, 8, 1)
    assert 0.5 < float(result["captured_at_origin"]) <= 1
    origin = basis.run(dataclasses.replace(BASIS, size=8), root=root).result()
    assert result["alignment_of_origin"].shape == (np.sum(~origin["null"]),)
    # All directions that are not null together see the sum of all alignments.
    assert result["alignment_of_origin"].sum() == pytest.approx(np.sum(result["values"] ** 2), rel=1e-3)
    share = result["alignment_of_origin"][:3].sum() / np.sum(result["values"][:3] ** 2)
    assert float(result["captured_at_origin"]) == pytest.approx(share, rel=1e-6)


def test_the_shape_of_images_is_not_a_setting(root):
    digits = dataclasses.replace(BASIS, data="digits", samples=4)
    assert digits.resolved() == dataclasses.replace(digits, size=16, channels=3).resolved()
    assert digits.label == "mlp, digits"
    assert BASIS.label == "mlp, 4 x 4 x 1, origin"


def test_a_zero_derivative_is_reported_in_words(root, capsys):
    basis.show(basis.run(dataclasses.replace(BASIS, activation="relu"), root=root))
    shown = capsys.readouterr().out
    assert "the mixed derivative of mlp is 0 (origin)" in shown
    assert "nan" not in shown


@pytest.mark.slow
def test_a_finished_basis_of_other_images_is_refused(tmp_path):
    def images(seed):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(6, 4, 4)), np.arange(6) % 2
        np.savez(tmp_path / "custom.npz", x_train=x, y_train=y, x_test=x, y_test=y)

    config = dataclasses.replace(BASIS, data=str(tmp_path / "custom.npz"), samples=4)
    images(0)
    basis.run(config, root=tmp_path / "runs")
    images(1)
    refused("are not those that", basis.run, config, root=tmp_path / "runs")


def test_a_plane_wave_has_two_frequencies_and_noise_half_of_all():
    waves = np.cos(2 * np.pi * np.arange(16) * 3 / 16)[None, :, None, None] * np.ones((1, 1, 16, 1))
    np.testing.assert_allclose(basis.concentration(basis.fourier_magnitude(waves)), 2, rtol=1e-12)
    noise = np.random.default_rng(0).normal(size=(50, 16, 16, 1))
    np.testing.assert_allclose(basis.concentration(basis.fourier_magnitude(noise)).mean(), 128, rtol=0.1)


def test_settings_without_effect_do_not_make_another_run():
    assert BASIS.resolved() == dataclasses.replace(BASIS, samples=3, residual_scale_init=0.0).resolved()
    assert dataclasses.replace(BASIS, data="gaussian", samples=3).resolved().samples == 3


def test_networks_and_linearizations_train_along_directions(root):
    folder = separable.run(SEPARABLE, root=root)
    result = folder.result()
    assert result["index"].tolist() == [1, 16]
    assert result["alignment"].shape == (16,)
    for name in ("network", "linearized"):
        assert result[f"{name}_train_accuracy"][0] > 0.9
    assert [line["direction"] for line in folder.metrics()] == [1, 16]


def test_an_interrupted_run_continues_with_the_directions_it_has(root, tmp_path, monkeypatch):
    done = separable.run(SEPARABLE, root=root)
    rounding = {"rtol": 1e-5, "atol": 1e-12}
    trained, _ = interrupted(monkeypatch, separable, "train", 2, done, separable.run, SEPARABLE, tmp_path, **rounding)
    assert trained == ["direction_00001", "direction_00016", "direction_00016"]  # a long training is saved by its name


def test_a_run_killed_in_a_training_continues_it_and_removes_its_files(root, tmp_path, monkeypatch):
    done = separable.run(SEPARABLE, root=root).result()
    real, saved = RunFolder.save_part, []

    def save_part(self, name, **arrays):
        real(self, name, **arrays)
        saved.append(name)
        if saved.count("direction_00016_state") == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "save_part", save_part)
    monkeypatch.setattr(checkpoints.Checkpoint, "due", True)
    with pytest.raises(KeyboardInterrupt):
        separable.run(SEPARABLE, root=tmp_path)
    (parts,) = tmp_path.rglob("nads_separable/*/parts")
    left = sorted(path.name for path in parts.iterdir())
    assert left == ["direction_00001.npz", "direction_00016_state.npz"]
    monkeypatch.setattr(RunFolder, "save_part", real)
    again = separable.run(SEPARABLE, root=tmp_path).result()
    for name, array in done.items():
        np.testing.assert_allclose(again[name], array, rtol=1e-5, atol=1e-12, err_msg=name)


def test_both_sides_of_theorem_1_agree_within_their_error_bars(root):
    config = theorem1.Config(**MLP, size=4, groups=40, group_size=100, indices=(1, 2, 8), random_directions=1)
    result = theorem1.run(config, root=root).result()
    off = (result["monte_carlo"] - result["theorem"]) / result["difference_error"]
    assert np.abs(off).max() < 3.5
    assert result["monte_carlo_error"][0] < 0.1 * result["monte_carlo"][0]
    assert (result["theorem_error"] < result["monte_carlo_error"]).all()
    assert result["index"].tolist() == [1, 2, 8, 0]
    assert (np.abs(result["mean_square"] - 1) < 4 * result["mean_square_error"]).all()
    assert (result["norm_on_inputs"] >= result["norm_on_half"]).all()
    assert (result["norm_on_inputs"] >= result["mean_square"] ** 2 / result["alignment_on_inputs"]).all()  # Lemma 1


def test_theorem_1_misses_alignment_where_the_gradient_jumps(root):
    config = theorem1.Config(**MLP, size=4, groups=40, group_size=500, indices=(1,), activation="relu")
    assert config.basis.activation == "gelu"
    result = theorem1.run(config, root=root).result()
    assert (result["monte_carlo"] - result["theorem"])[0] > 4 * result["difference_error"][0]


def test_the_squared_norm_of_a_mean_has_no_bias_and_an_error_bar_that_covers():
    rng = np.random.default_rng(0)
    mean, off = np.array([0.5, 0.0, 0.0, 0.0]), []
    for _ in range(300):
        estimate = theorem1.squared_norm_of_mean(mean + rng.normal(size=(30, 4)))
        off.append((estimate.value - 0.25, estimate.error))
    values, errors = np.array(off).T
    assert abs(values.mean()) < 3 * values.std() / 300**0.5
    np.testing.assert_allclose(np.sqrt(np.mean(errors**2)), values.std(), rtol=0.2)


@pytest.mark.slow
def test_lemma_1_holds_on_a_small_kernel(root):
    result = lemma1.run(lemma1.Config(**MLP, data="digits", n_train=40), root=root).result()
    for name in ("eigen", "sign", "class", "random"):
        assert (result[f"{name}_norm"] >= (1 - 1e-9) * result[f"{name}_bound"]).all()
    np.testing.assert_allclose(result["eigen_norm"], result["eigen_bound"], rtol=1e-6)
    np.testing.assert_allclose(result["alignment_by_gradients"], result["alignment_by_gram"], rtol=1e-9)
    np.testing.assert_allclose(result["alignment_by_spectrum"], result["alignment_by_gram"], rtol=1e-9)
    np.testing.assert_allclose(result["compared_norm_by_sum"], result["compared_norm"], rtol=1e-6)
    np.testing.assert_allclose(result["trained_distance"], result["trained_norm"], rtol=1e-6)
    assert ((result["norm_beyond_half"] > 0) & (result["norm_beyond_half"] < 1)).all()


def test_a_singular_kernel_is_refused():
    refused("singular", lemma1.norm_and_bound, np.ones((3, 3)) - 1e-3, np.eye(3))


@pytest.mark.slow
def test_wide_networks_bend_less_and_their_linearization_stays_in_the_plane(root):
    result = tangent_space.run(tangent_space.Config(widths=(2, 300), steps=20), root=root).result()
    assert (np.diff(result["bend"]) < 0).all()
    assert result["off_plane"].max() < 1e-12
    assert result["network_off_plane"][0] > 1e-3
    assert result["distance"].shape == (2, 3)
    assert (result["distance"][:, 1:] < 0.35 * result["distance"][:, :-1]).all()  # a quarter, to second order
    # The plane touches the surface at the start: beside it the distance falls with the square of the step.
    middle = len(result["grid"]) // 2
    near, far = (np.abs(result["surface"][0, middle + k, middle, 2]) for k in (1, 2))
    assert near == pytest.approx(far / 4, rel=0.2)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (dataclasses.replace(SEPARABLE, indices=(0,)), "from 1 to 16"),
        (dataclasses.replace(SEPARABLE, batch_size=500), "at most 200"),
        (dataclasses.replace(BASIS, shown=17), "16 directions"),
        (dataclasses.replace(BASIS, shown=0), "shown must be at least 1"),
        (dataclasses.replace(BASIS, data="digits", shown=65), "the 64 directions"),
        (dataclasses.replace(BASIS, net="lennet"), "did you mean 'lenet'"),
        (dataclasses.replace(BASIS, precision="bf16"), "unknown precision of directions 'bf16'"),
        (dataclasses.replace(BASIS, seed=-1), "seed must be from 0"),
        (dataclasses.replace(SEPARABLE, seed=-1), "seed must be from 0"),
        (theorem1.Config(seed=2**32), "seed must be from 0"),
        (lemma1.Config(seed=-1), "seed must be from 0"),
        (lemma1.Config(data_seed=-1), "data_seed must be from 0"),
        (tangent_space.Config(seed=-1), "seed must be from 0"),
        (theorem1.Config(groups=2), "groups must be"),
        (lemma1.Config(n_train=2), "n_train must be"),
        (tangent_space.Config(widths=(5,)), "two or more"),
    ],
)
def test_bad_settings_are_refused_before_a_folder_is_made(config, message, tmp_path):
    experiment = {c: m for c, m in ((m.Config, m) for m in (basis, separable, theorem1, lemma1, tangent_space))}
    with pytest.raises(UserError, match=message):
        experiment[type(config)].run(config, root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
