"""The layers of a network whose gradients follow from inputs and output cotangents, and the pass that brings both.

Flax modules are intercepted (`layers`); in any other function the layers are found among its equations (`equations`, on
`program`, `weights` and `view`).
"""

from ntk_repro.gram.capture.layer import Capture, Geometry, Layer
from ntk_repro.gram.capture.layers import capture_fn, find_layers

__all__ = ["Capture", "Geometry", "Layer", "capture_fn", "find_layers"]
