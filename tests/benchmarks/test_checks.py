import pytest

from benchmarks import checks, same_bits
from tests.gram.cases import CASES


def test_every_check_is_timed(monkeypatch, capsys):
    monkeypatch.setattr(checks, "NETWORKS", {"mlp": ((3, 3, 1), {"width": 0.05})})
    found = checks.run()
    assert set(found) == {"mlp"}
    assert all(seconds >= 0 for seconds in found["mlp"].values())
    assert "one_by_one_later" in capsys.readouterr().out


@pytest.mark.slow
def test_digests_tell_kernels_apart_and_name_errors(monkeypatch):
    monkeypatch.setattr(same_bits, "CASES", {name: CASES[name] for name in ("one_dense_layer", "own_parameters")})
    first = same_bits.run()
    assert first == same_bits.run()
    assert len(set(first.values())) == 4  # two networks in two precisions
    monkeypatch.setattr(same_bits, "samples", lambda name, n: CASES[name] and [[]])
    assert all(text.startswith("UserError: ") for text in same_bits.run().values())
