"""The baseline: the training loop of the notebook released with Elhage et al. 2022, in PyTorch.

Written anew from the notebook's mathematics, in its style: an instance axis for the models and einsum over it, samples
first, two draws of `torch.rand` a batch (values and mask), AdamW at a constant 1e-3 with weight decay 0.01, the loss
the mean over samples and features of I_i (x_i - x'_i)², summed over the models. Runs on a GPU where JAX does.
"""

import time

import jax
import numpy as np
from jaxtyping import Float

from experiments.benchmark.sizes import Size

try:
    import torch
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "The benchmark's baseline needs PyTorch, which is not installed. Run: pip install 'toymodels[bench]'",
        name=error.name,
    ) from error

VERSION = torch.__version__


class Notebook:
    """The models and the optimiser of the notebook.

    Attributes:
        W: weights (models, n, m), the transpose of this project's.
        b: output biases (models, n).
    """

    def __init__(self, size: Size, batch_size: int = 1024, seed: int = 0):
        self.device = "cuda" if jax.default_backend() == "gpu" and torch.cuda.is_available() else "cpu"
        torch.manual_seed(seed)
        weights = torch.empty(size.n_models, size.n_features, size.n_hidden, device=self.device)
        self.W = torch.nn.Parameter(torch.nn.init.xavier_normal_(weights))
        self.b = torch.nn.Parameter(torch.zeros(size.n_models, size.n_features, device=self.device))
        self._optimizer = torch.optim.AdamW([self.W, self.b], lr=1e-3, weight_decay=0.01)
        self._importance = self.tensor(size.importance)
        self._densities = self.tensor(np.array(size.densities))[:, None]
        self._shape = (batch_size, size.n_models, size.n_features)

    def tensor(self, array: np.ndarray) -> "torch.Tensor":
        """The array in float32, on the device."""
        return torch.tensor(array, dtype=torch.float32, device=self.device)

    def sample(self) -> "torch.Tensor":
        """A batch (batch, models, n)."""
        values = torch.rand(self._shape, device=self.device)
        on = torch.rand(self._shape, device=self.device) <= self._densities
        return torch.where(on, values, torch.zeros((), device=self.device))

    def step(self, x: "torch.Tensor") -> "torch.Tensor":
        """Train on one batch; return the sum over the models of their losses before the step."""
        self._optimizer.zero_grad(set_to_none=True)
        hidden = torch.einsum("...if,ifh->...ih", x, self.W)
        out = torch.relu(torch.einsum("...ih,ifh->...if", hidden, self.W) + self.b)
        loss = (self._importance * (x - out) ** 2).mean(dim=(0, 2)).sum()
        loss.backward()
        self._optimizer.step()
        return loss.detach()

    def seconds_per_step(self, steps: int) -> float:
        """Train for some steps on fresh samples; return the mean time of a step of all models."""
        self._synchronize()
        began = time.perf_counter()
        for _ in range(steps):
            self.step(self.sample())
        self._synchronize()
        return (time.perf_counter() - began) / steps

    def weights(self) -> Float[np.ndarray, "models m n"]:
        """The weights in this project's shape."""
        return self.W.detach().cpu().numpy().swapaxes(1, 2)

    def set_weights(self, W: Float[np.ndarray, "models m n"]) -> None:
        """Set the weights, given in this project's shape."""
        with torch.no_grad():
            self.W.copy_(self.tensor(W.swapaxes(1, 2)))

    def _synchronize(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def device_peak_bytes() -> int:
    """Bytes that PyTorch used at most on the GPU, 0 where it has none."""
    return int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else 0
