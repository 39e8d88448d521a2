"""What may stand in an answer's HTML; everything else is removed."""

import nh3

_MATHML = {
    "math", "mrow", "mi", "mo", "mn", "ms", "mtext", "mspace", "msup", "msub", "msubsup", "mfrac", "msqrt", "mroot",
    "mover", "munder", "munderover", "mtable", "mtr", "mtd", "mpadded", "mphantom", "mstyle", "menclose",
}  # fmt: skip
_TAGS = _MATHML | {
    "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "sup", "code", "pre", "blockquote",
    "ul", "ol", "li", "a", "table", "thead", "tbody", "tr", "th", "td", "div", "span",
}  # fmt: skip
# What scrolls can be reached by the keyboard and has a name.
_REGION = {"tabindex", "role", "aria-label"}
_ATTRIBUTES = {
    "a": {"href", "title", "target"},
    "ol": {"start"},
    "p": {"class"},
    "sup": {"class"},
    "pre": _REGION,
    "code": {"class"},
    "span": {"class", "data-source"},
    "div": {"class", "data-source"} | _REGION,
    "th": {"class"},
    "td": {"class"},
    "math": {"display"},
    "mi": {"mathvariant"},
    "mo": {"stretchy", "fence", "separator", "form", "largeop", "movablelimits"},
    "mspace": {"width"},
    "mfrac": {"linethickness"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "mtable": {"columnalign", "displaystyle"},
    "mtd": {"columnalign"},
    "menclose": {"notation"},
}
_SCHEMES = {"http", "https", "mailto"}


def clean(html: str) -> str:
    """The allowed part of a block."""
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="nofollow noopener noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    ).strip()
