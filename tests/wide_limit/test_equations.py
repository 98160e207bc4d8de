"""Every printed formula agrees with its independent computation, and a wrong one is seen."""

import numpy as np
import pytest

from ntk_repro.wide_limit.formulas import FORMULAS, expectations, kernels, posteriors, training

IDENTITIES = [name for name in FORMULAS if not name.startswith(("S25", "S81", "no posterior", "positive"))]
OTHERS = ("footnote 10 others", "all layers", "S3", "S4", "S62 above", "S115")
IDENTITIES = [name for name in IDENTITIES if name not in OTHERS]


@pytest.mark.slow
@pytest.mark.parametrize("name", IDENTITIES)
def test_an_identity_holds_to_rounding(name):
    value, low, high = FORMULAS[name](np.random.default_rng([1]))
    assert value == low == high
    assert value < 1e-9


@pytest.mark.parametrize(
    ("module", "wrong", "name"),
    [
        (expectations, "relu_expectations", "S14"),
        (expectations, "erf_expectations", "S17"),
        (kernels, "fcn_kernels", "S26"),
        (kernels, "fcn_kernels", "S29"),
    ],
)
def test_a_formula_that_is_off_by_a_factor_is_seen(module, wrong, name, monkeypatch):
    right = getattr(module, wrong)
    monkeypatch.setattr(module, wrong, lambda *args, **kw: tuple(2 * part for part in right(*args, **kw)))
    assert FORMULAS[name](np.random.default_rng([1]))[0] > 0.4


@pytest.mark.parametrize("wrong", ["ntk_gp_posterior", "nngp_posterior"])
def test_a_posterior_of_other_targets_is_seen(wrong, monkeypatch):
    right = getattr(posteriors, wrong)
    names = {"ntk_gp_posterior": ("14", "16 mean"), "nngp_posterior": ("13 mean", "readout limit mean")}[wrong]
    place = {"ntk_gp_posterior": 5, "nngp_posterior": 3}[wrong]
    monkeypatch.setattr(
        posteriors, wrong, lambda *args: right(*(2 * arg if i == place else arg for i, arg in enumerate(args)))
    )
    for name in names:
        assert FORMULAS[name](np.random.default_rng([1]))[0] > 0.4


@pytest.mark.parametrize("name", ["8", "10", "11"])
def test_a_closed_form_of_another_time_is_seen(name, monkeypatch):
    right = training.learned
    monkeypatch.setattr(training, "learned", lambda kernel, t: right(kernel, 0.5 * t))
    assert FORMULAS[name](np.random.default_rng([1]))[0] > 1e-3


def test_steps_at_another_rate_are_seen(monkeypatch):
    for name, dynamics in (("discrete steps", "mse_dynamics"), ("S2", "momentum_dynamics")):
        right = getattr(training, dynamics)
        monkeypatch.setattr(training, dynamics, lambda kernel, *args, right=right: right(1.1 * kernel, *args))
        assert FORMULAS[name](np.random.default_rng([1]))[0] > 1e-4


def test_a_mean_that_is_no_solution_of_the_flow_is_seen(monkeypatch):
    right = posteriors.learned
    monkeypatch.setattr(posteriors, "learned", lambda kernel, t: right(kernel, 0.5 * t))
    assert FORMULAS["14"](np.random.default_rng([1]))[0] > 0.1


@pytest.mark.parametrize("activation", ["tanh", "erf", "relu"])
def test_more_inputs_than_numbers_make_the_linear_kernel_alone_singular(activation):
    ratio, control = (FORMULAS[f"positive {name}"](np.random.default_rng([1]))[0] for name in (activation, "identity"))
    assert abs(control) < 1e-14 < 1e-5 < ratio


def test_training_another_layer_makes_network_and_linearization_differ():
    assert FORMULAS["all layers"](np.random.default_rng([1]))[0] > 0.01


def test_steps_that_do_not_approach_the_flow_are_seen(monkeypatch):
    assert FORMULAS["S4"](np.random.default_rng([1]))[0] > 0.4
    monkeypatch.setattr(training, "_DAMPING", 0.0)
    flow = training.solve_ivp
    monkeypatch.setattr(
        training, "solve_ivp", lambda f, span, start, **kw: flow(lambda t, s: 0.9 * f(t, s), span, start, **kw)
    )
    assert FORMULAS["S4"](np.random.default_rng([1]))[0] < 0.1
