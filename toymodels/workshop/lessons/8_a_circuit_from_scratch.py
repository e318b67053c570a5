# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # 8. A circuit from scratch

# %% [markdown]
# *About 35 minutes.* A **circuit** says which neurons read what, and how outputs come of it. You come to one in four
# ways: you write its weights; you train them; you squeeze the circuit into fewer dimensions; and you let techniques
# find its edges from outside, which you then hold against the truth.
#
# **Short of time?** Skip exercise 8.4 and the cell after it.

# %%
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import toymodels as tm
from toymodels.techniques import ablations, circuits, edges
from toymodels.workshop import begin, check, hint, solution

begin(8)
KEY = jax.random.key(0)

# %% [markdown]
# ## By hand
#
# A *half adder* adds two bits. In binary 1 + 1 = 10: the sum bit is 0, and 1 is carried.
#
# | a | b | sum | carry |
# |---|---|---|---|
# | 0 | 0 | 0 | 0 |
# | 0 | 1 | 1 | 0 |
# | 1 | 0 | 1 | 0 |
# | 1 | 1 | 0 | 1 |
#
# Two neurons can do it: y = W_out ReLU(W x + b), with x = (a, b) and y = (sum, carry). Outputs have no ReLU and no
# bias.
#
# ### Exercise 8.1
# Write the weights. Let the first neuron be the number of bits that are on, 0, 1 or 2. Let the second one be 1 if both
# are on, and else 0. What does each output make of the two?


# %%
def half_adder():
    """W (2, 2), b (2,) and W_out (2, 2), such that W_out ReLU(W x + b) is the sum bit and the carry of the bits x."""
    return ...


check("8.1", half_adder)

# %%
W, b, W_out = half_adder()
ALL = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])  # every input, in columns
print("sum, carry:", (W_out @ np.maximum(W @ ALL + b[:, None], 0)).tolist())

# %% [markdown]
# ## Trained
#
# Does training find your circuit? The same network, from 32 random starts, first with two neurons and then with four.
# **Predict:** how many of the 32 will add without error? (About 5 seconds.)


# %%
def added(x):
    """Sum bit and carry (2, samples) of bits x (2, samples)."""
    return jnp.stack([x[0] + x[1] - 2 * x[0] * x[1], x[0] * x[1]])


def network(m):
    """y = W_out ReLU(W x + b_hidden) with m neurons, to be trained."""
    return tm.Autoencoder(
        2, m, hidden_activation=jax.nn.relu, output_activation=tm.identity, hidden_bias=True, output_bias=False,
        tied=False,
    )  # fmt: skip


bits = tm.Independent(2, density=0.5, values=tm.BINARY)
runs = {m: tm.train(network(m), tm.Task(bits, target=added), tm.Recipe(1_500, 64, 3e-2), restarts=32) for m in (2, 4)}
for m, run in runs.items():
    print(f"{m} neurons: {(run.loss < 1e-6).sum()} of 32 are exact")

# %% [markdown]
# Two are enough, but few starts get there: the others are stuck in local minima. With four neurons about half arrive.
# Did they find *your* circuit?
#
# Two changes of weights change no output. Neurons may be put in another **order**. And a neuron may be **scaled**: for
# s > 0, ReLU(z / s) · s = ReLU(z), so its row of W and its b can be divided by s if its column of W_out is multiplied
# by s. Before circuits are compared, both must be settled.
#
# ### Exercise 8.2
# Scale each neuron until its largest |input weight| is 1. Then put the neurons in the order of falling b, as it
# is after scaling.


# %%
def settled(W, b, W_out):
    """The same network, scaled and ordered so: W (m, n), b (m,) and W_out (outputs, m)."""
    return ...


check("8.2", settled)


# %%
def trained(m, restart=0):
    """W, b and W_out of a trained network of m neurons, settled; restart 0 is the best."""
    params = runs[m].params
    return settled(params["W"][restart], params["b_hidden"][restart], params["W_out"][restart])


