"""Closed-form training of a linear(ized) model on squared error: Lee et al. 2019, Eqs. (8)-(11), from top to bottom."""

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ntk_repro.dynamics.filters import Filter, GradientDescent, GradientFlow, HeavyBall, checked_steps, checked_times
from ntk_repro.dynamics.learning_rates import stability_limit
from ntk_repro.dynamics.spectral import SpectralDynamics, Targets, TrainKernel, decompose_for
from ntk_repro.dynamics.truncation import truncation_bounds
from ntk_repro.errors import UserError

if TYPE_CHECKING:  # loads JAX, which the closed forms do without
    from ntk_repro.network import Network

PyTree = Any
Times = ArrayLike | None
Inputs = Float[np.ndarray, "n ..."]
TestKernel = Float[np.ndarray, "m n"] | None
Diagonal = Float[np.ndarray, " m"] | None
Bounds = tuple[Float[np.ndarray, "*T k"], Any]
Outputs = tuple[Float[np.ndarray, "*T n k"], Any]
"""Outputs on the training samples, and on the test samples (*T, m, k), which are None without a test kernel. The second
is not typed, as the caller knows which of the two it is."""

_CHUNK_BYTES = 2**26  # of the coefficients of one chunk of times
_FEW_DIGITS = 1e-3  # a rounding error above this share of y - f_0 is warned about


