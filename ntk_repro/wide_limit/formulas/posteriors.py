"""Distributions of predictions: Eqs. (13) to (16), (S22), (S23) of Lee et al. 2019 as printed, and what they imply."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from jaxtyping import Float
from scipy.integrate import solve_ivp

from ntk_repro.gp import Gaussian, nngp_posterior, ntk_gp_posterior, readout_posterior
from ntk_repro.gram import fcn_kernels
from ntk_repro.wide_limit.formulas.kernels import fcn_kernel
from ntk_repro.wide_limit.formulas.measured import Measured, exact, residual, worst

_TRAIN, _TEST, _SIZE = 8, 5, 12
_TIMES = (0.3, 3.0, 30.0)  # eta t; the smallest eigenvalue of the kernels is about 0.1


@dataclass(frozen=True)
class Case:
    """Kernels K and Theta of erf networks on random inputs, in blocks, and targets."""

    k: Float[np.ndarray, "n n"]
    k_test: Float[np.ndarray, "m n"]
    k_test_test: Float[np.ndarray, "m m"]
    theta: Float[np.ndarray, "n n"]
    theta_test: Float[np.ndarray, "m n"]
    y: Float[np.ndarray, "n 2"]

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Case":
        """A random one."""
        x = rng.normal(size=(_TRAIN + _TEST, _SIZE))
        k, theta = fcn_kernels(x, depth=3, activation="erf", sigma_w=1.5**0.5, sigma_b=0.3)
        train, test = slice(_TRAIN), slice(_TRAIN, None)
        y = rng.normal(size=(_TRAIN, 2))
        return cls(k[train, train], k[test, train], k[test, test], theta[train, train], theta[test, train], y)

    @property
    def nngp(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The blocks of K as the posteriors take them, and the targets."""
        return self.k, self.k_test, self.k_test_test, self.y

    def trained(self, t: float) -> Gaussian:
        """The NTK-GP at time t."""
        return ntk_gp_posterior(self.theta, self.theta_test, *self.nngp, t)


def _conditional(part: str):
    """Eq. (13), as printed and by conditioning the joint Gaussian through its precision matrix."""

    def formula(rng: np.random.Generator) -> Measured:
        case = Case.random(rng)
        joint = np.linalg.inv(np.block([[case.k_test_test, case.k_test], [case.k_test.T, case.k]]))
        covariance = np.linalg.inv(joint[:_TEST, :_TEST])
        expected = {"mean": -covariance @ joint[:_TEST, _TEST:] @ case.y, "covariance": covariance}[part]
        inverse = np.linalg.inv(case.k)
        printed = {
            "mean": case.k_test @ inverse @ case.y,
            "covariance": case.k_test_test - case.k_test @ inverse @ case.k_test.T,
        }[part]
        ours = getattr(nngp_posterior(*case.nngp), part)
        return worst([residual(printed, expected), residual(ours, expected)])

    return formula


def learned(kernel: np.ndarray, t: float) -> np.ndarray:
    """kernel^-1 (I - exp(-kernel t))."""
    return np.linalg.inv(kernel) @ (np.eye(len(kernel)) - scipy.linalg.expm(-kernel * t))


def _mean(rng: np.random.Generator) -> Measured:
    """Eq. (14), as printed and by an integration of Eq. (7) for the mean, which starts at 0."""
    case, found = Case.random(rng), []
    kernels = np.vstack([case.theta, case.theta_test])

    def flow(_, mean: np.ndarray) -> np.ndarray:
        of_train = mean.reshape(-1, case.y.shape[1])[:_TRAIN]
        return (-kernels @ (of_train - case.y)).ravel()

    for t in _TIMES:
        start = np.zeros(len(kernels) * case.y.shape[1])
        end = solve_ivp(flow, (0, t), start, method="DOP853", rtol=1e-11, atol=1e-12).y[:, -1]
        expected = end.reshape(-1, case.y.shape[1])[_TRAIN:]
        printed = case.theta_test @ learned(case.theta, t) @ case.y
        found += [residual(form, expected) for form in (printed, case.trained(t).mean)]
    return worst(found)


def _covariance(rng: np.random.Generator) -> Measured:
    """Eq. (15), as printed and as the covariance of the affine map [I, -A] of [f_0(x), f_0(X)]."""
    case, found = Case.random(rng), []
    joint = np.block([[case.k_test_test, case.k_test], [case.k_test.T, case.k]])
    for t in _TIMES:
        a = case.theta_test @ learned(case.theta, t)
        map_ = np.hstack([np.eye(_TEST), -a])
        cross = a @ case.k_test.T
        decay = np.eye(_TRAIN) - scipy.linalg.expm(-case.theta * t)
        inverse = np.linalg.inv(case.theta)
        middle = case.theta_test @ inverse @ decay @ case.k @ decay @ inverse @ case.theta_test.T
        expected = map_ @ joint @ map_.T
        printed = case.k_test_test + middle - cross - cross.T
        found += [residual(form, expected) for form in (printed, case.trained(t).covariance)]
    return worst(found)


