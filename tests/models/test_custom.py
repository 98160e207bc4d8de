"""Custom networks: loaded, given what they take, distinguished by their source, refused in one line."""

import pickle  # noqa: TID251 (a spec goes to other processes as a pickle)
import sys
from dataclasses import replace
from pathlib import Path

import flax.linen as nn
import jax
import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.gram.config import GramConfig
from ntk_repro.models import build_model, network_spec
from ntk_repro.network import Network, check_network
from tests.refusals import refused

NETS = Path(__file__).with_name("nets.py").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def nets(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "layers.py").write_text("SCALE = 2.0\n")
    return tmp_path / "nets.py"


def test_a_class_is_given_what_it_takes():
    module = build_model("nets.py:Sized", width=0.5, activation="gelu", num_outputs=3, depth=7)
    # The network multiplies its sizes by its width itself.
    assert (module.hidden, module.width, module.activation) == ((4, 6), 0.5, "gelu")
    assert (module.num_outputs, module.depth) == (3, 7)
    assert build_model("nets.py:Sized").activation == "tanh"  # the default
    assert network_spec("nets.py:Sized").settings == ("depth",)
    assert build_model("nets.py:WithFunction", activation="softplus").activation is nn.softplus


@pytest.mark.parametrize(
    ("name", "activation", "replaced"),
    [
        ("Sized", "relu", "tanh"),
        ("Sized", "tanh", ""),
        ("WithFunction", "tanh", "relu"),
        ("WithFunction", "relu", ""),
        ("factory", "relu", ""),
        ("Needs", None, ""),
        ("NoDefaultActivation", "relu", ""),
    ],
)
def test_a_default_activation_that_is_replaced_is_named(name, activation, replaced):
    spec = network_spec(f"nets.py:{name}")
    needed = {"levels": 1} if name == "Needs" else {"num_outputs": 1}
    assert spec.replaced_activation(spec.arguments(activation=activation, **needed)) == replaced


def test_a_study_reports_a_replaced_activation_once(capsys):
    GramConfig(net="nets.py:Sized").resolved()
    assert "built with activation relu in place of its default tanh: --activation" in capsys.readouterr().err
    again = GramConfig(net="nets.py:Sized")
    for config in (again, replace(again, width=2.0), replace(again, activation="tanh")):
        config.resolved()
    assert "activation" not in capsys.readouterr().err


def test_a_factory_that_needs_num_outputs_is_given_them():
    x = np.ones((5, 8), np.float32)
    assert Network.create("nets.py:factory", 0, (8,))(x).shape == (5, 1)
    assert Network.create("nets.py:factory", 0, (8,), num_outputs=2)(x).shape == (5, 2)
    check_network("nets.py:factory", (8,), 3)
    assert GramConfig(net="nets.py:factory").resolved().display_name == "factory"


def test_finished_modules_and_nnx_classes_are_networks():
    x = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    assert Network.create("nets.py:made", 0, (8,)).params["Dense_0"]["kernel"].shape == (8, 3)
    one, other, again = (Network.create("nets.py:Nnx", seed, (8,), width=2) for seed in (0, 1, 0))
    assert one(x).shape == (5, 1)
    assert jax.tree.leaves(one.params)[1].shape == (8, 10)
    np.testing.assert_array_equal(one(x), again(x))
    assert np.abs(one(x) - other(x)).max() > 1e-3


def test_a_module_is_named_as_it_is_imported(tmp_path):
    package(tmp_path, "my_package_of_nets", wide=NETS.replace("from layers", "from .layers"), layers="SCALE = 1.0\n")
    found = network_spec("my_package_of_nets.wide:Sized")
    assert found.definition(hidden=(2,)).hidden == (2,)
    assert set(found.texts) == {f"my_package_of_nets/{name}.py" for name in ("__init__", "wide", "layers")}
    assert found.startswith("my_package_of_nets.wide:Sized@")
    assert pickle.loads(pickle.dumps(found)) == found


