"""Run every benchmark: `python -m bench`. With `--json FILE` the figures are kept, with machine, versions and date."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench import checkpoints, finding, gpt, memory, pruning, site, start_up, transfer, verifying
from bench.machine import describe
from bench.measure import Figure

_SECTIONS: dict[str, Any] = {
    "start-up": start_up,
    "verifying": verifying,
    "finding": finding,
    "site": site,
    "memory": memory,
    "checkpoints": checkpoints,
    "gpt": gpt,
    "pruning": pruning,
    "transfer": transfer,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here")
    parser.add_argument("--only", choices=list(_SECTIONS), help="run one of them")
    options = parser.parse_args()
    machine = describe()
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    figures: list[Figure] = []
    for name, module in _SECTIONS.items():
        if options.only in {None, name}:
            print(f"\n{name}: {module.__doc__}")
            machine |= getattr(module, "versions", dict)()
            for figure in module.measure():
                print(f"  {figure}", flush=True)
                figures.append(figure)
                if options.json:  # each time, so that hours of work are not lost
                    kept = {"machine": machine, "figures": [figure._asdict() for figure in figures]}
                    options.json.write_text(json.dumps(kept, indent=2) + "\n")
    sys.exit(0)


main()
