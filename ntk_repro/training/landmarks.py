"""Epochs to observe: dense at first, when most changes happen, then increasingly sparse."""


def landmark_epochs(last: int) -> tuple[int, ...]:
    """Epochs 0, 1, 2, 5, 10, 20, 50 ... of a training, and its last.

    >>> landmark_epochs(30)
    (0, 1, 2, 5, 10, 20, 30)
    """
    before = {m * 10**power for power in range(6) for m in (1, 2, 5) if m * 10**power < last}
    return tuple(sorted({0, *before, last}))
