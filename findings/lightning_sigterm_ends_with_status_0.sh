#!/usr/bin/env bash
# A training by Lightning that is told to end by SIGTERM ends with status 0, as if it were done.
#
# One would expect 143, or any status but 0: schedulers and shells take 0 for a finished training. Lightning catches the
# signal and raises SIGTERMException after the step; that is a SystemExit without a status, which Python ends with 0 and
# without a traceback. Ctrl-C in the same place gives 1.
#
# Versions: pytorch-lightning 2.6.6, torch 2.14.1 (a download of some GB), Python 3.11. Seen 2026-11-30.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet torch==2.14.1 pytorch-lightning==2.6.6
cd "$work"
cat > fit.py <<'PYTHON'
import os
import signal
import sys

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, TensorDataset


class Line(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, number):
        if number == 1:
            os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        return self.layer(batch[0]).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
trainer = pl.Trainer(max_epochs=100, accelerator="cpu", **quiet)
trainer.fit(Line(), DataLoader(TensorDataset(torch.zeros(8, 1)), batch_size=2))
print("trained for", trainer.global_step, "steps")
PYTHON

# runs the training, sends it a signal in the second of its 400 steps, and prints its status; it must not have got to its end
status_after() {
    local status=0
    "$work/env/bin/python" fit.py "$1" > said.txt 2> log.txt || status=$?
    if grep -q trained said.txt; then
        echo "the training went on to its end" >&2
        return 1
    fi
    echo "$status"
}

terminated=$(status_after SIGTERM)
interrupted=$(status_after SIGINT)
echo "status after SIGTERM: $terminated, after SIGINT: $interrupted"
test "$terminated" = 0
test "$interrupted" = 1
echo "as seen"
