"""The layers of a network whose gradients follow from inputs and output cotangents, and the pass that brings both.

`layers` finds and captures them, on `program` (a function as a list of equations), `weights` (which parameters are
kernels and biases) and `view` (a parameter seen through reshapes and transpositions).
"""

from ntk_repro.gram.capture.layer import Capture, Geometry, Layer
from ntk_repro.gram.capture.layers import capture_fn, find_layers

__all__ = ["Capture", "Geometry", "Layer", "capture_fn", "find_layers"]
