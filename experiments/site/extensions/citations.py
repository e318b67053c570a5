"""Papers: a page of all that are named, and a link to its entry from wherever one is cited by name and year."""

import re
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

import toymodels
from toymodels import files

PAGE = "bibliography"
SOURCE = Path(toymodels.__file__).with_name("bibliography.toml")
CITATION = re.compile(r"[A-Z][\w-]+(?:\s+et\s+al\.|\s+&\s+[A-Z][\w-]+)?\s+(?:1[89]|20)\d\d(?!\d)[a-z]?")
KEPT_AS_IT_IS = (nodes.reference, nodes.literal, nodes.literal_block, nodes.title, nodes.raw)


def papers() -> dict[str, dict[str, str]]:
    """Every paper by the words that cite it, in alphabetical order."""
    return dict(sorted(tomllib.loads(files.read_text(SOURCE)).items()))


def words(citation: str) -> str:
    """A citation, which may go over lines, as the bibliography has it."""
    return " ".join(citation.split())


class Bibliography(Directive):
    """`{bibliography}`: the list of all papers, each of which can be linked to."""

    def run(self) -> list[nodes.Node]:
        entries = nodes.definition_list(classes=["bibliography"])
        for cited, paper in papers().items():
            about = nodes.paragraph("", f"{paper['authors']}. ", nodes.emphasis("", paper["title"]))
            about += nodes.Text(f". {paper['appeared']}. " if "appeared" in paper else ". ")
            about += nodes.reference("", paper["address"].removeprefix("https://"), refuri=paper["address"])
            term = nodes.term("", cited, ids=[nodes.make_id(cited)])  # of an item, the page would not show the name
            entries += nodes.definition_list_item("", term, nodes.definition("", about))
        return [entries]


def link(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Link every citation in a page to its entry."""
    if app.builder.format != "html" or page == PAGE:
        return
    known, bibliography = papers(), app.builder.get_relative_uri(page, PAGE)
    for text in list(tree.findall(nodes.Text)):
        if any(isinstance(above, KEPT_AS_IT_IS) for above in _above(text)):
            continue
        pieces: list[nodes.Node] = []
        end = 0
        for found in CITATION.finditer(text):
            if (cited := words(found[0])) in known:
                address = f"{bibliography}#{nodes.make_id(cited)}"
                pieces += [
                    nodes.Text(text[end : found.start()]),
                    nodes.reference("", cited, refuri=address, internal=True, reftitle=known[cited]["title"]),
                ]
                end = found.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[end:])])


def _above(node: nodes.Node) -> list[nodes.Node]:
    return [] if node.parent is None else [node.parent, *_above(node.parent)]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("bibliography", Bibliography)
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