networks = {"by hand": settled(W, b, W_out), "2 neurons": trained(2), "2 neurons, second best": trained(2, 1)}
for name, (weights, biases, out) in networks.items():
    print(f"{name:23} W {weights.round(2).ravel()}, b {biases.round(2)}, W_out {out.round(2).ravel()}")
networks["4 neurons"] = trained(4)
figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
for ax, name in zip(axes, ("by hand", "2 neurons", "4 neurons"), strict=True):
    weights, _, out = networks[name]
    tm.plots.neuron_graph(weights, out, inputs=["a", "b"], outputs=["sum", "carry"], labels=False, ax=ax)
    ax.set_title(name)

# %% [markdown]
# With **two** neurons it is your circuit: both count bits from some threshold on, which is -b. The thresholds need not
# be yours. Any two different ones from 0 to 2 will do, one of them below 1, with W_out to fit, since there are never
# more than two bits. With **four** it is another circuit: some neurons compare a with b (one weight is positive, red,
# and one negative, blue). On the four inputs they cannot be told apart. On others, which they never saw, one
# can:

# %%
quarters = np.full((2, 1), 0.25)
for name, (weights, biases, out) in networks.items():
    y = out @ np.maximum(weights @ quarters + biases[:, None], 0)
    print(f"{name:23} of 1/4 and 1/4 makes", y[:, 0].round(2))

# %% [markdown]
# **What a network does, does not say how.** To know the circuit, one must look inside.
#
# ## In superposition
#
# Two half adders, side by side, hold 8 values v: four bits and four neurons. So far each value had a dimension of its
# own. Now they share m < 8: the model holds h = Σ_j E_j v_j, with a unit vector E_j for each value, and its layers read
# Eᵀh instead of v. That is v_i plus (E_i·E_j) v_j of every other value: **interference**. `tm.cases.compress` does this
# to a circuit. Nothing is trained; weights stay yours.
#
# ### Exercise 8.3
# How much interference does a value get from all others? Sum the squares of E_i·E_j over j ≠ i, and take the mean over
# i.


# %%
def interference(E):
    """The mean over i of the sum over j ≠ i of (E_i·E_j)²; E (m, N) has unit vectors in its columns."""
    return ...


check("8.3", interference)


# %%
def circuit(W, b, W_out):
    """y = W_out ReLU(W x + b) as a case: a model of which every edge is known."""
    (m, n), outputs = np.shape(W), len(W_out)
    names = [[f"{letter}{k + 1}" for k in range(count)] for letter, count in (("x", n), ("h", m), ("y", outputs))]
    out = np.hstack([np.zeros((outputs, n)), W_out])  # outputs could read bits as well, and do not
    layers = (names[1], W, b, "relu"), (names[2], out, np.zeros(outputs), "identity")
    return tm.cases.from_graph(tm.cases.layered(*layers, features=names[0]))


def right(outputs, x):
    """The share of output bits that are right, if more than 1/2 is read as 1."""
    wanted = np.concatenate([added(x[:2]), added(x[2:])])
    return np.mean((np.asarray(outputs) > 0.5) == (wanted > 0.5))


two = circuit(np.kron(np.eye(2), W), np.tile(b, 2), np.kron(np.eye(2), W_out))
sizes = {"8 dimensions": (8, 0), "6 dimensions": (6, 0), "4 dimensions": (4, 0), "4, other E": (4, 1)}
models = {name: tm.cases.compress(two, m).module(seed) for name, (m, seed) in sizes.items()}
four = {p: tm.Independent(4, p, tm.BINARY).sample(KEY, 2_000) for p in (0.5, 0.1)}
for name, model in models.items():
    shares = [f"{right(model(x), x):.2f} at density {p}" for p, x in four.items()]
    print(f"{name}: interference {interference(np.asarray(model.frame[...])):.2f}, right", ", ".join(shares))
print("always 0:                       right", [round(float(right(0 * x, x)), 2) for x in four.values()])

