import pytest

from ntk_repro.models import wide_resnet
from ntk_repro.wide_limit import architecture
from ntk_repro.wide_limit.architecture import Config


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_groups_are_those_of_the_network(blocks, tmp_path):
    result = architecture.run(Config(channels=8, blocks=blocks), tmp_path).result()
    assert result["output_size"].tolist() == [32, 32, 16, 8]
    assert result["convolutions"].tolist() == [1, *[2 * blocks] * 3]
    assert result["blocks"].tolist() == [0, *[blocks] * 3]
    assert (result["pooled"], result["averages"]) == (8, True)
    assert set(result["channels"]) == {8}
    assert result["order"][0] < 1e-5 < 0.01 < result["order"][1]


def test_other_strides_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(wide_resnet, "_STRIDES", (1, 1, 2))
    assert architecture.run(Config(channels=8), tmp_path).result()["output_size"].tolist() == [32, 32, 32, 16]
