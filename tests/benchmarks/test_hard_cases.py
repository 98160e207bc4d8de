import numpy as np
import pytest

from benchmarks import hard_cases


@pytest.mark.filterwarnings("ignore:.*eigenvalues of the kernel are 0")
def test_no_case_loses_our_digits(capsys):
    found = hard_cases.run(neural_tangents=False)["cases"]
    assert set(found) == set(hard_cases.cases())
    for name, errors in found.items():
        assert max(errors["ntk_repro"]) < hard_cases.LARGEST_ERROR, name
    assert "rank 3 of 16, t = inf" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*eigenvalues of the kernel are 0")
def test_neural_tangents_is_asked_the_same():
    found = hard_cases.run(("one sample, t = 0.3", "every sample twice, t = inf"))["cases"]
    for train, test in found["one sample, t = 0.3"].values():
        assert max(train, test) < 1e-6
    assert found["every sample twice, t = inf"]["nt float64"][1] == "nan"


def test_samples_are_twice_where_the_name_says_so():
    kernel = hard_cases._problem(hard_cases.cases()["every sample twice, t = inf"])[0][0]
    np.testing.assert_array_equal(kernel[:8], kernel[8:])
    assert np.linalg.matrix_rank(kernel) == 8
