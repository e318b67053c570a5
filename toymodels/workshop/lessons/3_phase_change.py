# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # 3. Phase change: derive the borders, then train them
#
# Two features, one hidden dimension: the smallest place in which superposition can happen. It is so small that you can
# work out with pen and paper what training will find, and at which density and importance the answer changes. Then you
# train 1,536 models and lay your lines over them.
#
# About 35 minutes. You need: a pencil.
#
# **Short of time?** Skip exercise 3.5, with `solution("3.5")`, and the walk through the map under "Why it jumps".

# %%
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.workshop import begin, check, hint, solution

plt.rcParams.update(tm.plots.style())  # small text, thin lines

begin(3)

# %% [markdown]
# ## Three things can happen
#
# Two features $x$ and $y$. Each is on with probability $p$, the **density**, and then uniform on $[0, 1]$; else it
# is 0. The first has importance 1. The second, the *extra* one, has importance $r$. The model is the one you know:
#
# $$\begin{pmatrix} x' \\ y' \end{pmatrix} = \mathrm{ReLU}(W^T W \begin{pmatrix} x \\ y \end{pmatrix} + b),
# \qquad W = (W_1, W_2),$$
#
# but now each direction $W_i$ is a single number. In this lesson the loss is the *sum* over features,
# $L = E\,[(x - x')^2 + r\,(y - y')^2]$, where $E$ is the mean over inputs. (The library takes the mean over features as
# well, which is half of it here.)
#
# **Predict.** We train three models: dense features and a rather unimportant extra one; sparse features; dense features
# and an extra one that is five times as important. What will $W$ be in each? The cell takes about six seconds.

# %%
model = tm.Autoencoder(n_features=2, n_hidden=1)
task = tm.Task(tm.Independent(n_features=2, density=0.5), importance=np.ones(2))
recipe = tm.Recipe(steps=500, batch_size=128, learning_rate=5e-2)

settings = [
    {"density": 0.8, "importance[1]": 0.2},
    {"density": 0.1, "importance[1]": 0.5},
    {"density": 0.8, "importance[1]": 5.0},
]
trials = tm.sweep(model, task, recipe, over=settings, restarts=6)
three = tm.sweeps.best(trials)  # of the six restarts of each setting, the best one
for setting, W, b in zip(settings, three.W.values, three.b.values, strict=True):
    print(setting, " W =", W.round(2), " b =", b.round(2))

# %% [markdown]
# Signs do not matter: $W$ and $-W$ are the same model. Three outcomes are left:
#
# - the extra feature is **ignored**: $W = (1, 0)$;
# - both share the dimension as an antipodal pair, in **superposition**: $W = (1, -1)$;
# - the dimension is **dedicated** to the extra feature, and the first one is dropped: $W = (0, 1)$.
#
# Look at $b$ too. What does the bias of a feature without a direction remind you of? (Its mean is $p/2$.)
#
# ## Exercise 3.1: which of the three?
#
# A feature counts as represented if its direction is longer than 1/2. `W` has the shape (1, 2). This may take three
# lines.


# %%
def outcome(W):
    """What became of the second feature of W (1, 2): "ignored", "superposed" or "dedicated"."""
    return ...


check("3.1", outcome)

# %%
[outcome(W) for W in three.W.values]

# %% [markdown]
# ## What does each of them cost?
#
# Training picks what costs least. So let us price the three.
#
# **Ignored**, $W = (1, 0)$. The first feature is perfect: $x' = \mathrm{ReLU}(x) = x$. The second output is a
# constant, $y' = b_2$. The best constant is the mean of $y$, and what remains is its variance.
#
# A uniform number on $[0, 1]$ has the mean 1/2 and the mean square 1/3. But $y$ is on only with probability $p$, and
# else 0.
#
# ## Exercise 3.2: the loss of ignoring
#
# Take the pencil first: what are $E\,y$ and $E\,[y^2]$, zeros included?


# %%
def loss_ignored(r, p):
    """The loss if the extra feature, of importance r and density p, is ignored."""
    return ...


check("3.2", loss_ignored)

# %%
print("derived:", loss_ignored(0.2, 0.8))
print("trained:", 2 * three.loss.values[0])

# %% [markdown]
# Dedicated is the same with the parts exchanged: now the first feature, of importance 1, is lost. That costs
# `loss_ignored(1, p)`, whatever $r$ is.
#
# **Superposed**, $W = (1, -1)$, no bias. Then $x' = \mathrm{ReLU}(x - y)$ and $y' = \mathrm{ReLU}(y - x)$.
#
# **Predict**: which inputs does this model get wrong? Try $(x, y) = (0.7, 0)$, then $(0, 0.7)$, then $(0.7, 0.4)$.
#
# ## Exercise 3.3: the loss of an antipodal pair
#
# When both are on, both outputs err by the smaller of the two numbers (check it with your example). For uniform
# $x$ and $y$ the mean of $\min(x, y)^2$ is 1/6.


