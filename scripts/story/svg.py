# SPDX-License-Identifier: GPL-2.0
"""A few shapes of SVG. Colours are readable on white and on dark: a white ground is drawn first."""

from xml.sax.saxutils import escape

INK, DRIVER, DEVICE, QUIET = "#222222", "#1f5fa8", "#b04a12", "#888888"


class Drawing:
    """Shapes on a ground of a fixed size, in pixels."""

    def __init__(self, width, height, title):
        self.width, self.height = width, height
        self.shapes = [f"<title>{escape(title)}</title>", f'<rect width="{width}" height="{height}" fill="#ffffff"/>']

    def text(self, x, y, words, size=13, fill=INK, anchor="start", bold=False, mono=False):
        """Words, with their base line at y."""
        family = "monospace" if mono else "sans-serif"
        weight = ' font-weight="bold"' if bold else ""
        self.shapes.append(f'<text x="{x:g}" y="{y:g}" font-family="{family}" font-size="{size}" fill="{fill}" '
                           f'text-anchor="{anchor}"{weight}>{escape(words)}</text>')

    def box(self, x, y, width, height, stroke=INK, fill="none"):
        """A rectangle."""
        self.shapes.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" stroke="{stroke}" '
                           f'fill="{fill}"/>')

    def path(self, points, stroke=INK, arrow=False, dashed=False, width=1.5):
        """A line through points, perhaps with a head at its end."""
        steps = " ".join(f"{x:g},{y:g}" for x, y in points)
        more = (' marker-end="url(#head)"' if arrow else "") + (' stroke-dasharray="4 3"' if dashed else "")
        self.shapes.append(f'<polyline points="{steps}" fill="none" stroke="{stroke}" stroke-width="{width}"{more}/>')

    def dot(self, x, y, fill=INK, radius=3.5):
        """A full circle."""
        self.shapes.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius}" fill="{fill}"/>')

    def __str__(self):
        head = ('<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
                'orient="auto-start-reverse"><path d="M 0 0 L 10 5 L 0 10 z" fill="#222222"/></marker></defs>')
        body = "\n".join([head, *self.shapes])
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}">\n{body}\n</svg>\n')
