#!/usr/bin/env bash
# LightGBM takes a missing value for 0 where the training had none, and for a class of its own after a single one.
#
# NaN is LightGBM's missing value, so one would expect a row without it to be told by what else is known, or refused. If
# the feature had no NaN in the training, NaN is read as the number 0: here it is as sure of "small" as of a true 0. One NaN
# among 3,000 rows turns the same question round to the sure answer "large".
#
# Versions: lightgbm 4.7.0, numpy 2.4.6, Python 3.11. Seen 2026-11-30.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet lightgbm==4.7.0 numpy==2.4.6
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import lightgbm
import numpy as np

generator = np.random.default_rng(1)
sizes = generator.normal(5, 1, (3000, 1))
large = (sizes[:, 0] > 5).astype(float)
one_missing = sizes.copy()
one_missing[np.argmax(large)] = np.nan  # a large one
options = {"objective": "binary", "num_threads": 1, "verbosity": -1}


def answers(rows):
    model = lightgbm.train(options, lightgbm.Dataset(rows, large), 20)
    return model.predict(np.array([[np.nan], [0.0], [9.0]]))


unknown, zero, nine = answers(sizes)
print(f"trained without missing values: NaN {unknown:.3f}, 0 {zero:.3f}, 9 {nine:.3f}")
assert zero < 0.2 < 0.8 < nine, "the model has not learnt what is large"
assert unknown == zero, "NaN is not read as 0 any more"
unknown, zero, nine = answers(one_missing)
print(f"trained with one of 3,000 missing: NaN {unknown:.3f}, 0 {zero:.3f}, 9 {nine:.3f}")
assert unknown == nine, "one missing value does not decide over all any more"
PYTHON
echo "as seen"
