# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # 2. The first superposition

# %% [markdown]
# *About 35 minutes.* A linear model with two dimensions represents two features, however rare they are. That was
# lesson 1. Now we change one thing: the output passes through a ReLU, which cuts off what is negative.
#
# > x′ = ReLU(Wᵀ W x + b)
#
# You will see five features move into two dimensions, rebuild by hand what the model found, and find out what the
# ReLU and the bias do there, and why it pays only if features are rare.
#
# Exercises work as in lesson 1: replace the dots and run the cell. `hint("2.1")`, `hint("2.1", 2)` and `hint("2.1", 3)`
# help, and finally `solution("2.1")`.
#
# **Short of time?** Skip exercise 2.1, with `solution("2.1")`, and "Getting stuck".

# %%
import math
from collections import Counter

import numpy as np

import toymodels as tm
from toymodels.analysis import alignment, geometry, polytopes
from toymodels.workshop import begin, check, hint, solution

begin(2)

# %% [markdown]
# ## Five features, two dimensions, three densities
#
# The features are as in lesson 1: on with probability p, the density, and then uniform on [0, 1]. Importance falls
# slowly, 1, .9, .81, ...
#
# **Predict.** How many of the five features will the model represent at density 1 (all features always on)? At .2? At
# .1? Sketch the arrows before you run the cell. It trains eight restarts of each in a few seconds and keeps the best.

# %%
importance = 0.9 ** np.arange(5)
model = tm.Autoencoder(n_features=5, n_hidden=2)  # x′ = ReLU(WᵀWx + b)
task = tm.Task(tm.Independent(n_features=5), importance=importance)
recipe = tm.Recipe(steps=1_000, learning_rate=0.03)
densities = [1.0, 0.2, 0.1]
grid = tm.sweep(model, task, recipe, over={"density": densities}, restarts=8, progress=False)
best = tm.sweeps.best(grid, "restart")
titles = [f"density {p}" for p in densities]
panels = tm.plots.panels(tm.plots.directions, best.W.values, titles, importance=importance)

# %% [markdown]
# Two, four, five! When everything is always on, the model does as a linear one would. Rarer features come in two
# *antipodal pairs*, each on a line. Still rarer, all five are there, in a **pentagon**. More features than
# dimensions, each with an arrow of its own: this is **superposition**.
#
# The same three models as matrices: WᵀW, and the bias b beside it. Red is positive, blue negative, white 0.


# %%
def matrix(i, ax):
    return tm.plots.weight_matrix(best.W.values[i], best.b.values[i], ax=ax)


panels = tm.plots.panels(matrix, range(3), titles, panel_inches=2.6)
panels[0].figure.get_layout_engine().set(wspace=0.4)
print("represented:", geometry.n_represented(best.W.values), "of 5")
print("biases at density .1:", best.b.values[2].round(2))

# %% [markdown]
# Each column tells what the outputs are told when that feature is on. In the middle, a feature and its partner get
# opposite messages. On the right each feature disturbs all the others: two a bit positively (pale red), two strongly
# negatively (blue). And the biases have become negative. Why does the model do this? Let us build it.
#
# ## A pentagon by hand
#
# ### Exercise 2.1
# Place n arrows of length 1 evenly on the circle, one per column. (Which one comes first does not matter.)


# %%
def polygon(n):
    """W of shape (2, n): n unit vectors at equal angles."""
    return ...


check("2.1", polygon)

# %%
print("angles between neighbours in the trained model:", alignment.neighbour_angles(best.W.values[2]).round(0))
print("and in yours:                                  ", alignment.neighbour_angles(polygon(5)).round(0))
print(geometry.gram(polygon(5)).round(2))

# %% [markdown]
# Neighbours are 72° apart, and cos 72° = .31; the two opposite ones are at 144°, and cos 144° = -.81. (The trained
# one is not quite regular: more important features get a little more room.)
#
# **Predict.** Let feature 0 alone be on, with the value 1, and b = 0. What are the five outputs? Which of them are
# wrong?
#
# ### Exercise 2.2


# %%
def reconstruct(W, b, x):
    """What the ReLU model answers, (n, batch): from W (m, n), b (n,) and x (n, batch)."""
    return ...


check("2.2", reconstruct)

# %%
pair = np.array([[1.0, -1.0]])
print("pentagon, b = 0:\n", reconstruct(polygon(5), np.zeros(5), np.eye(5)).round(2))
print("antipodal pair in one dimension, b = 0:\n", reconstruct(pair, np.zeros(2), np.eye(2)).round(2))

