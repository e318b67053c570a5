# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # 4. Geometry: dimensionality, polytopes, the D* staircase
#
# Features in superposition are not a mess. They form pairs, triangles, pentagons, and solids that the Greeks knew. In
# this lesson you measure how many dimensions a feature has, predict it for regular shapes, find the shapes in trained
# models, and see why the number of features that a model holds goes in steps.
#
# About 35 minutes.
#
# **Short of time?** Skip exercises 4.2 and 4.5, with `solution("4.2")` and `solution("4.5")`, and the cell that turns
# the solids.

# %%
import matplotlib.pyplot as plt
import numpy as np

import toymodels as tm
from toymodels.analysis import alignment, geometry, polytopes
from toymodels.workshop import begin, check, hint, solution

plt.rcParams.update(tm.plots.style())  # small text, thin lines

begin(4)

# %% [markdown]
# ## A fraction of a dimension
#
# Five equally important, sparse features in two dimensions. The cell takes about four seconds.
#
# **Predict**: what will the five directions look like? And how many dimensions does each feature have?

# %%
recipe = tm.Recipe(steps=1000, batch_size=256, learning_rate=2e-2)
five = tm.train(tm.Autoencoder(5, 2), tm.Task(tm.Independent(5, density=0.05)), recipe, restarts=4)
W = five.W[0]  # the best restart
ax = tm.plots.directions(W)

# %% [markdown]
# A regular pentagon. Two dimensions for five features: 2/5 each, you may have said. But what if the directions were not
# regular, or the lengths differed? The paper defines the **dimensionality** of feature $i$ as
#
# $$D_i = \frac{\|W_i\|^2}{\sum_j (\hat W_i \cdot W_j)^2},$$
#
# where $\hat W_i = W_i / \|W_i\|$ has length 1. Read it like this: stand on direction $i$ and look at all features,
# $i$ itself included. How much of what you see is feature $i$?
#
# **Predict** from the formula, in your head: a feature that is orthogonal to all others; two features of length 1 that
# are opposite each other (a *digon*, the polygon with two corners).
#
# ## Exercise 4.1: dimensionality


# %%
def dimensionality(W):
    """D_i of each column of W (m, n): the fraction of a dimension that feature i has."""
    return ...


check("4.1", dimensionality)

# %%
print("digon beside a feature of its own:", dimensionality(np.array([[1.0, -1, 0], [0, 0, 1]])))
print("trained pentagon:", dimensionality(W).round(3), " sum:", dimensionality(W).sum().round(3))
print("random directions:", dimensionality(np.random.default_rng(0).normal(size=(2, 5))).round(3))

# %% [markdown]
# The five shares of the pentagon add up to 2, the dimensions that there are. The random ones add up to less. This is a
# theorem: $\sum_i D_i$ is never more than the number of dimensions that $W$ spans. Random directions waste some of it;
# training learns to waste none.
#
# ## Regular polygons
#
# **Predict**: what is $D_i$ in a triangle? A square? A regular polygon with $k$ corners? (Use the sum.)
#
# ## Exercise 4.2: the regular polygon
#
# Two lines may be clearer than one.


# %%
def polygon(k):
    """k unit vectors in the plane, at equal angles: (2, k)."""
    return ...


check("4.2", polygon)

# %%
for k in (3, 4, 5, 6, 8):
    print(f"{k} corners: D = {dimensionality(polygon(k))[0]:.4f}   2/k = {2 / k:.4f}")
panels = tm.plots.panels(tm.plots.polytope, [polygon(k) for k in (3, 4, 5, 6, 8)], panel_inches=1.5)

# %% [markdown]
# $D = 2/k$. The square has 1/2, like a digon. Look again: a square *is* two digons at right angles. The formula sees no
# difference, because orthogonal features do not see each other.
#
# ## Parts at right angles
#
# Put a triangle in the first two dimensions and a digon in the third. The five directions are the corners of a
# *triangular bipyramid*.
#
# **Predict**: five features share three dimensions. Is it 3/5 each?
#
# ## Exercise 4.3: the tegum product
#
# Build it for any two parts: `A`, with k features in a dimensions, and `B`, with l features in b other dimensions.
# `np.block` puts four blocks together.


# %%
def tegum(A, B):
    """A (a, k) and B (b, l) side by side in orthogonal subspaces: (a + b, k + l)."""
    return ...


check("4.3", tegum)

