"""Hooks of mkdocs: pages that are made at build, and files that lie outside docs/.

Pages link to files of the repository as they lie there (`../../results/summary.png`), so that they
read the same on the site and in the repository. What they link to is taken into the site.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel
from reference_pages import pages

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(\]\()([^)#\s]+)")
OUTSIDE = ("results/", "paper/", "submissions/", "CHANGELOG.md")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the reference, and what pages link to outside docs/."""
    for name, text in pages().items():
        files.append(File.generated(config, f"reference/{name}", content=text))
    texts = {f.src_uri: f.content_string for f in files if f.src_uri.endswith(".md")}
    wanted = {
        target
        for page, text in texts.items()
        for _, link in LINK.findall(text)
        if (target := place(page, link)).startswith(OUTSIDE)
    }
    for path in sorted(wanted):
        file = File.generated(config, path, abs_src_path=str(ROOT / path))
        file.inclusion = InclusionLevel.NOT_IN_NAV
        files.append(file)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links out of docs/ lead to where their files lie in the site."""
    here = posixpath.dirname(page.file.src_uri)

    def inside(link: re.Match[str]) -> str:
        target = place(page.file.src_uri, link[2])
        return link[1] + posixpath.relpath(target, here or ".") if target else link[0]

    return LINK.sub(inside, markdown)


def place(page: str, link: str) -> str:
    """Where in the site the file lies that a page links to; "" if it is none of the repository."""
    if "://" in link:
        return ""
    folder = posixpath.dirname(page)
    folder = folder if page.startswith(OUTSIDE) else posixpath.join("docs", folder)
    path = posixpath.normpath(posixpath.join(folder, link))
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return path if path.startswith(OUTSIDE) and (ROOT / path).is_file() else ""
