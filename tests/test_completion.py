"""Completion in a real shell: the words that the TAB key offers."""

import re
import shutil
import subprocess

import pytest

from ntk_repro.__main__ import main

BASH = shutil.which("bash")


@pytest.fixture
def script(tmp_path, capsys):
    main(["completion", "bash"])
    path = tmp_path / "ntk-repro"
    path.write_text(capsys.readouterr().out)
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


@pytest.mark.skipif(BASH is None, reason="needs bash, whose completion it is: apt install bash")
def test_bash_completes_commands_figures_presets_options_and_files(script, tmp_path, monkeypatch):
    def tab(words: str) -> set[str]:
        return offered(script, "ntk-repro", *words.split(" "))

    assert {"run", "draw", "list", "report", "doctor", "completion"} <= tab("")
    assert tab("do") == {"doctor"}
    assert {"ortiz2021/fig2", "ortiz2021/table1"} <= tab("run ortiz2021/")
    assert tab("run lemma") == {"lemma1"}
    assert tab("run fig2 --preset ") == {"quick", "laptop", "days", "paper"}
    assert tab("run fig2 --data cif") == {"cifar10"}
    assert tab("reference --presets quick la") == {"laptop"}
    assert "resnet18" in tab("run fig2 --nets lenet ")
    assert {"--preset", "--n-train", "--no-baseline"} <= tab("run fig2 --")
    assert {"samarin2022", "samarin2022/fig2"} <= tab("list samarin")
    (tmp_path / "there" / "images").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "there")
    for name in ("page.html", "mine.npz"):
        (tmp_path / "there" / name).write_text("")
    assert tab("report --out pa") == {"page.html"}
    assert tab("run fig2 --data m") == {"mnist5k", "mnist", "mine.npz"}
    for option in ("--imagenet", "--data-dir"):
        assert tab(f"run fig2 {option} ") == {"images"}


@pytest.mark.parametrize("shell", ["zsh", "fish", "tcsh", "powershell"])
def test_other_shells_have_their_own_scripts(shell, capsys):
    main(["completion", shell])
    script = capsys.readouterr().out
    assert "ortiz2021/fig2" in script
    assert {"laptop", "mnist5k", "check-reference"} <= set(re.findall(r"[\w-]+", script))


def test_an_unknown_shell_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["completion", "bsh"])
    assert ended.value.code == 2
    assert "did you mean 'bash'" in capsys.readouterr().err
