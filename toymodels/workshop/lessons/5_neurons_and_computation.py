# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # 5. Privileged basis and computation
#
# So far the hidden layer was a space, and features were directions in it. A real network has *neurons*: units with a
# nonlinearity each. This lesson asks two questions about them.
#
# - **When do neurons mean something?** When does a neuron stand for one feature, and when for several?
# - **Can a network compute in superposition**, and not only store there?
#
# It takes 30 to 40 minutes. Words that we use: W (m, n) has a **row per neuron** and a **column per feature**; samples
# x are columns; *density* is the probability that a feature is on. Stuck? `hint("5.1")`, then `hint("5.1", 2)`.
#
# **Short of time?** Skip exercise 5.4 with the sweep after it, and the playback.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import toymodels as tm
from toymodels.analysis import neurons
from toymodels.analysis.motifs import asymmetric_motifs
from toymodels.workshop import begin, check, hint, solution

begin(5)

# %% [markdown]
# ## Do the axes matter?
#
# Two models, three features, two hidden dimensions:
#
# - linear hidden layer, h = W x: the model of the first lessons;
# - ReLU hidden layer, h = ReLU(W x), each of the two coordinates cut off at 0 by itself.
#
# Both answer x' = ReLU(Wᵀ h + b). Each is trained from 16 random starts, and we look at the best four.
#
# **Predict first.** Do the four look alike? Which picture may be turned freely, and which not? (About 5 seconds.)

# %%
task = tm.Task(tm.Independent(n_features=3, density=0.1))
recipe = tm.Recipe(steps=1_000, batch_size=256, learning_rate=2e-2)
linear = tm.train(tm.Autoencoder(3, 2), task, recipe, restarts=16, seed=0)
model = tm.Autoencoder(3, 2, hidden_activation=jax.nn.relu)
times = tm.log_spaced(1_000, 40)
relu = tm.train(model, task, recipe, restarts=16, seed=0, snapshots=times)
solutions = [*linear.W[:4], *relu.W[:4]]
panels = tm.plots.panels(tm.plots.directions, solutions, columns=4, panel_inches=1.7)
title = panels[0].figure.suptitle("above: linear hidden layer     below: ReLU hidden layer")

# %% [markdown]
# Above, one arrangement in four positions: two features opposite each other, the third across. Below, every solution
# lies on the diagonals, the features at (1, 1), (1, -1) and (-1, 1), up to the order of the features. Nothing is left
# of the freedom to turn: the axes have become special. Such a basis is called **privileged**.
#
# Watch the ReLU model find its diagonals:

# %%
tm.Playground(relu)

# %% [markdown]
# ## Exercise 5.1: turn the hidden space
#
# Let R be a rotation of the hidden space. The *turned* model has the weights R W instead of W. The model is tied:
# its decoder is the transpose of the encoder, so it turns as well.
#
# **Before you write it:** for a linear hidden layer, can x' change? And with a ReLU?


# %%
def turned_output(W, b, R, x, hidden):
    """x' (n, samples) of the model with weights R W; `hidden` is its hidden activation."""
    return ...


check("5.1", turned_output)

# %% [markdown]
# Now on trained models with room for a little more: ten features, the first the most important, and five hidden
# dimensions. We turn each by three random rotations and measure the loss. The last line only exchanges neurons.
# (About 5 seconds.)

# %%
task = tm.Task(tm.Independent(n_features=10, density=0.3), importance=tm.GeometricImportance(0.75))
recipe = tm.Recipe(steps=1_500, batch_size=256, learning_rate=2e-2)
W, b = {}, {}
for name, hidden in {"linear": tm.identity, "ReLU": jax.nn.relu}.items():
    model = tm.Autoencoder(10, 5, hidden_activation=hidden)
    run = tm.train(model, task, recipe, restarts=16, seed=0)
    W[name], b[name] = run.W[0], run.b[0]

# %%
rng = np.random.default_rng(0)


def rotation():
    """A random one (5, 5)."""
    return np.linalg.qr(rng.normal(size=(5, 5)))[0]


