"""Wrong command lines: each ends with status 2 and one line on standard error that names the value."""

import importlib
import shlex

import numpy as np
import pytest

NETWORKS = """
import random
import flax.linen as nn
import jax

class WithoutOutputs(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(x.reshape(len(x), -1))[:, :0]

class WithoutParameters(nn.Module):
    def __call__(self, x):
        return x.reshape(len(x), -1)[:, :1]

class Pair(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(x.reshape(len(x), -1)), 1

class Integers(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(2)(x.reshape(len(x), -1)).argmax(1)

class Complex(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(x.reshape(len(x), -1)) * 1j

class Raises(nn.Module):
    @nn.compact
    def __call__(self, x):
        return 1 / 0

class Logarithm(nn.Module):
    @nn.compact
    def __call__(self, x):
        return jax.numpy.log(-abs(nn.Dense(1)(x.reshape(len(x), -1))))

class Dropout(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = x.reshape(len(x), -1)
        kept = jax.random.bernoulli(jax.random.key(random.randrange(2**31)), 0.5, x.shape[1:])
        return nn.Dense(1)(x * kept)

class Needs(nn.Module):
    features: int

def number():
    return 3

value = 5
"""

# Command, and what its line says. Files are those of `folder`.
LIBRARY_OF_FIGURES = {
    "": "Expected one of {run, draw",
    "rnu": "Unrecognized options: rnu",
    "run": "Missing from ntk-repro run: FIGURE",
    "run fig99": "unknown figure 'fig99'; did you mean 'fig9'?",
    "run ortiz2021": "ortiz2021 is a paper: name one of its figures",
    "run ''": "unknown figure ''",
    "run ortiz2021/fig2 --preset nope": "unknown preset 'nope'",
    "run ortiz2021/fig2 --preset": "Missing value for argument '--preset'",
    "run ortiz2021/fig2 --presett quick": "did you mean --preset?",
    "run ortiz2021/fig2 --n-train 0": "n_train must be at least 1, not 0",
    "run ortiz2021/fig2 --n-train -5": "n_train must be at least 1, not -5",
    "run ortiz2021/fig2 --n-train x": "--n-train must be a whole number or none, not x",
    "run ortiz2021/fig2 --n-train 1.5": "--n-train must be a whole number or none, not 1.5",
    "run ortiz2021/fig2 --n-test 0": "n_test must be at least 1, not 0",
    "run ortiz2021/fig2 --seeds -1": "seed must be from 0 to 4294967295, not -1",
    "run ortiz2021/fig2 --seeds 99999999999999999999": "seed must be from 0 to 4294967295, not 99999999999999999999",
    "run ortiz2021/fig2 --seeds x": "--seeds takes no value such as x",
    "run ortiz2021/fig2 --nets resnet": "did you mean 'resnet18'?",
    "run ortiz2021/fig2 --set activation=gelu --set indices=2,3": "--set is given twice: give it once",
    "run ortiz2021/fig2 --seeds 0 --seeds 1": "--seeds is given twice",
    "run ortiz2021/fig2 --set activation=gelu activation=tanh": "--set has activation twice: write it once",
    "run ortiz2021/fig2 --set net=lenet": "net=lenet is no setting: write --nets lenet in its place",
    "run ortiz2021/fig2 --set preset=paper": "preset=paper is no setting: write --preset paper in its place",
    "run ortiz2021/fig2 --set figure=x": "unknown setting of the runs of ortiz2021/fig2 'figure'",
    "run ortiz2021/fig2 --set root=x": "unknown setting of the runs of ortiz2021/fig2 'root'",
    "run ortiz2021/fig2 --set indices=2": "option indices must be a list of integers, not 2",
    "run ortiz2021/fig8 --nets my.py:Net": "python -m ntk_repro.rotation pretrained --net my.py:Net",
    "run lee2019/fig4 --nets my.py:Net": "it is of other networks than those of a user",
    "run ortiz2021/fig2 --nets my.py:Net": "command of its study has, python -m ntk_repro.eigentasks --net my.py:Net",
    "run ortiz2021/fig2 --set n_train=many": "quick of ortiz2021/fig2: option n_train must be an integer or unset",
    "run ortiz2021/fig2 --data nope": "unknown data set 'nope'",
    "run ortiz2021/fig2 --data no.npz": "there is no data file no.npz",
    "run ortiz2021/fig2 --data text.npz": "text.npz is not a readable .npz file",
    "run ortiz2021/fig2 --data empty.npz": "empty.npz is not a readable .npz file",
    "run ortiz2021/fig2 --data folder": "unknown data set 'folder'",
    "run ortiz2021/fig2 --data ''": "unknown data set ''",
    "run ortiz2021/fig2 --data-dir nowhere": "there is no data directory nowhere",
    "run ortiz2021/fig2 --data-dir file": "there is no data directory file",
    "run ortiz2021/fig2 --out file": "a file stands where a folder is needed",
    "run ortiz2021/fig2 --out file/below": "a file stands where a folder is needed",
    "run ortiz2021/fig2 --out /proc/none": "/proc/none cannot be written",
    "run ortiz2021/fig2 --set width": "--set takes name=value",
    "run ortiz2021/fig2 --set =3": "--set takes name=value",
    "run ortiz2021/fig2 --set widht=3": "did you mean 'width'?",
    "run ortiz2021/fig2 --set width=0": "width must be above 0 and finite, not 0",
    "run ortiz2021/fig2 --set width=wide": "width must be a number, not 'wide'",
    "run ortiz2021/fig2 --set width=nan": "width must be above 0 and finite, not nan",
    "run ortiz2021/fig2 --set activation=swish": "unknown activation 'swish'",
    "run ortiz2021/fig2 --set activation=3": "activation must be a string, not 3",
    "run ortiz2021/fig2 --set indices=0": "indices must be a list of integers, not 0",
    "run ortiz2021/fig2 --set indices=a,b": "indices[0] must be an integer, not 'a'",
    "run ortiz2021/fig2 --set epochs=1.5": "epochs must be an integer, not 1.5",
    "run ortiz2021/fig2 --set seed=3": "write --seeds 3",
    "run ortiz2021/fig2 --set data_seed=-1": "data_seed must be from 0 to 4294967295, not -1",
    "run ortiz2021/fig2 --imagenet nowhere": "unknown setting of the runs of ortiz2021/fig2 'imagenet'",
    "run ortiz2021/fig3 --set residual_scale_init=one": "residual_scale_init must be a number, not 'one'",
    "run lee2019/fig1 --nets mlp": "leave out --nets",
    "run lee2019/fig1 --set depth=0": "depth must be at least 1, not 0",
    "list nope": "unknown paper or figure 'nope'",
    "list ''": "unknown paper or figure ''",
    "list ortiz2021/fig99": "did you mean 'ortiz2021/fig9'?",
    "list --preset quick": "Unrecognized or misplaced options: --preset (applied to ntk-repro list)",
    "list a b": "Unrecognized options: b",
    "draw": "Missing from ntk-repro draw: FIGURE",
    "draw ortiz2021/fig2": "name at least one run folder",
    "draw fig99 folder": "unknown figure 'fig99'",
    "draw fig2 folder --out file": "a file stands where a folder is needed",
    "report --out /proc/none/x.html": "/proc/none cannot be written",
    "report --out file/x.html": "a file stands where a folder is needed",
    "report --out folder": "folder cannot be both the page and the folder of its pictures",
    "compare": "name two runs or more to compare",
    "compare nowhere": "there is no run folder nowhere",
    "compare folder folder": "folder has no config.toml",
    "compare file file": "there is no run folder file",
    "export": "Missing from ntk-repro export: FOLDER",
    "export nowhere": "there is no run folder nowhere",
    "export folder": "folder has no config.toml",
    "export file": "there is no run folder file",
    "export folder --out file": "a file stands where a folder is needed",
    "campaign": "Missing from ntk-repro campaign: FILE",
    "campaign no.toml": "no.toml cannot be read",
    "campaign folder": "folder cannot be read",
    "campaign broken.toml": "broken.toml is not valid TOML",
    "campaign bytes.toml": "bytes.toml is not text in UTF-8",
    "campaign empty.toml": "empty.toml has no entry",
    "campaign unknown.toml": "unknown figure 'nope'",
    "campaign preset.toml": "unknown preset 'quik'",
    "campaign empty.toml --draw --dry-run": "--draw and --dry-run are two things: leave one out",
    "campaign empty.toml --slurm-jobs -1": "--slurm-jobs must be 0 or more, not -1",
    "campaign empty.toml --slurm-jobs x": "--slurm-jobs must be a whole number, not x",
    "doctor --data-dir nowhere": "there is no data directory nowhere",
    "doctor x": "Unrecognized options: x",
    "reference --reference nowhere": "nowhere/differences.toml cannot be read",
    "reference --reference file --no-redraw": "file/differences.toml cannot be read",
    "check-reference --reference nowhere": "nowhere has no reference results",
    "check-reference --figures nope": "unknown figure 'nope'",
    "check-reference --relative -1": "relative must be at least 0 and finite, not -1",
    "check-reference --relative x": "--relative must be a number, not x",
    "check-reference --absolute nan": "absolute must be at least 0 and finite, not nan",
    "completion": "Missing from ntk-repro completion: SHELL",
    "completion nosh": "unknown shell 'nosh'; did you mean 'zsh'?",
}

