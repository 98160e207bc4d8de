"""`python -m ntk_repro.finite_width [experiment]`: one run of an experiment (training by default)."""

import functools

from ntk_repro.study_command import experiment_command

main = functools.partial(experiment_command, "finite_width", default="training")

if __name__ == "__main__":
    main()
