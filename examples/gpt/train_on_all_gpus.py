"""Run train.py under torchrun, once a GPU: modelbook train train_on_all_gpus.py --data python-text@1 ...

What follows `--` goes to torchrun, as in `-- --nproc-per-node 2`.
"""

import sys
from pathlib import Path

from torch.distributed.run import main

if __name__ == "__main__":
    script = Path(__file__).with_name("train.py")
    main(["--standalone", "--nproc-per-node", "auto", *sys.argv[1:], str(script)])
