"""Screens of a terminal as a picture: SVG with a text for each run of cells of one style."""

import re
from xml.sax.saxutils import escape

CELL = (8.4, 18)
MARGIN = 14
GAP = 16
BACKGROUND, FOREGROUND = "#1d2129", "#d8dce3"
COLOURS = {30: "#1d2129", 31: "#ef7b7b", 32: "#8fce7a", 33: "#e6c35c", 34: "#7aa7e6", 35: "#c792d8", 36: "#6fc8c8", 37: FOREGROUND}


def picture(screens):
    """The SVG of several screens, one below the other. A screen is a list of lines of cells (character, attributes)."""
    width = max(len(line) for cells in screens for line in cells) * CELL[0] + 2 * MARGIN
    parts = []
    top = 0
    for cells in screens:
        height = len(cells) * CELL[1] + 2 * MARGIN
        parts.append(f'<rect y="{top}" width="{width:g}" height="{height}" rx="6" fill="{BACKGROUND}"/>')
        for row, line in enumerate(cells):
            parts += _line(line, top + MARGIN + row * CELL[1])
        top += height + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {top - GAP}" width="{width:g}" height="{top - GAP}" '
        f'font-family="ui-monospace, \'DejaVu Sans Mono\', Menlo, Consolas, monospace" font-size="14" fill="{FOREGROUND}">\n'
        + "\n".join(parts) + "\n</svg>\n")


def _line(line, top):
    start = 0
    while start < len(line):
        attributes = line[start][1]
        end = start
        while end < len(line) and line[end][1] == attributes:
            end += 1
        yield from _run("".join(character for character, _ in line[start:end]), attributes, start, top)
        start = end


def _run(text, attributes, column, top):
    fill = next((COLOURS[value] for value in attributes if value in COLOURS), FOREGROUND)
    if 7 in attributes:
        yield f'<rect x="{MARGIN + column * CELL[0]:g}" y="{top}" width="{len(text) * CELL[0]:g}" height="{CELL[1]}" fill="{fill}"/>'
        fill = BACKGROUND
    style = (' font-weight="bold"' if 1 in attributes else "") + (' opacity="0.65"' if 2 in attributes else "")
    # The place and the width are told, so that no font can push the columns apart.
    for part in re.finditer(r"\S+(?: \S+)*", text):
        yield (f'<text x="{MARGIN + (column + part.start()) * CELL[0]:g}" y="{top + 14}" fill="{fill}"{style} '
               f'textLength="{len(part.group()) * CELL[0]:g}" lengthAdjust="spacingAndGlyphs">{escape(part.group())}</text>')
