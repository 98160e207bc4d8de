import dataclasses
import hashlib
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntk_repro.record import config_from_toml, config_hash, config_to_dict, config_to_toml, from_dict
from tests.refusals import refused


@dataclass(frozen=True)
class Recipe:
    learning_rate: float = 0.05
    optimizer: Literal["sgd", "adam"] = "sgd"
    momentum: float | None = 0.9


@dataclass(frozen=True)
class Config:
    net: str
    n_train: int | None = None
    indices: tuple[int, ...] = (2, 3)
    shape: tuple[int, float] = (1, 2.0)
    recipe: Recipe = Recipe()
    widths: dict[str, float] = field(default_factory=dict)
    force: bool = False
    data_dir: Path | None = field(default=None, metadata={"identity": False})


numbers = st.floats(allow_nan=False)
integers = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]))
configs = st.builds(
    Config,
    net=texts,
    n_train=integers | st.none(),
    indices=st.lists(integers).map(tuple),
    shape=st.tuples(integers, numbers),
    recipe=st.builds(Recipe, numbers, st.sampled_from(["sgd", "adam"]), numbers | st.none()),
    widths=st.dictionaries(texts, numbers),
    force=st.booleans(),
    data_dir=st.none(),
)


@pytest.mark.slow
@given(configs)
def test_toml_and_back_is_the_same_config(config):
    mapping = config_from_toml(config_to_toml(config_to_dict(config)))
    again = from_dict(Config, mapping)
    assert again == config
    assert config_hash(again) == config_hash(config)


@given(configs, configs)
def test_different_configs_have_different_hashes(one, other):
    assert (config_hash(one) == config_hash(other)) == (config_to_dict(one) == config_to_dict(other))


def test_the_hash_never_changes():
    # A change here would orphan every run on every disk.
    text = (
        '{"force":false,"indices":[2,3],"n_train":null,"net":"mlp",'
        '"recipe":{"learning_rate":0.05,"momentum":0.9,"optimizer":"sgd"},"shape":[1,2.0],"widths":{}}'
    )
    assert config_hash(Config("mlp")) == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_where_the_data_lie_is_not_part_of_the_identity():
    assert config_hash(Config("mlp", data_dir=Path("a"))) == config_hash(Config("mlp"))
    assert "data_dir" not in config_to_dict(Config("mlp", data_dir=Path("a")))


def test_one_and_one_point_zero_are_one_learning_rate():
    integer, numpy_one = Recipe(learning_rate=1), Recipe(learning_rate=np.float64(1.0))  # pyright: ignore
    assert config_hash(integer) == config_hash(numpy_one) == config_hash(Recipe(learning_rate=1.0))
    assert config_hash(Config("mlp", widths={"mlp": 1})) == config_hash(Config("mlp", widths={"mlp": 1.0}))
    assert config_hash(Config("mlp", shape=(1, 2))) == config_hash(Config("mlp", shape=(1, 2.0)))


def test_none_is_listed_by_name_in_the_toml_and_infinity_is_a_number():
    mapping = {"n_train": None, "recipe": {"momentum": None}, "t": math.inf, "s": -math.inf}
    text = config_to_toml(mapping)
    assert text.startswith('unset = [\n    "n_train",\n    "recipe.momentum",\n]')
    assert config_from_toml(text) == mapping


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({"unset": 1}, "cannot have a field called 'unset'"),
        ({"indices": [1, None]}, "indices has a None inside a list"),
        ({"runs": [{"n": None}]}, "runs has a None inside a list"),
        ({"a.b": None}, "a.b is None and has a dot in its name"),
        ({"a.b": {"c": None}}, "a.b holds a None and has a dot in its name"),
    ],
)
def test_what_toml_cannot_hold_is_refused(mapping, sentence):
    refused(sentence, config_to_toml, mapping)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = ", "here.toml is not valid TOML"),
        ("unset = 3", "must be a list of field names"),
        ("unset = ['a']\na = 1", "both sets 'a' and lists it"),
        ("unset = ['a.b']\na = 1", "both sets 'a.b' and lists it"),
    ],
)
def test_faulty_toml_is_named(text, sentence):
    refused(sentence, config_from_toml, text, "here.toml")


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({"n_trian": 3}, "unknown option of Config 'n_trian'; did you mean 'n_train'"),
        ({"recipe": {"learningrate": 1}}, "unknown option of recipe 'learningrate'; did you mean"),
        ({"recipe": {"optimizer": "adma"}}, "unknown value of recipe.optimizer 'adma'; did you mean 'adam'"),
        ({"recipe": {"optimizer": 3}}, "recipe.optimizer must be one of 'sgd', 'adam', not 3"),
        ({"net": 3}, "option net must be a string, not 3"),
        ({"n_train": 2.5}, "n_train must be an integer or unset, not 2.5"),
        ({"n_train": True}, "n_train must be an integer or unset, not True"),
        ({"force": 1}, "force must be true or false, not 1"),
        ({"indices": 3}, "indices must be a list of integers, not 3"),
        ({"indices": [2, "x"]}, r"indices\[1\] must be an integer, not 'x'"),
        ({"shape": [1]}, "shape must have 2 entries, not 1"),
        ({"widths": {"mlp": "wide"}}, "widths.mlp must be a number, not 'wide'"),
        ({"recipe": 3}, "recipe must be a table, not 3"),
    ],
)
def test_faulty_options_are_named(mapping, sentence):
    refused(sentence, from_dict, Config, {"net": "mlp", **mapping})
    refused("option net is missing and has no default", from_dict, Config, {})


def test_types_are_made_what_the_dataclass_says():
    recipe = {"learning_rate": 1}
    config = from_dict(Config, {"net": "mlp", "indices": [2], "shape": [3, 4], "recipe": recipe, "data_dir": "a/b"})
    assert config == Config("mlp", indices=(2,), shape=(3, 4.0), recipe=Recipe(1.0), data_dir=Path("a/b"))
    assert isinstance(config.recipe.learning_rate, float)
    assert isinstance(config.shape[1], float)


@dataclass(frozen=True)
class Either:
    value: float | int | str | tuple[int, ...] = 1
    anything: Any = None
    recipe: Recipe | Literal["default"] = "default"


@pytest.mark.parametrize("value", [1, 1.5, "x", (1, 2)])
def test_a_union_keeps_the_type_that_was_given(value):
    built = from_dict(Either, {"value": value, "anything": [object]})
    assert built.value == value
    assert type(built.value) is type(value)


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ({"momentun": 1.0}, "unknown option of recipe 'momentun'; did you mean 'momentum'"),
        ("defualt", "'defualt'; did you mean 'default'"),
        (3, "recipe must be a table or one of 'default', not 3"),
    ],
)
def test_a_union_of_a_table_and_a_string_names_what_is_wrong_inside(recipe, sentence):
    refused(sentence, from_dict, Either, {"recipe": recipe})


def test_arrays_and_functions_have_no_place_in_a_config():
    for value in (np.arange(3), print):
        refused(r"config field widths\.a holds a", config_hash, dataclasses.replace(Config("mlp"), widths={"a": value}))
    for other in (Config, {"net": "mlp"}):
        refused("instance of a dataclass", config_hash, other)


@dataclass(frozen=True)
class Later:
    net: str = "mlp"
    came_later: bool = field(default=False, metadata={"added": True})


def test_a_field_that_was_added_is_no_part_of_the_identity_at_its_default():
    assert config_to_dict(Later()) == {"net": "mlp"}
    assert config_to_dict(Later(came_later=True)) == {"net": "mlp", "came_later": True}
    assert config_hash(Later()) != config_hash(Later(came_later=True))
