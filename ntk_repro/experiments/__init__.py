"""What every experiment of a study has: settings that it composes, a `run` made of its computation, and its command.

An experiment is a module with `Config` (a `StudyConfig`), `run` (made by `experiment`) and `show(folder)`.
"""

from ntk_repro.experiments.command import experiment_command, single_command
from ntk_repro.experiments.run import Run, experiment
from ntk_repro.experiments.settings import (
    DataFolder,
    DataSettings,
    DataSource,
    EpochSettings,
    MinibatchSettings,
    NTest,
    NTrain,
    SeedSettings,
    Settings,
    StudyConfig,
    TrainingSettings,
)

__all__ = [
    "DataFolder",
    "DataSettings",
    "DataSource",
    "EpochSettings",
    "MinibatchSettings",
    "NTest",
    "NTrain",
    "Run",
    "SeedSettings",
    "Settings",
    "StudyConfig",
    "TrainingSettings",
    "experiment",
    "experiment_command",
    "single_command",
]
