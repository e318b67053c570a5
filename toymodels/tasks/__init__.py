"""What is to be learnt: a target, a loss, penalties, importance, and attacks."""

from toymodels.tasks.attacks import ATTACKS, Attack, FeatureAttack, GradientAttack
from toymodels.tasks.dictionaries import AuxK, GatedAuxiliary, HiddenL0, NestedReconstruction
from toymodels.tasks.losses import LOSSES, PowerLoss, cross_entropy, cross_entropy_at_end, squared_error
from toymodels.tasks.penalties import PENALTIES, HiddenL1, WeightL1, WeightL2
from toymodels.tasks.task import TARGETS, GeometricImportance, Task

__all__ = [
    "ATTACKS",
    "LOSSES",
    "PENALTIES",
    "TARGETS",
    "Attack",
    "AuxK",
    "FeatureAttack",
    "GatedAuxiliary",
    "GeometricImportance",
    "GradientAttack",
    "HiddenL0",
    "HiddenL1",
    "NestedReconstruction",
    "PowerLoss",
    "Task",
    "WeightL1",
    "WeightL2",
    "cross_entropy",
    "cross_entropy_at_end",
    "squared_error",
]
