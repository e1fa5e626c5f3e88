"""`python -m training`: from the labelled texts to the folder that is shipped."""

import argparse
from pathlib import Path

import torch

from training import batches, card, data, evaluate, export, train

NAME = "resonanz-sentiment-de-en"
LANGUAGES = ["de", "en"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data/sentiment"), help="labelled_de_en.csv is here"
    )
    parser.add_argument("--out", type=Path, default=Path("model"), help="folder to write")
    parser.add_argument(
        "--work", type=Path, default=Path("var/training"), help="checkpoints; a second call goes on there"
    )
    parser.add_argument("--steps", type=int, default=train.STEPS, help="batches of 32 texts")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    network, tokenizer = train.run(given.data, given.work, given.steps)
    own: dict[str, object] = {"name": NAME, "languages": LANGUAGES, "max_length": train.MAX_LENGTH}
    fp32 = export.export(network, tokenizer, given.out, own)
    validation = data.labelled(given.data, "validation")
    rows = len(train.capped(data.labelled(given.data, "train")))
    temperature, threshold = evaluate.calibrate(given.out, validation)
    export.configure(network, given.out, own | {"temperature": temperature, "threshold": threshold})
    figures = evaluate.measure(given.out, fp32, validation)
    (given.out / "figures.json").write_text(evaluate.as_json(figures), encoding="utf-8")
    text = card.render(
        figures,
        temperature=temperature,
        threshold=threshold,
        steps=given.steps,
        rows=rows,
        epochs=given.steps * batches.BATCH / rows,
        max_length=train.MAX_LENGTH,
        parameters=sum(weight.numel() for weight in network.parameters()) / 1e6,
        megabytes=sum(file.stat().st_size for file in given.out.iterdir()) / 1e6,
    )
    (given.out / "MODEL_CARD.md").write_text(text, encoding="utf-8")
    print(evaluate.as_json(figures), f"written to {given.out}", sep="")


main()
