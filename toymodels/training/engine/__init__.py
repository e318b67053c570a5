"""What `train` and `sweep` do, from a specification to trained weights.

Five words. A *cell* is one configuration: a model, a task, a recipe. Cells that differ only in numbers are one
*program*: they are compiled once. A cell with a seed and the number of a restart is a *model*. Models that see the same
random draws are a *stream*: those of one seed. Models that are trained in one call are a *chunk*.

1. `fit.check_fit` tries everything that is the user's on shapes: features, target, module, loss, penalties, optimiser.
   What does not fit is an error of one line, and nothing has been compiled yet.
2. `cells.separate` takes a cell apart: numbers on one side, and on the other its `Code`, all that is not a number. Two
   codes are equal if they would compile to the same; `code.content` says when, by what functions do.
3. `plan.Plan` says which models there are, as arrays. The models of a program are a box of streams x cells x restarts:
   `cell` numbers the cells, `seed` the streams, `restart` the initialisations, and `Column`s hold the numbers in which
   cells differ. `cutting.cut` cuts the box into chunks that fit memory, caches and threads.
4. `execution.execute` trains chunk after chunk: on a thread for each core, on each device, or on a cluster. For each:
5. `step.start` makes the modules of the models, takes their parameters and other state by name, as dicts of arrays
   (s, c, r, ...), and draws the finite data sets that the seed decides.
6. `step.advance` is called with a number of steps at a time, so that somebody can be told, or interrupt. In a step, for
   each cell: draw a batch x, and what is wanted for it, which all of its restarts share. For each model: rebuild the
   module from its parameters and state, with noise from this step's key; its activations; the loss of its prediction;
   the penalties; the gradient; the optimiser's update. Loops over models are `lax.map` and, within it, `vmap`, folded
   as `levels` says.
7. `step.evaluate` computes loss and objective on evaluation samples, and the metrics.
8. `train` sorts the results into a `Run`; `sweep` labels them as a dataset, and stores them.

Every random number has its place in the tree of `keys`. None depends on the cell, the chunk, the thread or the device:
a model alone is the same as in company. `reference` does the same for one model in plain numpy, to be read.
"""
