"""The report: the machine, the targets, and a table to read."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

import toymodels as tm
from experiments.benchmark import baseline
from experiments.benchmark.dictionaries import GRID, WIDE, saelens_version
from experiments.benchmark.sizes import LARGE, SMALL
from toymodels import files

Measured = Mapping[str, Mapping[str, Any]]


def machine() -> dict[str, Any]:
    """What the numbers depend on: processor, cores, device and versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": cores,
        "device": jax.devices()[0].device_kind,
        "system": platform.system(),
        "python": platform.python_version(),
        "toymodels": tm.__version__,
        **{name: version(name) for name in ("jax", "jaxlib", "flax", "optax", "numpy")},
        "torch": baseline.VERSION,
        "sae-lens": saelens_version(),
    }


QUIET = 0.1  # share of the cores that other programs may use
SAME_STEPS_TARGET = 10
DEFAULT_RECIPE_LIMIT = 1.05
SAME_LOSS_TARGETS = {SMALL.name: 50, LARGE.name: 100}
MATRIX_SHARE_TARGETS = {LARGE.name: 0.75}
BARE_TARGET = 0.87  # 1 / 1.15
DICTIONARY_TARGETS = {GRID.name: 20, WIDE.name: 1}
PHASE_SECONDS, PHASE_MIB = 240, 2048
PHASE_AGREEMENT = {"all cells": 0.97, "further than 1/48 of an axis from a border": 0.99}