GRAM = {
    "--net nope": "unknown network 'nope'",
    "--net ''": "unknown network ''",
    "--net nets.py": "nets.py may hold several networks",
    "--net no.py:Net": "there is no file no.py (did you mean nets.py?)",
    "--net nets.py:Nope": "unknown network in nets.py 'Nope'",
    "--net nets.py:value": "is of type int",
    "--net nets.py:number": "gives an int: it must give a Linen or an NNX module",
    "--net nets.py:Needs": "needs features, which nothing sets",
    "--net nets.py:WithoutOutputs": "the network has no outputs",
    "--net nets.py:WithoutParameters": "has no parameters",
    "--net nets.py:Pair": "the network returns a tuple: return one array (n, k)",
    "--net nets.py:Integers": "must return real floating-point outputs, not int32",
    "--net nets.py:Complex": "must return real floating-point outputs, not complex64",
    "--net nets.py:Raises": "ZeroDivisionError: division by zero): fix the module",
    "--net nets.py:Dropout": "the network gives different outputs for the same sample",
    "--net nets.py:Pair --residual-scale-init 1": "takes no residual_scale_init",
    "--net nets.py:Pair --activation tanh --depth 2": "takes no activation",
    "--net broken.py:X": "No module named 'not_there': fix the file",
    "--net syntax.py:X": "syntax.py, line 1: SyntaxError: invalid syntax: fix the file",
    "--net not_there.module:X": "there is no module not_there.module",
    "--net mlp --width 0": "width must be above 0 and finite, not 0",
    "--net mlp --width -1": "width must be above 0 and finite, not -1",
    "--net mlp --width x": "--width must be a number, not x",
    "--net mlp --width nan": "width must be above 0 and finite, not nan",
    "--net mlp --width inf": "width must be above 0 and finite, not inf",
    "--net mlp --width 1e5 --dry-run": "a network of 100,",
    "--net mlp --width 1e6 --explain": "a network of 10,000,",
    "--net fcn --width 1e5": "a network of 5,242,880,",
    "--net mlp --num-outputs 100000000000": "a network of 10,100,000,",
    "--net mlp --residual-scale-init 1": "mlp has no residual_scale_init",
    "--net mlp --depth 3": "unknown setting of mlp 'depth'",
    "--net mlp --blocks 3": "unknown setting of mlp 'blocks'",
    "--net mlp --sigma-w 1": "unknown setting of mlp 'sigma_w'",
    "--net mlp --parameterization ntk": "mlp exists in standard parameterization only",
    "--net mlp --batch-norm True": "unknown setting of mlp 'batch_norm'",
    "--net fcn --depth 0": "depth must be at least 1, not 0",
    "--net fcn --sigma-w 0": "sigma_w must be above 0 and finite, not 0",
    "--net fcn --sigma-w nan": "sigma_w must be at least 0 and finite, not nan",
    "--net mlp --num-outputs 0": "num_outputs must be at least 1, not 0",
    "--net mlp --activation swish": "unknown activation 'swish'",
    "--net mlp --k -1": "--k counts eigenpairs and cannot be -1",
    "--net mlp --k 2.5": "--k must be a whole number, not 2.5",
    "--net mlp --k 100000": "100,000 eigenfunctions need at least 100,000 samples",
    "--net mlp --ridge -1": "ridge must be at least 0 and finite, not -1",
    "--net mlp --ridge nan": "ridge must be at least 0 and finite, not nan",
    "--net mlp --ridge 0": "--ridge 0 needs a kernel without rounding",
    "--net mlp --memory 6": "'6' is not an amount of memory",
    "--net mlp --memory lots": "'lots' is not an amount of memory",
    "--net mlp --memory 0GiB": "'0GiB' is not an amount of memory",
    "--net mlp --share 1": "Error parsing --share: no type matching {None}|{INT INT} could be instantiated from ['1']",
    "--net mlp --share 0 2 --distributed": "both say who computes what",
    "--net mlp --coordinator nowhere": "belong together",
    "--net mlp --processes 2": "belong together",
    "--net mlp --process 0": "belong together",
    "--net mlp --seed 99999999999999999999": "seed must be from 0 to 4294967295, not 99999999999999999999",
    "--net mlp --seed -1": "seed must be from 0 to 4294967295, not -1",
    "--net mlp --seed x": "--seed must be a whole number, not x",
    "--net mlp --data-seed -1": "data_seed must be from 0 to 4294967295, not -1",
    "--net mlp --n-train 0": "n_train must be at least 1, not 0",
    "--net mlp --n-train 100000": "fewer than n_train=100,000",
    "--net mlp --data nope": "unknown data set 'nope'",
    "--net mlp --data text.npz": "text.npz is not a readable .npz file",
    "--net alexnet": "alexnet needs images of at least",
    "--unknown 3": "Unrecognized options: --unknown, 3",
    "mlp": "Unrecognized options: mlp",
}

