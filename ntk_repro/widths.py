"""The former name of `ntk_repro.finite_width`, refused with the new one."""

_RENAMED = "ntk_repro.widths is now ntk_repro.finite_width: use that name"

if __name__ == "__main__":
    raise SystemExit(f"error: {_RENAMED}")
raise ImportError(_RENAMED)
