"""Which rows of a dataset each step of a training sees."""

import torch
from torch import Tensor

from kanpipe.errors import UserError
from kanpipe.machine import Machine


class ShuffledBatches:
    """Whole batches, in another order every epoch; what is left over takes part in other epochs.

    The rows of a step are a function of the seed and the step. Raises UserError for fewer rows than a batch has.
    """

    def __init__(self, rows: int, batch_size: int, seed: int, machine: Machine) -> None:
        if rows < batch_size:
            raise UserError(f"training.batch_size is {batch_size}, but the dataset has {rows} images")
        self.steps_per_epoch = rows // batch_size
        self._rows, self._batch_size, self._seed, self._machine = rows, batch_size, seed, machine
        self._epoch, self._order = -1, torch.empty(0)

    def rows(self, step: int) -> Tensor:
        """The rows of a step: int64 (batch_size,) on the device."""
        epoch, part = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            draw = self._machine.generator(self._seed, "order", epoch)
            self._epoch, self._order = epoch, torch.randperm(self._rows, generator=draw, device=self._machine.device)
        return self._order[part * self._batch_size :][: self._batch_size]
