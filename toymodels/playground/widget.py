"""The playground in notebooks."""

from collections.abc import Mapping
from typing import Any

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise ImportError(
        "The playground in a notebook needs anywidget: pip install 'toymodels[playground]'. In a browser of its own it "
        "needs nothing more: toymodels playground"
    ) from error

from toymodels.models import Autoencoder
from toymodels.playground import bundle
from toymodels.playground.arguments import train_arguments
from toymodels.playground.recording import record
from toymodels.playground.settings import complete
from toymodels.tasks import Task
from toymodels.training import Recipe, Run


class Playground(anywidget.AnyWidget):
    """A small model that trains live in the notebook, or a recorded run played back.

    The model trains in the browser, with the notebook's kernel at rest; what is chosen there is in `settings` here.

        playground = tm.Playground(preset="pentagon", seed=3)  # or n=6, m=3, density=0.05, ...
        playground.settings["density"]  # as chosen meanwhile
        playground.settings = playground.settings | {"density": 0.02}  # the other way round
        run = tm.train(*playground.train_arguments(), restarts=8)  # such a model, trained by the library

        run = tm.train(model, task, snapshots=tm.log_spaced(2_000, 100))
        tm.Playground(run)  # its best restart, from the first step to the last

    Args:
        run: trained models to play back, in two or three hidden dimensions: the snapshots of one restart, and its final
            weights. What is drawn is W (m, n), also where the model has other parameters; its title names those.
        restart: the place of the restart to play back; 0 is the best.
        preset: one of the paper's arrangements by the name that it has in the playground's address, "pentagon" say.
        **settings: what differs from the preset, or else from the defaults: `n`, `m`, `density`, `decay`, `pairs`,
            `correlation`, `activation`, `rate`, `batch`, `seed`; see `toymodels.playground.settings`.

    Attributes:
        settings: all settings by name. Assign others to change the playground, where those that are missing become the
            defaults; a change within the dict is not seen.
        recording: what is played back, as `toymodels.playground.recording.record` makes it; None while a model trains.

    Raises:
        ValueError: for settings that a playground cannot have, a run that cannot be played back (no W (restarts, m, n),
            m neither 2 nor 3, outputs that are not the features), a restart that is not there or diverged, or both a
            run and settings.
        TypeError: if `run` is not a Run.
    """

    _esm = bundle.module()
    settings = traitlets.Dict().tag(sync=True)
    recording = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)

    def __init__(self, run: Run | None = None, *, restart: int = 0, preset: str | None = None, **settings: Any) -> None:
        if run is not None and (settings or preset is not None):
            raise ValueError("Playground plays back a run, or trains with preset and settings. Got both.")
        chosen = complete(settings, preset)
        recording = None if run is None else record(run, restart)
        super().__init__(settings=chosen, recording=recording)

    def train_arguments(self) -> tuple[Autoencoder, Task, Recipe]:
        """Model, task and recipe of the library for the settings as they are now, for `train`.

        Raises:
            ValueError: if a run is played back, whose configuration is its own `config`.

        >>> model, task, recipe = Playground(n=6, density=0.2).train_arguments()
        >>> model.n_features, task.features.density
        (6, 0.2)
        """
        if self.recording is not None:
            raise ValueError("This playground plays back a run and has nothing to train; see the run's config.")
        return train_arguments(self.settings)

    @traitlets.validate("settings")
    def _complete(self, proposal: Mapping[str, Any]) -> dict[str, Any]:
        return complete(proposal["value"])
