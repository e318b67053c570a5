# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # 1. Features and directions

# %% [markdown]
# *About 35 minutes.* A neural network turns its input into lists of numbers. What do these numbers stand for? A common
# answer: the network knows *features*, such as "there is a curved edge here" or "this text is French", and each
# feature is a *direction* in the space of its activations. In a real network nobody knows the true features. So let us
# build a world in which we do: we make the features ourselves, train the smallest network that has to squeeze them
# through a bottleneck, and look at what it did.
#
# At the end of this lesson you know what a model *without* nonlinearity does, and why: it does PCA. It is the
# background before which superposition, in the next lesson, is a surprise.
#
# **How exercises work.** Replace the dots `...` by your own line and run the cell. The check tells you what is wrong,
# or what your answer means. Stuck? In a cell of its own, run `hint("1.1")`, then `hint("1.1", 2)`
# and `hint("1.1", 3)`, finally `solution("1.1")`.
#
# **Short of time?** Skip exercises 1.1, 1.5 and 1.6, which is the end of the lesson after the five densities. To skip
# an exercise run `solution("1.1")`: it shows the function and defines it, so that the cells after it work.

# %%
import jax
import numpy as np

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.theory import linear
from toymodels.workshop import begin, check, hint, solution

begin(1)

# %% [markdown]
# ## Features are rare
#
# Most features are absent from most inputs: few images have a dog's ear, few sentences are about baseball. Our
# world has *n* features. Each is *on* with a small probability *p*, the **density**, independently of the others. A
# feature that is on has a value between 0 and 1, all equally likely; one that is off is 0. (The literature also says
# *sparsity*: S = 1 - p.)
#
# Here are eight samples of five features. **Columns are samples**, rows are features, as in the papers' formulas.

# %%
features = tm.Independent(n_features=5, density=0.3)
x = np.asarray(features.sample(jax.random.key(0), 8))
x.round(2)

# %% [markdown]
# ### Exercise 1.1
# How often is each feature on? Count before you compute: in the table above, row by row.


# %%
def measured_density(x):
    """The share of samples in which each feature is on: from x (n, batch), n numbers."""
    return ...


check("1.1", measured_density)

# %% [markdown]
# Eight samples say little. With 100,000 the measured densities lie close to the true one. Beside them: the mean of each
# feature, and the mean of its square.
#
# **Predict first.** A feature is on in 3 of 10 samples, and then 1/2 on average. What is its mean? And what is the mean
# of x² for a number x that is uniform on [0, 1]?

# %%
x = np.asarray(features.sample(jax.random.key(1), 100_000))
print("density  ", measured_density(x).round(3))
print("mean     ", x.mean(axis=1).round(3))
print("mean x²  ", (x**2).mean(axis=1).round(3))

# %% [markdown]
# So E[x] = p/2, and E[x²] = p · ∫ x² dx = p/3.
#
# ### Exercise 1.2
# Suppose a model ignores a feature, and always guesses the same number for it. The best guess is the mean, p/2, and
# what it then loses, on average and squared, is the **variance**, E[x²] - E[x]². This one formula prices all that
# follows.


# %%
def variance(p):
    """The variance of a feature of density p."""
    return ...


check("1.2", variance)

# %%
print("measured", x.var(axis=1).round(4), " formula", round(variance(0.3), 4))
for p in (1, 0.3, 0.1, 0.01):
    print(f"density {p:4}: ignoring a feature costs {variance(p):.4f}")

# %% [markdown]
# ## A direction for each feature
#
# Now the model. It has *m* hidden dimensions, fewer than features: m < n. It encodes by a matrix W (m, n),
#
# > h = W x,
#
# and decodes by the same matrix, transposed, and a bias b, one number per feature:
#
# > x′ = Wᵀ h + b.
#
# Look at the columns of W. If only feature i is on, then h = xᵢ Wᵢ, a multiple of column i. That column is the
# *direction* which represents feature i. Let us draw one by hand, five arrows in a plane.

# %%
W = np.array([[1.0, 0.0, 0.6, 0.0, 0.0], [0.0, 1.0, 0.8, 0.1, 0.0]])
ax = tm.plots.directions(W)

# %% [markdown]
# **Predict.** The arrow between the two others is feature 2. If it alone is on, what will the
# model say about features 0 and 1? And what does it say if only feature 4, the dot in the middle, is on?
#
# ### Exercise 1.3


# %%
def reconstruct(W, b, x):
    """What the linear model answers, (n, batch): from W (m, n), b (n,) and x (n, batch)."""
    return ...


