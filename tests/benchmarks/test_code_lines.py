from benchmarks.code_lines import code_lines


def test_only_code_counts():
    text = (
        '"""Docs\n\nmore."""\n\n# comment\nx = """two\nlines"""  # counted\n\ndef f(\n    a,\n):\n    "docs"\n    ...\n'
    )
    assert code_lines(text) == 6
