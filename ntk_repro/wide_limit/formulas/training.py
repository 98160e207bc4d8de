"""Training of a network and of its linearization: equations of Lee et al. 2019 on gradient flow, momentum and rates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax.flatten_util import ravel_pytree
from jaxtyping import Float
from scipy.integrate import solve_ivp

from ntk_repro.dynamics import eta_critical, momentum_dynamics, mse_dynamics
from ntk_repro.gram import empirical_nngp
from ntk_repro.models import build_model
from ntk_repro.network import Network
from ntk_repro.precision import float64_scope
from ntk_repro.training.losses import Loss
from ntk_repro.wide_limit.formulas.measured import Measured, exact, residual, share_above, slope, worst
from ntk_repro.wide_limit.formulas.posteriors import learned

_TRAIN, _TEST, _SIZE, _OUTPUTS = 6, 3, 8, 3
_DAMPING, _TIME = -1.0, 2.0  # beta~ and t of Eqs. (S3), (S4)
_PRECISE: dict[str, Any] = {"method": "DOP853", "rtol": 1e-11, "atol": 1e-12}


@dataclass(frozen=True)
class Case:
    """A random network as a function of a vector of weights, and its data; everything in float64."""

    f: Callable
    theta: Float[np.ndarray, " p"]
    x: Float[np.ndarray, "n d"]
    x_test: Float[np.ndarray, "m d"]
    y: Float[np.ndarray, "n k"]
    readout: Float[np.ndarray, " p"]
    net: Network

    @classmethod
    def random(cls, rng: np.random.Generator, width: int = 64) -> "Case":
        """A random one, of two tanh layers; call within `float64_scope`."""
        x, x_test = rng.normal(size=(_TRAIN, _SIZE)), rng.normal(size=(_TEST, _SIZE))
        settings = {"depth": 2, "activation": "tanh", "sigma_w": 1.5**0.5, "sigma_b": 0.3, "num_outputs": _OUTPUTS}
        module = build_model("fcn", hidden=width, **settings)
        net = Network.create(module, int(rng.integers(2**31)), x.shape[1:])
        net = net.replace(params=jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), net.params))
        theta, unravel = ravel_pytree(net.params)
        of_readout, _ = ravel_pytree(
            {name: jax.tree.map(lambda leaf, name=name: jnp.full_like(leaf, name == "readout"), part)
             for name, part in net.params.items()}
        )  # fmt: skip
        y = np.eye(_OUTPUTS)[rng.integers(_OUTPUTS, size=_TRAIN)]

        def f(weights, inputs):
            return net.apply(unravel(weights), inputs)

        return cls(f, np.asarray(theta), x, x_test, y, np.asarray(of_readout, bool), net)

    def jacobian(self, theta: np.ndarray, x: np.ndarray) -> Float[np.ndarray, "nk p"]:
        """The Jacobian of the flattened outputs."""
        return np.asarray(jax.jacobian(lambda weights: self.f(weights, x).ravel())(theta))

    def outputs(self, theta: np.ndarray, x: np.ndarray) -> Float[np.ndarray, " nk"]:
        """The flattened outputs."""
        return np.asarray(self.f(theta, x)).ravel()

    def loss(self, name: str) -> Callable:
        """The summed loss on the training samples as a function of the weights."""
        terms = Loss.named(name).terms
        return lambda theta: terms(self.f(theta, self.x), jnp.asarray(self.y)).sum()

    def linear(self, mask: np.ndarray | float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Jacobians by the weights that the mask leaves, and outputs at the start, on training and on test inputs."""
        first, second = (self.jacobian(self.theta, x) * mask for x in (self.x, self.x_test))
        return first, second, self.outputs(self.theta, self.x), self.outputs(self.theta, self.x_test)

    def trained(self, name: str, steps: int, rate: float, mask: np.ndarray | float = 1.0) -> Float[np.ndarray, " p"]:
        """The weights after some steps of gradient descent on those that the mask leaves."""
        gradient, theta = jax.jit(jax.grad(self.loss(name))), self.theta
        for _ in range(steps):
            theta = theta - rate * mask * np.asarray(gradient(theta))
        return theta


