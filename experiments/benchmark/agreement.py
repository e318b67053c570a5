"""Do the two sides compute the same? Both train from equal weights on equal batches."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import toymodels as tm
from experiments.benchmark import ours
from experiments.benchmark.baseline import Notebook
from experiments.benchmark.sizes import Size


def largest_difference(size: Size, steps: int) -> float:
    """The largest difference between any two weights after some steps of the notebook's recipe, on both sides with the
    same initial weights and, at every step, the same batch."""
    notebook = Notebook(size)
    batch = notebook.sample()
    samples = batch.cpu().numpy()
    batches = [x.T for x in samples.swapaxes(0, 1)]
    results = tm.sweep(
        tm.Autoencoder(size.n_features, size.n_hidden),
        tm.Task(_OneBatch(size.n_features, batches[0]), size.importance),
        ours.notebook_steps(steps),
        over={"batch": batches},
        snapshots=[0],
        progress=False,
    )
    notebook.set_weights(results["snapshots.W"].values[:, 0])
    for _ in range(steps):
        notebook.step(batch)
    return float(np.abs(results.W.values - notebook.weights()).max())


@tm.specification
class _OneBatch:
    """Features that are the same batch at every draw."""

    n_features: int = tm.static()
    batch: Float[np.ndarray | Array, "n batch"]

    def sample(self, key: Array, batch_size: int) -> Float[Array, "n batch"]:
        return jnp.asarray(self.batch)[:, :batch_size]
