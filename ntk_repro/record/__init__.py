"""Runs on disk: the run folder with its config, environment, metrics and result, and how it is resumed."""

from ntk_repro.record.atomic import (
    atomic_file,
    load_arrays,
    read_json,
    save_arrays,
    write_errors_explained,
    write_text,
    write_texts,
)
from ntk_repro.record.config import config_from_toml, config_hash, config_to_dict, config_to_toml, from_dict, parse_toml
from ntk_repro.record.environment import environment, git_state
from ntk_repro.record.presets import load_preset, load_presets
from ntk_repro.record.run_folder import STATE, RunFolder, RunInUseError, runs_root, study_of_run

__all__ = [
    "STATE",
    "RunFolder",
    "RunInUseError",
    "atomic_file",
    "config_from_toml",
    "config_hash",
    "config_to_dict",
    "config_to_toml",
    "environment",
    "from_dict",
    "git_state",
    "load_arrays",
    "load_preset",
    "load_presets",
    "parse_toml",
    "read_json",
    "runs_root",
    "save_arrays",
    "study_of_run",
    "write_errors_explained",
    "write_text",
    "write_texts",
]
