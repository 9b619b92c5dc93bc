"""Turns what was measured into ratios, and holds them to their bounds.

A cell is one workload at one frequency. Its `series` holds for each contestant (`log@high`, `plain@highest`, `echo`, …) the
figures of each round; what is compared comes from the same round.
"""

import statistics

PRECISIONS = ("highest", "high", "medium")  # falling
DURABILITIES = ("memory", "checkpoint", "log")
IMPLEMENTATIONS = ("plain", "package")

SMALL = "16x(64,64)"
BOUNDS = {("highest", 1): 1.4, ("highest", 10): 1.1, ("high", 1): 2.2, ("high", 10): 1.6}
SMALL_BOUND = 3.0
OVERHEAD_CELL = ("8x(512,512)", 1)
OVERHEAD_BOUND, HIDDEN_BOUND = 1.3, 0.5
AT_REST = 0.05  # of the cores is what other processes may use, the kernel's writing to the disk included


def bound(workload, frequency, precision, has_amx):
    """How many times faster Lather is to be, or None where nothing is asked."""
    if precision == "high" and not has_amx:
        return None
    value = BOUNDS.get((precision, frequency))
    return SMALL_BOUND if value and workload == SMALL else value


def has_overhead(workload, frequency):
    """Whether what HTTP and log cost is bounded there."""
    return (workload, frequency) == OVERHEAD_CELL


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def evaluate(cell, has_amx):
    """Adds what follows from the series: milliseconds, ratios by precision, and the bounds with `met`."""
    series = cell["series"]
    cell["ms"] = {name: spread(figures["ms"]) for name, figures in series.items() if "ms" in figures}
    cell["product_gflops"] = spread(series["product"]["gflops"])
    cell["precisions"] = {}
    for precision in cell["measured"]:
        engine = engine_alone(series, precision)
        rival = fastest(series, precision)
        ratios = spread([theirs / ours for theirs, ours in zip(series[rival]["ms"], series[f"log@{precision}"]["ms"])])
        least = bound(cell["workload"], cell["frequency"], precision, has_amx)
        result = cell["precisions"][precision] = {
            "engine_ms": spread(engine), "rival": rival, "ratio": ratios, "bound": least,
            "met": least is None or ratios["median"] >= least, "client_ms": spread(series[f"log@{precision}"]["client"])}
        if cost := series.get(f"overhead@{precision}"):
            result["overhead"] = {figure: spread(values) for figure, values in cost.items()}
            result["overhead"]["met"] = least is None or (
                result["overhead"]["over_floors"]["median"] <= OVERHEAD_BOUND
                and result["overhead"]["hidden"]["median"] >= HIDDEN_BOUND)


def fastest(series, precision):
    """The PyTorch contestant with the best median among those whose precision is no lower."""
    allowed = PRECISIONS[: PRECISIONS.index(precision) + 1]
    names = [f"{kind}@{level}" for kind in IMPLEMENTATIONS for level in allowed if f"{kind}@{level}" in series]
    return min(names, key=lambda name: statistics.median(series[name]["ms"]))


def engine_alone(series, precision):
    """By round, as overhead.py defines it."""
    return [
        whole - nothing for whole, nothing in zip(series[f"memory@{precision}"]["compute"], series["skipped memory"]["compute"])]


def missed(cells):
    """A line for each bound that is not met."""
    lines = []
    for cell in cells:
        for precision, result in cell["precisions"].items():
            where = f"{cell['workload']} at frequency {cell['frequency']}, {precision}"
            if not result["met"]:
                lines.append(f"{where}: {result['ratio']['median']:.2f}, not {result['bound']}")
            if not result.get("overhead", {}).get("met", True):
                lines.append(f"{where}: {overhead_line(result['overhead'])}")
    return lines


def overhead_line(cost):
    return (
        f"HTTP and log add {cost['over_floors']['median']:.2f} × (echo + commit + SHA-256), "
        f"{cost['hidden']['median'] * 100:.0f} % hidden behind the computation")


def verdict(met):
    return "yes" if met else "NO"


def show(cell):
    """A table of the cell: median milliseconds of a step, and the ratios."""
    ms = {name: times["median"] for name, times in cell["ms"].items()}
    threads = ", ".join(f"{kind} {count}" for kind, count in {"Lather": cell["server"]["threads"], **cell["threads"]}.items())
    print(
        f"\n{cell['workload']}, frequency {cell['frequency']}: {cell['body_bytes'] / 1e6:.3g} MB each way, {cell['rounds']} rounds; "
        f"threads: {threads}; OpenBLAS's kernels: {cell['server']['kernels']}")
    columns = ("engine", *DURABILITIES, *IMPLEMENTATIONS)
    print(f"  {'':8}" + "".join(f"{column:>11}" for column in columns) + f"   {'min':>5} {'median':>6} {'max':>5}  faster PyTorch   bound")
    for precision, result in cell["precisions"].items():
        row = [result["engine_ms"]["median"], *(ms[f"{column}@{precision}"] for column in columns[1:])]
        ratio, least = result["ratio"], result["bound"]
        print(
            f"  {precision:8}" + "".join(f"{value:11.2f}" for value in row)
            + f"   {ratio['min']:5.2f} {ratio['median']:6.2f} {ratio['max']:5.2f}  {result['rival']:15}  "
            + (f"≥ {least} {verdict(result['met'])}" if least else "–"))
    first = next(iter(cell["precisions"].values()))
    print(
        f"  float32 product {cell['product_gflops']['median']:.0f} GF/s; echo {ms['echo']:.2f} ms, commit {ms['commit']:.2f} ms, "
        f"SHA-256 {ms['digest']:.2f} ms; a step that is not computed {ms['skipped log']:.2f} ms; "
        f"the client's CPU time {first['client_ms']['median']:.2f} ms a step, the kernel's copies included; "
        f"other processes used {cell['others']:.0%} of the cores")
    for precision, result in cell["precisions"].items():
        if cost := result.get("overhead"):
            bounds = f"  (≤ {OVERHEAD_BOUND}, ≥ {HIDDEN_BOUND:.0%}: {verdict(cost['met'])})" if result["bound"] else ""
            print(f"  {precision}: {overhead_line(cost)}; seen {cost['seen_over_floors']['median']:.2f} ×{bounds}")
