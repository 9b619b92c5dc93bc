"""Loss curves as an SVG file: a logarithmic scale, two axes, a few lines."""

from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 48, 48

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #333 } .title { font-size: 16px; font-weight: 600 }
  .paper { fill: #fff } .grid { stroke: #ddd } path { fill: none; stroke-width: 2 }
  .c0 { stroke: #0b6e66 } .c1 { stroke: #b4540a; stroke-dasharray: 5 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .paper { fill: #16191b } .grid { stroke: #3a4043 } .c0 { stroke: #5ccabf } .c1 { stroke: #f0a35e }
  }"""


def curves(losses_by_name, title):
    """`losses_by_name`: name → {step: loss}. Returns the SVG text; a name without a loss is left out."""
    drawn = {name: losses for name, losses in losses_by_name.items() if losses}
    values = [max(loss, 1e-12) for losses in drawn.values() for loss in losses.values()] or [1.0]
    last = max((max(losses) for losses in drawn.values()), default=1)
    low, high = floor(log10(min(values))), max(ceil(log10(max(values))), floor(log10(min(values))) + 1)

    def x(step):
        return LEFT + (WIDTH - LEFT - RIGHT) * step / last

    def y(loss):
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - log10(max(loss, 1e-12))) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="title" x="{LEFT}" y="28">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">step</text>',
    ]
    for power in range(low, high + 1):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(10**power):.1f}" y2="{y(10**power):.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(10**power) + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for step in range(0, last + 1, max(1, last // 6)):
        parts.append(f'<text x="{x(step):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{step}</text>')
    for index, (name, losses) in enumerate(drawn.items()):
        line = " L".join(f"{x(step):.1f},{y(loss):.1f}" for step, loss in sorted(losses.items()))
        key = WIDTH - RIGHT - 300 + 160 * index
        parts.append(f'<path class="c{index % 2}" d="M{line}"/>')
        parts.append(f'<path class="c{index % 2}" d="M{key},24 h28"/><text x="{key + 36}" y="28">{escape(name)}</text>')
    return "\n".join(parts) + "\n</svg>\n"
