"""Digests of the kernels of all test networks: equal for commits whose kernels are equal to the last bit."""

import hashlib
import warnings

from ntk_repro.gram import empirical_gram
from tests.gram.cases import CASES, samples


def run() -> dict[str, str]:
    """For each network and precision, the first digits of the SHA-256 of its kernel on 9 samples, all outputs."""
    found = {}
    for name, (network, *_) in CASES.items():
        for precision in ("float32", "float64"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # weights that are used outside their own layer
                try:
                    k = empirical_gram(network(), samples(name, 9), outputs="full", precision=precision)
                    digest = hashlib.sha256(k.tobytes()).hexdigest()[:16]
                except Exception as error:
                    digest = f"{type(error).__name__}: {error}"
            found[f"{name} {precision}"] = digest
            print(f"{name:28} {precision}  {digest}", flush=True)
    return found