check("1.3", reconstruct)

# %% [markdown]
# Give it five samples, in each of which one feature alone is on with the value 1: that is the identity matrix. Column i
# of the result is the answer to feature i.

# %%
print("lengths of the arrows", geometry.norms(W))
reconstruct(W, np.zeros(5), np.eye(5)).round(2)

# %% [markdown]
# With b = 0 this is the matrix **WᵀW**, and it is worth learning to read, because most pictures of this workshop show
# it:
#
# - on the diagonal the squared lengths ‖Wᵢ‖²: 1 if a feature comes back in full, 0 if the model never saw it;
# - off the diagonal the scalar products Wᵢ·Wⱼ, the **interference**: what output j is told when feature i is on.
#
# Column 2 reads: "feature 2 is there, *and* .6 of feature 0, *and* .8 of feature 1". Two of these three are lies.
#
# ## What matters, and how much
#
# Not all features are equally useful. Each gets a weight, its **importance** Iᵢ, and the loss is
#
# > mean over samples and features of Iᵢ (xᵢ - x′ᵢ)².
#
# (The paper's text writes the sum over features, its program takes the mean; so does this library.)
#
# ### Exercise 1.4


# %%
def loss(x, x_hat, importance):
    """The loss, one number: from x and x_hat (n, batch), and importance (n,)."""
    return ...


check("1.4", loss)

# %% [markdown]
# Here is what five features of falling importance cost if nothing is represented (W = 0, each output its best guess
# p/2), and what the hand-made W costs: first with b = 0, then with the best bias it can have, which makes the mean of
# each output right.

# %%
importance = 0.7 ** np.arange(5)
print("importance           ", importance.round(2))
mean = x.mean(axis=1)
for name, weights in (("nothing represented  ", 0 * W), ("drawn by hand        ", W)):
    best_bias = mean - weights.T @ (weights @ mean)
    for bias in (np.zeros(5), best_bias):
        print(name, f"{loss(x, reconstruct(weights, bias, x), importance):.4f}", bias.round(2))

# %% [markdown]
# The hand-made W takes a third of the loss away. (And a bias is worth having.) Surely one can do better?
#
# **Predict.** You have two dimensions for these five features. Where would you put the five arrows? Would you give
# feature 2 a place between the first two, as above? Decide before you run the next cell, which trains the model. It
# takes a few seconds, most of them for the compiler.

# %%
model = tm.Autoencoder(n_features=5, n_hidden=2, output_activation=tm.identity)  # x′ = WᵀWx + b
task = tm.Task(features, importance=importance)
recipe = tm.Recipe(steps=1_000, learning_rate=0.1)  # large steps: a linear model is easy to train
run = tm.train(model, task, recipe, seed=0, progress=False)
ax = tm.plots.directions(run.W[0], importance=importance)
print("lengths", geometry.norms(run.W[0]).round(2), " loss", run.loss[0].round(4))

# %% [markdown]
# Two arrows of length 1 at a right angle, and three dots at the origin: the two most important features get a dimension
# each, and nothing else is represented. The loss is little more than half of ours: an arrow between two others tells
# more lies than truths. Train with another seed: the pair of arrows is turned or mirrored, but the lengths and the
# angle stay. Nobody told the model where to put its axes, and WᵀW is the same for all rotations of the hidden space.
#
# ## Do rare features get along better?
#
# If features are rare, two of them rarely meet. Then they could share a direction and rarely get in each other's way.
# **Predict:** from which density on will the model represent a third feature? The next cell trains five densities side
# by side, in about five seconds.

# %%
densities = [1.0, 0.3, 0.1, 0.03, 0.01]
grid = tm.sweep(model, task, recipe, over={"density": densities}, seed=3, progress=False)
panels = tm.plots.panels(
    tm.plots.directions, grid.W.values, titles=[f"density {p}" for p in densities], importance=importance
)

# %% [markdown]
# Never. To the linear model the world looks the same at each density.
#
# ### Exercise 1.5
# What is the least loss that a linear model can have? It represents the m most important features exactly, and pays the
# variance for each of the others, weighted by its importance. (Do not rely on an order of `importance`. The function
# `variance` is at hand.)


# %%
def best_loss(importance, p, n_hidden):
    """The loss of the best linear model: one number, from importance (n,) and density p."""
    return ...


check("1.5", best_loss)