STUDIES = {
    "eigentasks --net nope": "unknown network 'nope'",
    "eigentasks --net mlp --width 0": "width must be above 0 and finite, not 0",
    "eigentasks --net mlp --seed 99999999999999999999": "seed must be from 0 to 4294967295, not 99999999999999999999",
    "eigentasks --net mlp --seed -1": "seed must be from 0 to 4294967295, not -1",
    "eigentasks --net mlp --epochs 0": "epochs must be at least 1, not 0",
    "eigentasks --net mlp --batch-size 0": "batch_size must be at least 1, not 0",
    "eigentasks --net mlp --batch-size 99999 --dry-run": "batch_size 99,999 is above the 4,000 training samples",
    "finite_width training --batch-size 99999 --dry-run": "batch_size 99,999 is above the 1,500 training samples",
    "rotation tracking --batch-size 99999 --dry-run": "batch_size 99,999 is above the 4,000 training samples",
    "wide_limit parameterization --batch-size 99999 --dry-run": "batch_size 99,999 is above the 4,000 training samples",
    "eigentasks --net mlp --n-train 300 --batch-size 99999 --dry-run": "batch_size 99,999 is above the 300 training",
    "eigentasks --net mlp --epochs 0 --dry-run": "epochs must be at least 1, not 0",
    "eigentasks --net mlp --learning-rate nan --dry-run": "learning_rate must be at least 0 and finite, not nan",
    "eigentasks --net mlp --weight-decay nan --dry-run": "weight_decay must be at least 0 and finite, not nan",
    "eigentasks --net mlp --momentum 1 --dry-run": "momentum must be at least 0 and below 1, not 1",
    "eigentasks --net mlp --indices 2.5 --dry-run": "--indices takes no value such as 2.5",
    "eigentasks --net mlp --n-test 1e3 --dry-run": "--n-test must be a whole number or none, not 1e3",
    "eigentasks --net mlp --n-train 4,000 --dry-run": "numbers have no commas",
    "eigentasks --net nets.py:Logarithm --data six.npz --dry-run": "gives outputs that are not finite on random inputs",
    "rotation tracking --learning-rate nan --dry-run": "learning_rate must be at least 0 and finite, not nan",
    "wide_limit trajectories --learning-rate nan --dry-run": "learning_rate must be above 0 and finite, not nan",
    "wide_limit trajectories --net foo --dry-run": "unknown network 'foo' (known: cnn, fcn, wide_resnet)",
    "eigentasks --net mlp --width 1e6 --dry-run": "parameters needs",
    "finite_width training --width 1e5 --dry-run": "parameters needs",
    "wide_limit drift --widths 64 10000000 --dry-run": "parameters needs",
    "wide_limit predictive --hidden 10000000 --dry-run": "parameters needs",
    "wide_limit trajectories --hidden 10000000 --dry-run": "parameters needs",
    "wide_limit linearization_error --widths 10000000 --dry-run": "parameters needs",
    "wide_limit parameterization --hidden 10000000 --dry-run": "parameters needs",
    "wide_limit kernel_convergence --widths 1000000000 --dry-run": "parameters needs",
    "wide_limit theorems --widths 10000000 --dry-run": "parameters needs",
    "eigentasks --net mlp --indices 0": "index 0 cannot be a task",
    "eigentasks --net mlp --indices x": "--indices takes no value such as x",
    "eigentasks --net mlp --learning-rate -1": "learning_rate must be at least 0 and finite, not -1",
    "eigentasks --net mlp --learning-rate nan": "learning_rate must be at least 0 and finite, not nan",
    "eigentasks --net mlp --momentum 1": "momentum must be at least 0 and below 1, not 1",
    "eigentasks --net mlp --weight-decay -1": "weight_decay must be at least 0 and finite, not -1",
    "eigentasks --net mlp --residual-scale-init 1": "mlp has no residual_scale_init",
    "eigentasks --net mlp --data nope": "unknown data set 'nope'",
    "eigentasks --net mlp --data text.npz": "text.npz is not a readable .npz file",
    "eigentasks --net mlp --data-dir nowhere": "there is no data directory nowhere",
    "eigentasks --net mlp --n-train 0": "n_train must be at least 1, not 0",
    "eigentasks --net mlp --preset nope": "unknown preset 'nope'",
    "eigentasks --net mlp --preset": "Missing value for argument '--preset'",
    "eigentasks --schedule cosine": "invalid choice 'cosine' for argument '--schedule'",
    "eigentasks --net nets.py:WithoutParameters": "has no parameters",
    "eigentasks mlp": "Unrecognized options: mlp",
    "nads nope": "unknown experiment 'nope'",
    "nads separable --seed -1": "seed must be from 0 to 4294967295, not -1",
    "nads separable --seed 99999999999999999999": "seed must be from 0 to 4294967295, not 99999999999999999999",
    "nads lemma1 --n-train 1": "n_train must be at least 10, not 1",
    "nads theorem1 --seed -1": "seed must be from 0 to 4294967295, not -1",
    "nads tangent_space --seed -1": "seed must be from 0 to 4294967295, not -1",
    "nads basis --net nope": "unknown network 'nope'",
    "nads basis --net mlp --residual-scale-init 0.5": "mlp has no residual_scale_init",
    "nads basis --memory x": "'x' is not an amount of memory",
    "nads basis --precision half": "unknown precision of directions 'half'",
    "nads basis --size 0": "size must be at least 1, not 0",
    "rotation nope": "unknown experiment 'nope'",
    "rotation --net nope": "--net stands before an experiment",
    "rotation cifar2 --seed -1": "seed must be from 0 to 4294967295, not -1",
    "rotation cifar2 --data text.npz": "text.npz is not a readable .npz file",
    "rotation pretrained --seed -1": "seed must be from 0 to 4294967295, not -1",
    "rotation tracking --seed -1": "seed must be from 0 to 4294967295, not -1",
    "rotation tracking --net mlp --residual-scale-init 1": "mlp has no residual_scale_init",
    "rotation tracking --epochs -1": "epochs must be at least 0 and finite, not -1",
    "finite_width nope": "unknown experiment 'nope'",
    "finite_width grid --seed -1": "seed must be from 0 to 4294967295, not -1",
    "finite_width grid --widths 0": "did you mean --width?",
    "finite_width grid --share 2 2": "share 2 of 2 does not exist",
    "finite_width grid --slurm-jobs -1": "--slurm-jobs must be 0 or more, not -1",
    "finite_width sizes --widths 0": "widths and sides must be above 0, not (0.0,)",
    "finite_width ridges --ridges -1": "ridges must be at least 0 and finite, not -1",
    "finite_width ridges --n-train 0": "n_train must be at least 1, not 0",
    "finite_width solver --n-train 0": "n_train must be at least 1, not 0",
    "finite_width solver --data text.npz": "text.npz is not a readable .npz file",
    "finite_width training --epochs 0": "epochs must be at least 1, not 0",
    "finite_width curvature --seed -1": "seed must be from 0 to 4294967295, not -1",
    "finite_width spectra --seed -1": "seed must be from 0 to 4294967295, not -1",
    "wide_limit nope": "unknown experiment 'nope'",
    "wide_limit --seed 0": "--seed stands before an experiment",
    "wide_limit drift --widths 0": "widths must be increasing whole numbers from 1, such as 64 128 256, not [0]",
    "wide_limit drift --seed -1": "seed must be from 0 to 4294967295, not -1",
    "wide_limit trajectories --seed -1": "seed must be from 0 to 4294967295, not -1",
    "wide_limit predictive --n-train 0": "n_train must be at least 1, not 0",
    "wide_limit parameterization --seed -1": "seed must be from 0 to 4294967295, not -1",
    "wide_limit kernel_convergence --widths 0": "widths must be increasing whole numbers from 1, such as",
    "wide_limit theorems --seed -1": "seed must be from 0 to 4294967295, not -1",
    "wide_limit equations --seed -1": "seed must be from 0 to 4294967295, not -1",
    "wide_limit drift --data nope": "unknown data set 'nope'",
    "wide_limit drift --data text.npz": "text.npz is not a readable .npz file",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working folder, with the files that the commands name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETWORKS)
    (tmp_path / "broken.py").write_text("import not_there\n")
    (tmp_path / "syntax.py").write_text("def (:\n")
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.npz").write_text("text")
    (tmp_path / "empty.npz").write_text("")
    (tmp_path / "broken.toml").write_text("[[[")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "unknown.toml").write_text('[[entry]]\nfigure = "nope"\npreset = "quick"\n')
    (tmp_path / "preset.toml").write_text('[[entry]]\nfigure = "ortiz2021/fig2"\npreset = "quik"\n')
    images = np.random.default_rng(0).normal(size=(6, 4, 4, 1))
    labels = np.arange(6) % 2
    np.savez(tmp_path / "six.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)


@pytest.mark.parametrize(("arguments", "message"), LIBRARY_OF_FIGURES.items())
def test_figures(arguments, message, ends_in_one_line):
    main = importlib.import_module("ntk_repro.__main__").main
    assert message in ends_in_one_line(main, *shlex.split(arguments), progress=True)


@pytest.mark.parametrize(("arguments", "message"), GRAM.items())
def test_the_gram_matrix(arguments, message, ends_in_one_line):
    main = importlib.import_module("ntk_repro.gram.__main__").main
    data = () if "--data" in arguments or "--n-train" in arguments else ("--data", "six.npz")
    data = () if arguments == "--net mlp --k 100000" else data
    assert message in ends_in_one_line(main, *shlex.split(arguments), *data, progress=True)


@pytest.mark.parametrize(("arguments", "message"), STUDIES.items())
def test_studies(arguments, message, ends_in_one_line):
    study, *options = shlex.split(arguments)
    main = importlib.import_module(f"ntk_repro.{study}.__main__").main
    assert message in ends_in_one_line(main, *options, progress=True)