# %% [markdown]
# Compare with WᵀW above: every -.81 has become 0. **Negative interference is free**, because the ReLU cuts it off.
# What is left are false alarms of .31 at two neighbours.
#
# For the antipodal pair nothing is left at all: *two* features in *one* dimension without any error, as long as they
# are not on together. (What happens if both are on, with the same value? Look at h = W x.)
#
# ## What the bias is for
#
# The pentagon's false alarms are weak, .31 against 1. A negative bias silences them. Let x be at most 1.
#
# ### Exercise 2.3
# For each output j: which bias, as near to 0 as possible, keeps it silent whatever *one other* feature is on? And what
# does your answer say about the antipodal pair?


# %%
def silencing_bias(W):
    """n biases, at most 0, that keep all outputs silent but that of the feature that is on; W is (m, n)."""
    return ...


check("2.3", silencing_bias)

# %%
print("pentagon      ", silencing_bias(polygon(5)).round(2))
print("antipodal pair", silencing_bias(pair) + 0.0)
x = np.eye(5)[:, :1] * np.array([1.0, 0.6, 0.3])  # feature 0 alone, at three values
reconstruct(polygon(5), silencing_bias(polygon(5)), x).round(2)

# %% [markdown]
# Silence at last; but at a price: the feature itself comes back too small, 1 as .69 and .3 as nothing. The bias takes
# from everybody.
#
# What could make up for that? Longer arrows: with length r, the output is r² x + b. But then false alarms grow, too.
# Let us weigh the two against each other: the squared error of the feature itself, and that of the four others, on
# average over x between 0 and 1. (In closed form this is `tm.theory.expansion.one_on`.)
#
# **Predict.** Which of the five lines will have the lowest loss? The last one is about what training finds at density
# .05.

# %%
x = np.zeros((5, 1001))
x[0] = np.linspace(0, 1, 1001)  # feature 0 alone, at all values
print("length   bias   own error   false alarms     sum")
for length, bias in [(1, 0), (1, -0.309), (1.134, 0), (1.134, -0.397), (1.134, -0.245)]:
    errors = ((x - reconstruct(length * polygon(5), np.full(5, bias), x)) ** 2).mean(axis=1)
    print(f"{length:6.3f} {bias:6.3f} {errors[0]:11.4f} {errors[1:].sum():14.4f} {errors.sum():7.4f}")

# %% [markdown]
# Neither extreme is good. Arrows somewhat longer than 1 and a bias that silences most, but not all, of the false
# alarms make the loss four times as small. The trained model solved this problem by gradient descent; look at its
# biases again, above.
#
# ## How much of a dimension does a feature have?
#
# In the pentagon, all other features together are seen along the direction of feature 0 with the strength
# 2 · .31² + 2 · .81² = 1.5. This sum is called its **interference**. The feature itself has 1² = 1. So its share is
# 1 / (1 + 1.5). In general the **dimensionality** of feature i is
#
# > Dᵢ = ‖Wᵢ‖² / Σⱼ (Ŵᵢ · Wⱼ)²,
#
# where Ŵᵢ is Wᵢ scaled to length 1, and the sum runs over all j, i included.
#
# ### Exercise 2.4
# **Predict** Dᵢ for a feature at right angles to all others, in an antipodal pair, and in a pentagon.


# %%
def dimensionality(W):
    """D_i of each feature, n numbers; W is (m, n), and no column is 0."""
    return ...


check("2.4", dimensionality)

# %%
print("represented   dimensionalities                sum")
for W in best.W.values:
    there = geometry.represented(W)
    D = dimensionality(W[:, there])
    print(f"{there.sum():11}   {D.round(2)!s:30} {D.sum():5.2f}")

# %% [markdown]
# 1 each, then about 1/2, then about 2/5. There are two dimensions, and here they are shared out completely: the sum
# is 2 (it can never be more). Superposition divides dimensions. Lesson 4 finds other fractions: 2/3, 3/4, 3/8.
#
# ## Why only if features are rare?
#
# So far one feature at a time was on, and there the pentagon is nearly perfect. It suffers if several are on: their
# alarms add up. So it matters how often that happens.
#
# ### Exercise 2.5
# n features are on with probability p each, independently. What is the probability that exactly k are on?
# (`math.comb(n, k)` is the number of ways to choose k of n.)


# %%
def probability_on(n, p, k):
    """The probability that exactly k of n features are on, each with probability p."""
    return ...


check("2.5", probability_on)

# %%
for p in (0.5, 0.2, 0.1, 0.05):
    chances = [probability_on(5, p, k) for k in range(6)]
    print(f"density {p:4}:", "  ".join(f"{k} on {chance:.3f}" for k, chance in enumerate(chances)))

