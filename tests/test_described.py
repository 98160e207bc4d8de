import numpy as np
import pytest

from ntk_repro import Network, load_dataset, top_eigenpairs


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (lambda: Network.create("mlp", 0, (4, 4, 1)), "Network(MLP, parameters 11,901, inputs (4, 4, 1))"),
        (lambda: Network.create("mlp", 0, (4, 4, 1)).linearization(), "Network(linearization of a function, param"),
        (lambda: Network.from_apply(lambda p, x: x @ p, np.ones((3, 2))), "Network(of a function, parameters 6)"),
        (
            lambda: load_dataset("mnist5k", n_train=50, n_test=10),
            "Dataset(MNIST (5,000 digits), training images 50, test images 10, of 28 x 28 x 1, classes 10)",
        ),
        (lambda: top_eigenpairs(np.diag([4.0, 2.0, 1.0]), 2), "Eigenpairs(k 2 of 3, eigenvalues 4 to 2, residuals up"),
    ],
)
def test_objects_are_one_line_and_a_small_table(made, line):
    one = made()
    assert repr(one).startswith(line)
    assert "\n" not in repr(one)
    assert len(repr(one)) < 120
    assert one._repr_html_().count("<tr>") == len(one._facts())
