"""Energy concentration of CIFAR2 labels at initialization, against Table 1 of Ortiz-Jimenez et al. 2021.

Needs CIFAR-10: TFDS_DATA_DIR names its folder.
"""

from typing import Any

import jax
import numpy as np

from ntk_repro import Network, empirical_gram, energy_concentration, load_dataset, top_eigenpairs
from ntk_repro.data import binary_labels

SAMPLES, K, SEEDS = 12_000, 50, 3
PAPER = {"mlp": 0.260, "lenet": 0.258}


def run() -> dict[str, Any]:
    """||Phi y|| / ||y|| on the first 50 eigenvectors of 12,000 training images, three initializations per network."""
    data = load_dataset("cifar10", n_train=SAMPLES)
    labels = binary_labels(data.y_train)
    found: dict[str, Any] = {"data": data.provenance.label}
    for name, printed in PAPER.items():
        shares = []
        for seed in range(SEEDS):
            net = Network.create(name, jax.random.key(seed), data.x_train.shape[1:])
            pairs = top_eigenpairs(empirical_gram(net, data.x_train), K)
            shares.append(float(energy_concentration(pairs.vectors, labels)))
        found[name] = {"seeds": shares, "mean": float(np.mean(shares)), "paper": printed}
        print(f"{name}: {np.mean(shares):.1%} ({', '.join(f'{s:.1%}' for s in shares)}), paper {printed:.1%}")
    return found
