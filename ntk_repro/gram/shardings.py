"""How the samples of a batch are shared out among the devices of this host."""

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec


def shardings(batch: int) -> tuple[NamedSharding | None, NamedSharding | None]:
    """Split by samples among this host's devices, and replicated; None for both where one device does everything.

    A batch that was chosen for other devices than there are now goes to as many as divide it.
    """
    devices = jax.local_devices()
    devices = devices[: max(count for count in range(1, len(devices) + 1) if batch % count == 0)]
    if len(devices) == 1:
        return None, None
    mesh = Mesh(np.array(devices), ("samples",))
    return NamedSharding(mesh, PartitionSpec("samples")), NamedSharding(mesh, PartitionSpec())
