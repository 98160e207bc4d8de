"""Runs that are stopped and continued."""

import numpy as np
import pytest


def interrupted(
    monkeypatch, owner, function, stop_at, done, run, config, root, *, rtol=0.0, atol=0.0, asked_for=lambda args: None
):
    """Stops a run at a call of a function of `owner`, continues it, and checks that the result is that of `done`.

    Returns what was asked for in each call (`asked_for` of its positional arguments, else its `name`), and the run.
    """
    real, asked = getattr(owner, function), []

    def stopping(*args, **settings):
        asked.append(settings.get("name") or asked_for(args))
        if len(asked) == stop_at:
            raise KeyboardInterrupt
        return real(*args, **settings)

    monkeypatch.setattr(owner, function, stopping)
    with pytest.raises(KeyboardInterrupt):
        run(config, root=root)
    again = run(config, root=root)
    for name, values in done.result().items():
        np.testing.assert_allclose(again.result()[name], values, rtol=rtol, atol=atol, err_msg=name)
    return asked, again
