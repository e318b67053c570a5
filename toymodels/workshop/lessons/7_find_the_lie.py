# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # 7. Find the lie

# %% [markdown]
# *About 30 minutes.* Eight techniques of interpretability look at one model, and each says a sentence about it. The
# model is a pentagon, of which you know everything. You vote which sentences are true, and which are lies. Then you
# compute the number that decides.
#
# **Short of time?** Skip exercise 7.2 and the cell after it.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import toymodels as tm
from toymodels.arrays import unit_columns
from toymodels.techniques import attribution, edits, patching, probes, scrubbing, steering
from toymodels.workshop import begin, check, hint, solution

begin(7)

# %% [markdown]
# ## The suspect
#
# Five features, each on in 5% of the samples, in two dimensions: y = ReLU(Wᵀ h + b) with h = W x. Nothing is trained:
# `tm.cases` has the pentagon with the least loss.

# %%
case = tm.cases.polygon(5)
model = case.module()
x = case.task.features.sample(jax.random.key(0), 5_000)
h, y = model.encode(x), model(x)
W, b = np.asarray(model.W[...]), np.asarray(model.b[...])
figure = tm.plots.directions(W).figure
print("lengths", np.linalg.norm(W, axis=0).round(3), "bias", b.round(3))

# %% [markdown]
# ## Eight sentences
#
# | | technique | says |
# |---|---|---|
# | A | linear probe | "Only 40% of feature 0 can be read from h." |
# | B | mean difference | "Feature 0 points this way." |
# | C | participation ratio, from PCA | "There are two features." |
# | D | attribution patching, from an empty sample | "No feature does anything." |
# | E | LEACE, an eraser | "Feature 0 is gone, and that was the smallest possible change." |
# | F | steering, by four times the mean difference | "Now feature 0 is on, and nothing else is." |
# | G | causal scrubbing, by loss | "Output i depends on feature i alone. That explains 100%." |
# | H | gradient × input | "This is how much each feature contributed to output 0." |
#
# **Predict.** Write true, half or lie beside each letter before you go on.
#
# ## A and B: reading
#
# Scale and offset of what is read should not matter, so compare it with the truth by the squared correlation. For a
# least-squares fit that is R², the share of the variance that is explained.
#
# ### Exercise 7.1
# Of each row.


# %%
def r_squared(told, true):
    """The squared correlation of each row of told (n, samples) with the same row of true (n, samples): n numbers."""
    return ...


check("7.1", r_squared)

# %%
probe = probes.linear_probe(h, x).rows
print("A  linear probe:  ", r_squared(np.asarray(probe), np.asarray(x)).round(2))
print("   the model:     ", r_squared(np.asarray(y), np.asarray(x)).round(2))
d = np.asarray(probes.mean_difference(h, x).columns)
print("B  cosine of the mean difference with W_i:", (unit_columns(d) * unit_columns(W)).sum(0).round(3))

# %% [markdown]
# **A is half true.** No *line* reads more: five features that vary equally share two dimensions, 2/5 for each. But the
# model reads .88 and more from the same h, since its ReLU cuts off what neighbours say. **B is true**: the others are
# on as often with feature 0 as without it, so that they drop out of the difference.
#
# ## C: counting
#
# With variances λ along the axes of PCA, the participation ratio (Σ λ)² / Σ λ² says how many axes are in use.
#
# ### Exercise 7.2
# What is it for k equal variances?


# %%
def participation(variances):
    """(Σ λ)² / Σ λ² of variances λ (m,)."""
    return ...


check("7.2", participation)

# %%
for n in (3, 5, 8):
    other = tm.cases.polygon(n)
    seen = other.module().encode(other.task.features.sample(jax.random.key(0), 5_000))
    print(f"C  {n} features: {participation(np.linalg.eigvalsh(np.cov(seen))):.2f}")

# %% [markdown]
# **C is a lie.** It says two whether there are three features or eight: it counts dimensions.
#
# ## D and H: contributions
#
# Attribution patching replaces a patch by a slope. An effect of feature 0 at .6 is measured with slopes in the empty
# sample (from off), with slopes in the sample (from on), and by patching it.

# %%
graph, alone = tm.cases.switches(model), jnp.zeros((5, 1)).at[0].set(0.6)
print("D  from off:", patching.denoising_attribution(graph, alone).sizes[:5].round(3))
print("   from on: ", patching.noising_attribution(graph, alone).sizes[:5].round(3))
print("   patched: ", patching.denoising(graph, alone).sizes[:5].round(3))

# %% [markdown]
# **D is a lie.** In an empty sample each output is at b < 0, where the ReLU is flat. Feature 0 does .526. From on it is
# .771: the slope is right there, but the line does not know that the first .246 went into lifting b.
#
# H is about a sample with feature 0 at .9 and its neighbour 1 at .5. Contributions should add up to output 0.

# %%
two = jnp.zeros((5, 1)).at[0].set(0.9).at[1].set(0.5)
print(f"   output 0: {model(two)[0, 0]:.3f}")
for name in ("gradient × input", "integrated gradients", "Shapley values"):
    told = attribution.ATTRIBUTIONS[name](model=model, x=two).values[0, :, 0]
    print(f"H  {name:20} feature 0 {told[0]:.3f}, feature 1 {told[1]:.3f}, sum {told.sum():.3f}")

