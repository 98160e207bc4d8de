"""`python -m ntk_repro.nads [experiment]`: one run of an experiment (basis where none is named but options)."""

import functools

from ntk_repro.study_command import experiment_command

main = functools.partial(experiment_command, "nads", default="basis")

if __name__ == "__main__":
    main()