def _softmax(fx: np.ndarray) -> np.ndarray:
    powers = np.exp(fx - fx.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _velocity(loss: str, on_test: bool, steps: int):
    """Eqs. (3), (S8), (S9): the outputs' velocity under gradient flow, by a central difference and by the kernel."""

    def formula(rng: np.random.Generator) -> Measured:
        with float64_scope():
            case = Case.random(rng)
            theta = case.trained(loss, steps, 0.02)
            x = case.x_test if on_test else case.x
            gradient = np.asarray(jax.grad(case.loss(loss))(theta))
            h = 1e-4 / np.linalg.norm(gradient)
            ahead, back = (case.outputs(theta - sign * h * gradient, x) for sign in (1, -1))
            fx = case.outputs(theta, case.x).reshape(case.y.shape)
            of_outputs = (fx if loss == "half_squared_error" else _softmax(fx)) - case.y
            kernel = case.jacobian(theta, x) @ case.jacobian(theta, case.x).T
            return residual((ahead - back) / (2 * h), -kernel @ of_outputs.ravel())

    return formula


def _cross_entropy_gradient(rng: np.random.Generator) -> Measured:
    """Below Eq. (S5): the derivative of the cross-entropy is softmax(f) - y."""
    fx, y = rng.normal(size=(20, 4)), np.eye(4)[rng.integers(4, size=20)]
    with float64_scope():
        terms = Loss.named("cross_entropy").terms
        gradient = jax.grad(lambda values: terms(values, jnp.asarray(y)).sum())(jnp.asarray(fx))
    return residual(np.asarray(gradient), _softmax(fx) - y)


def _linear_flow(jacobian: np.ndarray, start: np.ndarray, t: float) -> Float[np.ndarray, " p"]:
    """The weights' change after Eq. (6) on the squared loss, integrated from an error at the start."""

    def flow(_, change: np.ndarray) -> np.ndarray:
        return -jacobian.T @ (start + jacobian @ change)

    return solve_ivp(flow, (0, t), np.zeros(jacobian.shape[1]), **_PRECISE).y[:, -1]


def _linear_velocity(of_weights: bool):
    """Eqs. (6), (7): gradient flow on the Taylor expansion, by differentiating through it, for both losses."""

    def formula(rng: np.random.Generator) -> Measured:
        found = []
        with float64_scope():
            case = Case.random(rng)
            jacobian, of_test, fx, _ = case.linear()
            change = jnp.asarray(0.1 * rng.normal(size=len(case.theta)))
            for name in ("half_squared_error", "cross_entropy"):
                terms = Loss.named(name).terms

                def expanded(change, x, case=case):
                    return jax.jvp(lambda weights: case.f(weights, x), (jnp.asarray(case.theta),), (change,))

                def loss(change, terms=terms, expanded=expanded, case=case):
                    return terms(sum(expanded(change, case.x)), jnp.asarray(case.y)).sum()

                velocity = -jax.grad(loss)(change)
                f_lin = (fx + jacobian @ np.asarray(change)).reshape(case.y.shape)
                of_outputs = ((f_lin if name == "half_squared_error" else _softmax(f_lin)) - case.y).ravel()
                if of_weights:
                    found.append(residual(velocity, -jacobian.T @ of_outputs))
                else:
                    moving = expanded(velocity, case.x_test)[1]
                    found.append(residual(np.ravel(moving), -of_test @ jacobian.T @ of_outputs))
        return worst(found)

    return formula


def _difference_on_another_input(rng: np.random.Generator) -> Measured:
    """Eq. (S122): the velocity of g_lin - g at other inputs, the network's velocity by a central difference."""
    with float64_scope():
        case, steps = Case.random(rng), 50
        theta = case.trained("half_squared_error", steps, 0.02)
        jacobian, of_test, fx, _ = case.linear()
        change, y = np.zeros_like(case.theta), case.y.ravel()
        for _ in range(steps):
            change = change - 0.02 * jacobian.T @ (fx + jacobian @ change - y)
        g, g_lin = case.outputs(theta, case.x) - y, fx + jacobian @ change - y
        now, of_test_now = case.jacobian(theta, case.x), case.jacobian(theta, case.x_test)
        h = 1e-4 / np.linalg.norm(now.T @ g)
        ahead, back = (case.outputs(theta - sign * h * now.T @ g, case.x_test) for sign in (1, -1))
    velocity = -of_test @ jacobian.T @ g_lin - (ahead - back) / (2 * h)
    first, later = of_test @ jacobian.T, of_test_now @ now.T
    return residual(-(first - later) @ g_lin + later @ (g - g_lin), velocity)


def _closed_form(equation: str):
    """Eqs. (8) to (11) on the squared loss, all layers trained, against an integration of (6)."""

    def formula(rng: np.random.Generator) -> Measured:
        with float64_scope():
            case = Case.random(rng, width=32)
            jacobian, of_test, fx, fx_test = case.linear()
        y, kernel, t = case.y.ravel(), jacobian @ jacobian.T, 2.0
        gained, left = learned(kernel, t), scipy.linalg.expm(-kernel * t)
        if equation == "8":
            return residual(-jacobian.T @ gained @ (fx - y), _linear_flow(jacobian, fx - y, t))
        if equation == "9":
            return residual(y - left @ y + left @ fx, fx + jacobian @ _linear_flow(jacobian, fx - y, t))
        if equation == "10":  # what is learned from outputs of 0
            return residual(of_test @ jacobian.T @ gained @ y, of_test @ _linear_flow(jacobian, -y, t))
        # What is left of the start with targets of 0.
        printed = fx_test - of_test @ jacobian.T @ gained @ fx
        return residual(printed, fx_test + of_test @ _linear_flow(jacobian, fx, t))

    return formula


def _discrete(rng: np.random.Generator) -> Measured:
    """End of section 2.1: Eqs. (8) to (11) with powers of 1 - eta Theta, against 100 steps."""
    with float64_scope():
        case = Case.random(rng, width=32)
        jacobian, of_test, fx, fx_test = case.linear()
    y, kernel, steps = case.y.ravel(), jacobian @ jacobian.T, 100
    rate, change = 0.5 * eta_critical(kernel), np.zeros_like(jacobian[0])
    for _ in range(steps):
        change = change - rate * jacobian.T @ (fx + jacobian @ change - y)
    left = np.linalg.matrix_power(np.eye(len(y)) - rate * kernel, steps)
    printed = -jacobian.T @ np.linalg.inv(kernel) @ (np.eye(len(y)) - left) @ (fx - y)
    train, test = mse_dynamics(kernel, y).outputs_after(steps, rate, fx, fx_test, of_test @ jacobian.T)
    forms = (printed, change), (y + left @ (fx - y), fx + jacobian @ change)
    ours = (train, fx + jacobian @ change), (test, fx_test + of_test @ change)
    return worst([residual(*pair) for pair in (*forms, *ours)])


def _momentum_steps(rng: np.random.Generator) -> Measured:
    """Eq. (S2): outputs of the linearization whose weights follow (S1), against the recursion and its closed form."""
    with float64_scope():
        case = Case.random(rng, width=32)
        jacobian, of_test, fx, fx_test = case.linear()
    y, steps, beta = case.y.ravel(), 100, 0.9
    kernels, start = np.vstack([jacobian, of_test]) @ jacobian.T, np.concatenate([fx, fx_test])
    rate = 0.5 * eta_critical(kernels[: len(y)])
    before, change = np.zeros_like(jacobian[0]), np.zeros_like(jacobian[0])
    f_before, f = start, start
    for _ in range(steps):
        gradient = jacobian.T @ (fx + jacobian @ change - y)
        before, change = change, change + beta * (change - before) - rate * gradient
        f_before, f = f, f - rate * kernels @ (f[: len(y)] - y) + beta * (f - f_before)
    expected = start + np.vstack([jacobian, of_test]) @ change
    dynamics = momentum_dynamics(kernels[: len(y)], y, beta)
    ours = np.concatenate(dynamics.outputs_after(steps, rate, fx, fx_test, kernels[len(y) :]))
    return worst([residual(form, expected) for form in (f, ours)])


def _readout_alone(trained: str):
    """Section 2.3.1: network and linearization after 100 steps on the readout alone, or on all layers; width 32."""

    def formula(rng: np.random.Generator) -> Measured:
        with float64_scope():
            case = Case.random(rng, width=32)
            mask = case.readout if trained == "readout" else np.ones_like(case.readout)
            rate, steps = 0.02, 100
            network = case.outputs(case.trained("half_squared_error", steps, rate, mask), case.x_test)
            jacobian, of_test, fx, fx_test = case.linear(mask)
            for _ in range(steps):
                error = fx - case.y.ravel()
                fx_test = fx_test - rate * of_test @ (jacobian.T @ error)
                fx = fx - rate * jacobian @ (jacobian.T @ error)
            return residual(network, fx_test)

    return formula


def _random_features(rng: np.random.Generator) -> Measured:
    """Section 2.4: the limit of Eq. (10) is the shortest least-squares solution with gradients as features."""
    with float64_scope():
        case = Case.random(rng)
        jacobian, of_test, fx, fx_test = case.linear()
    dynamics = mse_dynamics(jacobian @ jacobian.T, case.y.ravel())
    _, limit = dynamics.flow(np.inf).outputs(fx, fx_test, of_test @ jacobian.T)
    weights = np.linalg.lstsq(jacobian, case.y.ravel() - fx, rcond=None)[0]
    return residual(limit, fx_test + of_test @ weights)


def _readout_solution(rng: np.random.Generator) -> Measured:
    """Eq. (S20) against an integration of (S19), the flow of the readout's weights."""
    with float64_scope():
        case = Case.random(rng)
        jacobian, of_test, fx, fx_test = case.linear(case.readout)
    t, y = 2.0, case.y.ravel()
    end = _linear_flow(jacobian, fx - y, t)
    k = empirical_nngp(case.net, case.x, precision="float64")
    k_test = empirical_nngp(case.net, case.x_test, case.x, precision="float64")
    shapes = fx.reshape(case.y.shape), fx_test.reshape(-1, _OUTPUTS)
    _, ours = mse_dynamics(k, case.y).flow(t).outputs(*shapes, k_test)
    return residual(ours.ravel(), fx_test + of_test @ end)


def _linear_model(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, p) whose kernel has eigenvalues around 1, and targets."""
    features = rng.normal(size=(_TRAIN, 20)) / 20**0.5
    return features, rng.normal(size=_TRAIN)


def _momentum_flow(of_weights: bool):
    """Eqs. (S3), (S4): the exponent in eta at which the steps (S1), (S2) approach the flow, beta~ and t fixed."""

    def formula(rng: np.random.Generator) -> Measured:
        features, y = _linear_model(rng)
        etas, distances = 10.0 ** np.arange(-2, -6, -1), []
        kernel = features @ features.T
        operator, force = (features.T @ features, features.T @ y) if of_weights else (kernel, kernel @ y)
        size = len(force)

        def flow(_, state: np.ndarray) -> np.ndarray:
            place, speed = state[:size], state[size:]
            return np.concatenate([speed, _DAMPING * speed - operator @ place + force])

        end = solve_ivp(flow, (0, _TIME), np.zeros(2 * size), **_PRECISE).y[:size, -1]
        for eta in etas:
            beta, before, place = 1 + _DAMPING * eta**0.5, np.zeros(size), np.zeros(size)
            for _ in range(round(_TIME / eta**0.5)):
                gradient = operator @ place - force
                before, place = place, place + beta * (place - before) - eta * gradient
            distances.append(np.linalg.norm(place - end))
        return slope(etas, np.array(distances))

    return formula


def _momentum_solved(rng: np.random.Generator) -> Measured:
    """Below Eq. (S4): its solution on squared error against an integration."""
    features, y = _linear_model(rng)
    kernel, momentum, rate, steps = features @ features.T, 0.9, 0.01, 50.0
    damping, size = (momentum - 1) / rate**0.5, len(y)

    def flow(_, state: np.ndarray) -> np.ndarray:
        place, speed = state[:size], state[size:]
        return np.concatenate([speed, damping * speed - kernel @ (place - y)])

    end = solve_ivp(flow, (0, steps * rate**0.5), np.zeros(2 * size), **_PRECISE).y[:size, -1]
    ours, _ = momentum_dynamics(kernel, y, momentum).flow(steps, rate).outputs()
    return residual(ours, end)


def _decay(rng: np.random.Generator) -> Measured:
    """Eq. (S115): ||g_lin(t)|| over exp(-lambda_0 eta_0 t) ||g_lin(0)||, the largest over 100 times."""
    features, y = _linear_model(rng)
    kernel, times = features @ features.T, np.linspace(0.1, 10, 100)
    fx, _ = mse_dynamics(kernel, y).flow(times).outputs()
    bound = np.exp(-np.linalg.eigvalsh(kernel)[0] * times) * np.linalg.norm(y)
    return exact((np.linalg.norm(fx - y, axis=1) / bound).max())


def _operator_norm(*shares: float, largest: bool):
    """Eq. (S62): ||1 - eta_0 Theta|| - (1 - eta_0 lambda_min) at shares of the critical rate, over 50 kernels."""

    def formula(rng: np.random.Generator) -> Measured:
        excesses = []
        for _ in range(50):
            features = rng.normal(size=(6, 10))
            kernel = features @ features.T
            for share in shares:
                eta = share * eta_critical(kernel)
                norm = np.linalg.norm(np.eye(6) - eta * kernel, 2)
                excesses.append(norm - (1 - eta * np.linalg.eigvalsh(kernel)[0]))
        return exact(max(excesses) if largest else min(excesses))

    return formula


def _gaussian_matrices(t: float):
    """Theorem G.3: how far the share of 60 x 20 matrices with singular values in the interval exceeds its bound."""

    def formula(rng: np.random.Generator) -> Measured:
        rows, columns, total = 60, 20, 2_000
        values = np.linalg.svd(rng.normal(size=(total, rows, columns)), compute_uv=False)
        low, high = rows**0.5 - columns**0.5 - t, rows**0.5 + columns**0.5 + t
        inside = int(((values.min(axis=1) >= low) & (values.max(axis=1) <= high)).sum())
        return share_above(inside, total, 1 - 2 * np.exp(-(t**2) / 2))

    return formula


FORMULAS = {
    "3": _velocity("half_squared_error", False, 0),
    "3 later": _velocity("half_squared_error", False, 50),
    "6": _linear_velocity(True),
    "7": _linear_velocity(False),
    **{equation: _closed_form(equation) for equation in ("8", "9", "10", "11")},
    "discrete steps": _discrete,
    "readout alone": _readout_alone("readout"),
    "all layers": _readout_alone("all"),
    "random features": _random_features,
    "S2": _momentum_steps,
    "S3": _momentum_flow(True),
    "S4": _momentum_flow(False),
    "S4 solved": _momentum_solved,
    "S5 gradient": _cross_entropy_gradient,
    "S8": _velocity("cross_entropy", False, 0),
    "S8 later": _velocity("cross_entropy", False, 50),
    "S9": _velocity("cross_entropy", True, 0),
    "S9 later": _velocity("cross_entropy", True, 50),
    "S20": _readout_solution,
    "S62 below": _operator_norm(0.1, 0.5, 0.99, largest=True),
    "S62 above": _operator_norm(1.01, largest=False),
    "S81 t = 2": _gaussian_matrices(2.0),
    "S81 t = 3": _gaussian_matrices(3.0),
    "S115": _decay,
    "S122": _difference_on_another_input,
}
"""By the equation or section: (generator) -> what it is measured by."""
