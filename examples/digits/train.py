"""Train a small network on the digits. README.md says how to start it."""

import json

import torch
from model import DigitNet, read_digits
from torch import nn

import modelbook

BATCH = 32


def main() -> None:
    run = modelbook.run()
    torch.set_num_threads(1)  # the network is so small that threads would only wait for each other
    hidden = run.param("hidden", 64)
    epochs = run.param("epochs", 30)
    lr = run.param("lr", 0.01)
    weight_decay = run.param("weight_decay", 0.01)
    label_noise = run.param("label_noise", 0.0)  # the share of training labels that are replaced at random
    held_back = run.param("held_back", 0.0)  # the share that is not trained on, for a sweep to choose by

    pixels, labels = read_digits(run.dataset("digits") / "train.csv")
    kept = len(labels) - round(held_back * len(labels))
    unseen_pixels, unseen_labels = pixels[kept:], labels[kept:]
    pixels, labels = pixels[:kept], labels[:kept]
    wrong = torch.rand(len(labels)) < label_noise
    labels[wrong] = torch.randint(0, 10, (int(wrong.sum()),))

    network = DigitNet(hidden)
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=weight_decay)
    saver = run.checkpoints(model=network, optimizer=optimizer, every=5)
    for epoch in range(saver.restore() or 1, epochs + 1):
        total = 0.0
        for batch in torch.randperm(len(labels)).split(BATCH):
            loss = nn.functional.cross_entropy(network(pixels[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        metrics = {"loss": total / len(labels)}
        if len(unseen_labels):
            hits = network(unseen_pixels).argmax(dim=1) == unseen_labels
            metrics["validation_accuracy"] = hits.double().mean().item()
        run.log(metrics, step=epoch)
        saver.step(epoch)

    run.save_weights(network.state_dict())
    run.log_artifact("config.json", json.dumps({"hidden": hidden}))
    run.finish()


if __name__ == "__main__":
    main()
