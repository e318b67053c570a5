# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # 6. Taking features out of superposition

# %% [markdown]
# *About 40 minutes.* So far we knew the features and asked what a model does with them. With a real network it is the
# other way round: you see its hidden activations, numbers without names, and ask which features are in there.
#
# In this lesson you play detective on a toy model. You get only its hidden activations, look for the features with a
# **sparse autoencoder**, and then, since it is a toy, open the envelope with the truth and measure what you found.
#
# **Short of time?** Skip exercise 6.6 with the picture after it, and the way to cheat.

# %%
import jax
import numpy as np

import toymodels as tm
from toymodels.analysis import dictionaries
from toymodels.arrays import unit_columns
from toymodels.workshop import begin, check, hint, solution

begin(6)

# %% [markdown]
# ## A model whose features we know
#
# Twenty features, each on in 5% of the samples, in eight hidden dimensions. (Three seconds.)

# %%
features = tm.Independent(20, density=0.05)
toy = tm.train(tm.Autoencoder(20, 8), tm.Task(features), tm.Recipe(steps=1_000), restarts=2, progress=False)
W = toy.W[0]
figure = tm.plots.weight_matrix(W, toy.b[0]).figure

# %% [markdown]
# All twenty squares on the diagonal are red: every feature is represented, and so they must be in superposition.
# Column i of W, W_i, is the direction of feature i. These twenty directions are the truth, and they go into the
# envelope now.
#
# What remains is what you would see of a network from outside: h = W x, eight numbers for each sample.

# %%
hidden = tm.HiddenActivations(W, features)
h = np.asarray(hidden.sample(jax.random.key(0), 5_000))
print("shape:", h.shape)
print("five samples:", h[:, 10:15].round(2), sep="\n")

# %% [markdown]
# **Predict.** The classical tool for such data is PCA: it finds the directions along which h varies most. Will the
# eight axes of PCA be eight of the features? Which variances do you expect? Write it down, then run the cell.

# %%
variances, axes = np.linalg.eigh(np.cov(h))
print("variances along the axes of PCA:", variances.round(3))

# %% [markdown]
# Seven are nearly the same, and one is smaller. That axis belongs to two features, opposite each other, and these PCA
# does find. The model has spread the others evenly over the other directions, so the cloud of samples is a ball there
# as far as variances can tell, and PCA's choice of axes in a ball is an accident. Besides, eight axes cannot be
# twenty features.
#
# ## How to compare directions with the truth
#
# A direction has no length. So first make all lengths equal.
#
# ### Exercise 6.1
# Scale each column of a matrix to length 1.


# %%
def unit_norm(D):
    """D (m, k) with each of its columns scaled to length 1."""
    return ...


check("6.1", unit_norm)

# %% [markdown]
# Now the score. For each *true* direction look for the learned direction that is nearest, by its cosine (the scalar
# product of the two, both of length 1). Then take the mean over the true directions. This is the **mean max cosine
# similarity**, MMCS (Sharkey et al. 2022):
#
# > MMCS = mean over i of max over j of cos(truth_i, learned_j)
#
# **Predict.** What is it if you learned every true direction, and some nonsense besides?
#
# ### Exercise 6.2
# Write it down. `unit_norm` will help.


# %%
def mmcs(learned, truth):
    """The mean over the columns of truth (m, n) of the largest cosine with a column of learned (m, k)."""
    return ...


check("6.2", mmcs)

# %% [markdown]
# So how good are the neurons, that is, the axes of the hidden space? The axes of PCA? (Both count with both signs:
# sixteen directions.) And, as a control, forty directions drawn at random?

# %%
random = np.random.default_rng(0).normal(size=(8, 40))
for name, learned in {"neurons": np.eye(8), "PCA": axes, "random": random}.items():
    if name != "random":
        learned = np.concatenate([learned, -learned], axis=1)
    print(f"{name:8} {learned.shape[1]} directions, MMCS {mmcs(learned, W):.2f}")

