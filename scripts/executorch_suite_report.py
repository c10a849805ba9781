"""The part of docs/executorch.md that executorch_suite makes: the table, and what explains it."""

import collections

from executorch_python import ROOT

REPORT = ROOT / "docs" / "executorch.md"
BEGIN = "<!-- Made by scripts/executorch_suite -->"
END = "<!-- /scripts/executorch_suite -->"

# A test (or the beginning of its name) that does not end alike on both, or fails on both, and why.
EXPLAINED = {
    "ops/test_linear.py::TestLinear::test_linear_qd8_f32_per_channel_int4":
        "63 input channels: with int4 weights and an odd depth, ExecuTorch's own takes the first "
        "element of the next row into a row's range (`fc.qp8_f32_qc4w.odd_k.growing_rows` in "
        "[conformance.md](conformance.md)); whether the test sees it depends on the inputs",
    "models/mobilebert.py::TestMobilebert::test_fp32_mobilebert":
        "fails while exporting, before a backend runs: the partitioner leaves an addition to the "
        "host, and the test expects none",
}


def outcome(name, reason, results):
    if reason is not None:
        return "needs download" if reason.startswith("needs a download") else "cannot be imported"
    return results[name]["outcome"] if name in results else "not run"


def explanation(name):
    return next((why for begin, why in EXPLAINED.items() if name.startswith(begin)), None)


def table(tests, ours, own):
    """A row for each file: numbers of tests by how they end."""
    rows = collections.OrderedDict()
    for name, reason in tests.items():
        row = rows.setdefault(name.split("::")[0], collections.Counter())
        total = rows.setdefault("all", collections.Counter())
        for count in (row, total):
            count["tests"] += 1
            a, b = outcome(name, reason, ours), outcome(name, reason, own)
            count["ours"] += a == "passed"
            count["own"] += b == "passed"
            count["skipped"] += a == b == "skipped"
            count["download"] += a == "needs download"
    rows.move_to_end("all")
    lines = ["| file | tests | pass on ours | pass on its own | skipped | need a download |",
             "|---|---|---|---|---|---|"]
    for name, count in rows.items():
        cells = [str(count[key] or "–") for key in ("tests", "ours", "own", "skipped", "download")]
        lines.append(f"| {name if name == 'all' else f'`{name}`'} | " + " | ".join(cells) + " |")
    return lines


def differences(tests, ours, own):
    """Lines on tests that do not pass on both, and those of them that nothing explains."""
    lines, unexplained = [], []
    for name, reason in tests.items():
        a, b = outcome(name, reason, ours), outcome(name, reason, own)
        ends = {a, b} - {"not run"}
        if len(ends) < 2 and ends <= {"passed", "skipped", "needs download"}:
            continue
        why = explanation(name)
        if why is None:
            unexplained.append(f"{name}: {a} on ours, {b} on its own")
        lines.append(f"| `{name}` | {a} | {b} | {why or 'not yet explained'} |")
    if not lines:
        return ["No test ends otherwise on ours than on its own."], unexplained
    return ["| test | ours | its own | why |", "|---|---|---|---|", *lines], unexplained


def downloads(tests, ours):
    """What is not run because it is not on the machine, by what that is."""
    wanted = collections.OrderedDict()
    for name, reason in tests.items():
        if outcome(name, reason, ours) == "needs download":
            why = reason or ours[name]["detail"]
            wanted.setdefault(why.removeprefix("needs a download: "), []).append(name)
    return [f"- {why}: " + ", ".join(f"`{name}`" for name in names)
            for why, names in wanted.items()]


def skips(tests, ours):
    return [f"- `{name}`: {ours[name]['detail']}" for name, reason in tests.items()
            if outcome(name, reason, ours) == "skipped"]


def incomplete(tests, ours, own):
    """Lines that say how many tests have no result yet."""
    missing = [(backend, sum(outcome(name, reason, results) == "not run"
                             for name, reason in tests.items()))
               for backend, results in (("ours", ours), ("its own", own))]
    return [f"**Not complete**: {count} tests have no result on {backend} yet; "
            "`scripts/executorch_suite` goes on with them." for backend, count in missing if count]


def write_report(tests, ours, own):
    """Renews the part of the report between its marks. Returns the script's exit code."""
    differing, unexplained = differences(tests, ours, own)
    unfinished = incomplete(tests, ours, own)
    lines = [BEGIN, "", *table(tests, ours, own), ""]
    for paragraph in [*unfinished, *differing]:
        lines += [paragraph] if paragraph.startswith("|") else [paragraph, ""]
    if lines[-1]:
        lines.append("")
    for title, items in [("Need a download, so they are not run", downloads(tests, ours)),
                         ("Skipped, by their authors", skips(tests, ours))]:
        if items:
            lines += [f"{title}:", "", *items, ""]
    text = REPORT.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    REPORT.write_text(before + "\n".join(lines) + END + after)
    print(f"executorch_suite: wrote {REPORT.relative_to(ROOT)}")
    for line in [*unfinished, *(f"not explained: {line}" for line in unexplained)]:
        print(f"executorch_suite: {line}")
    return 1 if unfinished or unexplained else 0
