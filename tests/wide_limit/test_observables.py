import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.network import Network
from ntk_repro.wide_limit.observables import chosen_weights, evaluated, observer, scores


def test_scores_of_signs_are_half_the_mean_square_and_the_share_of_right_signs():
    y = np.array([[1.0], [-1.0]])
    loss, accuracy = scores(np.array([[[1.0], [-1.0]], [[0.0], [-3.0]]]), y, "half_mean_squared_error")
    assert loss.tolist() == [0.0, (1 + 4) / 4]
    assert accuracy.tolist() == [1.0, 0.5]


def test_scores_of_logits_are_cross_entropy_and_the_share_of_right_classes():
    y = np.eye(3)[[2, 0]]
    fx = np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [[1e3, 0.0, 1e3], [0.0, 2.0, 1.0]]])
    loss, accuracy = scores(fx, y, "cross_entropy")
    assert loss == pytest.approx([np.log(3), (np.log(2) + np.log(1 + np.exp(2) + np.e)) / 2])
    assert accuracy.tolist() == [0.5, 0.0]


@pytest.mark.parametrize("loss", ["half_mean_squared_error", "cross_entropy"])
def test_scores_of_a_diverged_training_are_nan(loss):
    fx = np.full((1, 2, 3), np.inf)
    assert np.isnan(scores(fx, np.eye(3)[:2], loss)).all()


def test_chosen_weights_are_distinct_entries_of_the_leaves():
    params = {"a": np.zeros((2, 3)), "b": np.zeros(1), "c": np.zeros(5)}
    chosen = chosen_weights(params, 12, seed=0)
    expected = [(0, i) for i in range(6)] + [(1, 0)] + [(2, i) for i in range(5)]
    assert [tuple(row) for row in chosen.tolist()] == expected
    assert len(chosen_weights(params, 99, seed=0)) == 12
    assert len({tuple(row) for row in chosen_weights(params, 4, seed=1).tolist()}) == 4


def test_evaluation_sees_blocks_without_padding():
    # Each output is the size of its block, so that padding would show.
    net = Network.from_apply(lambda params, x: jnp.full((len(x), 1), params * len(x)), jnp.float32(1))
    assert evaluated(net, np.zeros((7, 2), np.float32), 4)[:, 0].tolist() == [4, 4, 4, 4, 3, 3, 3]


def test_the_observer_gives_outputs_and_the_chosen_weights():
    params = {"w": jnp.array([[1.0, 2.0], [3.0, 4.0]])}
    net = Network.from_apply(lambda params, x: x @ params["w"], params)
    seen = observer(np.eye(2, dtype=np.float32), np.ones((1, 2), np.float32), np.array([[0, 1], [0, 2]]), 8)(
        net, params
    )
    assert seen["train"].tolist() == [[1, 2], [3, 4]]
    assert seen["test"].tolist() == [[4, 6]]
    assert seen["weights"].tolist() == [2, 3]