turns = {"as trained": np.eye(5)} | {f"rotation {k}": rotation() for k in (1, 2, 3)}
turns["neurons exchanged"] = np.eye(5)[[2, 0, 4, 1, 3]]
x = np.asarray(task.features.sample(jax.random.key(1), 20_000))
for name, R in turns.items():
    of_linear = task.loss_on(x, turned_output(W["linear"], b["linear"], R, x, tm.identity))
    of_relu = task.loss_on(x, turned_output(W["ReLU"], b["ReLU"], R, x, jax.nn.relu))
    print(f"{name:18} linear {of_linear:.5f}   ReLU {of_relu:.5f}")

# %% [markdown]
# The linear model does not notice. The ReLU model's loss rises three to five times. (Answering with the means alone
# costs 0.029.) All that it lets you do is to exchange neurons.
#
# So it makes sense to ask what a neuron of the ReLU model stands for, and it makes none in the linear model: there a
# "neuron" is an axis that we happened to choose.

# %% [markdown]
# ## Exercise 5.2: how much of a neuron is one feature's?
#
# Take the squared weights of a neuron, a row of W. How large is the share of the strongest feature?
#
# **Predict:** what is the share if a neuron has one feature only? If it has three equally strong ones?


# %%
def largest_fraction(W):
    """The share of each neuron's squared weight that its strongest feature has, (m,)."""
    return ...


check("5.2", largest_fraction)

# %%
for name in W:
    print(f"{name:6} shares of the five neurons {largest_fraction(W[name]).round(2)}")
turned = np.array([largest_fraction(rotation() @ W["ReLU"]).mean() for _ in range(1_000)])
count = (turned >= largest_fraction(W["ReLU"]).mean()).sum()
print(f"of 1,000 random rotations of the ReLU model, {count} have as high a mean")
ordered = [W[name][neurons.neuron_order(W[name])] for name in W]
panels = tm.plots.neurons(ordered, [*W], panel_inches=2)

# %% [markdown]
# Above, the weights: a column per neuron, a row per feature, the most important feature on top. Below, the same weights
# stacked. A blue square marks a **monosemantic** neuron: nine tenths of its squared weight, or more, are one feature's.
# An orange diamond marks a **polysemantic** one.
#
# The linear model smears its features over all neurons. The ReLU model gives neurons of their own to the most important
# features; the other neurons share the next ones, three to a neuron.
#
# ## What happens as features become sparser?
#
# Superposition grows as density falls. **Predict** what that does to neurons: what will the best model look like at
# density 1, and at density 0.01? (About 8 seconds.)

# %%
densities = [1.0, 0.3, 0.1, 0.03, 0.01]
model = tm.Autoencoder(10, 5, hidden_activation=jax.nn.relu)
grid = tm.sweep(model, task, recipe, over={"density": densities}, restarts=24, seed=0)
best = tm.sweeps.best(grid).W.values
ordered = [weights[neurons.neuron_order(weights)] for weights in best]
for density, weights in zip(densities, ordered, strict=True):
    pure, mixed = neurons.monosemantic(weights).sum(), neurons.polysemantic(weights).sum()
    print(f"density {density:<4}: {pure} pure, {mixed} mixed; {largest_fraction(weights).round(2)}")
panels = tm.plots.neurons(ordered, [f"density {p}" for p in densities])

# %% [markdown]
# From five monosemantic ("pure") neurons to none. In between, both kinds live in one model: at density 0.3 the three
# most important features have neurons of their own.
#
# Of eight seeds all agree, but for density 0.1. There models with and without pure neurons differ in loss by a few
# per cent only: with two of the seeds the best model still has three pure neurons, and with one seed it has one.

# %% [markdown]
# ## Computing: y = |x|
#
# Storing features is one thing. Let the network now *compute*: features are positive or negative, and the output is to
# be their absolute values, y = ReLU(W_out ReLU(W x) + b). Encoder and decoder are two matrices now.
#
# ReLU neurons can do it exactly, since **|x| = ReLU(x) + ReLU(-x)**.
#
# ## Exercise 5.3: the exact network
#
# **Predict:** how many neurons do you need for n features? Then write the two matrices.


