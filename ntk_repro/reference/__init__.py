"""Reference results: what each figure gave when it was last looked over, kept with the source, and compared with anew.

Nothing is imported here, for `ntk-repro` reads the commands of this room whenever it starts.
"""
