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
    # One thread is nearly as fast as two here, and many times as fast where something else wants a core.
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", type=Path, help="a model folder to go on from, in place of the base weights")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    network, tokenizer = train.run(given.data, given.work, given.steps, given.start)
    if given.start:
        network.average_with(tokenizer, given.start)
    own: dict[str, object] = {"name": NAME, "languages": LANGUAGES, "max_length": train.MAX_LENGTH}
    fp32 = export.export(network, tokenizer, given.out, own)
    validation, held_out = (data.labelled(given.data, split) for split in ("validation", "held_out"))
    rows = len(train.capped(data.labelled(given.data, "train")))
    temperature, threshold = evaluate.calibrate(given.out, validation)
    export.configure(network, given.out, own | {"temperature": temperature, "threshold": threshold})
    figures = evaluate.measure(given.out, fp32, validation)
    # An earlier model may have learnt from what is held out now, and would flatter itself there.
    sources = evaluate.elsewhere(given.out, held_out) if given.start is None else {}
    (given.out / "figures.json").write_text(evaluate.as_json(figures | {"held_out": sources}), encoding="utf-8")
    text = card.render(
        figures,
        sources,
        given.start,
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
