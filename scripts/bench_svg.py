"""Plots as SVG, for what scripts/bench measures: points and lines on logarithmic axes."""

import html
import math

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 36, 52
# Told apart by those who do not see all colours, too.
COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"]


def ticks(low, high):
    """1, 2 and 5 times the powers of ten, as many as are readable."""
    found = []
    for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        found += [factor * 10.0 ** exponent for factor in (1, 2, 5)]
    found = [tick for tick in found if low <= tick <= high]
    return found if len(found) <= 12 else [tick for tick in found if f"{tick:e}"[0] == "1"]


class Plot:
    """A plot with a title, named series in a legend, and y on a logarithmic axis."""

    def __init__(self, title, x_name, y_name, x_range, y_range, x_is_linear=False):
        self.x_range, self.y_range, self.x_is_linear = x_range, y_range, x_is_linear
        self.parts, self.legend = [], []
        self.text(LEFT, 20, title, size=15, weight="bold")
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_name, anchor="middle")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        self.text(14, middle, y_name, anchor="middle",
                  more=f' transform="rotate(-90 14 {middle})"')
        for tick in ticks(*y_range):
            y = self.y(tick)
            self.segment(LEFT, y, WIDTH - RIGHT, y, "#ddd")
            self.text(LEFT - 6, y + 4, f"{tick:g}", anchor="end")
        if not x_is_linear:
            for tick in ticks(*x_range):
                x = self.x(tick)
                self.segment(x, TOP, x, HEIGHT - BOTTOM, "#ddd")
                self.text(x, HEIGHT - BOTTOM + 16, f"{tick:g}", anchor="middle")

    def x(self, value):
        low, high = self.x_range
        part = ((value - low) / (high - low) if self.x_is_linear
                else math.log(value / low) / math.log(high / low))
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        low, high = self.y_range
        part = math.log(min(max(value, low), high) / low) / math.log(high / low)
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)

    def text(self, x, y, text, anchor="start", size=12, weight="normal", more=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
                          f'font-size="{size}" font-weight="{weight}"{more}>'
                          f"{html.escape(text)}</text>")

    def segment(self, x1, y1, x2, y2, color, dash=""):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'stroke="{color}"' + (f' stroke-dasharray="{dash}"' if dash else "")
                          + "/>")

    def line(self, points, color="#555", dash=""):
        for (x1, y1), (x2, y2) in zip(points, points[1:]):
            self.segment(self.x(x1), self.y(y1), self.x(x2), self.y(y2), color, dash)

    def series(self, name, points):
        """(x, y, label) each; the label shows where a pointer rests."""
        color = COLORS[len(self.legend) % len(COLORS)]
        self.legend.append(name)
        for x, y, label in points:
            self.parts.append(f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="4" '
                              f'fill="{color}" fill-opacity="0.75"><title>{html.escape(label)}'
                              "</title></circle>")
        y = TOP + 12 + 18 * len(self.legend)
        self.parts.append(f'<circle cx="{WIDTH - RIGHT + 16}" cy="{y - 4}" r="4" fill="{color}"/>')
        self.text(WIDTH - RIGHT + 26, y, name)

    def svg(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
                f'font-family="sans-serif" fill="#222">\n'
                f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")


def bounds(values, least=None, most=None):
    """A range with room on both sides."""
    low, high = min([*values, *([least] if least else [])]), max([*values, *([most] if most else [])])
    return low / 1.3, high * 1.3


def roofline(title, rows):
    """Operations a second over operations for each byte of weights, under the machine's roofs."""
    points = [(row["operations"] / weight_bytes(row), row["operations"] / row["ours_us"] * 1e-3,
               row["operations"] / row["stock_us"] * 1e-3, row["name"]) for row in rows]
    peak = max((row["peak_gops"] for row in rows if "peak_gops" in row), default=None)
    reads = [row["read_gbps"] for row in rows if row["m"] == 1]
    x_range = bounds([x for x, _, _, _ in points])
    y_range = bounds([y for _, ours, stock, _ in points for y in (ours, stock)], most=peak)
    plot = Plot(title, "operations for each byte of weights", "GOP/s", x_range, y_range)
    if peak:
        plot.line([(x_range[0], peak), (x_range[1], peak)])
        plot.text(LEFT + 4, plot.y(peak) - 5, f"peak {peak:.0f} GOP/s")
    if reads:
        rate = min(reads)
        ends = [x for x in (x_range[0], min(x_range[1], (peak or y_range[1]) / rate))]
        if ends[0] < ends[1]:
            plot.line([(x, x * rate) for x in ends], dash="4 3")
            plot.text(plot.x(ends[0]) + 4, plot.y(ends[0] * rate) - 8, f"reading {rate:.0f} GB/s")
    plot.series("ours", [(x, ours, f"{name}: {ours:.1f}") for x, ours, _, name in points])
    plot.series("stock", [(x, stock, f"{name}: {stock:.1f}") for x, _, stock, name in points])
    return plot.svg()


def weight_bytes(row):
    return row["packed_bytes"] or row["raw_bytes"]


def ratios(title, names, series):
    """For each of `names`, along x, the ratios of each series {name: {of: ratio}}; 1 is a line."""
    values = [value for points in series.values() for value in points.values()]
    plot = Plot(title, "", "times as fast", (-1, len(names)), bounds([*values, 0.8, 1.25]),
                x_is_linear=True)
    plot.line([(-1, 1), (len(names), 1)], color="#000")
    for name, points in series.items():
        plot.series(name, [(i, points[of], f"{of}: {points[of]:.2f}")
                           for i, of in enumerate(names) if of in points])
    for i, name in enumerate(names):
        if len(names) <= 48:
            x = plot.x(i)
            plot.text(x, HEIGHT - BOTTOM + 10, name, anchor="end", size=8,
                      more=f' transform="rotate(-40 {x:.1f} {HEIGHT - BOTTOM + 10})"')
    return plot.svg()
