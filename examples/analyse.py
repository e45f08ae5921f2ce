"""Analyses a table: groups, averages, spread, and the readings that cannot be right.

    hive run examples/analyse.py --input examples/data/rack_power.csv

Takes any CSV file with a header: numbers are measured, the first column of words makes the groups. Without an
argument it analyses the one CSV file it finds. Writes report.md, report.csv and chart.svg.
"""

import csv
import statistics
import sys
from pathlib import Path

OUTLIER_SCORE = 3.5
"""Modified z-score from which a reading counts as an outlier (recommended by Iglewicz & Hoaglin 1993)."""
MAD_TO_SIGMA = 0.6745
"""Median absolute deviation of a normal distribution, in standard deviations."""
SHOWN_OUTLIERS = 10

Row = dict[str, str]


def find_table(arguments: list[str]) -> Path:
    """The file named, or the only one there is."""
    if arguments:
        return Path(arguments[0])
    tables = sorted(path for path in Path.cwd().glob("*.csv") if path.name != "report.csv")
    if len(tables) != 1:
        sys.exit(f"analyse: expected one CSV file, found {len(tables)}; name it as an argument")
    return tables[0]


def read_table(path: Path) -> list[Row]:
    """Rows by column name."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        sys.exit(f"analyse: {path.name} has no rows")
    return rows


def is_number(text: str | None) -> bool:
    """Whether a cell holds a finite number."""
    try:
        return abs(float(text or "")) != float("inf")
    except ValueError:
        return False


def split_columns(rows: list[Row]) -> tuple[str | None, list[str]]:
    """The column that makes the groups, if any, and the columns to measure (not those that only count up)."""
    numeric = [name for name in rows[0] if all(is_number(row[name]) for row in rows)]
    words = [name for name in rows[0] if name not in numeric]
    measured = [
        name for name in numeric if len({row[name] for row in rows}) > len(rows) ** 0.5 and not is_sorted(rows, name)
    ]
    return (words[0] if words else None), measured or numeric


def is_sorted(rows: list[Row], name: str) -> bool:
    """Whether a column only ever rises: an index or a time, not a measurement."""
    values = [float(row[name]) for row in rows]
    return values == sorted(values)


def scores(values: list[float]) -> list[float]:
    """Modified z-score of each value: distance from the median in robust standard deviations."""
    middle = statistics.median(values)
    spread = statistics.median(abs(value - middle) for value in values)
    return [MAD_TO_SIGMA * abs(value - middle) / spread if spread else 0.0 for value in values]


def summarise(values: list[float], outliers: int) -> dict[str, float]:
    """One line of the report."""
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return {
        "count": len(values),
        "mean": statistics.fmean(values),
        "stdev": statistics.stdev(values) if len(values) > 1 else 0.0,
        "min": min(values),
        "q1": low,
        "median": middle,
        "q3": high,
        "max": max(values),
        "outliers": outliers,
    }


def analyse(rows: list[Row], group_by: str | None, columns: list[str]) -> tuple[list[dict], list[dict]]:
    """Summary lines, and the outliers, worst first."""
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(row[group_by] if group_by else "all", []).append(index)
    summary, outliers = [], []
    for column in columns:
        for group, indices in sorted(groups.items()):
            values = [float(rows[index][column]) for index in indices]
            scored = zip(indices, values, scores(values), strict=True)
            odd = [(index, value, score) for index, value, score in scored if score >= OUTLIER_SCORE]
            outliers += [
                {"line": index + 2, "group": group, "column": column, "value": value, "score": score}
                for index, value, score in odd
            ]
            kept = {index for index, _, _ in odd}
            clean = [value for index, value in zip(indices, values, strict=True) if index not in kept]
            summary.append({"column": column, "group": group, **summarise(clean, len(odd))})
    return summary, sorted(outliers, key=lambda found: (-found["score"], found["line"]))


def write_csv(path: Path, summary: list[dict]) -> None:
    """The summary as a table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(summary[0]))
        writer.writeheader()
        writer.writerows(
            {key: f"{value:.3f}" if isinstance(value, float) else value for key, value in line.items()}
            for line in summary
        )


def markdown(name: str, rows: list[Row], summary: list[dict], outliers: list[dict]) -> str:
    """The report for a person."""
    lines = [f"# {name}", "", f"{len(rows)} rows. Averages leave the {len(outliers)} outliers out.", ""]
    lines += [
        "| column | group | count | mean | stdev | median | min | max |",
        "| --- | --- | --: | --: | --: | --: | --: | --: |",
    ]
    lines += [
        f"| {line['column']} | {line['group']} | {line['count']} | "
        + " | ".join(f"{line[name]:.1f}" for name in ("mean", "stdev", "median", "min", "max"))
        + " |"
        for line in summary
    ]
    lines += ["", "## Outliers", ""]
    lines += [
        f"- line {found['line']}: {found['column']} of {found['group']} is {found['value']:g}"
        f" ({found['score']:.0f} robust standard deviations away)"
        for found in outliers[:SHOWN_OUTLIERS]
    ] or ["None."]
    if len(outliers) > SHOWN_OUTLIERS:
        lines.append(f"- and {len(outliers) - SHOWN_OUTLIERS} more")
    return "\n".join(lines) + "\n"


def box_plot(summary: list[dict]) -> str:
    """The first measured column as box plots, as SVG."""
    boxes = [line for line in summary if line["column"] == summary[0]["column"]]
    low, high = min(line["min"] for line in boxes), max(line["max"] for line in boxes)
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return round(150 + 430 * (value - low) / span, 1)

    height = 60 + 50 * len(boxes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" font-family="sans-serif" font-size="14">',
        f'<rect width="640" height="{height}" fill="#fffaf0"/>',
        f'<text x="20" y="28" font-size="17" font-weight="bold">{escape(boxes[0]["column"])}</text>',
    ]
    for row, line in enumerate(boxes):
        y, left, right = 65 + 50 * row, x(line["q1"]), x(line["q3"])
        parts += [
            f'<text x="140" y="{y + 5}" text-anchor="end">{escape(line["group"])}</text>',
            f'<path d="M{x(line["min"])} {y}H{x(line["max"])}" stroke="#8a5a00"/>',
            f'<rect x="{left}" y="{y - 14}" width="{round(right - left, 1)}" height="28"'
            ' fill="#f5b82e" stroke="#8a5a00"/>',
            f'<path d="M{x(line["median"])} {y - 14}v28" stroke="#4a2f00" stroke-width="3"/>',
            f'<text x="{x(line["max"]) + 6}" y="{y + 5}" fill="#6b5b3e">{line["mean"]:.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def escape(text: str) -> str:
    """Text for XML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def main() -> None:
    """Read, analyse, write, and say what was found."""
    path = find_table(sys.argv[1:])
    rows = read_table(path)
    group_by, columns = split_columns(rows)
    if not columns:
        sys.exit(f"analyse: {path.name} has no column of numbers")
    summary, outliers = analyse(rows, group_by, columns)
    write_csv(Path("report.csv"), summary)
    Path("report.md").write_text(markdown(path.name, rows, summary, outliers), encoding="utf-8")
    Path("chart.svg").write_text(box_plot(summary), encoding="utf-8")
    groups = len({line["group"] for line in summary})
    print(
        f"{len(rows)} rows, {groups} groups by {group_by or 'nothing'},"
        f" {len(columns)} columns, {len(outliers)} outliers"
    )


if __name__ == "__main__":
    main()