def targets(
    steps: Measured,
    default_recipe: Mapping[str, Sequence[Mapping[str, float]]],
    same_loss: Measured,
    sweeps: Measured,
    dictionaries: Measured,
    phases: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Each target with what was measured, a median over rounds, and whether it is met."""
    found = [
        _target(f"PyTorch's time / ours, same steps, {name}", row["ratio"]["median"], SAME_STEPS_TARGET)
        for name, row in steps.items()
    ]
    for name, rows in default_recipe.items():
        title = f"the default recipe's median loss / the notebook's, worst of densities 1 to 0.001, {name}"
        found.append(_limit(title, max(row["median_ratio"] for row in rows), DEFAULT_RECIPE_LIMIT))
    for name, row in same_loss.items():
        measured = row["ratio"]["median"] if row["reached"] else None
        found.append(_target(f"PyTorch's time / ours, to the same loss, {name}", measured, SAME_LOSS_TARGETS[name]))
    for name, bound in MATRIX_SHARE_TARGETS.items():
        share = steps[name]["share_of_matrix_rate"]["median"]
        found.append(_target(f"share of the machine's large-matrix rate, {name}", share, bound))
    for name, row in sweeps.items():
        title = f"the bare engine's time / a sweep's, {name}, {row['models']} models"
        found.append(_target(title, row["ratio"]["median"], BARE_TARGET))
    for name, row in dictionaries.items():
        if "ratio" in row:
            title = f"SAELens' time / ours, {row['autoencoders']} sparse autoencoders, {name}"
            found.append(_target(title, row["ratio"]["median"], DICTIONARY_TARGETS[name]))
    title = f"phase diagram, {phases['models']:,} models"
    if phases["models"] >= 10**6:
        found.append(_limit(f"{title}: seconds", phases["seconds"], PHASE_SECONDS))
        found.append(_limit(f"{title}: peak MiB", phases["peak_mib"], PHASE_MIB))
    found += [
        _target(f"{title}: agreement with theory, {cells}", phases["agreement"][cells], bound)
        for cells, bound in PHASE_AGREEMENT.items()
    ]
    return found


def _target(name: str, measured: float | None, at_least: float) -> dict[str, Any]:
    return {
        "target": name,
        "at_least": at_least,
        "measured": measured,
        "passed": measured is not None and measured >= at_least,
    }


def _limit(name: str, measured: float, at_most: float) -> dict[str, Any]:
    return {"target": name, "at_most": at_most, "measured": measured, "passed": measured <= at_most}


def table(report: Mapping[str, Any]) -> str:
    """The report for a reader: medians, and [minimum, maximum] over rounds."""
    about = report["machine"]
    lines = [
        f"{about['processor']}, {about['cores']} cores; device {about['device']}; JAX {about['jax']}, "
        f"PyTorch {about['torch']}",
        f"largest difference of weights from the notebook's after {report['agreement']['steps']} equal steps: "
        f"{report['agreement']['largest_difference']:.1e}",
        "",
        "Same steps                ours ms   PyTorch ms          PyTorch / ours   own draws   share of matrix rate",
    ]
    for name, row in report["steps"].items():
        lines.append(
            f"{name:<13}{row['models']:>3} models{row['ours_ms']['median']:>10.3f}{row['pytorch_ms']['median']:>13.2f}"
            f"{_spread(row['ratio']):>24}{_median(row.get('ratio_own_draws')):>12}"
            f"{row['share_of_matrix_rate']['median']:>23.0%}"
        )
    lines += ["", "The default recipe's loss / the notebook's, of medians (of the least), by density"]
    lines += [
        f"{name:<13}" + "".join(f"   {row['density']:g}: {row['median_ratio']} ({row['least_ratio']})" for row in rows)
        for name, rows in report["default_recipe"].items()
    ]
    lines += ["", "Same loss       ours s (+ compilation)   PyTorch s            PyTorch / ours   our recipe"]
    lines += [_same_loss_line(name, row) for name, row in report["same_loss"].items()]
    lines += ["", "Peak memory in MiB, over that of the imports     ours   PyTorch"]
    lines += [f"{name:<44}{row['ours']:>9.0f}{row['pytorch']:>10.0f}" for name, row in report["memory_mib"].items()]
    lines += ["", "Steps of single models per second, n=5 m=2       ours   PyTorch"]
    lines += [_growth_line(row) for row in report["growth"]["models"]]
    lines += ["", "GFLOP/s of eight models, m = n / 10              ours   PyTorch"]
    lines += [
        f"n = {row['features']:<40}{row['ours_gflops']['median']:>9.1f}{row['pytorch_gflops']['median']:>10.1f}"
        for row in report["growth"]["features"]
    ]
    lines += ["", "A sweep beside the bare engine                bare s   sweep s             bare / sweep"]
    lines += [
        f"{name:<13}{row['models']:>5} models{'':<16}{row['bare_seconds']:>10.2f}{row['sweep_seconds']:>10.2f}"
        f"{_spread(row['ratio']):>25}"
        for name, row in report["sweeps"].items()
    ]
    lines += ["", "Sparse autoencoders, ms a step of one          ours   SAELens           SAELens / ours"]
    lines += [_dictionary_line(name, row) for name, row in report["dictionaries"].items()]
    phases = report["phase_diagram"]
    lines += [
        "",
        f"Phase diagram n=2 m=1: {phases['models']:,} models of {phases['steps']} steps in {phases['seconds']:.0f} s, "
        f"{phases['model_steps_per_second'] / 1e6:.1f} million model-steps per second, {phases['peak_mib']} MiB",
        "agreement with theory: " + ", ".join(f"{share:.1%} {cells}" for cells, share in phases["agreement"].items()),
    ]
    lines += ["", "Targets"]
    lines += [_target_line(target) for target in report["targets"]]
    missed = sum(not target["passed"] for target in report["targets"])
    lines += ["", f"{missed} of {len(report['targets'])} targets missed." if missed else "All targets met."]
    others = report["others_share_of_cores"]
    if others is not None and others > QUIET:
        lines.append(f"Other programs used {others:.0%} of the cores meanwhile: measure again when they do not.")
    return "\n".join(lines)


def _dictionary_line(name: str, row: Mapping[str, Any]) -> str:
    if "skipped" in row:
        return f"{name:<30}left out: {row['skipped']}"
    return (
        f"{name:<30}{row['autoencoders']:>4}{row['ours_ms']['median']:>17.3f}{row['saelens_ms']['median']:>10.2f}"
        f"{_spread(row['ratio']):>25}"
    )


def _same_loss_line(name: str, row: Mapping[str, Any]) -> str:
    if not row["reached"]:
        return f"{name:<13}not reached"
    recipe = row["recipes_tried"][-1]
    seconds = f"{row['ours_seconds']['median']:.3f} ({row['ours_seconds_with_compilation']:.2f})"
    return (
        f"{name:<13}{seconds:>25}{row['pytorch_seconds']['median']:>12.0f}{_spread(row['ratio']):>26}"
        f"   {recipe['steps']} steps of {recipe['batch_size']}"
    )


def _growth_line(row: Mapping[str, Any]) -> str:
    pytorch = row.get("pytorch_model_steps_per_second")
    other = f"{pytorch['median']:>10,.0f}" if pytorch else f"{'-':>10}"
    return f"{row['models']:>6} models{'':<31}{row['ours_model_steps_per_second']['median']:>9,.0f}{other}"


def _median(row: Mapping[str, float] | None) -> str:
    return f"{row['median']:.1f}" if row else "-"


def _target_line(target: Mapping[str, Any]) -> str:
    measured = "not reached" if target["measured"] is None else f"{target['measured']:.3g}"
    verdict = "met" if target["passed"] else "MISSED"
    wanted = f"at most {target['at_most']:g}" if "at_most" in target else f"{target['at_least']:g}"
    return f"{verdict:<8}{target['target']:<90}{measured:>8}, wanted {wanted}"


def _spread(row: Mapping[str, float]) -> str:
    return f"{row['median']:.1f} [{row['min']:.1f}, {row['max']:.1f}]"


def _processor() -> str:
    """The model's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in files.read_text(info).splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
