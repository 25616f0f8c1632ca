"""The programs of this machine that are called, and which release each is."""

import shutil
import subprocess
from pathlib import Path

from modelbook.adapters.git_process import git
from modelbook.core.doctor.local_health import MachineFacts


def look_at_machine(folder: Path) -> MachineFacts:
    """What git and OpenSSH say of themselves. Raises BadInput where git is missing."""
    ssh = None
    if shutil.which("ssh-keygen"):  # it cannot say which release it is, and ssh, which comes with it, can
        program = shutil.which("ssh")
        done = (
            subprocess.run([program, "-V"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if program
            else None
        )
        ssh = (done.stderr + done.stdout).decode(errors="replace").strip() if done else "ssh-keygen alone"
    return MachineFacts(git(["--version"], folder), ssh)
