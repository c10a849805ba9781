"""docs/performance.md from what scripts/bench has measured: a section for each machine."""

import datetime
import json
import math
import os
import pathlib
import re
import subprocess

import bench_svg

ROOT = pathlib.Path(__file__).resolve().parent.parent
REPORT = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"
SYSROOTS = pathlib.Path(os.environ.get("SWITCHYARD_SYSROOTS", ROOT / ".sysroot"))
HEAD = """# Performance

Written by `scripts/bench`, which renews the section of the machine that it runs on and keeps the others.
[test/bench/README.md](../test/bench/README.md) says what is measured, and how ratios are taken: above 1 ours is
faster. Means are geometric, over products that take 20 us at least and that a packed row runs; "slower than stock"
counts all of 20 us. One row (M = 1) is apart, since it is bound by reading the weights.
"""
VARIANTS = ["pf32", "pf16", "qp8_f32_qc8w", "pqs8_qc8w", "qp8_f32_qb4w"]


def read(path):
    return json.loads(path.read_text()) if path.exists() else None


def machine_name(results):
    """What the CPU of the results calls itself."""
    for path in sorted(results.glob("*.json")):
        name = read(path).get("machine")
        if name:
            return name
    raise SystemExit(f"bench: {results} has no results; run without --keep")


def mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def number(value):
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines) + "\n"


def versions(preset):
    """What was compared: packages of the sysroot, and the commit."""
    found = {}
    path = SYSROOTS / preset / "VERSIONS"
    for line in path.read_text().splitlines() if path.exists() else []:
        package, version = line.split(" ", 1)
        if package in ("libxnnpack-dev", "libpthreadpool-dev", "libkleidiai-dev", "executorch"):
            found[package] = version
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], text=True,
                            stdout=subprocess.PIPE, check=False).stdout.strip()
    return ", ".join(f"{name} {version}" for name, version in found.items()), commit


def peers_of(rows):
    names = []
    for row in rows:
        names += [name for name in row.get("peers", {}) if name not in names]
    return names


def is_slow(row):
    return row["ratio"] < min(0.95, row["aa_low"])


def summary(rows):
    """A line for each variant, file and number of threads."""
    names = peers_of(rows)
    lines = []
    for variant in VARIANTS:
        for key in sorted({(row["file"], row["m"] == 1, row["threads"]) for row in rows},
                          key=str):
            file, is_one_row, threads = key
            of = [row for row in rows if row["variant"] == variant and row["file"] == file
                  and (row["m"] == 1) == is_one_row and row["threads"] == threads]
            if not of:
                continue
            judged = [row for row in of if row["judged"]]
            packed = [row for row in judged if row["kernel"]]
            line = [variant, file, "M = 1" if is_one_row else "M > 1", threads,
                    f"{len(packed)} of {len(of)}", number(mean(row["ratio"] for row in packed))]
            for name in names:
                line.append(number(mean(row["peers"][name]["ratio"] for row in packed
                                        if name in row.get("peers", {}))))
            line.append(number(mean(100 * row["share"] for row in packed if "share" in row)))
            line.append(sum(is_slow(row) for row in judged))
            lines.append(line)
    return table(["variant", "shapes", "rows", "threads", "packed", "times stock",
                  *[f"times {name}" for name in names], "% of peak", "slower than stock"], lines)


def details(rows):
    names = peers_of(rows)
    lines = []
    for row in rows:
        quantized = row.get("without_quantization")
        lines.append([
            row["shape"], row["threads"], row["kernel"] or "stock", number(row["ours_us"]),
            number(row["operations"] / row["ours_us"] * 1e-3),
            number(100 * row["share"]) if "share" in row else "–", number(row["stock_us"]),
            f"{number(row['ratio'])}{' (slower)' if row['judged'] and is_slow(row) else ''}",
            f"{number(row['aa_low'])}–{number(row['aa_high'])}",
            number(quantized["ratio"]) if quantized else "–",
            *[number(row.get("peers", {}).get(name, {}).get("ratio")) for name in names],
            row["notes"].replace("|", "/")])
    return table(["shape", "threads", "kernel", "us", "GOP/s", "% of peak", "stock us", "times stock",
                  "A/A", "unquantized", *[f"times {name}" for name in names], "notes"], lines)


def peaks(rows):
    found = {}
    for row in rows:
        if "peak_gops" in row:
            key = (row["peak"], row["threads"])
            found[key] = max(found.get(key, 0), row["peak_gops"])
    if not found:
        return ""
    return table(["peak", "threads", "GOP/s"],
                 [[name, threads, number(value)]
                  for (name, threads), value in sorted(found.items())])


