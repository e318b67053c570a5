"""Every paper that is named is in the bibliography, and every entry there is named."""

import re
from pathlib import Path

from experiments.site.extensions.citations import CITATION, SOURCE, papers, words

ROOT = Path(__file__).parents[1]
FOLDERS = ("toymodels", "experiments", "figures")
MARGIN = re.compile(r"\n[ \t]*(?:#|//|\*)?[ \t]*")  # between the lines of a comment


def cited() -> dict[str, list[str]]:
    """Every citation, with the files that it stands in."""
    found: dict[str, list[str]] = {}
    for path in [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *(file for name in FOLDERS for file in (ROOT / name).rglob("*")),
    ]:
        if path.suffix in (".py", ".md", ".js", ".toml") and path != SOURCE:
            for citation in CITATION.findall(MARGIN.sub(" ", path.read_text(encoding="utf-8"))):
                found.setdefault(words(citation), []).append(path.name)
    return found


def test_every_citation_has_an_entry_and_every_entry_is_cited():
    found = cited()
    assert len(found) > 20
    assert {citation: files for citation, files in found.items() if citation not in papers()} == {}
    assert sorted(set(papers()) - set(found)) == []


def test_an_entry_has_authors_title_and_address_and_its_own_words():
    for citation, paper in papers().items():
        assert CITATION.fullmatch(citation), citation
        first = re.match(r"[A-Z][\w-]+", citation)
        assert first, citation
        authors = paper["authors"].split(", ")
        assert authors[0].split()[-1] == first[0], citation
        assert (len(authors) > 2) == ("et al." in citation), citation
        assert (len(authors) == 2) == ("&" in citation), citation
        assert set(paper) <= {"authors", "title", "appeared", "address"}, citation
        assert paper["title"], citation
        assert paper["address"].startswith("https://"), citation


def test_citations_are_seen_over_lines_and_left_alone_where_there_are_none():
    text = "as Elhage et\nal. 2022b and (Kingma & Ba 2015; Izenman 1975) say, not in Table 3, nor 2022 nor at n = 2015"
    assert [words(one) for one in CITATION.findall(text)] == ["Elhage et al. 2022b", "Kingma & Ba 2015", "Izenman 1975"]
