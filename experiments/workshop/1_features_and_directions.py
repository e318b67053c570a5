# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # 1. Features and directions

# %%
import numpy as np

import toymodels as tm
from toymodels.lessons import check, hint, solution

# %% [markdown]
# ## Exercise 1.1


# %%
def norms(W):
    """The length of each column of W (m, n)."""
    return ...


check("1.1", norms)
