"""Completion in a real shell: what the TAB key offers."""

import re
import shutil
import subprocess

import pytest

from ntk_repro.__main__ import main

BASH = shutil.which("bash")


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as text:
        main(["completion", "bash"])
    path = tmp_path_factory.mktemp("completion") / "ntk-repro"
    path.write_text(text.getvalue())
    return path


def offered(script, *words: str) -> set[str]:
    """What bash offers for the last of the words."""
    program = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
how=$(complete -p ntk-repro); function=${how##*-F }; function=${function%% *}
$function ntk-repro "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
    assert BASH
    done = subprocess.run(
        [BASH, "-c", program, "bash", str(script), *words], capture_output=True, text=True, check=True
    )
    return {line.strip() for line in done.stdout.splitlines() if line.strip()}


@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_bash_completes_commands_figures_presets_and_options(script):
    assert {"run", "draw", "list", "report", "doctor", "completion"} <= offered(script, "ntk-repro", "")
    assert offered(script, "ntk-repro", "do") == {"doctor"}
    assert {"ortiz2021/fig2", "ortiz2021/table1"} <= offered(script, "ntk-repro", "run", "ortiz2021/")
    assert offered(script, "ntk-repro", "run", "lemma") == {"lemma1"}
    assert offered(script, "ntk-repro", "run", "fig2", "--preset", "") == {"quick", "laptop", "paper"}
    assert offered(script, "ntk-repro", "run", "fig2", "--data", "cif") == {"cifar10"}
    assert offered(script, "ntk-repro", "reference", "--presets", "quick", "la") == {"laptop"}
    assert "resnet18" in offered(script, "ntk-repro", "run", "fig2", "--nets", "lenet", "")
    assert {"--preset", "--n-train", "--no-baseline"} <= offered(script, "ntk-repro", "run", "fig2", "--")
    assert {"samarin2022", "samarin2022/fig2"} <= offered(script, "ntk-repro", "list", "samarin")


@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_bash_completes_files_where_an_option_takes_one(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.html").write_text("")
    (tmp_path / "mine.npz").write_text("")
    (tmp_path / "images").mkdir()
    assert offered(script, "ntk-repro", "report", "--out", "pa") == {"page.html"}
    assert offered(script, "ntk-repro", "run", "fig2", "--data", "m") == {"mnist5k", "mnist", "mine.npz"}
    for option in ("--imagenet", "--data-dir"):
        assert offered(script, "ntk-repro", "run", "fig2", option, "") == {"images"}


@pytest.mark.parametrize("shell", ["zsh", "fish", "tcsh", "powershell"])
def test_other_shells_have_scripts_of_their_own(shell, capsys):
    main(["completion", shell])
    script = capsys.readouterr().out
    assert "ortiz2021/fig2" in script
    assert {"laptop", "mnist5k", "check-reference"} <= set(re.findall(r"[\w-]+", script))


def test_another_shell_is_refused_in_a_sentence(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["completion", "bsh"])
    assert ended.value.code == 2
    assert "did you mean 'bash'" in capsys.readouterr().err