def package(root: Path, name: str, **texts: str) -> Path:
    """A package of modules, by their names, `__in__` for a folder's slash."""
    for module, text in {"__init__": "", **texts}.items():
        path = root / name / (module.replace("__in__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    return root / name


NET = "import flax.linen as nn\n{}\nclass Net(nn.Dense):\n    features: int = SIZE\n"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("above_a", "from ..layers import SIZE"),
        ("above_b", "from above_b.layers import SIZE"),
        ("above_c", "from .. import layers; SIZE = layers.SIZE"),
    ],
)
def test_imports_from_above_in_the_package_are_a_part_of_the_source(name, line, tmp_path):
    package(tmp_path, name, models__in__net=NET.format(line), layers="SIZE = 3\n")
    files = ("__init__", "models/__init__", "models/net", "layers")
    assert set(network_spec(f"{name}.models.net:Net").texts) == {f"{name}/{file}.py" for file in files}


def test_imports_from_beside_a_module_are_a_part_of_the_source(tmp_path):
    package(tmp_path, ".", module_of_nets=NET.format("from sizes_of_nets import SIZE"), sizes_of_nets="SIZE = 3\n")
    found = network_spec("module_of_nets:Net")
    assert set(found.texts) == {"module_of_nets.py", "sizes_of_nets.py"}
    assert found.digest == network_spec("module_of_nets.py:Net").digest


def test_what_is_installed_beside_a_module_is_not(tmp_path, monkeypatch):
    net = NET.format("from installed_sizes import SIZE")
    site = package(tmp_path, "site-packages", installed_nets=net, installed_sizes="SIZE = 3\n")
    monkeypatch.syspath_prepend(site)
    assert set(network_spec("installed_nets:Net").texts) == {"installed_nets.py"}


def test_a_folder_without_init_is_imported_from(tmp_path):
    package(tmp_path, "blocks", conv="SIZE = 3\n")
    (tmp_path / "blocks" / "__init__.py").unlink()
    (tmp_path / "jax").mkdir()  # an output folder called as an installed package
    (tmp_path / "net.py").write_text(NET.format("import jax\nfrom blocks.conv import SIZE"))
    assert set(network_spec("net.py:Net").texts) == {"net.py", "blocks/conv.py"}


def test_a_byte_order_mark_is_not_a_part_of_the_text(tmp_path):
    (tmp_path / "net.py").write_text(NET.format("SIZE = 3"), encoding="utf-8-sig")
    assert network_spec("net.py:Net").definition().features == 3


def test_a_module_that_was_edited_since_it_was_imported_is_refused(tmp_path):
    net = NET.format("from .sizes import SIZE")
    folder = package(tmp_path, "edited_nets", a=net, b=net, sizes="SIZE = 3\n")
    first = network_spec("edited_nets.a:Net")
    assert network_spec("edited_nets.a:Net") == first
    (folder / "sizes.py").write_text("SIZE = 44\n")
    for module in ("a", "b"):  # what b imports was imported before by a
        with pytest.raises(UserError, match=r"sizes\.py was edited after .* was imported: restart Python"):
            network_spec(f"edited_nets.{module}:Net")


def test_a_module_that_failed_is_imported_again_when_it_is_fixed(tmp_path):
    folder = package(tmp_path, "failing_nets", a="raise KeyError('a')\n")
    refused(r"failing_nets\.a cannot be imported .*KeyError", network_spec, "failing_nets.a:Net")
    (folder / "a.py").write_text(NET.format("SIZE = 3") + "# fixed\n")
    assert network_spec("failing_nets.a:Net").definition().features == 3


def refusal(call, *arguments) -> str:
    """The message of a UserError, which is one line."""
    with pytest.raises(UserError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("pkg_a", "import no_such_module_here", "pkg_a.net cannot be imported (ModuleNotFoundError: No module named"),
        ("pkg_b", "raise OSError('no disk')", "pkg_b.net cannot be imported (OSError: no disk"),
        ("pkg_c", "", "there is no module pkg_c.net: check its name"),
    ],
)
def test_errors_of_a_package_are_reported_in_one_line(name, text, message, tmp_path):
    package(tmp_path, name, __init__=text)
    assert message in refusal(network_spec, f"{name}.net:Net")


