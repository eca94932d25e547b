"""imagededup's CNN with the backbone that this project starts from: every pair of a folder from cosine 0.9 up.

With the argument ``pairs`` these are written as peers do (peers/peer_output.py), which is not measured.
"""

import csv
import sys
from pathlib import Path

import torch
from contender import Contest
from imagededup.methods import CNN
from imagededup.utils import CustomModel
from torchvision import transforms

sys.path.append(str(Path(__file__).parents[1] / "peers"))
from imagededup_cnn import BACKBONE, DEFAULT, network
from peer_output import COLUMNS

torch.set_num_threads(1)
contest = Contest()
prepare = transforms.Compose(
    [transforms.Resize((160, 160)), transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
)
with contest.timed():
    encoder = CNN(verbose=False, model_config=CustomModel(name=BACKBONE, model=network(), transform=prepare))
    found = encoder.find_duplicates(
        image_dir=contest.data / "pictures",
        min_similarity_threshold=DEFAULT,
        scores=True,
        num_enc_workers=0,
        num_sim_workers=0,
    )
if contest.arguments:
    with (contest.results / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for one, others in found.items():
            writer.writerows((one, other, float(cosine), 1) for other, cosine in others if one < other)
contest.report("imagededup", pictures=len(found))
