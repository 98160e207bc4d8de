"""`python -m ntk_repro.finite_width [experiment]`: one run of an experiment (training by default)."""

from ntk_repro import interrupts  # noqa: F401  first, as what follows takes long to import

# isort: split
import functools

from ntk_repro.study_command import experiment_command

main = functools.partial(experiment_command, "finite_width", default="training")

if __name__ == "__main__":
    main()
