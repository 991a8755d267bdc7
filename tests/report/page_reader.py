"""Reads a page as its tests look at it."""

import html.parser


class Reader(html.parser.HTMLParser):
    """Elements with their attributes, and the text of every table row of every board."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.lines, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.lines.append([])
        if tag in ("td", "th") and self.lines:
            self.lines[-1].append("")

    def handle_data(self, data):
        self.words.append(data)
        if self.lines and self.lines[-1]:
            self.lines[-1][-1] += data.strip() + " "

    def attributes(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]