# %% [markdown]
# Forty random directions know nothing, and reach .73! (.70 on average, if you draw many times.) With many directions,
# one is always near by chance. **An MMCS without its control means nothing.** (Eight random axes with both signs would
# reach .65, so the neurons are worse than chance, and .71 if one of them were the axis of the pair, so that is nearly
# all that PCA knows.)
#
# ## The sparse autoencoder
#
# What do we know about the features, without knowing them? That they are *sparse*: few are on in each sample. So look
# for directions with which every sample is a sum of few. A sparse autoencoder has k *units*, more than h has
# dimensions. It reads h, decides how active each unit is, and puts h together again from the units' directions:
#
# > z = ReLU(W_enc (h − b_dec) + b_enc)   the units' activations, none below 0
# >
# > ĥ = D z + b_dec   the columns of D are the directions
#
# and it is trained to make two things small at once, the error and the activations:
#
# > loss = mean over samples and dimensions of (h − ĥ)² + λ · mean over samples of Σ_k z_k
#
# The second term is the **L1 penalty**. Every bit of activation costs λ, so units that are not needed stay off.
#
# ### Exercise 6.3
# Write the loss. Mind what is summed and what is averaged.


# %%
def sae_loss(h, h_hat, z, strength):
    """The loss above, for h and h_hat (m, samples), activations z (k, samples), and λ = strength."""
    return ...


check("6.3", sae_loss)

# %% [markdown]
# Now train some. We begin with a case that can be drawn: the pentagon, five features in two dimensions. Here it is
# being trained. An autoencoder will see none of these arrows, only sums of them.

# %%
tm.Playground(n=5, m=2, density=0.05, decay=1)

# %% [markdown]
# An SAE is trained like every other model here: its features are the hidden activations, and the task has a penalty,
# `tm.HiddenL1(strength=λ)`. (In the results `loss` is the error alone, and `objective` is both terms.)
#
# **Predict.** Ten units look at the pentagon. Where will their directions be if λ is tiny? If it is right? If it is
# huge? (Eight seconds.)

# %%
five = tm.Independent(5, density=0.05)
W5 = tm.train(tm.Autoencoder(5, 2), tm.Task(five), tm.Recipe(steps=1_000), restarts=4, progress=False).W[0]
pentagon = tm.Task(tm.HiddenActivations(W5, five), penalties=(tm.HiddenL1(strength=0.3),))
quick = tm.Recipe(steps=500, batch_size=512, learning_rate=0.03, evaluation_samples=4_096)
sae5 = tm.SparseAutoencoder(n_inputs=2, n_units=10)
plane = tm.sweep(sae5, pentagon, quick, over={"strength": [0.001, 0.3, 1.5]}, progress=False)

# %% [markdown]
# Thin lines that reach out of the circle are the truth. Learned directions are strong and end in a dot.

# %%
truth = 1.35 * np.tile(unit_columns(W5), 2)  # five directions, twice: as many as units
drawn = [np.stack([unit_columns(D), truth]) for D in plane.W_dec.values]
titles = [f"λ = {one.strength:g}\nMMCS {mmcs(one.values, W5):.2f}" for one in plane.W_dec]
panels = tm.plots.panels(tm.plots.overlay, drawn, titles)

# %% [markdown]
# With a tiny λ many ways to write h as a sum of units cost about the same, and the directions are anywhere. With a
# huge λ it is cheapest to keep all units off, and their directions stay wherever they were when the units died. In
# between, the units sit on the five features, some features with several units: the autoencoder cannot know that
# there are five.
#
# Look at the MMCS as well: .9 and more even where the picture is bad. In two dimensions ten random directions reach
# .93. The picture tells more here; in eight dimensions it will be the other way round.
#
# ### A way to cheat
# Take the autoencoder in the middle and make all directions ten times as long and all activations ten times as small.

# %%
module = tm.sweeps.as_run(plane, strength=0.3).module()
h5 = np.asarray(pentagon.features.sample(jax.random.key(0), 5_000))
z, b_dec = np.asarray(module.encode(h5)), np.asarray(module.b_dec[...])[:, None]
D = unit_norm(np.asarray(module.W_dec[...]))
print(f"as trained:  {sae_loss(h5, D @ z + b_dec, z, 0.3):.4f}")
print(f"cheating:    {sae_loss(h5, (10 * D) @ (z / 10) + b_dec, z / 10, 0.3):.4f}")

# %% [markdown]
# The same reconstruction, and nearly no penalty! An autoencoder that may do this drifts that way, and the penalty is
# void. Therefore the columns of D are kept at length 1: what you wrote in exercise 6.1 is a part of the model.
#
# ## The right λ
#
# Back to the real case. Forty units, six values of λ, four seeds each: 24 autoencoders in one program. We also
# measure which fraction of the variance of h is left **unexplained** (0: perfect, 1: no better than the mean).
#
# **Predict.** Draw both curves against λ before you look: MMCS, and unexplained variance. (Eight seconds.)


