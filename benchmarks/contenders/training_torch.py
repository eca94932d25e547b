"""A bare loop in torch: the same network, batches, loss, optimiser and arithmetic."""

import torch
from contender import Contest
from training_batches import batches_of, device_of, network_of

from dedup_pipeline.config import Settings
from training.module import freeze, loss_of

contest = Contest()
device = device_of(contest)
train, batches = Settings().train, batches_of(contest.data)
network = network_of(train)
freeze(network, train)
network.eval()
loss_function = loss_of(train)
gpu = device.type == "cuda"
with contest.timed():
    network.to(device)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=train.learning_rate, weight_decay=train.weight_decay)
    scaler = torch.amp.GradScaler(device.type, enabled=gpu)
    for batch in batches:
        parts = {name: value.to(device) for name, value in batch.items()}
        optimiser.zero_grad()
        with torch.autocast(device.type, torch.float16, enabled=gpu):
            vectors = network(parts["pictures"])
            loss, _ = loss_function(vectors, parts["labels"], parts["origins"], parts["families"])
        scaler.scale(loss).backward()
        scaler.step(optimiser)
        scaler.update()
    if gpu:
        torch.cuda.synchronize()
contest.report("torch", steps=len(batches))
