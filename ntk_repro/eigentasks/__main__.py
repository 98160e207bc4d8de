"""`python -m ntk_repro.eigentasks`: one run of the study from the command line."""

import functools

from ntk_repro.study_command import study_command

main = functools.partial(study_command, "eigentasks.study", "ortiz2021/fig2")

if __name__ == "__main__":
    main()