# %%
def recovered(W_dec):
    return dictionaries.mmcs(W_dec, W)


def unexplained(module, task, key):
    h = task.features.sample(key, 4_096)
    return dictionaries.unexplained(h, module(h))


sae = tm.SparseAutoencoder(n_inputs=8, n_units=40)
task = tm.Task(hidden, penalties=(tm.HiddenL1(strength=0.03),))
over = {"strength": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3], "seed": range(4)}
grid = tm.sweep(sae, task, quick, over=over, metrics=[recovered, unexplained], progress=False)

# %%
panels = tm.plots.panels(
    lambda name, ax: tm.plots.lines(grid[name], x="strength", label=name, ax=ax),
    ["recovered", "unexplained"],
    ["MMCS with the truth", "unexplained variance"],
    panel_inches=3.2,
)

# %% [markdown]
# Twenty directions out of eight numbers, found by an autoencoder that was told nothing but "be sparse": at λ = .03
# and at .1 the MMCS is 1.00 for every seed. But these are not the ones that reconstruct best! At λ = .001 only .003 of
# the variance is unexplained, by directions with an MMCS of .76, not far above that of random ones (.70). Whoever looks
# at the error alone picks the wrong autoencoder.
#
# What goes wrong on both sides? Count how many units work at a time.
#
# ### Exercise 6.4
# From activations z, one sample a column, compute two numbers: the mean over samples of how many units are on (called
# **L0**), and how many units are **dead**, that is, on in no sample at all. A unit is on if its z is above 0.


# %%
def sparsity(z):
    """Of z (k, samples): how many units are on in a sample, on average; how many are on in none."""
    return ...


check("6.4", sparsity)

# %%
for l1 in grid.strength.values:
    module = tm.sweeps.as_run(grid, strength=l1, seed=0).module()
    l0, n_dead = sparsity(np.asarray(module.encode(h)))
    print(f"λ = {l1:5g}: {l0:5.2f} units on in a sample, {n_dead:2} of 40 dead")

# %% [markdown]
# Twenty features of density .05: one is on in a sample, on average. That is about what the units do at λ = .03 and
# at .1, where they miss some. With the smallest λ nine share the work of one feature. With the largest one more than
# half are dead, and the others are hardly ever on.
#
# ## Choosing λ with the envelope closed
#
# For a real network there is no truth to compare with. But you can train twice. Two autoencoders that found the truth
# found the same thing; two that found anything found different things.
#
# ### Exercise 6.5
# Given the directions of several seeds, take the mean of `mmcs(D[i], D[j])` over all pairs of different seeds, both
# ways round (MMCS is not symmetric).


# %%
def agreement(D):
    """D (seeds, m, k): the mean of mmcs(D[i], D[j]) over all i and j that differ."""
    return ...


check("6.5", agreement)

# %% [markdown]
# **Predict.** Where will the agreement be highest? What will it be at the two ends?

# %%
agreements = {l1: agreement(grid.W_dec.sel(strength=l1).values) for l1 in grid.strength.values}
for l1, value in agreements.items():
    print(f"λ = {l1:5g}: agreement {value:.2f}")
chosen = max(agreements, key=agreements.get)
print(f"I choose λ = {chosen:g}. Open the envelope: MMCS {grid.recovered.sel(strength=chosen).mean():.3f}")

# %% [markdown]
# At the ends the seeds agree hardly more than random directions do. The best agreement is where the truth is, and you
# could have found it without the envelope. (It is not 1, since dead units and units that share a feature differ from
# seed to seed.)
#
# ## What the penalty costs: shrinkage
#
# At λ = .1 the directions were right, but a third of the variance was unexplained. Why? Think of a sample in
# which one feature is on, h = a d, with a direction d of length 1 that the autoencoder knows. It answers ĥ = z d and
# pays
#
# > (a − z)² / m + λ z
#
# **Predict.** Is z = a the cheapest?
#
# ### Exercise 6.6
# Which z ≥ 0 is? (Take the derivative, set it to 0, and mind that z is not negative.)


# %%
def best_activation(a, strength, m):
    """The z >= 0 for which (a - z)² / m + strength * z is least, for each number of the array a."""
    return ...


check("6.6", best_activation)

# %% [markdown]
# So what does a trained autoencoder do with feature 0 alone, as a grows?

# %%
import xarray as xr