# %%
def loss_pair(r, p):
    """The loss if the two features, of importance 1 and r and density p, are an antipodal pair."""
    return ...


check("3.3", loss_pair)

# %%
print("pair:     derived", round(loss_pair(0.5, 0.1), 5), " trained", round(2 * float(three.loss[1]), 5))
print("dedicated: derived", round(loss_ignored(1, 0.8), 5), " trained", round(2 * float(three.loss[2]), 5))

# %% [markdown]
# Three prices, so we can compare. Here they are at density 1/2, against the importance of the extra feature.
#
# **Predict** before you run it: which is the cheapest on the left, and which one on the right? Is there room for the
# pair in between?

# %%
r, p = np.linspace(0, 2.5, 26), 0.5
losses = np.stack([loss_ignored(r, p), loss_pair(r, p), np.full_like(r, loss_ignored(1, p))])
arrangement = ["ignored", "superposed", "dedicated"]
curves = xr.DataArray(losses, {"arrangement": arrangement, "importance": r}, name="loss")
ax = tm.plots.lines(curves, "importance", by="arrangement", over=None)

# %% [markdown]
# ## Exercise 3.4: the border
#
# At low $r$ it is best to ignore; where the first two curves cross, the pair takes over. Set your two losses equal and
# solve for $r$. (Densities below 4/5 only. You may want to see what happens there later.)


# %%
def border(p):
    """The importance r at which ignoring the extra feature and a pair lose the same, at densities p < 4/5."""
    return ...


check("3.4", border)

# %%
for p in (0.01, 0.1, 0.5, 0.7):
    print(f"density {p}: a pair from importance {border(p):.3f} to {1 / border(p):.3f}")

# %% [markdown]
# Why is the upper end one over the lower end? If the extra feature is 3 times as important as the first one, the first
# one is 1/3 times as important as it. The two have just changed places.
#
# Something is odd at density 0.7: the range is upside down. A pair never pays there. So there is a density at which the
# range closes, and there all three arrangements must cost the same.
#
# ## Exercise 3.5: where the three meet


# %%
def meeting_point():
    """The importance and the density at which all three arrangements lose the same."""
    return ...


check("3.5", meeting_point)

# %%
r, p = meeting_point()
print([round(float(loss), 4) for loss in (loss_ignored(r, p), loss_pair(r, p), loss_ignored(1, p))])

# %% [markdown]
# ## The map, before any training
#
# Every point of the plane, importance to the right and density upwards, belongs to its cheapest arrangement: that is
# your phase diagram. White: ignored; blue: superposed; orange: dedicated. The lines are your border, its mirror image,
# and the line $r = 1$ above the point where they meet.

# %%
importance, density = np.geomspace(0.1, 10, 16), np.geomspace(1, 0.1, 16)
rows = density[:, None]
ignored, pair, dedicated = loss_ignored(importance, rows), loss_pair(importance, rows), loss_ignored(1, rows)
predicted = np.argmin(np.broadcast_arrays(ignored, pair, dedicated), axis=0)  # 0, 1 or 2, the cheapest

sparse = np.geomspace(0.1, meeting_point()[1], 50)
derived = [(border(sparse), sparse), (1 / border(sparse), sparse), ([1, 1], [meeting_point()[1], 1])]
colors = tm.plots.CLASS_COLORS[predicted]
ax = tm.plots.phase_diagram(colors, importance, density, borders={"derived": derived})

# %% [markdown]
# ## Now train it
#
# 16 x 16 cells, six restarts in each: 1,536 models in one program, which takes about seven seconds. Each cell shows the
# best of its six. The colour is mixed from the length of $W_2$ and its interference, so nothing forces it to be one of
# your three.
#
# **Predict**: will the colours change gradually, or at a line? Will the line be yours?

# %%
grid = tm.sweep(model, task, recipe, over={"density": density, "importance[1]": importance}, restarts=6)
W = tm.sweeps.best(grid).W.values
colors = tm.plots.phase_colors(geometry.norms(W)[..., 1], geometry.interference(W)[..., 1])
ax = tm.plots.phase_diagram(colors, importance, density, borders={"derived": derived})

# %%
names = np.array(["ignored", "superposed", "dedicated"])
trained = np.array([[outcome(one) for one in row] for row in W])
print(f"cells in which training found what you derived: {(trained == names[predicted]).mean():.1%}")
for row, column in np.argwhere(trained != names[predicted]):
    print(f"density {density[row]:.2f}, importance {importance[column]:.2f}:", end=" ")
    print(f"derived {names[predicted[row, column]]}, trained {trained[row, column]}")

# %% [markdown]
# **They are your lines, almost.** A few cells of 256 differ (six with this seed), and all in the same way: training
# found superposition where you derived none. What did you assume that training need not respect? Think for a moment
# before you go on.
#
# You took lengths 1 and biases 0. Training moves both. In a pair it makes the less important direction shorter, so that
# it disturbs the more important one less, and gives its output a positive bias instead. (That is why the blue gets
# paler towards the left border and reddish towards the right one.) Such a pair costs less than yours, so its phase is
# larger. There is no short formula for the border then, but the library finds it numerically. Dashed: the border with
# free lengths and biases.

