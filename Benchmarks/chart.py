"""The ratios as an SVG file: a row for each workload, frequency and precision; a dot at the median, a line from min to max."""

from html import escape
from math import log2

WIDTH, LEFT, RIGHT, TOP, ROW = 860, 250, 24, 84, 20
LOW, HIGH = 0.25, 16.0

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #333 } .title { font-size: 16px; font-weight: 600 } .paper { fill: #fff }
  .grid { stroke: #ddd } .even { stroke: #888 } .bound { stroke: #c22; stroke-width: 2 }
  .highest { stroke: #0b6e66; fill: #0b6e66 } .high { stroke: #b4540a; fill: #b4540a } .medium { stroke: #4a5fc1; fill: #4a5fc1 }
  .range { stroke-width: 3; stroke-opacity: .5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .paper { fill: #16191b } .grid { stroke: #3a4043 } .bound { stroke: #ff7a7a }
    .highest { stroke: #5ccabf; fill: #5ccabf } .high { stroke: #f0a35e; fill: #f0a35e } .medium { stroke: #9db0ff; fill: #9db0ff }
  }"""


def x(ratio):
    share = log2(min(max(ratio, LOW), HIGH) / LOW) / log2(HIGH / LOW)
    return LEFT + (WIDTH - LEFT - RIGHT) * share


def ratios(cells, title):
    """`cells` as report.evaluate() leaves them. Returns the SVG text."""
    height = TOP + sum(ROW * (len(cell["precisions"]) + 1) for cell in cells) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="16" y="28">{escape(title)}</text>',
        f'<text x="16" y="50">PyTorch’s faster time over Lather’s through HTTP, durability log: right of 1 Lather is faster. '
        '<tspan class="bound" style="stroke:none;fill:#c22">|</tspan> bound</text>',
    ]
    ratio = LOW
    while ratio <= HIGH:
        kind = "even" if ratio == 1 else "grid"
        parts.append(f'<line class="{kind}" x1="{x(ratio):.1f}" x2="{x(ratio):.1f}" y1="{TOP - 8}" y2="{height - 32}"/>')
        parts.append(f'<text x="{x(ratio):.1f}" y="{height - 14}" text-anchor="middle">{ratio:g}</text>')
        ratio *= 2
    y = TOP
    for cell in cells:
        parts.append(f'<text x="16" y="{y + 9}">{escape(cell["workload"])}, frequency {cell["frequency"]}</text>')
        for precision, result in cell["precisions"].items():
            low, middle, high = (x(result["ratio"][figure]) for figure in ("min", "median", "max"))
            parts.append(f'<text x="{LEFT - 12}" y="{y + 9}" text-anchor="end">{precision}</text>')
            parts.append(f'<line class="{precision} range" x1="{low:.1f}" x2="{high:.1f}" y1="{y + 5}" y2="{y + 5}"/>')
            parts.append(f'<circle class="{precision}" cx="{middle:.1f}" cy="{y + 5}" r="4"/>')
            if result["bound"]:
                mark = x(result["bound"])
                parts.append(f'<line class="bound" x1="{mark:.1f}" x2="{mark:.1f}" y1="{y - 3}" y2="{y + 13}"/>')
            y += ROW
        y += ROW
    return "\n".join(parts) + "\n</svg>\n"
