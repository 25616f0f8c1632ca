"""Write constraints.txt: one exact version for every package that any extra brings in.

pip resolves without installing, so a platform's GPU build of torch is looked at but never fetched whole.
Versions alone are written, no addresses and no files: each user's pip takes them from where it is set up to.

Usage: python .ci/lock.py TORCH_VERSION OUTPUT
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADER = """\
# The exact version of everything: `make lock` writes this file, `pip install -c constraints.txt` obeys it.
# torch's GPU libraries are not here: each build of torch names its own, and a CPU build has none.
"""
# torch chooses these by platform; a lock made on one machine must not decide for another.
CHOSEN_BY_TORCH = re.compile(r"nvidia-|cuda-|triton")


def resolve(torch: str) -> dict[str, str]:
    """Normalised package name → version, for the project with all its extras."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    command += ["--report", "-", f"torch=={torch}", f"{ROOT}[dev]"]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    found = [item["metadata"] for item in report["install"]]
    return {re.sub(r"[-_.]+", "-", item["name"]).lower(): item["version"] for item in found}


def main() -> None:
    torch, output = sys.argv[1:]
    versions = resolve(torch)
    del versions["modelbook"]
    # A local label (`+cpu`) names a build, and only the machine that has that build could install it.
    lines = [
        f"{name}=={version.partition('+')[0]}\n"
        for name, version in sorted(versions.items())
        if not CHOSEN_BY_TORCH.match(name)
    ]
    Path(output).write_text(HEADER + "".join(lines))
    print(f"{output}: {len(lines)} packages")


if __name__ == "__main__":
    main()