def products(rows, folder, relative):
    """Plots and tables of each variant."""
    text = "### Products\n\n" + peaks(rows) + summary(rows)
    for variant in VARIANTS:
        of = [row for row in rows if row["variant"] == variant]
        if not of:
            continue
        one = [row for row in of if row["threads"] == min(row["threads"] for row in of)]
        (folder / f"{variant}.roofline.svg").write_text(
            bench_svg.roofline(f"{variant}, {one[0]['threads']} thread(s)", one))
        judged = [row for row in one if row["judged"]]
        text += f"#### {variant}\n\n![roofline]({relative}/{variant}.roofline.svg)\n"
        if judged:
            series = {"stock": {row["shape"]: row["ratio"] for row in judged}}
            for name in peers_of(judged):
                series[name] = {row["shape"]: row["peers"][name]["ratio"] for row in judged
                                if name in row.get("peers", {})}
            (folder / f"{variant}.ratio.svg").write_text(bench_svg.ratios(
                f"{variant}: ours against others", [row["shape"] for row in judged], series))
            text += f"![ratios]({relative}/{variant}.ratio.svg)\n"
        text += ("\n<details><summary>All shapes</summary>\n\n" + details(of) + "</details>\n\n")
    return text


def decoder(found):
    lines = [[row["side"], row["threads"], row["kernel"] or "stock", number(row["load_ms"]),
              number(row["peak_bytes"] * 1e-6), number(row["packed_bytes"] * 1e-6),
              number(found["prompt"] / row["prefill_ms"] * 1e3), number(row["prefill_ratio"]),
              number(1e3 / row["decode_ms"]), number(row["decode_ratio"])]
             for row in found["decoder"]]
    return (f"### Decoder\n\nPrefill of {found['prompt']} rows and steps of one row, over "
            f"{found['weight_bytes'] * 1e-6:.0f} MB of weights. The ratios are of the side's time over ours."
            "\n\n"
            + table(["side", "threads", "kernel", "load ms", "peak MB", "packed MB",
                     "prefill tokens/s", "ratio", "decode tokens/s", "ratio"], lines))


def models(found, folder, relative):
    """`found` is {name: what `switchyard bench --json` wrote}."""
    lines, stock, peer = [], {}, {}
    for name, model in found.items():
        for run in model["threads"]:
            against, other = run["stock"], run["peer"]
            over_peer = 1 / other["time_over_peer"]["median"] if other else None
            judged = run["judged"]
            if judged and run is model["threads"][0]:
                if against and run["packed_nodes"]:
                    stock[name] = against["speedup"]["median"]
                if other:
                    peer[name] = over_peer
            lines.append([
                name, run["threads"], number(run["runs"]["minimum_ms"]), run["packed_nodes"],
                number(against["speedup"]["median"]) if against else "–",
                *(number(against[key]) if against else "–" for key in ("s", "r", "bound")),
                number(over_peer), number(run["load_ms"]["warm"]),
                number(run["peak_memory_bytes"] / 2 ** 20), "" if judged else "under 20 us"])
    text = "### Models\n\n"
    for name, of in (("the stock plan, of models with packed nodes", stock),
                     ("ExecuTorch's own backend", peer)):
        if of:
            text += f"Against {name}: {number(mean(of.values()))} times as fast over {len(of)}.\n"
    names = sorted({*stock, *peer})
    if names:
        (folder / "models.svg").write_text(bench_svg.ratios(
            "models: ours against others", names, {"stock plan": stock, "executorch": peer}))
        text += f"\n![models]({relative}/models.svg)\n"
    return text + "\n" + table(["model", "threads", "ms", "packed nodes", "times stock", "s", "r",
                                "bound", "times executorch", "load ms", "peak MiB", ""], lines)


def section(results, shapes, name, preset):
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    folder, relative = PLOTS / slug, f"performance/{slug}"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    rows, features = [], ""
    for file in shapes:
        found = read(results / f"{file}.json")
        if found:
            features = found["cpu_features"]
            rows += [{**row, "file": file} for row in found["measurements"]]
    packages, commit = versions(preset)
    text = (f"## {name}\n\n{datetime.date.today().isoformat()}, commit {commit}; {os.cpu_count()} CPUs; "
            f"{features}; {packages}\n\n")
    if rows:
        text += products(rows, folder, relative)
    found = read(results / "decoder.json")
    if found:
        text += decoder(found)
    found = {path.name[len("model."):-len(".json")]: read(path)
             for path in sorted(results.glob("model.*.json"))}
    if found:
        text += models(found, folder, relative)
    return text


def write_report(results, shapes, name, preset):
    """Renews the section of the machine `name`; returns the file."""
    begin, end = f"<!-- machine {name} -->\n", f"<!-- /machine {name} -->\n"
    mine = begin + section(results, shapes, name, preset) + end
    before = REPORT.read_text(encoding="utf-8") if REPORT.exists() else HEAD
    if begin in before:
        start, stop = before.index(begin), before.index(end) + len(end)
        after = before[:start] + mine + before[stop:]
    else:
        after = before.rstrip("\n") + "\n\n" + mine
    REPORT.write_text(after, encoding="utf-8")
    return REPORT
