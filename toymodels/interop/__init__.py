"""To other libraries, and back: weights from PyTorch, dictionaries and activations of SAELens.

Weights cross as arrays. PyTorch and SAELens are imported only where their objects are made:
`pip install 'toymodels[saelens]'`.
"""

from toymodels.interop.activations import activation_batches, dataset_of, from_synthetic, to_synthetic
from toymodels.interop.checkpoints import run_from, state_dict
from toymodels.interop.saelens import from_saelens, saelens_weights, to_saelens

__all__ = [
    "activation_batches",
    "dataset_of",
    "from_saelens",
    "from_synthetic",
    "run_from",
    "saelens_weights",
    "state_dict",
    "to_saelens",
    "to_synthetic",
]
