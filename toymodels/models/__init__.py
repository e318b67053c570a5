"""What is trained: flax.nnx modules over samples in columns."""

from toymodels.models.autoencoder import (
    Activation,
    Autoencoder,
    AutoencoderModule,
    identity,
    scaled_normal,
    solu,
    square,
)
from toymodels.models.modules import Model, activations, module_with, param_shapes
from toymodels.models.network import Network, NetworkModule
from toymodels.models.sparse_autoencoder import SparseAutoencoder

__all__ = [
    "Activation",
    "Autoencoder",
    "AutoencoderModule",
    "Model",
    "Network",
    "NetworkModule",
    "SparseAutoencoder",
    "activations",
    "identity",
    "module_with",
    "param_shapes",
    "scaled_normal",
    "solu",
    "square",
]
