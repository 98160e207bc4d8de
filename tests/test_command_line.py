import subprocess
import sys

import numpy as np
import pytest

from ntk_repro.__main__ import main as program
from ntk_repro.command_line import command, print_table
from ntk_repro.errors import UserError


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (UserError("too many images: ask for at most 10"), 2, "error: too many images: ask for at most 10\n"),
        (KeyboardInterrupt(), 130, "\nstopped: go on with x\n"),
    ],
)
def test_an_error_of_the_user_and_ctrl_c_are_one_line_and_a_status(error, status, message, capsys):
    def body():
        raise error

    with pytest.raises(SystemExit) as ended:
        command(body, again="go on with x")
    assert (ended.value.code, capsys.readouterr().err) == (status, message)


def test_the_end_of_a_job_is_taken_as_ctrl_c():
    program = "import os, signal; from ntk_repro.command_line import command; command(lambda: os.kill(os.getpid(), 15))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, "\nstopped: the same command continues where this one stopped\n")


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        command(lambda: print(1 / 0))


def output_of(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)


def test_a_warning_is_one_line():
    program = (
        "import warnings; from ntk_repro.command_line import command;"
        "command(lambda: warnings.warn('residuals are large', stacklevel=1))"
    )
    assert output_of(program).stderr == "warning: residuals are large\n"


def test_a_reader_that_closes_the_pipe_is_no_error():
    program = "from ntk_repro.command_line import command; command(lambda: print('line\\n' * 100_000))"
    pipe = f'"{sys.executable}" -c "{program}" | head -1; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["/bin/bash", "-c", pipe], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("line\n", "", 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "{cache}/jax"),
        ({"NTK_REPRO_COMPILATION_CACHE": "off"}, "None"),
        ({"JAX_COMPILATION_CACHE_DIR": "/mine"}, "/mine"),
    ],
)
def test_compiled_programs_are_cached_unless_turned_off(tmp_path, monkeypatch, settings, expected):
    for name in ("NTK_REPRO_COMPILATION_CACHE", "JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"NTK_REPRO_CACHE": str(tmp_path), **settings}.items():
        monkeypatch.setenv(name, value)
    program = (
        "from ntk_repro.command_line import use_compilation_cache as use; use(); import jax;"
        "print(jax.config.jax_compilation_cache_dir)"
    )
    assert output_of(program).stdout.strip() == expected.format(cache=tmp_path)


def test_a_table_shows_numbers_by_their_formats_and_text_as_it_is(capsys):
    rows = [("one", np.float32(0.5)), ("two", np.array(np.nan)), ("three", "none")]
    print_table({"name": "", "share": ".1%"}, rows, "a title")
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("a title", "share", "one", "50.0%", "diverged", "none"))


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["run", "fig2", "--prest", "quick"], "did you mean --preset? (ntk-repro run --help explains)"),
        (["rnu", "fig2"], "did you mean run? (ntk-repro --help explains)"),
        (
            ["run", "fig2", "--seeds", "1,2"],
            "numbers have no commas, and lists have spaces: 1 2 (ntk-repro run --help explains)",
        ),
        (["export", "runs/1", "--fodler", "y"], "(ntk-repro export --help explains)"),
    ],
)
def test_an_unknown_option_is_answered_with_the_nearest_that_there_is(args, hint, capsys):
    with pytest.raises(SystemExit, match="2"):
        program(args)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(hint)
    assert "--folder" not in line
