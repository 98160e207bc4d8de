"""A JAX function as a flat list of equations that can be read, and run with changes made on the way."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from jax.extend.core import Literal

# Calls that only group equations (rematerialisation changes what is kept for the backward pass, not what is computed),
# by the names that they have had in the JAX versions supported. Any other call stays one equation.
_REMATERIALIZING = {"checkpoint", "remat", "remat2"}
_OPENED = {"pjit", "jit", "closed_call", "core_call", "core_closed_call"} | _REMATERIALIZING

_Read = Callable[[int], Any]


@dataclasses.dataclass(frozen=True)
class Step:
    """One equation; values are known by number, and each has its number from one step alone."""

    equation: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name of the primitive."""
        return self.equation.primitive.name

    @property
    def params(self) -> dict[str, Any]:
        """Settings of the primitive."""
        return self.equation.params


@dataclasses.dataclass(frozen=True)
class Program:
    """What a function computes, with the jitted and rematerialised functions inside it opened.

    Attributes:
        inputs: numbers of the arguments, one for each leaf.
        constants: values by number, literals among them.
        steps: in order; those that no output needs are left out.
        outputs: numbers of the results.
        avals: shape and dtype by number.
        rematerializes: whether a function asked to compute values again for its derivative, which the program does not.
    """

    inputs: tuple[int, ...]
    constants: Mapping[int, Any]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    avals: Sequence[Any]
    rematerializes: bool = False

    @classmethod
    def of(cls, function: Callable, *args: Any) -> "Program":
        """The program of function(*args); arguments may be arrays, tracers or `jax.ShapeDtypeStruct`."""
        return _Flattening().program(jax.make_jaxpr(function)(*args))

    def shape(self, number: int) -> tuple[int, ...]:
        """The shape of a value."""
        return tuple(self.avals[number].shape)

    @functools.cached_property
    def makers(self) -> Mapping[int, Step]:
        """By number of a value the step that computes it."""
        return {number: step for step in self.steps for number in step.outputs}

    def run(
        self, arguments: Sequence[Any], changes: Mapping[int, Callable[[_Read, Callable[[], Any]], Any]] | None = None
    ) -> list[Any]:
        """The results, traceable and differentiable like the function itself.

        Args:
            arguments: one for each of `inputs`.
            changes: by number of the one result of a step, (read, evaluate) -> the value to go on with: `read` gives
                any earlier value by its number, `evaluate()` what the step itself computes.
        """
        changes = changes or {}
        values = dict(self.constants)
        values.update(zip(self.inputs, arguments, strict=True))
        for step in self.steps:
            evaluate = functools.partial(_evaluated, step.equation, [values[number] for number in step.inputs])
            if step.outputs and step.outputs[0] in changes:
                change = changes[step.outputs[0]]
                values[step.outputs[0]] = change(values.__getitem__, lambda evaluate=evaluate: evaluate()[0])
            else:
                values.update(zip(step.outputs, evaluate(), strict=True))
        return [values[number] for number in self.outputs]


def _evaluated(equation: Any, arguments: list[Any]) -> Sequence[Any]:
    primitive = equation.primitive
    bound = primitive.get_bind_params(equation.params)
    # Old JAX separates the functions that a primitive carries (those of custom_jvp) from its other settings.
    functions, params = bound if isinstance(bound, tuple) else ((), bound)
    with getattr(equation.ctx, "manager", contextlib.nullcontext()):
        found = primitive.bind(*functions, *arguments, **params)
    return found if primitive.multiple_results else [found]


class _Flattening:
    """Numbers the values of a jaxpr and of the jaxprs inside it. An inner one may stand in several places."""

    def __init__(self):
        self.constants: dict[int, Any] = {}
        self.avals: list[Any] = []
        self.steps: list[Step] = []
        self.rematerializes = False

    def program(self, closed: Any) -> Program:
        inputs = tuple(self.new(var.aval) for var in closed.jaxpr.invars)
        outputs = self.walk(closed, inputs)
        needed, steps = set(outputs), []
        for step in reversed(self.steps):
            if step.equation.effects or not needed.isdisjoint(step.outputs):
                steps.append(step)
                needed.update(step.inputs)
        return Program(inputs, self.constants, tuple(reversed(steps)), outputs, self.avals, self.rematerializes)

    def new(self, aval: Any) -> int:
        self.avals.append(aval)
        return len(self.avals) - 1

    def constant(self, value: Any, aval: Any) -> int:
        number = self.new(aval)
        self.constants[number] = value
        return number

    def walk(self, closed: Any, inputs: Sequence[int]) -> tuple[int, ...]:
        """Adds the equations of a jaxpr and returns the numbers of its results."""
        jaxpr = getattr(closed, "jaxpr", closed)
        consts = zip(jaxpr.constvars, getattr(closed, "consts", ()), strict=True)
        names = dict(zip(jaxpr.invars, inputs, strict=True))
        names |= {var: self.constant(value, var.aval) for var, value in consts}

        def number(atom: Any) -> int:
            return self.constant(atom.val, atom.aval) if isinstance(atom, Literal) else names[atom]

        for equation in jaxpr.eqns:
            arguments = tuple(map(number, equation.invars))
            inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            if equation.primitive.name in _OPENED and inner is not None:
                self.rematerializes |= equation.primitive.name in _REMATERIALIZING
                results = self.walk(inner, arguments)
            else:
                results = tuple(self.new(var.aval) for var in equation.outvars)
                self.steps.append(Step(equation, arguments, results))
            names.update(zip(equation.outvars, results, strict=True))
        return tuple(map(number, jaxpr.outvars))
