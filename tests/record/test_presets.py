from pathlib import Path

import pytest

from ntk_repro.errors import UserError
from ntk_repro.record import load_preset, load_presets

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


def test_shared_values_hold_for_every_preset_and_can_be_overridden():
    presets = load_presets(TEXT)
    assert presets == {
        "quick": {
            "nets": ["mlp", "lenet"],
            "n_train": 100,
            "data": "mnist5k",
            "recipe": {"epochs": 20},
            "runs": [{"net": "mlp"}],
        },
        "paper": {"nets": ["resnet18"], "n_train": None, "n_test": None, "data": "cifar10"},
    }


def test_a_file_reads_like_its_text(tmp_path):
    path = tmp_path / "fig2.toml"
    path.write_text(TEXT)
    assert load_preset(path, "quick") == load_preset(str(path), "quick") == load_preset(TEXT, "quick")


def test_an_unknown_preset_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match="unknown preset 'quikc'; did you mean 'quick'"):
        load_preset(TEXT, "quikc")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (Path("absent.toml"), "absent.toml cannot be read"),
        ("absent.toml", "absent.toml cannot be read"),
        ("a = = 1", "not valid TOML"),
        ("a = 1", "has no preset"),
        ("[quick]\na = 1\nunset = ['a']", r"\[quick\] of the TOML text both sets 'a'"),
    ],
)
def test_faulty_files_are_named(source, sentence):
    with pytest.raises(UserError, match=sentence):
        load_presets(source)