# %%
free = tm.theory.phases.free_border(density)
borders = {"derived": derived, "free lengths and biases": [(free, density), (1 / free, density)]}
ax = tm.plots.phase_diagram(colors, importance, density, borders=borders)
legend = ax.figure.legend(loc="outside upper center")
better = tm.theory.phases.phases_two_in_one(importance, rows, tm.theory.phases.free_border)
print(f"agreement with the dashed border: {(trained == names[better]).mean():.1%}")

# %% [markdown]
# And the meeting point? With free lengths the pair keeps a sliver of the map at importance 1, up to the densest
# features there are. Your (1, 4/7) is where the phases would meet if all directions had length 1.
#
# ## Why it jumps
#
# Walk through the map from left to right at density 1/2, in small steps of the importance. This time look at all twelve
# restarts of each step, not only at the best one. The cell takes about five seconds.
#
# **Predict**: as the importance rises, does the extra direction grow slowly from 0?

# %%
walk = np.linspace(0.35, 0.8, 19)
cut = tm.sweep(model, task, recipe, over={"importance[1]": walk}, restarts=12, seed=3)
lengths = geometry.norms(tm.sweeps.best(cut).W.values)[:, 1]
for r, length in zip(walk, lengths, strict=True):
    print(f"importance {r:.3f}: length {length:.2f}", "#" * round(40 * length))

# %% [markdown]
# From less than 0.1 to almost 0.8 in one step. Why? Here are the losses of all restarts. The grey line is the
# dashed border, 0.536 at this density.

# %%
became = np.array([[outcome(W) for W in step] for step in cut.W.values])
kinds = np.select([became == "superposed", became == "ignored"], [0, 1], -1)
ax = tm.plots.restarts(walk, 2 * cut.loss.values, kinds, names=["superposed", "ignored"])
ax.axvline(float(tm.theory.phases.free_border(0.5)), color="0.7", linewidth=0.8)
ax.set_xlabel("importance of the extra feature")
ax.set_ylabel("loss")
ax.set_ylim(0.03, 0.09)
legend = ax.legend()

# %% [markdown]
# Two lines that cross. On either side of the crossing there is a stretch in which *both* solutions are minima of the
# loss: some restarts end in one, some in the other. At the border they do not turn into each other; one simply becomes
# cheaper than the other. (The faint dots far above are restarts that were caught in yet worse minima.)
#
# The lowest loss, the lower edge of the picture, has no gap there, but it has a kink. Its slope is the error in the
# extra feature: about 0.10 while it is ignored (`loss_ignored(1, 0.5)`), and half of that when it is in a pair. In
# physics, a change in which the best state jumps and the slope of the energy has a kink is called a **phase change of
# first order**: water at 100 °C does not slowly turn into steam either. And as water can be heated above 100 °C for a
# while, models linger in the wrong phase.
#
# You can make one linger. The playground has two or three hidden dimensions, so here are three features with
# importances 1, 1/2 and 1/4 in two dimensions. The first one gets a dimension to itself. The second and third meet in
# the other one, and there the third has the relative importance 1/2.
#
# **Predict** with your border: at which density should the third feature be dropped? Then let it train until there is a
# pair, and raise the density slowly. Where does the third arrow vanish? Now lower it slowly. Where does it come back?

# %%
tm.Playground(n=3, m=2, density=0.3, decay=0.5)

# %% [markdown]
# Your border has importance 1/2 at density 4/9 = 0.44 (dashed: 0.48). But going up the pair holds until about 0.50, and
# coming down it forms again only at about 0.43, if you are patient. In between there are two minima, and the model
# stays in the one where it is. That is *hysteresis*, and it is what a first-order change looks like from inside.
#
# ## What we saw
#
# - Two features in one dimension have three phases: ignored, superposed, dedicated. Each is a minimum with a price.
# - Interference costs $p^2$, being ignored costs $p$. So sparse features superpose: the border is at
#   $r = 2p / (4 - 5p)$, and the three phases meet at importance 1 and density 4/7.
# - 1,536 trained models agree in all but a few cells, and free lengths and biases explain these.
# - At the border the minima cross and the solution jumps. Models can be caught on the wrong side.
#
# Read on: [Toy Models of Superposition](https://transformer-circuits.pub/2022/toy_model/index.html), section
# "Superposition as a Phase Change".
#
# ## Try it yourself
#
# - Walk at density 0.75 instead of 1/2, from importance 0.7 to 1. Does it still jump? (Look at the pale cells near the
#   top of the map.)
# - Three features in two dimensions: `tm.Autoencoder(3, 2)`, the importance of the third one varied. Predict first: if
#   the extra feature is the most important of the three and all are sparse, who forms the pair?
# - `tm.Autoencoder(2, 1, output_activation=tm.identity)` has no ReLU. Which of your phases is left?
