"""Anchors of headings."""

import unicodedata


def slug(heading):
    """The anchor that code hosting sites give a heading, so that links work there as well."""

    def kept(c):
        category = unicodedata.category(c)
        return c in "- " or category[0] in "LM" or category in ("Nd", "Pc")

    return "".join(c for c in heading.lower() if kept(c)).replace(" ", "-")
