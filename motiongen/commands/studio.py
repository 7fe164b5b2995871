"""`motiongen studio`: a local page to sample, steer and compare trained models."""

import argparse
from pathlib import Path

#: real clips of each class that one may start from
REAL_CLIPS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `motiongen studio`."""
    add = parser.add_argument
    add("checkpoints", nargs="+", help="runs, checkpoint files, or names of released models")
    add("--real", type=Path, metavar="STORE", help="clips to start from: variations, ways, gaps")
    add("--port", type=int, default=8080, help="where the page is, on this machine only")
    add("--device", default="cpu", help="where to compute")
    add("--trust-code", action="store_true", help="allow classes from outside motiongen")


def run(args: argparse.Namespace) -> int:
    """Open a local page on which trained models are sampled, steered and compared."""
    import motiongen
    from motiongen.scoring import named
    from motiongen.studio.page import HOST, serve
    from motiongen.studio.session import Session

    paths = named([Path(path) for path in args.checkpoints])
    models = {
        name: motiongen.load(path, trust_code=args.trust_code, device=args.device)
        for name, path in paths.items()
    }
    first = next(iter(models.values()))
    session = Session(models, _clips(args.real, first.spec) if args.real else ())
    page = serve(session, args.port)
    where = f"http://{HOST}:{page.server.get_port()}"
    print(f"studio: {where} (this machine only; Ctrl-C ends it)", flush=True)
    page.run()
    return 0


def _clips(path: Path, spec) -> list:  # noqa: ANN001
    from motiongen.data.clips import conform, fit_length
    from motiongen.data.store import Store
    from motiongen.scoring import spread

    store = Store.open(path)
    found = [clip for name in spec.classes for clip in spread(store, name, REAL_CLIPS)]
    return [fit_length(conform(clip, spec), spec.frames).replace(target=None) for clip in found]
