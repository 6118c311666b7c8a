"""Samples by name, what they are held against, and what is said of them at the end."""

import json
import statistics

AT_LEAST, AT_MOST = "at least", "at most"


class Target:
    """`above / below` in the same round (or `above` alone) beside what it is meant to be.

    Figures that were sampled equally often are paired, so that a drift of the machine cancels out.
    """

    def __init__(self, name, above, below, bound, value, unit=""):
        self.name, self.above, self.below, self.bound, self.value, self.unit = name, above, below, bound, value, unit

    def samples(self, figures):
        above = figures.values(self.above)
        if self.below is None:
            return above
        below = figures.values(self.below)
        if len(above) != len(below):
            return [statistics.median(above) / statistics.median(below)] if above and below else []
        return [one / other for one, other in zip(above, below)]

    def met(self, value):
        return value >= self.value if self.bound == AT_LEAST else value <= self.value


class Figures:
    def __init__(self, targets):
        self.targets, self.samples_of, self.not_measured, self.notes = targets, {}, {}, []

    def add(self, name, value, unit):
        self.samples_of.setdefault(name, (unit, []))[1].append(value)

    def missing(self, name, why):
        """Said at the end, so that nobody takes a figure that is left out for one that was not asked for."""
        self.not_measured[name] = str(why)

    def note(self, text):
        """Something about this run that its figures do not show."""
        self.notes.append(text)

    def values(self, name):
        return self.samples_of[name][1] if name in self.samples_of else []

    def judged(self):
        """Yields (target, its samples) for all that were measured."""
        for target in self.targets:
            samples = target.samples(self)
            if samples:
                yield target, samples

    def print(self):
        print(f"\n{'figure':<58} {'median':>10} {'min':>10} {'max':>10}  unit")
        for name, (unit, values) in self.samples_of.items():
            print(f"{name:<58} {shown(values)}  {unit}")
        print(f"\n{'target':<58} {'median':>10} {'min':>10} {'max':>10}  {'meant to be':<20} {'of it':>6}")
        for target, samples in self.judged():
            middle = statistics.median(samples)
            meant = f"{target.bound} {target.value:g} {target.unit}".strip()
            print(f"{target.name:<58} {shown(samples)}  {meant:<20} {middle / target.value:>6.2f}"
                  f"{'' if target.met(middle) else '  missed'}")
        for text in self.notes:
            print(f"\nNote: {text}")
        for name, why in self.not_measured.items():
            print(f"\nNot measured: {name}: {why}")

    def write(self, path, run):
        """The JSON that docs/performance.md describes."""
        targets = {target.name: {"samples": samples, "median": statistics.median(samples), "bound": target.bound,
                                 "value": target.value, "met": target.met(statistics.median(samples))}
                   for target, samples in self.judged()}
        figures = {name: {"unit": unit, "samples": values, "median": statistics.median(values)}
                   for name, (unit, values) in self.samples_of.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"run": run, "figures": figures, "targets": targets, "notes": self.notes,
                                    "not measured": self.not_measured}, indent=1))


def shown(values):
    return f"{statistics.median(values):>10.3f} {min(values):>10.3f} {max(values):>10.3f}"


def percentile(values, share):
    """The smallest of `values` that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
