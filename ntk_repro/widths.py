"""The former name of `ntk_repro.finite_width`, refused with the new one."""

import sys

_RENAMED = "ntk_repro.widths is now ntk_repro.finite_width: type python -m ntk_repro.finite_width"

if __name__ == "__main__":
    print(f"error: {_RENAMED}", file=sys.stderr)
    raise SystemExit(2)
raise ImportError(_RENAMED)