a = np.linspace(0, 1.1, 12)
alone = np.outer(unit_columns(W)[:, 0], a)
curves = {"no shrinkage": a}
for l1 in (0.03, 0.1):
    module = tm.sweeps.as_run(grid, strength=l1, seed=0).module()
    z = np.asarray(module.encode(alone))
    curves[f"the SAE, λ = {l1}"] = z.sum(0)
    curves[f"your z, λ = {l1}"] = best_activation(a, l1, 8)
coords = {"line": list(curves), "a": a}
table = xr.DataArray(list(curves.values()), coords, tuple(coords))
figure = tm.plots.lines(table, x="a", by="line", over=None, label="activation z").figure

# %% [markdown]
# The penalty takes about λm/2 off every activation, as you computed, however strong it is: .12 at λ = .03, and .4 at
# λ = .1, of activations that are never above 1.1. Weak features are not seen at all. (The trained ones lose up
# to .20 and .48, since a unit also pays for being on by mistake.) So an SAE can be right about the directions and wrong
# about the sizes: this is called **shrinkage**. It is why later autoencoders use other penalties or none, and keep only
# the units that are strongest (gated SAEs, JumpReLU, TopK).
#
# ## How many units?
#
# Nobody tells you that there are twenty features. Forty units were enough. **Predict** the MMCS of 10 units, and of
# 80. What will the others of the 80 do? (Ten seconds.)


# %%
def dead_units(module, task, key):
    return dictionaries.dead(module.encode(task.features.sample(key, 4_096))).sum()


over = {"n_units": [10, 80], "seed": range(2)}
widths = tm.sweep(sae, task, quick, over=over, metrics=[recovered, unexplained, dead_units], progress=False)
widths[["recovered", "unexplained", "dead_units"]].mean("seed").to_dataframe().round(2)

# %% [markdown]
# Ten units cannot be twenty features, and they do not become ten of them either: each stands between several, and
# nearly a quarter of the variance is lost. Eighty units find everything; about a tenth of them dies, and others share a
# feature. Too few is fatal, too many is only expensive. (Exactly twenty is *not* best: with some seeds a feature stays
# without a unit, and the MMCS ends at .97.)
#
# ## Where it fails
#
# All this rests on sparsity. Leave the toy model as it is, and let its features be on more often: in 5%, 20%, 50% of
# the samples. **Predict**: at which density will the best λ still find the truth? Will the error tell you?

# %%
over = {"density": [0.05, 0.2, 0.5], "strength": [0.01, 0.03, 0.1], "seed": range(2)}
dense = tm.sweep(sae, task, quick, over=over, metrics=[recovered, unexplained], progress=False)
panels = tm.plots.panels(
    lambda name, ax: tm.plots.heat_map(dense[name].mean("seed"), label="", vmax=1, ax=ax),
    ["recovered", "unexplained"],
    ["MMCS with the truth", "unexplained variance"],
    panel_inches=3.2,
)

# %% [markdown]
# At 20% a larger λ still finds nearly everything. At 50%, when ten of twenty features are on at a time, no λ does:
# the MMCS is about .74, and random directions have .70. And the error does not tell: it is as small as at 20%, or
# smaller. An SAE always gives you *some* directions, and it reconstructs with them. That they are the model's
# features is a hypothesis, and you have to test it: with other seeds, with a control, by changing what the units say
# and looking at what the model does.
#
# ## What we saw
#
# - Features in superposition cannot be read off the neurons, nor found by PCA: random directions do about as well.
# - A sparse autoencoder finds them from hidden activations alone, if they are sparse and λ is right: MMCS 1.00 for
#   twenty features in eight dimensions.
# - The error does not tell which dictionary is true. Agreement between seeds does, without knowing the truth.
# - The penalty shrinks activations by about λm/2, and kills units when it is large.
#
# **Read on.** Elhage et al. 2022, section "The Strategic Picture of Superposition"; Sharkey et al. 2022, "Taking
# features out of superposition with sparse autoencoders"; for language models Bricken et al. 2023, "Towards
# Monosemanticity", and Cunningham et al. 2023, "Sparse Autoencoders Find Highly Interpretable Features in Language
# Models".
#
# **Try it yourself.**
#
# - Let features come in pairs that are always on together: `tm.CorrelatedSets(((0, 1), (2, 3), ...), density=0.05)`
#   instead of `features` in `tm.HiddenActivations`. Does the autoencoder find twenty directions, or ten?
# - Features in real networks are not equally frequent. Give `tm.Independent` twenty densities, from .2 to .005. Which
#   ones are found last?