@pytest.mark.parametrize("linked", [False, True])
def test_the_digest_is_of_the_file_and_of_what_it_imports_from_beside_it(linked, nets):
    layers = nets.parent / "layers.py"
    if linked:
        layers = layers.rename(package(nets.parent, "elsewhere") / "shared.py")
        (nets.parent / "layers.py").symlink_to(layers)
    first = network_spec("nets.py:Sized")
    assert set(first.texts) == {"nets.py", "layers.py"}
    assert network_spec(str(nets) + ":Sized") == str(first)  # the content counts, not the path
    x = np.ones((2, 3), np.float32)
    before = Network.create("nets.py:Sized", 0, (3,))(x)
    layers.write_text("SCALE = 3.0\n")
    assert network_spec("nets.py:Sized").digest != first.digest
    np.testing.assert_allclose(Network.create("nets.py:Sized", 0, (3,))(x), before * 2.25, rtol=1e-5)
    refused("has changed since", network_spec, str(first))


def test_a_network_goes_to_a_process_in_another_folder(nets, tmp_path, monkeypatch):
    spec = network_spec("nets.py:Sized")
    sent = pickle.dumps(spec)
    monkeypatch.chdir(package(tmp_path, "elsewhere"))
    assert network_spec(spec) is spec
    assert pickle.loads(sent) == spec
    (nets.parent / "layers.py").write_text("SCALE = 3.0\n")
    assert "has changed since" in refusal(pickle.loads, sent)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nest.py:Sized", "no file nest.py (did you mean nets.py?)"),
        ("nets.py:Sised", "unknown network in nets.py 'Sised'; did you mean 'Sized'"),
        ("nets.py:sized", "did you mean 'Sized'"),
        ("nets.py:Plain", "is a class but not a Flax module"),
        ("nets.py:table", "is of type dict: name a flax.linen.Module"),
        ("nets.py:gives_a_list", "gives a list: it must give a Linen or an NNX module"),
        ("nets.py:raises", "cannot be built"),
        ("nets.py:Needs", "needs levels, which nothing sets"),
        ("nets.py:", "names no network: write FILE.py:NAME"),
        ("nets.py", "name one, such as nets.py:MyNet"),
        ("no_such_module_here:Net", "there is no module no_such_module_here"),
        ("math:sin", "has no Python source"),
    ],
)
def test_what_is_not_a_network_is_refused_in_one_line(name, message):
    assert message in refusal(Network.create, name, 0, (3,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class Net(:\n", "line 1: SyntaxError"),
        ("x = 1\nimport flax.linin\n", "line 2: ModuleNotFoundError: No module named 'flax.linin'"),
        ("\n\nraise RuntimeError('not\\ntoday')\n", "line 3: RuntimeError: not: fix"),
        ("raise SystemExit(3)\n", "line 1: SystemExit: 3"),
    ],
)
def test_a_file_that_cannot_be_run_is_reported_with_its_line(text, message, nets):
    nets.write_text(text)
    assert message in refusal(network_spec, "nets.py:Net")


def test_settings_that_it_does_not_take_are_refused():
    spec = network_spec("nets.py:WithFunction")
    for settings, message in (
        ({"depth": 3}, "takes no depth (it takes activation): leave out --depth"),
        ({"width": 2.0}, "takes no width: leave out --width"),
        ({"activation": "rely"}, "did you mean 'relu'"),
    ):
        assert message in refusal(lambda settings=settings: spec.arguments(**settings))
    assert spec.arguments(width=1.0, depth=None, num_outputs=4) == {}


def test_outputs_and_inputs_are_checked_before_the_work():
    check_network("nets.py:Sized", (4, 4, 1), 7)
    check_network("nets.py:WithFunction", (8,), None)
    message = "gives outputs (n, 3) where (n, 1) is needed: let it take num_outputs"
    assert message in refusal(check_network, "nets.py:WithFunction", (8,), 1)
    message = refusal(check_network, "nets.py:Broken", (8,), 1)
    assert message.startswith("Broken does not run on inputs (8,) of type float32 (TypeError: ")