def mse_dynamics(
    k_train_train: TrainKernel, y_train: Targets, ridge: float = 0.0, *, num_eigenpairs: int | None = None
) -> "MseDynamics":
    """The dynamics of full-batch training on 1/2 sum (f - y)^2, from the kernel alone: one eigendecomposition.

    All in float64, by LAPACK. A kernel (n, n) acts on each of the k outputs (Theta times the identity); one of
    (n k, n k), sample-major as `empirical_gram(..., outputs="full")` gives it, couples them. With the kernel of the
    readout layer alone (`empirical_nngp`) this is the training of the readout layer, Eq. (S20).

    Eigenvalues that are 0 within rounding are taken as 0, so that along them outputs stay at the start at all times.
    `null_space` counts them, and a warning tells if it matters.

    At t = inf and full rank `kernel_solve(k_train_train, y_train - fx_train_0, ridge)` has the same coefficients, from
    a factor that takes a sixtieth of the time.

    Source: Lee et al. 2019, Eqs. (8)-(11); its remark on discrete steps at the end of section 2.1; Eq. (S20).

    Args:
        k_train_train: the kernel on the training samples: an array, a store, or the largest eigenpairs of it.
        y_train: targets.
        ridge: for the loss with ridge / 2 ||theta - theta_0||^2 more: Theta + ridge takes Theta's place in the
            coefficients c, and train and test outputs are both f_0 + Theta(x, X) c. (neural-tangents' `diag_reg` gives
            the same test outputs, and the same train outputs if k_train_train is passed as the test kernel.)
        num_eigenpairs: of a large kernel, compute only so many; outputs outside of their span stay at the start, and
            `error_bound` says how far that may be off. None: all of them, or all that Eigenpairs hold.

    Raises:
        UserError: for shapes that do not fit, entries that are not finite, a matrix that is not symmetric or does not
            fit into memory.

    >>> d = mse_dynamics(np.array([[2.0]]), np.array([1.0]))
    >>> d.outputs([0.0, 0.5, np.inf])[0][:, 0].round(4).tolist()
    [0.0, 0.6321, 1.0]
    """
    return MseDynamics(*decompose_for(k_train_train, y_train, ridge, num_eigenpairs))


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedModel:
    """A linear model at times of its training on squared error; from `flow` and `descent` of its dynamics.

    With V and lambda the kernel's eigenvectors and eigenvalues, and w(lambda) the share of y - f_0 that is learned
    along an eigenvector (1 - exp(-lambda t) for the flow), all follows from the coefficients

        c = V (w(lambda) / lambda) V^T (y - f_0):

    the weights are theta_0 + J^T c, and the outputs f_0(x) + Theta(x, X) c.

    Attributes:
        dynamics: kernel and targets.
        filter: w, at the times of the model.
    """

    dynamics: SpectralDynamics
    filter: Filter

    def coefficients(self, fx_train_0: ArrayLike = 0.0) -> Float[np.ndarray, "*T n k"]:
        """c with theta_t = theta_0 + J^T c and f_t(x) = f_0(x) + Theta(x, X) c.

        In the null space J^T c is 0 for any c. There c grows with t as it does in training, and late in training it
        decays to 0.

        Source: Lee et al. 2019, Eq. (8).

        Args:
            fx_train_0: outputs at the start, at the training samples.

        Raises:
            UserError: for a shape that does not fit, and outputs that diverge beyond float64.
        """
        self.filter.check(self.dynamics._largest)
        (c,) = self._sums((self._residual(fx_train_0), self.dynamics.spectrum.vectors.T))
        return c.reshape(*self.filter.times.shape, *self.dynamics.y_train.shape)

    def weights(self, net: "Network", x_train: Inputs, fx_train_0: ArrayLike | None = None) -> PyTree:
        """The weights of the linearized network, theta_0 + J^T c; axes *T first.

        Training the linearization gives the same weights if the kernel is the network's NTK, of all its outputs.

        Source: Lee et al. 2019, Eq. (8).

        Args:
            net: the network at the start; its `params` are theta_0.
            x_train: the training samples, in the kernel's order.
            fx_train_0: outputs at the start; None: computed by the network.
        """
        from ntk_repro.dynamics.weights import initial_outputs, moved_weights  # loads JAX

        y = self.dynamics.y_train
        start = initial_outputs(net, x_train).reshape(y.shape) if fx_train_0 is None else fx_train_0
        c = self.coefficients(start)
        return moved_weights(net, x_train, c[..., None] if y.ndim == 1 else c)

    def outputs(
        self, fx_train_0: ArrayLike = 0.0, fx_test_0: ArrayLike | None = None, k_test_train: TestKernel = None
    ) -> Outputs:
        """Outputs on the training samples and, with their kernel, on test samples.

        Many times cost one matrix product for each chunk of them.

        Source: Lee et al. 2019, Eqs. (9)-(11).

        Args:
            fx_train_0: outputs at the start, at the training samples.
            fx_test_0: the same at the test samples; may be left out where `fx_train_0` is 0.
            k_test_train: the kernel between test and training samples; None for no test outputs.

        Raises:
            UserError: for shapes that do not fit, and outputs that diverge beyond float64.
        """
        d, vectors, times = self.dynamics, self.dynamics.spectrum.vectors, self.filter.times
        residual = self._residual(fx_train_0)
        kernel, test_0 = d._test_arguments(fx_train_0, fx_test_0, k_test_train)
        self.filter.check(d._largest)
        self._warn_of_null_space(residual)
        terms: list[tuple[np.ndarray, ...]] = [(d.eigenvalues[:, None] * residual, vectors.T)]  # Theta(X, X) c
        if kernel is not None:
            self._warn_of_lost_digits(residual, kernel)
            terms.append((residual, vectors.T, kernel.T))  # Theta(x, X) c
        train, *test = self._sums(*terms)
        train = train.reshape(*times.shape, *d.y_train.shape) + d._start(fx_train_0)
        return train, None if test_0 is None else test[0].reshape(*times.shape, *test_0.shape) + test_0

    def error_bound(
        self, fx_train_0: ArrayLike = 0.0, k_test_train: TestKernel = None, k_test_test_diagonal: Diagonal = None
    ) -> Bounds:
        """Bounds on the error of `outputs` from a truncated or approximate spectrum, beside rounding.

        The first bounds the error's Euclidean norm over the training samples, the second the error at each test sample
        (None without K(x, x) at the test samples). Both are 0 up to rounding where the spectrum is complete, and
        infinite where gradient descent diverges. See `truncation_bounds` for the derivation. A kernel of (n k, n k) is
        one column: k is then 1, and m counts its rows.

        Raises:
            UserError: eigenpairs without residuals, shapes that do not fit, and training with momentum.
        """
        d = self.dynamics
        if not isinstance(self.filter, GradientFlow | GradientDescent):
            raise UserError("no bound on the error of a truncated spectrum is known with momentum: take `mse_dynamics`")
        kernel, _ = d._test_arguments(0.0, None, k_test_train)
        return truncation_bounds(d.spectrum, self.filter, d._error_0(fx_train_0), kernel, k_test_test_diagonal)

    def _residual(self, fx_train_0: ArrayLike) -> Float[np.ndarray, "r columns"]:
        """V^T (y - f_0)."""
        return self.dynamics.spectrum.vectors.T @ self.dynamics._error_0(fx_train_0)

    def _shares(self, times: Float[np.ndarray, " T"]) -> Float[np.ndarray, "T r"]:
        """w(lambda) / lambda.

        In the null space J^T v is 0 or nearly, so that c may be anything. At early times it is that of training. Later,
        where it would amplify the rounding of K(x, X) v without limit, it decays to 0.
        """
        spectrum, filter_ = self.dynamics.spectrum, self.filter.at(times)
        shares = filter_.learned(spectrum.regularized) / np.where(spectrum.null, 1, spectrum.regularized)
        late = 0.1 / (np.sqrt(spectrum.eps) * max(spectrum.values[0], 1e-290))
        early = filter_.duration()[:, None]
        with np.errstate(over="ignore"):
            shares[:, spectrum.null] = np.minimum(early, 1e300) / (1 + (early / late) ** 2)
        return shares

    def _sums(self, *terms: tuple[np.ndarray, ...]) -> list[Float[np.ndarray, "T rows columns"]]:
        """For each term (a residual, factors): the shares of the residual times the factors, in the cheapest order."""
        r, columns = terms[0][0].shape
        sums = [np.empty((self.filter.times.size, factors[-1].shape[1], columns)) for _, *factors in terms]
        size = max(1, _CHUNK_BYTES // (8 * self.dynamics.y_train.size))
        for start in range(0, self.filter.times.size, size):
            rows = slice(start, start + size)
            shares = self._shares(self.filter.times.reshape(-1)[rows])[:, None, :]
            for result, (residual, *factors) in zip(sums, terms, strict=True):
                product = np.linalg.multi_dot([(shares * residual.T).reshape(-1, r), *factors])
                result[rows] = product.reshape(-1, columns, product.shape[1]).swapaxes(1, 2)
        return sums

    def _warn_of_null_space(self, residual: np.ndarray) -> None:
        space, null = self.dynamics.null_space, self.dynamics.spectrum.null
        norm = np.linalg.norm(residual)
        inside = np.linalg.norm(residual[null]) / norm if norm > 0 else 0.0
        # At early times it makes no difference whether such an eigenvalue is 0 or as large as the floor.
        if inside > 1e-8 and np.max(self.filter.learned(np.array([space.floor])), initial=0.0) > _FEW_DIGITS:
            warnings.warn(
                f"{space.count} of {len(null)} eigenvalues of the kernel are 0 within rounding (below "
                f"{space.floor:.2g}): {inside:.1%} of y - f_0 lies along them and stays as it is: look for duplicated "
                "samples, more outputs than parameters, or a kernel in too low a precision",
                stacklevel=4,
            )

    def _warn_of_lost_digits(self, residual: np.ndarray, kernel: np.ndarray) -> None:
        spectrum, times = self.dynamics.spectrum, self.filter.times
        scale = np.linalg.norm(residual) / np.sqrt(len(spectrum.vectors))
        if scale == 0 or not times.size:
            return
        shares = self._shares(times.reshape(-1).max(keepdims=True))[0, ~spectrum.null]  # coefficients grow with time
        size = np.linalg.norm(shares[:, None] * residual[~spectrum.null])
        lost = spectrum.eps * np.sqrt(np.max(np.sum(kernel**2, axis=1))) * size / scale
        if lost > _FEW_DIGITS:
            warnings.warn(
                f"the kernel is nearly singular, and rounding may move the test outputs by {lost:.1g} times the size "
                "of y - f_0: compute the kernel in float64, stop earlier, or add a ridge",
                stacklevel=4,
            )


@dataclasses.dataclass(frozen=True, eq=False)
class SquaredErrorDynamics(SpectralDynamics):
    """Gradient descent on squared error, with or without momentum, and short forms of its results.

    A time or number of steps may be an array of any shape, which then leads the result's axes.
    """

    momentum: float = 0.0

    def descent(self, steps: Times, learning_rate: float) -> TrainedModel:
        """The model after so many steps of gradient descent: (1 - eta Theta)^i in place of exp(-Theta t).

        Above `max_learning_rate` it diverges, as gradient descent does, with a warning.

        Source: Lee et al. 2019, end of section 2.1; with momentum Eq. (S2), solved.

        Args:
            steps: number or numbers of steps; None is infinity.
            learning_rate: of the summed loss; for the averaged one divide by the number of targets.

        Raises:
            UserError: for fractional steps, and a learning rate that is not finite and positive.
        """
        kind = HeavyBall if self.momentum else GradientDescent
        return TrainedModel(self, kind(checked_steps(steps, learning_rate), learning_rate, self.momentum))

    def outputs_after(
        self,
        steps: Times,
        learning_rate: float,
        fx_train_0: ArrayLike = 0.0,
        fx_test_0: ArrayLike | None = None,
        k_test_train: TestKernel = None,
    ) -> Outputs:
        """Short for `descent(steps, learning_rate).outputs(...)`."""
        return self.descent(steps, learning_rate).outputs(fx_train_0, fx_test_0, k_test_train)

    def coefficients_after(
        self, steps: Times, learning_rate: float, fx_train_0: ArrayLike = 0.0
    ) -> Float[np.ndarray, "*T n k"]:
        """Short for `descent(steps, learning_rate).coefficients(...)`."""
        return self.descent(steps, learning_rate).coefficients(fx_train_0)

    def weights_after(
        self, net: "Network", x_train: Inputs, steps: Times, learning_rate: float, fx_train_0: ArrayLike | None = None
    ) -> PyTree:
        """Short for `descent(steps, learning_rate).weights(...)`."""
        return self.descent(steps, learning_rate).weights(net, x_train, fx_train_0)

    def error_bound_after(
        self,
        steps: Times,
        learning_rate: float,
        fx_train_0: ArrayLike = 0.0,
        k_test_train: TestKernel = None,
        k_test_test_diagonal: Diagonal = None,
    ) -> Bounds:
        """Short for `descent(steps, learning_rate).error_bound(...)`."""
        return self.descent(steps, learning_rate).error_bound(fx_train_0, k_test_train, k_test_test_diagonal)


class MseDynamics(SquaredErrorDynamics):
    """Full-batch training of a linear model on squared error; from `mse_dynamics`.

    Times are in units of learning rate times steps on the summed loss: see `averaged_loss_time` for figures that quote
    the averaged one. A time or number of steps may be an array of any shape, which then leads the result's axes.
    """

    def flow(self, t: Times) -> TrainedModel:
        """The model at time t of gradient flow; None is infinity.

        Source: Lee et al. 2019, Eqs. (8)-(11).

        Raises:
            UserError: for negative times.
        """
        return TrainedModel(self, GradientFlow(checked_times(t)))

    @property
    def eta_critical(self) -> float:
        """2 / (lambda_min + lambda_max), with the ridge; lambda_min is taken as 0 where the spectrum is truncated."""
        smallest = float(self.eigenvalues[-1]) if self.spectrum.complete else 0.0
        return stability_limit(self._largest + smallest + self.ridge)

    def outputs(
        self, t: Times, fx_train_0: ArrayLike = 0.0, fx_test_0: ArrayLike | None = None, k_test_train: TestKernel = None
    ) -> Outputs:
        """Short for `flow(t).outputs(...)`."""
        return self.flow(t).outputs(fx_train_0, fx_test_0, k_test_train)

    def coefficients(self, t: Times, fx_train_0: ArrayLike = 0.0) -> Float[np.ndarray, "*T n k"]:
        """Short for `flow(t).coefficients(...)`."""
        return self.flow(t).coefficients(fx_train_0)

    def weights(self, net: "Network", x_train: Inputs, t: Times, fx_train_0: ArrayLike | None = None) -> PyTree:
        """Short for `flow(t).weights(...)`."""
        return self.flow(t).weights(net, x_train, fx_train_0)

    def error_bound(
        self,
        t: Times,
        fx_train_0: ArrayLike = 0.0,
        k_test_train: TestKernel = None,
        k_test_test_diagonal: Diagonal = None,
    ) -> Bounds:
        """Short for `flow(t).error_bound(...)`."""
        return self.flow(t).error_bound(fx_train_0, k_test_train, k_test_test_diagonal)
