"""Links that leave the pages of one language (to the other language's pages, to files of the repository), and pictures.

On a code host every relative link works. In the site a page of the other language is at the same relative address, with another
ending; a file of the repository is not there, so its name stays as text. tests/docs/test_links.py checks that both exist.
A code host opens a picture that is clicked; here it becomes a link to itself.
"""

import os
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

DOCS = Path(__file__).resolve().parents[1]


class LinksOutside(SphinxTransform):  # type: ignore[misc]  # Sphinx is not read by mypy
    """Turns what MyST takes for downloads, or for pages it cannot find, into what the site has instead."""

    default_priority = 5

    def apply(self) -> None:
        folder = Path(self.env.doc2path(self.env.docname)).resolve().parent
        for link in list(self.document.findall(addnodes.download_reference)):
            target = (folder / link["reftarget"]).resolve()
            link.replace_self(_link(link, folder, target))
        for link in list(self.document.findall(addnodes.pending_xref)):
            if link.get("refdomain") == "doc" and link["reftarget"] not in self.env.found_docs:
                target = Path(self.env.srcdir, f"{link['reftarget']}.md").resolve()
                link.replace_self(_link(link, folder, target, link.get("reftargetid")))


def _link(link: nodes.Element, folder: Path, target: Path, anchor: str | None = None) -> list[nodes.Node]:
    """A link of the site to a page, or only the words of the link. folder: of the page that holds the link."""
    if target.suffix != ".md" or not target.is_relative_to(DOCS):
        return list(link.children)
    address = os.path.relpath(target.with_suffix(".html"), folder)
    return [nodes.reference("", "", *link.children, refuri=f"{address}#{anchor}" if anchor else address, internal=True)]


def open_pictures(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Link each picture to its file in full size."""
    up = "../" * page.count("/")
    for picture in list(doctree.findall(nodes.image)):
        if not isinstance(picture.parent, nodes.reference) and picture["uri"] in app.env.images:
            name = app.env.images[picture["uri"]][1]
            link = nodes.reference(
                "", "", picture.deepcopy(), refuri=f"{up}{app.builder.imagedir}/{name}", internal=True
            )
            picture.replace_self(link)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(LinksOutside)
    app.connect("doctree-resolved", open_pictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