def _limit(part: str):
    """Eq. (16)."""

    def formula(rng: np.random.Generator) -> Measured:
        case = Case.random(rng)
        a = case.theta_test @ np.linalg.inv(case.theta)
        cross = a @ case.k_test.T
        printed = {"mean": a @ case.y, "covariance": case.k_test_test + a @ case.k @ a.T - cross - cross.T}[part]
        late = 60 / np.linalg.eigvalsh(case.theta)[0]
        return worst([residual(getattr(case.trained(t), part), printed) for t in (late, np.inf)])

    return formula


def _readout(part: str):
    """Eqs. (S22), (S23): as printed, and as Eqs. (14), (15) with Theta = K."""

    def formula(rng: np.random.Generator) -> Measured:
        case, found = Case.random(rng), []
        for t in _TIMES:
            printed = {
                "mean": case.k_test @ learned(case.k, t) @ case.y,
                "covariance": case.k_test_test - case.k_test @ learned(case.k, 2 * t) @ case.k_test.T,
            }[part]
            same = ntk_gp_posterior(case.k, case.k_test, *case.nngp, t)
            found += [residual(getattr(one, part), printed) for one in (same, readout_posterior(*case.nngp, t))]
        return worst(found)

    return formula


def _readout_limit(part: str):
    """Section 2.3.1: mean and covariance of the readout alone, trained by steps to the end, against the posterior."""

    def formula(rng: np.random.Generator) -> Measured:
        case = Case.random(rng)
        values = np.linalg.eigvalsh(case.k)
        rate, left, map_ = 1 / values[-1], np.eye(_TRAIN), np.zeros_like(case.k_test)
        # The outputs are f_0(x) - map_ (f_0(X) - y), those on the training inputs y + left (f_0(X) - y).
        for _ in range(round(40 * values[-1] / values[0])):
            map_ = map_ + rate * case.k_test @ left
            left = left - rate * case.k @ left
        affine = np.hstack([np.eye(_TEST), -map_])
        joint = np.block([[case.k_test_test, case.k_test], [case.k_test.T, case.k]])
        late = {"mean": map_ @ case.y, "covariance": affine @ joint @ affine.T}[part]
        return residual(late, getattr(nngp_posterior(*case.nngp), part))

    return formula


def _starts_at_the_prior(rng: np.random.Generator) -> Measured:
    """Appendix D: at the start mean 0 and covariance K."""
    case = Case.random(rng)
    start = readout_posterior(*case.nngp, 0.0)
    scale = np.abs(case.k_test_test).max()
    return exact(max(np.abs(start.mean).max(), np.abs(start.covariance - case.k_test_test).max()) / scale)


def _variance_falls(rng: np.random.Generator) -> Measured:
    """Appendix D: the largest rise of a test point's variance from one of 60 times to the next, of its start."""
    case = Case.random(rng)
    covariances = readout_posterior(*case.nngp, np.geomspace(1e-3, 1e3, 60)).covariance
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    return exact((np.diff(variances, axis=0) / np.diag(case.k_test_test)).max())


def _far_from_posteriors(activation: str):
    """Section 2.3.1: how far the covariance of Eq. (16) is from the posteriors of K and of Theta; the nearer one."""

    def formula(rng: np.random.Generator) -> Measured:
        kernel = fcn_kernel(rng.normal(size=(16, 4)), activation, sigma_b=0.3)  # few inputs: far from linear
        train, test = slice(12), slice(12, None)
        k, theta = kernel.nngp, kernel.ntk
        y = np.zeros((12, 1))
        nngp = k[train, train], k[test, train], k[test, test], y
        trained = ntk_gp_posterior(theta[train, train], theta[test, train], *nngp).covariance
        posteriors = [nngp_posterior(m[train, train], m[test, train], m[test, test], y).covariance for m in (k, theta)]
        return exact(min(float(np.linalg.norm(trained - one) / np.linalg.norm(one)) for one in posteriors))

    return formula


def _identity_is_a_posterior(rng: np.random.Generator) -> Measured:
    """Footnote 10: with K and Theta proportional, Eq. (16) is Eq. (13)."""
    kernel = fcn_kernel(rng.normal(size=(16, 64)), "identity")
    train, test = slice(12), slice(12, None)
    k, theta = kernel.nngp, kernel.ntk
    nngp = k[train, train], k[test, train], k[test, test], rng.normal(size=(12, 1))
    trained, posterior = ntk_gp_posterior(theta[train, train], theta[test, train], *nngp), nngp_posterior(*nngp)
    parts = ((trained.mean, posterior.mean), (trained.covariance, posterior.covariance))
    return worst([residual(*part) for part in parts])


FORMULAS = {
    "13 mean": _conditional("mean"),
    "13 covariance": _conditional("covariance"),
    "14": _mean,
    "15": _covariance,
    "16 mean": _limit("mean"),
    "16 covariance": _limit("covariance"),
    "readout limit mean": _readout_limit("mean"),
    "readout limit covariance": _readout_limit("covariance"),
    "S22": _readout("mean"),
    "S23": _readout("covariance"),
    "D prior": _starts_at_the_prior,
    "D variance": _variance_falls,
    "no posterior tanh": _far_from_posteriors("tanh"),
    "no posterior relu": _far_from_posteriors("relu"),
    "footnote 10 posterior": _identity_is_a_posterior,
}
"""By the equation or section: (generator) -> what it is measured by."""