# %%
def absolute_weights(n):
    """W (2n, n) and W_out (n, 2n), such that W_out ReLU(W x) = |x| for every x (n, samples)."""
    return ...


check("5.3", absolute_weights)

# %% [markdown]
# Does training find this network? Left to right: features, neurons, outputs. Red weights are positive, blue negative.
# A ReLU neuron may be scaled (twice the input weights, half the output weights: the same function), so we scale each
# until its largest input weight is 1. (About 4 seconds.)


# %%
def computer(n, m):
    """ReLU(W_out ReLU(W x) + b), to be trained."""
    return tm.Autoencoder(n, m, hidden_activation=jax.nn.relu, tied=False)


signed = tm.Independent(n_features=3, density=1.0, values=tm.SIGNED_UNIFORM)
task = tm.Task(signed, target=jnp.abs)
found = tm.train(computer(3, 6), task, tm.Recipe(2_000, 256, 2e-2), restarts=16, seed=0)
W1, W2 = absolute_weights(3)
by_hand = tm.module_with(computer(3, 6), {"W": W1, "W_out": W2, "b": np.zeros(3)})
x = signed.sample(jax.random.key(1), 10_000)
print(f"loss: trained {found.loss[0]:.1e}, by hand {task.loss_on(x, by_hand(x)):.1e}")
scaled = neurons.rescale(found.W[0], found.params["W_out"][0])
order = neurons.neuron_order(scaled.W_in)
ax = tm.plots.neuron_graph(scaled.W_in[order], scaled.W_out[:, order])

# %% [markdown]
# Your network, up to the order of its neurons. Every neuron is monosemantic, and density plays no part: the loss is 0
# whatever x is.
#
# ## Exercise 5.4: too few neurons
#
# Now give six features, alike and with density p, only six neurons. Without superposition that is enough for three
# features; for each of the others the bias alone must answer, and answers best with the mean. |x_i| is uniform on
# [0, 1] with probability p, and else 0.
#
# What is the loss, as a mean over all n features?


# %%
def loss_without_superposition(n, m, p):
    """Mean loss over n features of density p if m neurons (m even) compute m/2 of them."""
    return ...


check("5.4", loss_without_superposition)

# %% [markdown]
# **Predict:** at density 1, will training beat your number? At density 0.1? (About 8 seconds.)

# %%
densities = np.array([1.0, 0.5, 0.3, 0.2, 0.1])
task = tm.Task(tm.Independent(6, values=tm.SIGNED_UNIFORM), target=jnp.abs)
recipe = tm.Recipe(1_500, 512, 2e-2)
grid = tm.sweep(computer(6, 6), task, recipe, over={"density": densities}, restarts=16, seed=0)
best = tm.sweeps.best(grid)
pure = neurons.monosemantic(neurons.rescale(best.W.values, best.W_out.values).W_in).sum(-1)
for p, loss, count in zip(densities, best.loss.values, pure, strict=True):
    ratio = loss / loss_without_superposition(6, 6, p)
    print(f"density {p:.1f}: {ratio:.2f} of your loss, {count} of 6 neurons pure")

# %% [markdown]
# Dense: your number to within a few parts in a thousand, with six pure neurons. Sparse: two fifths of it, and the
# neurons are no longer pure. The network computes **more than its neurons can hold apart**, with errors that are rare
# because two features that share a neuron are rarely on together. This is computation in superposition.
#
# (With other seeds the ratio at density 0.1 is between 0.37 and 0.50.)
#
# ## How can two features share a neuron?
#
# Three features, four neurons, density 0.1: small enough to be drawn whole. (About 4 seconds.)

# %%
sparse = tm.Independent(3, density=0.1, values=tm.SIGNED_UNIFORM)
task = tm.Task(sparse, importance=tm.GeometricImportance(0.8), target=jnp.abs)
small = tm.train(computer(3, 4), task, tm.Recipe(2_000, 512), restarts=64, seed=0)
scaled = neurons.rescale(small.W[0], small.params["W_out"][0])
ax = tm.plots.neuron_graph(scaled.W_in, scaled.W_out, min_weight=0.05, labels=False)

