"""Reading an HTML page in a test: what is in it, by the standard library's parser."""

from html.parser import HTMLParser

VOID = {"br", "img", "meta"}


class Page(HTMLParser):
    """Elements (tag, attributes) of a document in order, its text, and whether every element is closed.

    Styles and scripts are kept apart from the text.
    """

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts, self.code = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.code if self.open and self.open[-1] in ("style", "script") else self.texts).append(data)

    @property
    def text(self):
        return " ".join(self.texts)

    def all(self, tag):
        """The attributes of all elements of that kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def check_alone(page):
    """Nothing is loaded from anywhere, no script but the page's own, and every picture has a text."""
    for tag, attributes in page.elements:
        assert "src" not in attributes or (tag == "img" and attributes["src"].startswith("data:image/png;base64,"))
        assert attributes.get("href", "#").startswith("#")
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        assert not any(name.startswith("on") for name in attributes)
    code = "".join(page.code)
    assert not [address for address in ("http:", "https:", "url(", "@import") if address in code]
    assert len(page.all("script")) == 1
    assert all(image["alt"] for image in page.all("img"))
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in page.all("svg"))
