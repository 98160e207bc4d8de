"""The layers of a network whose gradients follow from inputs and output cotangents, and the pass that brings both.

What a kind of layer contributes to the kernel is one file: `dense`, `convolution`. `layers` finds and captures them, on
`program` (a function as a list of equations), `weights` (which parameters are kernels and biases) and `view` (a
parameter seen through reshapes and transpositions).
"""

from ntk_repro.gram.capture.convolution import Convolution
from ntk_repro.gram.capture.dense import cotangent_rows
from ntk_repro.gram.capture.layer import Capture, Form, Layer
from ntk_repro.gram.capture.layers import capture_fn, find_layers

__all__ = ["Capture", "Convolution", "Form", "Layer", "capture_fn", "cotangent_rows", "find_layers"]
