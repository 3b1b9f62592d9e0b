"""Markup: escaped unless it is markup already."""

from hypothesis import given, settings
from hypothesis import strategies as st
from reading import Page

from genjax.report.draw.html import Markup, element, escape, join


def test_text_is_escaped_and_markup_is_not():
    assert element("p", "a < b & c", Markup("<b>d</b>")) == "<p>a &lt; b &amp; c<b>d</b></p>"
    assert join(["<", Markup("<br>")]) == "&lt;<br>"
    assert escape(escape("<")) == "&lt;"


def test_attributes():
    assert (
        element("td", 1, class_="number", data_value='"', title=None) == '<td class="number" data-value="&quot;">1</td>'
    )
    assert element("img", alt="x") == '<img alt="x">'


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.text(alphabet=st.sampled_from("<>&\"'/ abscript=!-"), max_size=40))
def test_whatever_is_written_is_what_is_read(text):
    page = Page(element("p", text, title=text))
    assert page.elements == [("p", {"title": text})]
    assert "".join(page.texts) == text
