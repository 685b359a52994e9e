"""An epoch in one compiled call of JAX: images, augmentation, steps and the average of the weights stay on the device.

A small network's step takes a GPU less time than one call from Python does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from host_tools.data import Dataset
from host_tools.training.augment import Augment
from host_tools.training.steps import Average, Rows

State = tuple[list[Any], ...]  # values of variables: trainable, others, the optimiser's


class ScannedEpochs:
    """Trains as StepByStep does, from the same draws of the same generator."""

    def __init__(self, model: Any, data: Dataset, augment: Augment | None, when: Average) -> None:
        self.model, self.augment, self.when = model, augment, when
        self.shape = data.shape
        self.x, self.y = jnp.asarray(data.x_train), jnp.asarray(data.y_train, jnp.int32)
        self.average: list[Any] | None = None
        if not model.built:
            model(np.zeros((1, *self.shape), np.float32), training=False)
        model.optimizer.build(model.trainable_variables)
        self._run = jax.jit(self._steps)

    def epoch(self, rows: Rows, rng: np.random.Generator, done: int) -> Iterator[float]:
        """As Stepper says; the weights are the whole epoch's when the first loss comes."""
        drawn = [self.augment.draw(rng, rows.shape[1], *self.shape[:2]) for _ in rows] if self.augment else []
        moves = tuple(np.stack(parts) for parts in zip(*drawn, strict=True))
        variables = self._variables()
        state = tuple([v.value for v in part] for part in variables)
        average = self.average or [jnp.zeros_like(v) for v in state[0]]
        state, average, losses = self._run(state, average, self.x, self.y, (done, rows.astype(np.int32), moves))
        for part, values in zip(variables, state, strict=True):
            for variable, value in zip(part, values, strict=True):
                variable.assign(value)
        if self.when.decay is not None and done + len(rows) >= self.when.first:
            self.average = [np.asarray(a) for a in average]
        yield from np.asarray(losses).tolist()

    def _variables(self) -> tuple[list[Any], ...]:
        model = self.model
        return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables

    def _steps(self, state: State, average: list[Any], x: Any, y: Any, work: Any) -> Any:
        done, rows, moves = work
        no_metrics = [jnp.zeros_like(v.value) for v in self.model.metrics_variables]  # a loss is its own step's

        def step(carried: tuple[Any, ...], one: tuple[Any, ...]) -> Any:
            number, state, average = carried
            chosen, parts = one
            images = x[chosen].astype(jnp.float32) / 255
            if self.augment is not None:
                images = self.augment.move(images, *parts)
            logs, (*state, _) = self.model.train_step((*state, no_metrics), (images, y[chosen]))
            number = number + 1
            if self.when.decay is not None:
                average = self._averaged(number, average, state[0])
            return (number, tuple(state), average), logs["loss"]

        (_, state, average), losses = jax.lax.scan(step, (done, state, average), (rows, moves))
        return state, average, losses

    def _averaged(self, number: Any, average: list[Any], values: list[Any]) -> list[Any]:
        begins = number == self.when.first
        keep = jnp.where(self.when.due(number), jnp.where(begins, 0.0, self.when.keep), 1.0)
        return [keep * a + (1 - keep) * v for a, v in zip(average, values, strict=True)]
