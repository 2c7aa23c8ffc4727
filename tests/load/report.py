"""Figures, beside their floors: a table for people, a line each for machines."""

import json
import math


def quantile(values, share):
    """The one that `share` of all are at most; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1 if share > 0 else 0)]


def median(values):
    """The middle one; of an even number the mean of the two."""
    ordered = sorted(values)
    if not ordered:
        return None
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def rounded(value):
    """Four digits that count."""
    if value is None or value == 0:
        return value
    digits = 3 - math.floor(math.log10(abs(value)))
    value = round(value, digits)
    return int(value) if digits <= 0 else value


class Report:
    def __init__(self, head):
        self.head = head
        self.lines = []
        self.voids = []

    def add(self, workload, store, metric, value, unit, floor=None):
        """(workload, store, metric) may be told once."""
        if value is None:
            return
        if any((line["workload"], line["store"], line["metric"]) == (workload, store, metric)
               for line in self.lines):
            raise ValueError(f"{workload} {store} {metric} is told twice")
        ratio = rounded(value / floor) if floor else None
        self.lines.append({"workload": workload, "store": store, "metric": metric,
                           "value": rounded(value), "unit": unit, "floor": rounded(floor),
                           "ratio": ratio})

    def void(self, cell, reason):
        """Nothing of this cell counts."""
        self.voids.append((cell, reason))

    def jsonl(self):
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [self.head, *self.lines])

    def table(self):
        """A row for each figure, a column pair for each store."""
        stores = list(dict.fromkeys(line["store"] for line in self.lines))
        cells = {}
        for line in self.lines:
            key = (line["workload"], line["metric"], line["unit"])
            cells.setdefault(key, {})[line["store"]] = line
        rows = [["", "", "", *(text for store in stores for text in (store, "÷ floor"))]]
        last = ""
        for (workload, metric, unit), by_store in sorted(cells.items(), key=lambda item: item[0][0]):
            row = [workload if workload != last else "", metric, unit]
            last = workload
            for store in stores:
                line = by_store.get(store)
                row.append("" if line is None else f"{line['value']:,}")
                row.append("" if line is None or line["ratio"] is None else f"{line['ratio']:g}")
            rows.append(row)
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        texts = []
        for row in rows:
            left = [row[i].ljust(widths[i]) for i in range(3)]
            right = [row[i].rjust(widths[i]) for i in range(3, len(row))]
            texts.append("  ".join(left + right).rstrip())
        texts += [f"VOID  {cell}: {reason}" for cell, reason in self.voids]
        return "\n".join(texts)
