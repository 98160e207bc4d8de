import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.errors import UserError
from ntk_repro.training import DESCENT_LOSSES, averaged_terms, loss_value

rng = np.random.default_rng(0)
FX = rng.standard_normal((5, 3))
Y = np.eye(3)[[0, 2, 1, 1, 0]]


def summed(loss):
    """The sums that the theory has, by NumPy."""
    if loss == "cross_entropy":
        return -np.sum(Y * (FX - np.log(np.exp(FX).sum(axis=1, keepdims=True))))
    return 0.5 * np.sum((FX - Y) ** 2)


@pytest.mark.parametrize("loss", DESCENT_LOSSES)
def test_the_loss_of_descend_is_the_sum_over_its_terms(loss):
    value = loss_value(loss, jnp.asarray(FX, jnp.float32), jnp.asarray(Y, jnp.float32))
    assert float(value) * averaged_terms(loss, 5, 3) == pytest.approx(summed(loss), rel=1e-6)


def test_an_unknown_loss_is_refused():
    with pytest.raises(UserError, match="did you mean 'cross_entropy'"):
        loss_value("crossentropy", jnp.asarray(FX), jnp.asarray(Y))


def test_the_losses_of_train_are_sums_over_outputs():
    fx, y = jnp.asarray(FX, jnp.float32), jnp.asarray(Y, jnp.float32)
    assert float(loss_value("half_squared_error", fx, y)) * 5 == pytest.approx(summed("squared"), rel=1e-6)
    nats = -np.sum(Y * -np.log1p(np.exp(-FX)) + (1 - Y) * -np.log1p(np.exp(FX)))
    assert float(loss_value("binary_cross_entropy", fx, y)) * 5 == pytest.approx(nats, rel=1e-6)