# %% [markdown]
# **H is a lie**, by the bias again: 1.356 was contributed to an output of 1.110. The other two add up (integrated
# gradients to .01, the length of their steps at the kink), and still do not agree about feature 1, which alone would do
# nothing to output 0. Neither is wrong: "contributed" has more than one meaning.
#
# ## E: erasing
#
# LEACE makes the smallest change of h after which no line finds feature 0. What do the others pay?
#
# ### Exercise 7.3
# From the R² of all features before and after, the share that the *others* lose: the mean of (before - after) / before.


# %%
def lost(before, after, i):
    """The mean share of their R² that all features but i lose. before and after have n numbers."""
    return ...


check("7.3", lost)

# %%
erased = edits.erasure(h, x).hidden[0]
before, after = (r_squared(np.asarray(probes.linear_probe(one, x).rows), np.asarray(x)) for one in (h, erased))
print("E  R² before:", before.round(2), " after:", after.round(2))
print(f"   the others lose {lost(before, after, 0):.2f} of theirs")

# %% [markdown]
# **E is half true.** Feature 0 is gone, and no smaller change does it. But the change takes one of two dimensions, and
# the others lose 3/8: (n - m) / (m (n - 1)), the square of what any two of them must share at least. Smallest is not
# small. The features in line with feature 0 lose most.
#
# ## F: steering
#
# Add a dose of d, the mean difference of feature 0, to h = 0. Output j is then ReLU(dose · W_j·d + b_j).
#
# ### Exercise 7.4
# Up to which dose are all outputs but i off? (Only those with W_j·d > 0 ever come on.)


# %%
def clean_dose(W, b, d, i):
    """The largest dose for which dose * W_j·d + b_j <= 0 for all j but i; W (m, n), b (n,) below 0, d (m,)."""
    return ...


check("7.4", clean_dose)

# %%
print(f"F  clean up to a dose of {clean_dose(W, b, d[:, 0], 0):.2f}")
for dose in (1, 4):
    steered = steering.ActivationAddition(dose=dose)(h, x).hidden[0]
    print(f"   dose {dose}: outputs rise by", np.asarray(model.decode(steered) - y).mean(-1).round(2))

# %% [markdown]
# **F is a lie**: at a dose of 4 the neighbours rise as well, by a fifth and a quarter of what output 0 does. The mean
# difference is half of W_0 (values are .5 on average), so this adds a feature 0 of about 2, which the model has never
# seen. A dose of 1 is nearly clean.
#
# ## G: scrubbing
#
# Causal scrubbing tests a hypothesis: output i is computed with all features but i taken from other samples. If the
# loss does not get worse, the hypothesis is said to explain the model.

# %%
hypothesis = np.eye(5, dtype=bool)  # output i depends on feature i
recovered = scrubbing.causal_scrubbing(model, x, x, hypothesis, jax.random.key(1))
print(f"G  loss recovered: {recovered.loss:.2f}")

# %% [markdown]
# All of it. But does each output stay what it was?
#
# ### Exercise 7.5
# 1 - (mean squared change of outputs by scrubbing) / (the same if everything is random).


# %%
def explained(whole, scrubbed, random):
    """1 if scrubbed outputs (n, samples) are those of the whole model, 0 if they are as far away as random ones."""
    return ...


check("7.5", explained)

# %%
others = jax.random.permutation(jax.random.key(1), x, axis=1)  # the same as before
scrubbed = jnp.stack([model(jnp.where(hypothesis[i][:, None], x, others))[i] for i in range(5)])
print(f"G  outputs explained: {explained(np.asarray(y), np.asarray(scrubbed), np.asarray(model(others))):.2f}")

# %% [markdown]
# **G is a lie that its own number cannot see.** About a tenth of what outputs do is interference from other features.
# Scrubbing puts *other* interference there, just as bad, and the loss is the same.
#
# ## When to trust it
#
# | technique | trust it for | do not ask it |
# |---|---|---|
# | linear probe | what a line can read | what the model knows: .41 against .89 |
# | mean difference | the direction of independent features | features that are on together |
# | participation ratio | the number of dimensions in use | the number of features |
# | attribution patching | small changes on the slope | across a kink: 0 or .77 instead of .53 |
# | LEACE | that no line is left | that others are not hurt: 3/8 |
# | steering | doses that the model has seen | large ones: neighbours rise from 1.14 on |
# | scrubbing by loss | refuting a hypothesis | confirming one: 1.01, of outputs .92 |
# | gradient × input | models without a bias | what the parts add up to: 1.36 against 1.11 |
#
# No number was computed wrongly. The lies are in the sentences: they say more than was measured.
#
# **Read on.** Belrose et al. 2023 (LEACE); Turner et al. 2023 (steering); Chan et al. 2022 (causal scrubbing); Kramár
# et al. 2024 (attribution patching); Sundararajan et al. 2017 (integrated gradients).
#
# **Try it yourself.** Which sentences become true for `tm.cases.dedicated(5)`, and worse for `tm.cases.polygon(8)`?
