#!/usr/bin/env python3
"""Holds "90 % less energy than a GPU" against the emulator.

    tools/studies/claim_check.py build/tools/triptych

For each model and batch: joules a token of a decode step on the GPU and on
free-space optical machines, memory and host included; and what would have to
hold for a tenth of the GPU's. A run's energy is linear in the energy of each
action, so every such question is one division:

    E = sum over actions of count * energy + power between vectors * time

Prints tables in Markdown. Every number comes from presets or, where this file
sets one, stands below with its source.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys

MODELS = ["llama-3.1-8b", "llama-3.1-70b"]
BATCHES = [1, 8, 64]
CONTEXT = 2048
CLAIM = 0.1  # of the GPU's energy

# The emulator charges nothing for time: power of an accelerator card that
# waits, a fifth of 300 W (assumed, as in when_optics_pays.toml).
IDLE_W = 60
# 20 fJ a multiply-add: the 10 fJ an operation of a vendor's goal for 2029
# (1 exaOPS in 10 kW), for everything but memory.
GOAL_J_PER_MAC = 20e-15

# A digital part on the same board with an H100's memory: what
# when_optics_pays.toml sets beside the optics, with the same sources.
BOARD = ["dram.gb_per_s=3000", "host.dram_gb_per_s=3000",
         "host.matrix_gflops=400000", "host.vector_gflops=25000",
         "host.link_gb_per_s=900", "host.link_latency_us=0.2",
         "host.energy_flop_pj=0.7", "host.energy_dram_byte_pj=40",
         "host.energy_link_byte_pj=10"]
MACHINES = [
    ("mirrors, 346 us", "optical:free-space-1024x2048", []),
    ("mirrors, board", "optical:free-space-1024x2048", BOARD),
    ("10 ns planes, board", "optical:free-space-1024x2048",
     BOARD + ["plane.load_us=0.01"]),
]
GROUPS = {
    "weights from DRAM": ["dram."],
    "host": ["host.matrix", "host.vector", "host.dram"],
    "link": ["host.link"],
    "light": ["laser."],
    "converters": ["dac.", "adc.", "tia.", "digital."],
    "planes": ["plane."],
}


def profile(triptych, model, batch, target, sets):
    """One decode step: the first result of `triptych profile`."""
    command = [triptych, "profile", "-m", model, "-t", target, "--phase",
               "decode", "--batch", str(batch), "--context", str(CONTEXT),
               "--json", "-"]
    for one in sets:
        command += ["--set", one]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)}: {run.stderr.strip()}")
    return json.loads(run.stdout)["results"][0]


def grouped(energy, batch):
    """Joules a token by group; a group for what no name fits."""
    sums = {group: 0.0 for group in GROUPS} | {"other": 0.0}
    for action, joules in energy.items():
        for group, names in GROUPS.items():
            if any(action.startswith(name) for name in names):
                sums[group] += joules / batch
                break
        else:
            sums["other"] += joules / batch
    return sums


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def number(value):
    return f"{value:.3g}"


def costs(triptych, model, batch):
    gpu = profile(triptych, model, batch, "gpu:h100", ["dtype=fp8"])
    per_token = gpu["energy_j"] / batch
    optical = []
    for name, target, sets in MACHINES:
        result = profile(triptych, model, batch, target, sets)
        parts = grouped(result["energy_by_action"], batch)
        parts["between vectors"] = IDLE_W * result["seconds"] / batch
        optical.append((name, result, parts))
    return per_token, optical


def needed(budget, parts, group):
    """By what factor `group` alone would have to shrink; "-": not alone."""
    rest = sum(parts.values()) - parts[group]
    if parts[group] == 0:
        return "nothing there"
    if rest > budget:
        return "-"
    return number((budget - rest) / parts[group])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    triptych = sys.argv[1]
    energy_rows, part_rows, alone_rows, floor_rows = [], [], [], []
    groups = list(GROUPS) + ["between vectors"]
    for model in MODELS:
        for batch in BATCHES:
            gpu, optical = costs(triptych, model, batch)
            where = [model, str(batch)]
            energy_rows.append(where + [number(gpu)] + [
                f"{number(sum(parts.values()))} "
                f"({number(sum(parts.values()) / gpu)})"
                for _, _, parts in optical])
            name, result, parts = optical[-1]
            part_rows.append(where + [number(parts[g]) for g in groups])
            budget = CLAIM * gpu
            alone_rows.append(where + [number(budget)] + [
                needed(budget, parts, g) for g in groups])
            # Everything but memory at the goal: what a byte may cost.
            macs = result["flops"] / 2 / batch
            moved = result["bytes"]["off_chip"] / batch
            left = budget - macs * GOAL_J_PER_MAC
            floor_rows.append(where + [
                number(macs), number(macs * GOAL_J_PER_MAC), number(moved),
                number(left / moved / 8 * 1e12) if left > 0 else "-"])
    names = [name for name, _, _ in MACHINES]
    print(f"Decode, context {CONTEXT}, J a token; in brackets over the GPU's\n")
    table(["model", "batch", "gpu:h100, fp8"] + names, energy_rows)
    print(f"Where it goes: {names[-1]}, J a token\n")
    table(["model", "batch"] + groups, part_rows)
    print("What one part alone would have to come to, as a factor, for a tenth "
          "of the GPU's (\"-\": the rest is more than that)\n")
    table(["model", "batch", "a tenth, J"] + groups, alone_rows)
    print("Everything but memory at 20 fJ a multiply-add: what a bit from "
          "memory may cost for a tenth of the GPU's\n")
    table(["model", "batch", "multiply-adds", "their J at the goal",
           "bytes moved", "pJ a bit"], floor_rows)


if __name__ == "__main__":
    main()