# %% [markdown]
# Interference is N/m - 1, and unit vectors cannot have less. What it costs depends on how much is on at a time. In six
# dimensions and at density .1, nearly all output bits are right. At density .5 a fifth is wrong. In four dimensions it
# also matters *which* values interfere: the other E has the same sum, but there each bit is opposite to one neuron and
# at right angles to all else. Compare with a model that always says 0. Your weights were right all the time.
#
# ## Found
#
# Now forget the weights. You may only run the model, and cut edges: 48 of them, from each bit to each neuron, and from
# each bit and each neuron to each output. 14 are in your circuit. What does the model lose when an edge is cut? That
# depends on what the edge carries **instead**: nothing (*zero ablation*), its mean (*mean ablation*), or its value in
# another sample (*resample ablation*).
#
# ### Exercise 8.4
# An edge of weight w leads to an output and carries a bit that is 1 in a share q of the samples. By how much does the
# output change, squared, in the mean over samples? Another sample is an independent one.


# %%
def squared_change(w, q):
    """The mean squared change of the output: three numbers, for zero, mean and resample ablation."""
    return ...


check("8.4", squared_change)

# %%
adder, often = tm.cases.switches(circuit(W, b, W_out).module()), tm.Independent(2, density=0.9, values=tm.BINARY)
x, edge = often.sample(KEY, 20_000), (adder.sources == 3) & (adder.targets == 5)  # second neuron, carry
cuts = {"zero": edges.zero_ablation, "mean": edges.mean_ablation, "resample": partial(edges.resample_ablation, key=KEY)}
for (name, cut), wanted in zip(cuts.items(), squared_change(1, 0.9**2), strict=True):
    print(f"{name:9} measured {float(cut(adder, x).sizes[edge][0]) ** 2:.3f}, yours {wanted:.3f}")

# %% [markdown]
# Same edge, same model, three answers. The more constant a value is, the more zero ablation makes of it, and the less
# the other two do: at q = 1 they say 1, 0 and 0. Neither is wrong. Zero ablation asks what happens without the edge,
# the other two what its *information* is worth.
#
# A technique says which edges are in the circuit. With the truth at hand, two numbers judge it: **precision**, the
# share of found edges that are true, and **recall**, the share of true edges that are found.
#
# ### Exercise 8.5
# Compute both, from two arrays of booleans with one entry for each edge.


# %%
def precision_recall(found, true):
    """Precision and recall: found and true (edges,) say of each edge whether it was found, and whether it is true."""
    return ...


check("8.5", precision_recall)

# %% [markdown]
# Three techniques, on the two adders in 8, 6 and 4 dimensions (density .5). *Zero ablation* cuts one edge at a time.
# *EAP*, edge attribution patching, does the same with a slope in place of each cut. *ACDC* goes from the outputs
# backwards and cuts an edge for good, unless that changes the outputs by more. All call an edge found if it changes
# them by more than .1 (squared, .01). **Predict:** what falls in superposition, precision or recall? (About 6 seconds.)

# %%
acdc = partial(circuits.ACDC(0.01), key=KEY)
techniques = {"zero ablation": edges.zero_ablation, "EAP": edges.attribution, "ACDC": acdc}


def kept(technique, graph, x):
    """Which edges of the graph a technique finds."""
    return np.asarray(technique(graph, x).sizes) > 0.1


x = four[0.5]
true = np.asarray(tm.cases.true_effects(models["8 dimensions"], x)) > 0.1
for size, model in models.items():
    for name, technique in techniques.items():
        which = kept(technique, tm.cases.switches(model), x)
        precision, recall = precision_recall(which, true)
        print(f"{size:12}  {name:13}: {which.sum()} edges, precision {precision:.2f}, recall {recall:.2f}")

# %% [markdown]
# What ACDC found: edges of your circuit in red, others in blue.

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for ax, size in zip(axes, ("8 dimensions", "6 dimensions"), strict=True):
    graph = tm.cases.switches(models[size])
    signs = kept(acdc, graph, x) * np.where(true, 1, -1)
    columns = [[f"{letter}{k}" for k in (1, 2, 3, 4)] for letter in ("x", "h", "y")]
    drawn = zip(graph.sources, graph.targets, signs, strict=True)
    tm.plots.layered_graph(columns, list(drawn), labels=False, ax=ax)
    ax.set_title(size)