# %%
print("density   trained   closed form   the library's")
for p, trained in zip(densities, grid.loss.values, strict=True):
    world = tm.Independent(n_features=5, density=p)
    bound = linear.lower_bound(world.mean(), world.second_moment(), 2, importance) / 5
    print(f"{p:7} {trained:9.5f} {best_loss(importance, p, 2):13.5f} {bound:15.5f}")

# %% [markdown]
# The trained losses agree with the formula, within a percent or two: they are measured on random samples.
#
# And now the reason becomes visible. The loss of a linear model depends on the data through means and covariances only,
# and the covariance of independent features is variance(p) times the identity. So with the best bias
#
# > loss = variance(p) × (something that depends on W and the importance, but not on p).
#
# Density is only a factor of the whole. It cannot change *which* W is best. Whether a feature is on rarely and
# strongly or always and weakly, a linear model cannot tell.
#
# ## It is PCA
#
# The linear model that loses least has a name. Scale each feature by √Iᵢ, and find the directions in which the data
# vary most: the first principal components, eigenvectors of the covariance matrix with the largest eigenvalues.
# *Principal component analysis*, PCA, keeps these and forgets the rest.
#
# How do we compare it with W? The rows of W may be any basis of the same plane. But the **projector** onto a plane does
# not depend on the basis: it is V Vᵀ, if the columns of V are orthonormal and span the plane. And for a trained linear
# model, WᵀW is such a projector.
#
# ### Exercise 1.6
# Three short lines. You may want `np.cov`, in which rows are variables, as ours are, and `np.linalg.eigh`, which sorts
# eigenvalues from small to large and gives eigenvectors as columns.


# %%
def pca_projector(x, importance, n_hidden):
    """The projector (n, n) onto the first n_hidden components of √I_i x_i; x is (n, batch)."""
    return ...


check("1.6", pca_projector)

# %%
projector = pca_projector(x, importance, 2)
print(projector.round(2) + 0.0)
print("largest difference from WᵀW:", abs(projector - run.W[0].T @ run.W[0]).max().round(3))

# %% [markdown]
# No gradient was taken for this projector, and yet it is the trained model, within .02.
#
# So far PCA found features. It does not always. Let four equally important features come in two pairs: 0 and 1
# are always on together (each with a value of its own), and so are 2 and 3.
#
# **Predict.** Two dimensions: which features will the linear model keep? One of each pair? A whole pair?

# %%
pairs = tm.CorrelatedSets(((0, 1), (2, 3)), density=0.2)
small = tm.Autoencoder(n_features=4, n_hidden=2, output_activation=tm.identity)
paired = tm.train(small, tm.Task(pairs), recipe, seed=0, progress=False)
sample = np.asarray(pairs.sample(jax.random.key(2), 100_000))
print("WᵀW of the trained model\n", (paired.W[0].T @ paired.W[0]).round(2) + 0.0)
print("PCA\n", pca_projector(sample, np.ones(4), 2).round(2) + 0.0)

# %% [markdown]
# No feature at all! It keeps the two *sums*, x₀ + x₁ and x₂ + x₃, and hands half of each to both outputs. A linear
# model knows directions of large variance, and nothing of features. Where it seems to have found features, that is
# because they happened to be those directions.
#
# ## One small change
#
# Below is the playground: five features, two dimensions, training live. It starts with the linear model. Watch the
# arrows settle, and move the density: they stay. Then set the activation to *relu*, and move the density again.

# %%
tm.Playground(n=5, m=2, density=0.1, decay=0.7, activation="linear")

# %% [markdown]
# ## What we saw
#
# - A feature is represented by a direction: column Wᵢ. Its squared length, on the diagonal of WᵀW, tells how much of
#   it comes back; scalar products with other columns are interference.
# - A linear model with m dimensions represents exactly the m most important of equally dense features, at right angles,
#   however dense or sparse they are. Its loss is known in closed form.
# - It is PCA: it sees means and covariances only. A feature is to it no more than a variance, and a sum of features
#   is as good as a feature.
# - With a ReLU all this changes. That is lesson 2.
#
# **Read on:** Elhage et al. 2022,
# [Toy Models of Superposition](https://transformer-circuits.pub/2022/toy_model/index.html),
# "Definitions and Motivation" and "Demonstrating Superposition".
#
# **Try it yourself**
#
# - Give all features the same importance, `tm.Task(features)`, and train the linear model with a few seeds. Do features
#   still have an arrow of their own? Why do all seeds have the same loss?
# - Give the *least* important feature a density of its own, `density=[0.02, 0.02, 0.02, 0.02, 0.9]`. Now rareness does
#   matter. Which number decides what is kept?
