"""Verdicts on plotted numbers, for the tests of all claims."""

from typing import Any

from ntk_repro.papers.claims import evaluate
from ntk_repro.papers.index import FIGURES

SGD = {"optimizer": "sgd", "schedule": "linear", "learning_rate": 0.05, "momentum": 0.9, "batch_size": 128}


def verdicts(figure: str, beginning: str, data: str = "cifar10", **numbers: Any) -> list[dict[str, Any]]:
    """Of the claim whose statement begins so."""
    (claim,) = [one for one in FIGURES[f"ortiz2021/{figure}"].claims if one.statement.startswith(beginning)]
    return evaluate([claim], {"data": data, **numbers})


def outcomes(figure: str, beginning: str, data: str = "cifar10", **numbers: Any) -> list[bool | None]:
    """Whether it holds, subject by subject."""
    return [row["holds"] for row in verdicts(figure, beginning, data, **numbers)]


def why(figure: str, beginning: str, data: str = "cifar10", **numbers: Any) -> str:
    """Why its first subject is not judged."""
    return verdicts(figure, beginning, data, **numbers)[0]["unless"]