# %% [markdown]
# Without superposition, all three are perfect. With it they find your 14 edges and up to 31 others. That is not a
# mistake: interference runs through these edges, and outputs do change. But then **what matters in a model is more than
# its circuit**.
#
# ## Where techniques lie
#
# Also without superposition. Two circuits of the library: OR as 1 - ReLU(1 - a - b), and a bit that reaches the output
# on two paths, each of which is enough. Of the edges with a weight, which share is found?

# %%
techniques["mean ablation"] = edges.mean_ablation
for title, case in {"OR": tm.cases.gate("or"), "two paths": tm.cases.two_paths()}.items():
    graph, x = tm.cases.switches(case.module()), case.task.features.sample(KEY, 1_000)
    weighted = {(edge.source, edge.target) for edge in case.graph().edges}
    true = np.array([ends in weighted for ends in zip(graph.sources, graph.targets, strict=True)])
    recalls = {name: precision_recall(kept(technique, graph, x), true)[1] for name, technique in techniques.items()}
    print(f"{title:10}", ", ".join(f"{name} {recall:.2f}" for name, recall in recalls.items()))

# %% [markdown]
# **EAP** misses both inputs of OR: for a = 1, b = 0 the neuron is just off, and its slope there is 0. The first neuron
# of your circuit minus the second is OR as well, and of that EAP finds every edge: the same function, another verdict.
# **Zero ablation** of one edge at a time misses two paths that stand in for each other, and **ACDC** keeps one of them.
# Mean ablation sees both, for a path that carries 1/2 when it should be 0 does harm.
#
# Last, the control. ACDC keeps what it takes to stay near the *model*. So search three networks that nobody trained,
# random ones, and ask how much of the outputs' variance the kept edges explain.

# %%
x, rng = bits.sample(KEY, 1_000), np.random.default_rng(0)
searched = {"by hand": (W, b, W_out), "4 neurons, trained": trained(4)}
searched |= {f"random {k}": (rng.normal(size=(4, 2)), rng.normal(size=4), rng.normal(size=(2, 4))) for k in range(3)}
for name, weights in searched.items():
    graph = tm.cases.switches(circuit(*weights).module())
    whole = graph.run(jnp.ones(len(graph)), x)
    search = circuits.ACDC(0.01 * whole.var(1).sum())
    on = np.asarray(search(graph, x, KEY).sizes > 0, float)
    left = jnp.square(graph.run(on, x) - whole).mean(1).sum() / whole.var(1).sum()
    print(f"{name:18} keeps {on.sum():2.0f} of {np.count_nonzero(weights[0]) + np.count_nonzero(weights[2])}, "
          f"which explain {1 - left:.3f}")  # fmt: skip

# %% [markdown]
# Random networks have "circuits" as well, and they explain nearly all. They must: each cut may cost a hundredth, so k
# cuts leave at least 1 - k/100. **A small circuit that explains a model is not evidence that the model computes
# something.** Compare with an untrained one.
#
# ## When to trust it
#
# | technique | trust it for | do not ask it |
# |---|---|---|
# | weights, order and scale settled | whether two circuits are the same | whether two functions are |
# | zero ablation | what is missing without an edge | what an edge that is always the same tells: all, or nothing |
# | mean and resample ablation | what information is worth | how large a constant is |
# | EAP | edges on a slope | kinks: OR, recall .33 |
# | ACDC | a set of edges that will do | all of them: of two paths it keeps one |
# | any of these, in superposition | what the outputs depend on | the circuit: precision .35 |
#
# **Read on.** Olah et al. 2020 ("Zoom In"); Elhage et al. 2021 (virtual weights, what a layer reads of others); Conmy
# et al. 2023 (ACDC); Syed et al. 2023 (EAP).
#
# **Try it yourself.** What becomes of precision at density .1? Build a circuit of your own, such as a full adder (three
# bits, three neurons), with `circuit(W, b, W_out)`.
