"""Energy of the CIFAR2 labels at initialization, against Table 1 of Ortiz-Jimenez et al. 2021.

The runs of Table 1's figure before training, of ten initializations. Needs CIFAR-10: TFDS_DATA_DIR names its folder.
"""

import tempfile
from pathlib import Path
from typing import Any

from ntk_repro.papers.resources import printed_numbers
from ntk_repro.papers.statistics import student_interval
from ntk_repro.rotation import tracking
from ntk_repro.rotation.task import images

NETS, SEEDS = ("mlp", "lenet"), 10


def settings_of_table_1() -> dict[str, Any]:
    """Of a run that measures the kernel before training."""
    setup = printed_numbers("ortiz2021")["setups"]["energy_init"]
    return {"data": "cifar10", "kernel_images": setup["images"], "top": setup["top"], "epochs": 0}


def run() -> dict[str, Any]:
    """||Phi y|| / ||y|| on the first 50 eigenvectors of 12,000 training images, and where a further run would lie."""
    energies, settings = printed_numbers("ortiz2021")["table1"]["energy_init"], settings_of_table_1()
    data = images(tracking.Config(**settings))
    found: dict[str, Any] = {"data": data.provenance.label}
    with tempfile.TemporaryDirectory() as folder:
        for net in NETS:
            configs = [tracking.Config(net=net, seed=seed, **settings) for seed in range(SEEDS)]
            runs = [tracking.run(config, root=Path(folder), data=data) for config in configs]
            shares = [float(run.result()["energy_concentration"][0]) for run in runs]
            further = student_interval(shares, further=1)
            found[net] = {"energies": shares, **further._asdict(), "paper": energies[net]}
            print(
                f"{net}: {further.mean:.1%} ({', '.join(f'{share:.1%}' for share in shares)}); a further run between "
                f"{further.low:.1%} and {further.high:.1%}, paper {energies[net]:.1%}"
            )
    return found
