"""`motiongen release`: a trained model as files to give away: safetensors, YAML, a card."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `motiongen release`."""
    add = parser.add_argument
    add("checkpoint", type=Path, help="folder of a run, or a checkpoint file")
    add("--out", type=Path, required=True, help="folder to create")
    add("--card", type=Path, help="its README.md; by default one that says what the model is")
    add("--trust-code", action="store_true", help="allow classes from outside motiongen")


def run(args: argparse.Namespace) -> int:
    """Write a trained model as safetensors, YAML and a card, to give away."""
    from motiongen.checkpoint import content_of, load
    from motiongen.release import write_release

    card = args.card.read_text(encoding="utf-8") if args.card else ""
    content = content_of(load(args.checkpoint, trust_code=args.trust_code))
    folder = write_release(args.out, content, card)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {size / 1e6:.1f} MB; motiongen.load({str(folder)!r}) reads it")
    return 0