# %%
digon = np.array([[1.0, -1.0]])
solids = {
    "triangular bipyramid": tegum(polygon(3), digon),
    "pentagonal bipyramid": tegum(polygon(5), digon),
    "octahedron": tegum(tegum(digon, digon), digon),
    "tetrahedron": polytopes.arrangement("tetrahedron"),
    "square antiprism": polytopes.arrangement("square antiprism"),
    "cube": polytopes.arrangement("cube"),
}
for name, V in solids.items():
    print(f"{name:22}D = {dimensionality(V).round(3)}  sum {dimensionality(V).sum():.2f}")
panels = tm.plots.panels(tm.plots.polytope, list(solids.values()), list(solids), columns=3)

# %% [markdown]
# Never 3/5. The three features of the triangle have 2/3 each and the two of the digon 1/2: dimensionality tells the
# parts apart.
#
# All but the cube are answers to the *Thomson problem* of 1904: where do equal charges settle on a sphere? Features
# repel each other too, though by another law. So these are candidates for training.
#
# **Predict**: three dimensions, density 0.15, and six, seven or eight features of equal importance. Which solids? For
# eight: will it be the cube? The cell takes about eight seconds, since each size is a program of its own.

# %%
sizes = [6, 7, 8]
over = {"n": {"model.n_features": sizes, "task.features.n_features": sizes}}
task = tm.Task(tm.Independent(6, density=0.15))
space = tm.sweeps.best(tm.sweep(tm.Autoencoder(6, 3), task, recipe, over=over, restarts=8))
trained = [W[:, :n] for n, W in zip(sizes, space.W.values, strict=True)]  # what is not there is padded
names = [polytopes.product_name(polytopes.recognise(V)) for V in trained]
for name, V in zip(names, trained, strict=True):
    print(f"{name:22}D = {dimensionality(V).round(2)}")

# %% [markdown]
# To see them, turn each one like the exact solid.

# %%
turned = [
    alignment.aligned(V, polytopes.arrangement(name), alike=[range(V.shape[1])])
    for name, V in zip(names, trained, strict=True)
]
panels = tm.plots.panels(tm.plots.polytope, turned, names)

# %% [markdown]
# `recognise` cuts the features into groups that are orthogonal to each other and compares each group with the exact
# shapes, whatever their rotation and order. It found three digons, a pentagon with a digon, and a square antiprism: a
# cube with its upper face turned by 45°, so that its corners sit above the gaps. Charges do the same.
#
# The cube and the antiprism have the same $D_i$, 3/8. So $D_i$ does not tell everything.
#
# Turn one yourself. Six features in three dimensions: press play and drag the picture. Then try five: is it the
# triangular bipyramid?

# %%
tm.Playground(n=6, m=3, density=0.15, decay=1)

# %% [markdown]
# ## From one feature to the whole model
#
# $D_i$ is about one feature. The paper's number for a whole model is
#
# $$D^* = \frac{m}{\|W\|_F^2},$$
#
# the hidden dimensions divided by the number of features that the model holds: each counts by its squared length, so a
# feature that is dropped counts 0.
#
# ## Exercise 4.4: dimensions per feature


# %%
def dimensions_per_feature(W):
    """D* = m / ‖W‖_F² of W (m, n)."""
    return ...


check("4.4", dimensions_per_feature)

# %%
print("exact pentagon:  ", dimensions_per_feature(polygon(5)))
print("trained pentagon:", dimensions_per_feature(W), " lengths:", geometry.norms(W).round(2))

# %% [markdown]
# Why does the trained pentagon have less than 2/5? Its directions are a little longer than 1. Its biases are negative:
# they cut the interference off, but take some of the feature as well, and length makes up for that. $D_i$ does not
# change when all directions grow by the same factor; $D^*$ does.
#
# ## The staircase
#
# Now the paper's experiment in small: 60 equally important features in 10 dimensions, at 25 densities from 1 down to
# 1/10, two restarts each. It takes about seven seconds.
#
# **Predict**: the sparser, the more features fit in, so $D^*$ falls. Smoothly?

# %%
density = 1 / np.geomspace(1, 10, 25)
crowd = tm.Recipe(steps=1000, batch_size=256, learning_rate=2e-2, evaluation_samples=4096)
task = tm.Task(tm.Independent(60))
models = tm.sweep(tm.Autoencoder(60, 10), task, crowd, over={"density": density}, restarts=2)
W60 = tm.sweeps.best(models).W.values
stairs = np.array([dimensions_per_feature(W) for W in W60])
ax = tm.plots.dimensions_per_feature(density, stairs)
ticks = ax.set_xticks([1, 2, 3, 4, 6, 10], [1, 2, 3, 4, 6, 10])

