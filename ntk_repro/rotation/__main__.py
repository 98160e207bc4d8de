"""`python -m ntk_repro.rotation <experiment>`: one run of an experiment from the command line."""

import functools

from ntk_repro.study_command import experiment_command

main = functools.partial(experiment_command, "rotation")

if __name__ == "__main__":
    main()
