"""imagededup's CNN with the same backbone, on pictures of the same size, without workers."""

import sys
from pathlib import Path

import torch
from contender import Contest
from imagededup.methods import CNN
from imagededup.utils import CustomModel
from torchvision import transforms

sys.path.append(str(Path(__file__).parents[1] / "peers"))
from imagededup_cnn import BACKBONE, network

torch.set_num_threads(1)
contest = Contest()
with contest.timed():
    prepare = transforms.Compose(
        [transforms.Resize((160, 160)), transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
    )
    encoder = CNN(verbose=False, model_config=CustomModel(name=BACKBONE, model=network(), transform=prepare))
    vectors = encoder.encode_images(image_dir=contest.data / "pictures", num_enc_workers=0)
contest.report("imagededup", pictures=len(vectors))
