"""A campaign of seconds."""

from pathlib import Path

TASKS = """
[[entry]]
figure = "ortiz2021/fig2"
nets = ["mlp"]
seeds = {seeds}
value = 2
changes = {{ data = "digits", n_train = 100, n_test = 50, epochs = 4, batch_size = 20, indices = [2, 3, 5] }}
"""
TOY = """
[[entry]]
figure = "ortiz2021/fig1"
"""


def written(folder: Path, text: str) -> Path:
    """The file of a campaign in a new folder."""
    folder.mkdir(parents=True)
    path = folder / "tiny.toml"
    path.write_text(text)
    return path
