"""Runs on disk: the run folder with its config, environment, metrics and result, how it is resumed and shared."""

from ntk_repro.record.atomic import (
    append_text,
    atomic_file,
    load_arrays,
    make_folder,
    read_json,
    save_arrays,
    write_errors_explained,
    write_text,
    write_texts,
)
from ntk_repro.record.config import (
    config_from_toml,
    config_hash,
    config_to_dict,
    config_to_toml,
    differing_settings,
    from_dict,
    parse_toml,
)
from ntk_repro.record.environment import environment, git_state
from ntk_repro.record.lease import Lease
from ntk_repro.record.presets import load_preset, load_presets
from ntk_repro.record.run_folder import (
    PICTURES,
    STATE,
    RunFolder,
    RunInUseError,
    runs_root,
    second_name,
    study_of_run,
)
from ntk_repro.record.unit_file import damage_of, remove_unit, restore_run, save_parts, save_unit

__all__ = [
    "PICTURES",
    "STATE",
    "Lease",
    "RunFolder",
    "RunInUseError",
    "append_text",
    "atomic_file",
    "config_from_toml",
    "config_hash",
    "config_to_dict",
    "config_to_toml",
    "damage_of",
    "differing_settings",
    "environment",
    "from_dict",
    "git_state",
    "load_arrays",
    "load_preset",
    "load_presets",
    "make_folder",
    "parse_toml",
    "read_json",
    "remove_unit",
    "restore_run",
    "runs_root",
    "save_arrays",
    "save_parts",
    "save_unit",
    "second_name",
    "study_of_run",
    "write_errors_explained",
    "write_text",
    "write_texts",
]