# %% [markdown]
# A program finds the pair of neurons in it that we want to understand. Here it is alone, with its weights:

# %%
motif = asymmetric_motifs(scaled.W_in, scaled.W_out)[0]
features, pair = [motif.strong, motif.weak], [motif.neuron, motif.partner]
ax = tm.plots.neuron_graph(
    scaled.W_in[np.ix_(pair, features)],
    scaled.W_out[np.ix_(features, pair)],
    inputs=[f"$x_{i + 1}$" for i in features],
    neurons=[f"$h_{k + 1}$" for k in pair],
    outputs=[f"$y_{i + 1}$" for i in features],
)

# %% [markdown]
# Look at the upper neuron. Its input weights on the two features are very unequal. So are its output weights, the other
# way round. Why? And what is the lower one for?
#
# ## Exercise 5.5: what passes through a neuron
#
# Feature a alone is on, at the value 1 or -1 for which neuron k fires. The neuron gets |W[k, a]|, and adds that times
# W_out[b, k] to output b. Write all of these as a table: outputs b in rows, inputs a in columns.
#
# **Predict:** what should the diagonal be for the features that the neuron computes? What do the other entries mean?


# %%
def through_neuron(W, W_out, k):
    """(n, n): what feature a (column), at 1 or -1, adds to output b (row) through k."""
    return ...


check("5.5", through_neuron)

# %%
a, b = features
upper, lower = (through_neuron(scaled.W_in, scaled.W_out, k) for k in pair)
print(f"upper neuron, gains, wanted: strong {upper[a, a]:.2f}, weak {upper[b, b]:.2f}")
print(f"upper neuron, interference: weak to strong {upper[a, b]:.2f}, strong to weak {upper[b, a]:.2f}")
print(f"lower neuron, strong to weak: {lower[b, a]:.2f}")

# %% [markdown]
# Here is the trick, the **asymmetric superposition motif**. Both features pass with a gain near 1, since their input
# and output weights are reciprocal. The price is interference, and it has a direction: the weak feature hardly disturbs
# the strong one, but the strong one would shout into the weak one's output. So the lower neuron, which fires for the
# strong feature too, *inhibits* that output, and the output's ReLU cuts off what is below 0.
#
# When does the trick fail? Let us turn the two features on, each alone and then both.

# %%
network = small.module()
x = np.zeros((3, 3))
x[a, [0, 2]] = np.sign(scaled.W_in[pair[0], a])
x[b, [1, 2]] = np.sign(scaled.W_in[pair[0], b])
for case, y in zip(("strong alone", "weak alone", "both"), np.asarray(network(x)).T, strict=True):
    print(f"{case:13} y of the strong {y[a]:.2f}   y of the weak {y[b]:.2f}")

# %% [markdown]
# Alone, both are right. Together, the strong output is a quarter too large and the weak one loses almost a third. At
# density 0.1 both are on in one sample of a hundred.
#
# ## What we saw
#
# - A linear hidden layer may be turned freely. A ReLU makes the basis privileged: only then do neurons mean something.
# - As density falls, neurons turn from monosemantic to polysemantic; important features keep theirs longest.
# - |x| takes two neurons per feature. With fewer neurons and sparse features a network still computes it, in
#   superposition.
# - Asymmetric weights and inhibition let two features share a neuron.
#
# **Read on:** Elhage et al. 2022, "Superposition in a Privileged Basis" and "Computation in Superposition"
# (https://transformer-circuits.pub/2022/toy_model/index.html).
#
# **Try it yourself:**
#
# - Give the model with five ReLU neurons a hidden bias, `tm.Autoencoder(..., hidden_bias=True)`, at density 0.1. Are
#   its neurons still aligned? Look at `run.params["b_hidden"]`: how does it get around the ReLU?
# - What about y = x² (`target=jnp.square`) with the same neurons? Or other seeds of the last network: do all have the
#   motif?
