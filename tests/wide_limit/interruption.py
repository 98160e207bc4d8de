"""Runs that are stopped and continued."""

import numpy as np
import pytest


def interrupted(
    module, function, config, done, stop_at, tmp_path, monkeypatch, asked_for=lambda args, settings: settings["name"]
):
    """Stops a run at a call of one of its module's functions, continues it, and sees that it gives what `done` has.

    Returns what was asked for in all calls, and the run.
    """
    real, asked = getattr(module, function), []

    def stopping(*args, **settings):
        asked.append(asked_for(args, settings))
        if len(asked) == stop_at:
            raise KeyboardInterrupt
        return real(*args, **settings)

    monkeypatch.setattr(module, function, stopping)
    with pytest.raises(KeyboardInterrupt):
        module.run(config, root=tmp_path)
    again = module.run(config, root=tmp_path)
    for name, values in done.result().items():
        np.testing.assert_array_equal(again.result()[name], values, err_msg=name)
    return asked, again