# %% [markdown]
# At density .05, two or more features are on in 2 of 100 samples only. Now the loss of three arrangements, measured
# while exactly k features are on, all equally important: two features with a dimension each; two antipodal pairs; the
# pentagon.
#
# **Predict.** Where is the pentagon the best of the three, and where the pairs?

# %%
arrangements = {
    "two alone": (np.eye(2, 5), np.zeros(5)),
    "two pairs": (np.array([[1.0, -1, 0, 0, 0], [0, 0, 1, -1, 0]]), np.zeros(5)),
    "pentagon": (1.134 * polygon(5), np.full(5, -0.245)),
}
random = np.random.default_rng(0)
losses = {name: [] for name in arrangements}
for k in range(6):
    on = random.random((5, 50_000)).argsort(axis=0) < k  # exactly k in each column
    x = on * random.random(on.shape)
    for name, (W, b) in arrangements.items():
        losses[name].append(((x - reconstruct(W, b, x)) ** 2).mean())
for name in arrangements:
    print(f"{name}:", "  ".join(f"{k} on {loss:.4f}" for k, loss in enumerate(losses[name])))

# %% [markdown]
# With one feature on, the pentagon wins by far. From two on it loses against the pairs. What a model pays at density
# p is the sum of these numbers, each times its probability, which you have:

# %%
print("density  ", "   ".join(arrangements), "   best")
for p in (0.5, 0.3, 0.2, 0.1, 0.05, 0.02):
    chances = [probability_on(5, p, k) for k in range(6)]
    cost = {name: np.dot(chances, losses[name]) for name in arrangements}
    print(f"{p:7}", *(f"{value:11.4f}" for value in cost.values()), "  ", min(cost, key=cost.get))

# %% [markdown]
# In dense data features meet all the time, and to be wrong then is expensive. In sparse data they hardly meet, and it
# is expensive to be ignorant of one. Here the order changes near density .3. (These three arrangements are fixed.
# Free to choose lengths and biases at each density, trained models change over between .3 and .2, too. And features
# without an arrow have b = 0 here; with their best bias, p/2, "two alone" wins at density 1.)
#
# ## Getting stuck
#
# We trained eight restarts and kept the best. Was that necessary? Here are 32 initialisations at density .15, all
# features equally important. **Predict:** how many of them end as a pentagon?

# %%
equal = tm.Task(tm.Independent(n_features=5, density=0.15))
run = tm.train(model, equal, recipe, restarts=32, progress=False)
found = [polytopes.describe(polytopes.recognise(W)) for W in run.W]
print(Counter(found))
places = [0, 8, 16, 24, 28, 31]  # sorted by loss, the best first
titles = [f"loss {loss:.4f}" for loss in run.loss[places]]
panels = tm.plots.panels(tm.plots.directions, run.W[places], titles)

# %% [markdown]
# Two arrangements are found again and again: the pentagon, with the lower loss, and two pairs with the fifth feature
# left out. (A *digon* is an antipodal pair; *dedicated* means a dimension of its own.) Both are **local minima**:
# once the pairs have formed, a small arrow for the fifth feature disturbs the others more than it helps. Ten times as
# many steps do not change that. Which of the two a run finds depends on where it starts. So toy models are trained
# many times, and a single run proves little.
#
# ## Try it live
#
# Press *New seed* until the playground gives you two pairs instead of a pentagon. Then lower the density, slowly,
# until the pairs break up. Raise it again: do they come back at the density at which they left?

# %%
tm.Playground(n=5, m=2, density=0.15, decay=1.0)

# %% [markdown]
# ## What we saw
#
# - With a ReLU, rare features are put in superposition: two, then four, then five features in two dimensions.
# - Negative interference is free; the ReLU cuts it. Positive interference is silenced by a negative bias, and longer
#   arrows make up for what the bias takes away.
# - In a pentagon each feature has 2/5 of a dimension. Shares never sum up to more than m.
# - It pays because two rare features are rarely on together: p against p². And training finds it often, not always.
#
# **Read on:** Elhage et al. 2022, [Toy Models of
# Superposition](https://transformer-circuits.pub/2022/toy_model/index.html), "Demonstrating Superposition"; for the
# loss by the number of features that are on, "Mathematical Understanding".
#
# **Try it yourself**
#
# - Train six features in two dimensions, `tm.Autoencoder(6, 2)`, at density .05. Do you get a hexagon? How often?
#   What is D?
# - Three arrows at 120°, a *triangle*: what does `silencing_bias` say about it? Yet three features in two dimensions
#   rarely form one. Train them at density .2. What do you find, and why is it better when *two* features are on?
