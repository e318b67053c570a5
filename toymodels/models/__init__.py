"""What is trained: flax.nnx modules over samples in columns."""

from toymodels.models.autoencoder import Autoencoder, AutoencoderModule
from toymodels.models.functions import (
    ACTIVATIONS,
    INITIALIZERS,
    Activation,
    Initializer,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    identity,
    lecun_normal,
    orthogonal,
    scaled_normal,
    softmax,
    solu,
    square,
)
from toymodels.models.modules import Model, activations, module_with, param_shapes
from toymodels.models.network import Network, NetworkModule
from toymodels.models.sparse_autoencoder import SparseAutoencoder
from toymodels.models.sparsity import BatchTopK, Gated, JumpReLU, MatchingPursuit, TopK
from toymodels.models.transformer import Transformer, TransformerModule

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "Activation",
    "Autoencoder",
    "AutoencoderModule",
    "BatchTopK",
    "Gated",
    "Initializer",
    "JumpReLU",
    "MatchingPursuit",
    "Model",
    "Network",
    "NetworkModule",
    "SparseAutoencoder",
    "TopK",
    "Transformer",
    "TransformerModule",
    "activations",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "module_with",
    "orthogonal",
    "param_shapes",
    "scaled_normal",
    "softmax",
    "solu",
    "square",
]
