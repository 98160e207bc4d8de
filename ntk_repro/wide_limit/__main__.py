"""`python -m ntk_repro.wide_limit <experiment>`: one run of an experiment from the command line."""

import functools

from ntk_repro.study_command import experiment_command

main = functools.partial(experiment_command, "wide_limit")

if __name__ == "__main__":
    main()
