"""Closed-form training of a linear(ized) model on squared error: gradient flow, and gradient descent step by step."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ntk_repro.dynamics.filters import GradientDescent, GradientFlow, flow_times, step_numbers
from ntk_repro.dynamics.spectral import Outputs, SpectralDynamics
from ntk_repro.dynamics.truncation import truncation_bounds
from ntk_repro.dynamics.weights import initial_outputs, moved_weights
from ntk_repro.gram.spectrum import Eigenpairs
from ntk_repro.gram.store import GramStore

if TYPE_CHECKING:
    from jaxtyping import PyTree  # loads JAX

    from ntk_repro.network import Network

__all__ = ["MseDynamics", "mse_dynamics"]


def mse_dynamics(
    k_train_train: Float[np.ndarray, "n n"] | Float[np.ndarray, "nk nk"] | GramStore | Eigenpairs,
    y_train: Float[np.ndarray, "n k"] | Float[np.ndarray, " n"],
    ridge: float = 0.0,
    *,
    num_eigenpairs: int | None = None,
) -> "MseDynamics":
    """The dynamics of full-batch training on 1/2 sum (f - y)^2, from the kernel alone: one eigendecomposition.

    All in float64, by LAPACK. A kernel (n, n) acts on each of the k outputs (Theta times the identity); one of
    (n k, n k), sample-major as `empirical_gram(..., outputs="full")` gives it, couples them. With the kernel of the
    readout layer alone (`empirical_nngp`) this is the training of the readout layer, Eq. (S20).

    Eigenvalues that are 0 within rounding are 0 here, so that along them outputs stay where they start, whatever the
    time; `null_space` counts them, and a warning says so where it matters.

    Source: Lee et al. 2019, Eqs. (8)-(11); its remark on discrete steps at the end of section 2.1; Eq. (S20).

    Args:
        k_train_train: the kernel on the training samples: an array, a store, or the largest eigenpairs of it.
        y_train: targets.
        ridge: for the loss with ridge / 2 ||theta - theta_0||^2 more: Theta + ridge takes Theta's place in the
            coefficients c, and train and test outputs are both f_0 + Theta(x, X) c. (neural-tangents' `diag_reg` gives
            the same test outputs; for such train outputs it wants k_train_train as the test kernel.)
        num_eigenpairs: of a large kernel, decompose only so many; what lies outside of them stays as it is, and
            `error_bound` says how far that may be off. None: all of them, or all that Eigenpairs hold.

    Raises:
        UserError: for shapes that do not fit, entries that are not finite, a matrix that is not symmetric or does not
            fit into memory.

    >>> d = mse_dynamics(np.array([[2.0]]), np.array([1.0]))
    >>> d.outputs([0.0, 0.5, np.inf])[0][:, 0].round(4).tolist()
    [0.0, 0.6321, 1.0]
    """
    return MseDynamics(k_train_train, y_train, ridge, num_eigenpairs)


class MseDynamics(SpectralDynamics):
    """What a linear model does in full-batch training on squared error; from `mse_dynamics`.

    Times are in units of learning rate times steps on the summed loss: see `averaged_loss_time` for figures that quote
    the averaged one. A time or number of steps may be an array of any shape, which then leads the result's axes.
    """

    @property
    def eta_critical(self) -> float:
        """2 / (lambda_min + lambda_max), with the ridge; lambda_min is taken as 0 where the spectrum is truncated."""
        smallest = float(self.eigenvalues[-1]) if self.spectrum.complete else 0.0
        total = self._largest + smallest + self.ridge
        return 2 / total if total > 0 else np.inf

    def outputs(
        self,
        t: ArrayLike | None,
        fx_train_0: ArrayLike = 0.0,
        fx_test_0: ArrayLike | None = None,
        k_test_train: Float[np.ndarray, "m n"] | None = None,
    ) -> Outputs:
        """Outputs at time t of gradient flow, on the training samples and, with their kernel, on test samples.

        Many times cost one matrix product for each chunk of them.

        Source: Lee et al. 2019, Eqs. (9)-(11).

        Args:
            t: time or times; None is infinity.
            fx_train_0: outputs at the start, at the training samples.
            fx_test_0: the same at the test samples; may be left out where `fx_train_0` is 0.
            k_test_train: the kernel between test and training samples; None for no test outputs.

        Raises:
            UserError: for shapes that do not fit, negative times.
        """
        times, shape = flow_times(t)
        return self._outputs(GradientFlow(times), shape, fx_train_0, fx_test_0, k_test_train)

    def outputs_after(
        self,
        steps: ArrayLike | None,
        learning_rate: float,
        fx_train_0: ArrayLike = 0.0,
        fx_test_0: ArrayLike | None = None,
        k_test_train: Float[np.ndarray, "m n"] | None = None,
    ) -> Outputs:
        """Outputs after so many steps of gradient descent on the summed loss: (1 - eta Theta)^i for exp(-Theta t).

        Above `max_learning_rate` gradient descent diverges; so does this, with a warning.

        Source: Lee et al. 2019, end of section 2.1.

        Args:
            steps: number or numbers of steps; None is infinity.
            learning_rate: of the summed loss; for the averaged one divide by the number of targets.
            fx_train_0: see `outputs`.
            fx_test_0: see `outputs`.
            k_test_train: see `outputs`.

        Raises:
            UserError: for shapes that do not fit, broken steps, and outputs that diverge beyond float64.
        """
        numbers, shape = step_numbers(steps, learning_rate)
        return self._outputs(GradientDescent(numbers, learning_rate), shape, fx_train_0, fx_test_0, k_test_train)

    def coefficients(self, t: ArrayLike | None, fx_train_0: ArrayLike = 0.0) -> Float[np.ndarray, "*T n k"]:
        """c with theta_t = theta_0 + J^T c and f_t(x) = f_0(x) + Theta(x, X) c, under gradient flow.

        In the null space, where J^T c is 0 whatever c, c grows with t as it does in training, until late in training
        it is set to 0.

        Source: Lee et al. 2019, Eq. (8).
        """
        times, shape = flow_times(t)
        return self._coefficients(GradientFlow(times), shape, fx_train_0)

    def coefficients_after(
        self,
        steps: ArrayLike | None,
        learning_rate: float,
        fx_train_0: ArrayLike = 0.0,
    ) -> Float[np.ndarray, "*T n k"]:
        """As `coefficients`, after steps of gradient descent."""
        numbers, shape = step_numbers(steps, learning_rate)
        return self._coefficients(GradientDescent(numbers, learning_rate), shape, fx_train_0)

    def weights(
        self,
        net: "Network",
        x_train: Float[np.ndarray, "n ..."],
        t: ArrayLike | None,
        fx_train_0: ArrayLike | None = None,
    ) -> "PyTree":
        """The weights of the linearized network at time t of gradient flow, axes *T first.

        They are those of the network's training where the kernel is the network's own, of all its outputs.

        Source: Lee et al. 2019, Eq. (8).

        Args:
            net: the network at the start; its `params` are theta_0.
            x_train: the training samples, in the kernel's order.
            t: time or times; None is infinity.
            fx_train_0: outputs at the start; None: computed by the network.
        """
        start = self._initial(net, x_train, fx_train_0)
        return self._moved(net, x_train, self.coefficients(t, start))

    def weights_after(
        self,
        net: "Network",
        x_train: Float[np.ndarray, "n ..."],
        steps: ArrayLike | None,
        learning_rate: float,
        fx_train_0: ArrayLike | None = None,
    ) -> "PyTree":
        """As `weights`, after steps of gradient descent."""
        start = self._initial(net, x_train, fx_train_0)
        return self._moved(net, x_train, self.coefficients_after(steps, learning_rate, start))

    def error_bound(
        self,
        t: ArrayLike | None,
        fx_train_0: ArrayLike = 0.0,
        k_test_train: Float[np.ndarray, "m n"] | None = None,
        k_test_test_diagonal: Float[np.ndarray, " m"] | None = None,
    ) -> tuple[Float[np.ndarray, "*T k"], Any]:
        """How far `outputs` of a truncated or approximate spectrum can be off, rounding apart.

        The first bounds the error's Euclidean norm over the training samples, the second the error at each test sample
        (None without K(x, x) at the test samples). Both are 0, but for rounding, where the spectrum is complete. What
        they stand on: `truncation_bounds`. A kernel of (n k, n k) is one column: k is then 1, and m counts its rows.

        Raises:
            UserError: eigenpairs without residuals, shapes that do not fit.
        """
        times, shape = flow_times(t)
        return self._bound(GradientFlow(times), shape, fx_train_0, k_test_train, k_test_test_diagonal)

    def error_bound_after(
        self,
        steps: ArrayLike | None,
        learning_rate: float,
        fx_train_0: ArrayLike = 0.0,
        k_test_train: Float[np.ndarray, "m n"] | None = None,
        k_test_test_diagonal: Float[np.ndarray, " m"] | None = None,
    ) -> tuple[Float[np.ndarray, "*T k"], Any]:
        """As `error_bound`, after steps of gradient descent; infinite where that diverges."""
        numbers, shape = step_numbers(steps, learning_rate)
        filter_ = GradientDescent(numbers, learning_rate)
        return self._bound(filter_, shape, fx_train_0, k_test_train, k_test_test_diagonal)

    def _bound(
        self,
        filter_: GradientFlow | GradientDescent,
        shape: tuple[int, ...],
        fx_train_0: Any,
        k_test_train: Any,
        k_test_test_diagonal: Any,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        rest = self._flat(self.y_train) - self._flat(self._start(fx_train_0))
        kernel, _ = self._test_arguments(0.0, None, k_test_train)
        train, test = truncation_bounds(self.spectrum, self.ridge, filter_, rest, kernel, k_test_test_diagonal)
        train = train.reshape(*shape, *train.shape[1:])
        return train, None if test is None else test.reshape(*shape, *test.shape[1:])

    def _initial(self, net: "Network", x_train: np.ndarray, fx_train_0: Any) -> Any:
        return initial_outputs(net, x_train).reshape(self.y_train.shape) if fx_train_0 is None else fx_train_0

    def _moved(self, net: "Network", x_train: np.ndarray, coefficients: np.ndarray) -> "PyTree":
        return moved_weights(net, x_train, coefficients[..., None] if self.y_train.ndim == 1 else coefficients)
