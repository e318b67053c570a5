"""Configuration of the documentation site: `python -m sphinx -W experiments/site build/docs`, from the top folder."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]  # the extensions, and toymodels as it stands here

from toymodels import files  # noqa: E402

# What an earlier build made for a module that has another name now would be an error.
listed = re.findall(r"^   (toymodels[\w.]*)$", files.read_text(HERE / "api" / "index.md"), flags=re.MULTILINE)
for page in (HERE / "api").glob("toymodels*.rst"):
    if page.stem not in listed:
        files.remove(page)

import toymodels as tm  # noqa: E402 - only now it is found

project = "toymodels"
author = "The toymodels developers"
version = release = tm.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "extensions.citations",
    "extensions.docstrings",
    "extensions.formulas",
    "extensions.gallery",
    "extensions.lessons",
    "extensions.names",
    "extensions.playground",
    "extensions.signatures",
]
exclude_patterns = ["extensions", "lessons/notebooks", "templates"]
templates_path = ["templates"]

html_title = project
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_copyright = False
html_show_sphinx = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
smartquotes_action = "qe"  # quotes and dots; two hyphens are those of an option such as --full
myst_update_mathjax = False
nb_execution_mode = "off"

# Docstrings are written to be read in Python too: names in single backticks are links where there is something to
# link to.
default_role = "py:obj"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True, "no-value": True}
autodoc_preserve_defaults = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
napoleon_custom_sections = [("Attributes", "params_style")]
toc_object_entries_show_parents = "hide"
