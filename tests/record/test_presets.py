import pytest

from ntk_repro.record import load_preset, load_presets
from tests.refusals import refused

TEXT = """
nets = ["mlp", "lenet"]
n_train = 100

[quick]
data = "mnist5k"

[quick.recipe]
epochs = 20

[[quick.runs]]
net = "mlp"

[paper]
data = "cifar10"
unset = ["n_train", "n_test"]
nets = ["resnet18"]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "fig2.toml"
    path.write_text(TEXT)
    return path


def test_shared_values_hold_for_every_preset_and_can_be_overridden(file):
    shared = {"nets": ["mlp", "lenet"], "n_train": 100}
    quick = {**shared, "data": "mnist5k", "recipe": {"epochs": 20}, "runs": [{"net": "mlp"}]}
    paper = {"nets": ["resnet18"], "n_train": None, "n_test": None, "data": "cifar10"}
    assert load_presets(file) == {"quick": quick, "paper": paper}
    assert load_preset(file, "quick") == quick


def test_an_unknown_preset_is_refused_with_the_nearest_name(file):
    refused("unknown preset 'quikc'; did you mean 'quick'", load_preset, file, "quikc")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "fig2.toml cannot be read"),
        ("a = = 1", "fig2.toml is not valid TOML"),
        ("a = 1", "has no preset"),
        ("[quick]\nlike = 'papr'\n[paper]\na = 1", "did you mean 'paper'"),
        ("[a]\nlike = 'b'\n[b]\nlike = 'c'\n[c]\nx = 1", "is like b, which is like c: name c there"),
        ("[quick]\na = 1\nunset = ['a']", r"\[quick\] of .*fig2.toml both sets 'a'"),
    ],
)
def test_faulty_files_are_named(file, text, sentence):
    file.unlink() if text is None else file.write_text(text)
    refused(sentence, load_presets, file)


def test_a_preset_like_another_has_its_values_and_its_own(file):
    file.write_text(f'{TEXT}\n[days]\nlike = "paper"\nseeds = [0, 1]\n')
    expected = {**load_preset(file, "paper"), "seeds": [0, 1]}
    assert load_preset(file, "days") == expected
    assert expected["n_train"] is None