# %% [markdown]
# It starts at 1, slides down, and then stops for a while. At which height? From where to where?
#
# ## Exercise 4.5: read the staircase
#
# Here `x` is 1 / density, in ascending order. Two lines again.


# %%
def plateau(x, values, level):
    """The first and the last x (k,) at which `values` (k,) are within 0.05 of `level`."""
    return ...


check("4.5", plateau)

# %%
for level in (1, 1 / 2):
    first, last = plateau(1 / density, stairs, level)
    print(f"D* = {level} from 1 / density = {first:.2f} to {last:.2f}")

# %% [markdown]
# With 1 / density between about 2 and 4, a feature gets half a dimension, whatever the density. **Guess** which shape
# has 1/2. Then look at the models: the feature graph joins features that are not orthogonal.

# %%
chosen = [abs(1 / density - at).argmin() for at in (1.5, 2.6, 4.6, 9.1)]
titles = [f"1 / density = {1 / density[k]:.1f}" for k in chosen]
panels = tm.plots.panels(tm.plots.feature_graph, W60[chosen], titles, panel_inches=2.4)
for title, V in zip(titles, W60[chosen], strict=True):
    print(f"{title}: {polytopes.describe(polytopes.recognise(V))}")

# %% [markdown]
# On the plateau: ten digons, two features to a dimension. Pairs are so good a bargain that models keep to them over a
# wide range of densities. Then, as in lesson 3, other arrangements become cheaper: larger shapes appear (at 4.6
# three pentagons and a square antiprism), and in the end all features are in one tangle.
#
# The last picture has a dot for each feature of all models, at its own $D_i$. **Predict**: where do the dots crowd at
# 1 / density = 2.6? And on the left, where $D^* = 1$?

# %%
D = np.array([dimensionality(V) for V in W60])
ax = tm.plots.dimensionality(density, D, shown=geometry.norms(W60) > 0.1)
ticks = ax.set_xticks([1, 2, 3, 4, 6, 10], [1, 2, 3, 4, 6, 10])
print("sum of D_i, least and most of all models:", D.sum(1).min().round(2), D.sum(1).max().round(2))
print("D_i at density 1: mean", D[0].mean().round(3), " from", D[0].min().round(3), "to", D[0].max().round(3))

# %% [markdown]
# A cluster at 1/2, as it should be. Where the pairs give way some features sit at 2/5 and 3/8, pentagons and square
# antiprisms, before they are lost in the crowd. (The dots near 0, up to 1 / density = 2.4, are features with short
# directions, all but dropped.) And through all of this the sum of the $D_i$ stays at 10: dimensions are neither won nor
# lost, only shared out differently.
#
# The left end is a surprise: $D^*$ is 1, and yet no feature has a dimension to itself. Features that are always on and
# equally important give no reason to prefer one to another: every ten-dimensional subspace is as good as any. So the
# model keeps ten features' worth of squared length, but mixes all 60: $D_i$ is 10/60 on average.
#
# ## What we saw
#
# - $D_i$ is the fraction of a dimension that a feature has: 1 alone, 1/2 in a digon, 2/3 in a triangle, $2/k$ in a
#   polygon, 3/4 in a tetrahedron, 3/8 in a square antiprism. The sum is at most the number of dimensions.
# - Orthogonal parts do not see each other: in a tegum product each feature keeps its $D_i$.
# - Training finds these shapes: pentagon, octahedron, square antiprism. In large models pairs come first, then
#   pentagons and antiprisms, then tangles.
# - So $D^*$ goes down in steps: it stays at 1/2 while features come in pairs.
#
# Read on: [Toy Models of Superposition](https://transformer-circuits.pub/2022/toy_model/index.html), section "The
# Geometry of Superposition".
#
# ## Try it yourself
#
# - Twelve features in three dimensions, density 0.01: which solid? (`polytopes.recognise` knows it.)
# - Let one of the five features of the pentagon be on more often:
#   `tm.Independent(5, density=np.array([0.1, 0.05, 0.05, 0.05, 0.05]))`. Does the pentagon stay regular? Is the sum of
#   the $D_i$ still 2? (`alignment.neighbour_angles` tells the angles.)
# - Train the staircase with more features (120 in 20 dimensions). Does the plateau move?
