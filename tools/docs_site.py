"""Hooks of mkdocs: pages that are made at build, and files that lie outside docs/.

Pages link to files of the repository as they lie there (`../../results/summary.png`), so that they
read the same on the site and in the repository. What they link to is taken into the site.
"""

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tools"))
LINK = re.compile(r"(\]\()([^)#\s]+)")
OUTSIDE = ("results/", "paper/", "CHANGELOG.md", "CONTRIBUTING.md", "submissions/", "CITATION.cff")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the reference, the README as the first page, and all that pages link to."""
    from reference_pages import pages

    made = {"index.md": first_page()} | {f"reference/{k}": text for k, text in pages().items()}
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    texts = {f.src_uri: f.content_string for f in files if f.src_uri.endswith(".md")}
    wanted = {
        target
        for page, text in texts.items()
        for _, link in LINK.findall(text)
        if (target := outside(page, link))
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
        target = outside(page.file.src_uri, link[2])
        return link[1] + posixpath.relpath(target, here or ".") if target else link[0]

    return LINK.sub(inside, markdown)


def first_page() -> str:
    """The README, whose links to docs/ become links inside it."""
    return (ROOT / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")


def outside(page: str, link: str) -> str:
    """Path from the root of the repository of a link to one of its files outside docs/, or ""."""
    if "://" in link:
        return ""
    folder = posixpath.join("docs", posixpath.dirname(page)) if page != "index.md" else ""
    path = posixpath.normpath(posixpath.join(folder, link))
    return path if path.startswith(OUTSIDE) and (ROOT / path).is_file() else ""
