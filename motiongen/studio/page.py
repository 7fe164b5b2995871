"""The page of the studio: its controls, and what they do on the stage."""

import threading
import time
from collections.abc import Callable
from typing import Any

from motiongen.generators.protocols import Fills, Interpolates, Varies
from motiongen.motion import Motion
from motiongen.studio.session import KINDS, LIMBS, STEPS, Session, Wishes, export
from motiongen.studio.stage import Stage

ANY = "any"
HOST = "127.0.0.1"


def serve(session: Session, port: int, *, verbose: bool = False) -> "Page":
    """Opens the page on this machine only.

    Args:
        session: what it shows.
        port: where it listens.
        verbose: let viser say where it listens, too.

    Raises:
        ValueError: if viser is missing.
    """
    try:
        import viser
    except ImportError as error:
        raise ValueError("the studio needs viser: pip install 'motiongen[studio]'") from error
    server = viser.ViserServer(host=HOST, port=port, label="motiongen studio", verbose=verbose)
    return Page(server, session)


class Page:
    """Controls and stage.

    Args:
        server: of viser.
        session: what the controls do.
    """

    def __init__(self, server: Any, session: Session) -> None:
        self.server, self.session = server, session
        self.stage = Stage(server)
        # setting the frame calls `draw` in the same thread
        self.lock = threading.RLock()
        self.closed = threading.Event()
        self.kept: dict[str, Motion] = {clip.id: clip for clip in session.real}
        self.shown: list[Motion] = []
        self.way: list[Motion] = []
        server.gui.configure_theme(control_layout="fixed", show_logo=False)
        self.note = server.gui.add_markdown("")
        self._add_playback()
        self._add_models()
        tabs = server.gui.add_tab_group()
        with tabs.add_tab("Sample"):
            self._add_sample()
        with tabs.add_tab("Like"):
            self._add_like()
        with tabs.add_tab("Between"):
            self._add_between()
        with tabs.add_tab("Gap"):
            self._add_gap()
        self._add_keep()
        server.on_client_connect(self._look)
        self.sample()

    # ---- controls -----------------------------------------------------------------------------

    def _add_playback(self) -> None:
        gui = self.server.gui
        with gui.add_folder("Playback"):
            self.play = gui.add_checkbox("Play", True)
            self.frame = gui.add_slider("Frame", 0, 1, 1, 0)
            self.speed = gui.add_dropdown("Speed", ("0.25", "0.5", "1", "2"), initial_value="1")
        self.frame.on_update(lambda _: self.draw())

    def _add_models(self) -> None:
        names = list(self.session.models)
        self.chosen = {}
        if len(names) > 1:
            with self.server.gui.add_folder("Models"):
                self.chosen = {n: self.server.gui.add_checkbox(n, True) for n in names}
        for box in self.chosen.values():
            box.on_update(lambda _: self.sample())

    def _add_sample(self) -> None:
        gui, most = self.server.gui, self.session.most_frames
        self.label = gui.add_dropdown("Class", (ANY, *self.session.classes))
        self.length = gui.add_slider("Frames (0: any)", 0, most, 1, 0)
        self.seed = gui.add_number("Seed", 0, min=0, step=1)
        self.temperature = gui.add_slider("Temperature", 0.0, 1.5, 0.05, 1.0)
        self.guidance = gui.add_slider("Guidance (0: own)", 0.0, 5.0, 0.25, 0.0)
        self.observed = gui.add_slider("Estimator's noise", 0.0, 1.0, 0.1, 0.0)
        self._button("Sample", self.sample)
        self._button("Next seed", self.next_seed)

    def _add_like(self) -> None:
        gui = self.server.gui
        self.like_clip = gui.add_dropdown("Clip", self._names())
        self.strength = gui.add_slider("Strength", 0.0, 1.0, 0.05, 0.3)
        self.like_seed = gui.add_number("Seed ", 0, min=0, step=1)
        self._button("More like this", self.like)

    def _add_between(self) -> None:
        gui = self.server.gui
        self.first = gui.add_dropdown("From", self._names())
        self.second = gui.add_dropdown("To", self._names())
        self._button("Find the way", self.between)
        self.share = gui.add_slider("Step", 0, STEPS - 1, 1, 0)
        self.share.on_update(lambda _: self._show_step())

    def _add_gap(self) -> None:
        gui, most = self.server.gui, self.session.most_frames
        self.gap_clip = gui.add_dropdown("Clip ", self._names())
        self.limb = gui.add_dropdown("Hide", tuple(LIMBS))
        self.span = gui.add_multi_slider("Frames", 0, most, 1, (most // 4, most // 2))
        self._button("Fill in", self.fill)

    def _add_keep(self) -> None:
        gui = self.server.gui
        with gui.add_folder("Clips"):
            self._button("Keep what is shown", self.keep)
            self.kind = gui.add_dropdown("Export as", KINDS)
            gui.add_button("Export").on_click(self.export)

    def _button(self, text: str, act: Callable[[], None]) -> None:
        self.server.gui.add_button(text).on_click(lambda _: act())

    # ---- what they do -------------------------------------------------------------------------

    def sample(self) -> None:
        """Samples every chosen model with the same wishes."""
        wishes = Wishes(
            label=None if self.label.value == ANY else self.label.value,
            length=None if self.length.value < 2 else int(self.length.value),
            seed=int(self.seed.value),
            temperature=float(self.temperature.value),
            guidance=float(self.guidance.value) or None,
            observed=float(self.observed.value),
        )
        self._try(lambda: [self.session.sample(name, wishes) for name in self._models()])

    def next_seed(self) -> None:
        """Another sample."""
        self.seed.value = int(self.seed.value) + 1
        self.sample()

    def like(self) -> None:
        """Variations of a kept clip by every chosen model that can."""
        clip, strength = self._clip(self.like_clip), float(self.strength.value)
        seed, names = int(self.like_seed.value), self._models(Varies)
        self._try(lambda: [self.session.like(name, clip(), strength, seed) for name in names])

    def between(self) -> None:
        """The way between two kept clips, by the first chosen model that can."""

        def walk() -> list[Motion]:
            names = self._models(Interpolates) or list(self.session.models)
            ends = self._clip(self.first)(), self._clip(self.second)()
            self.way = self.session.between(names[0], *ends)
            return [self.way[int(self.share.value)]]

        self._try(walk)

    def _show_step(self) -> None:
        if self.way:
            self._try(lambda: [self.way[int(self.share.value)]])

    def fill(self) -> None:
        """Hides a limb of a kept clip and fills it in, by every chosen model that can."""

        def filled() -> list[Motion]:
            clip = self._clip(self.gap_clip)()
            start, stop = (min(int(v), clip.num_frames) for v in self.span.value)
            names = self._models(Fills)
            made = [
                self.session.fill(name, clip, self.limb.value, start, stop, 0) for name in names
            ]
            return [clip, *made]

        self._try(filled)

    def keep(self) -> None:
        """Keeps the clips on the stage, to start from or to go back to."""
        for clip in self.shown:
            self.kept[clip.id] = clip
        for choice in (self.like_clip, self.first, self.second, self.gap_clip):
            choice.options = self._names()
        self._say(f"{len(self.kept)} clips to start from")

    def export(self, event: Any) -> None:
        """Sends the first clip on the stage to the browser that asked."""
        try:
            clip = self.shown[0]
            name, content = export(clip, self.kind.value, self.session.spec.classes)
        except (ValueError, IndexError) as error:
            self._say(str(error))
            return
        event.client.send_file_download(name, content, save_immediately=True)

    # ---- the stage ----------------------------------------------------------------------------

    def _try(self, make: Callable[[], list[Motion]]) -> None:
        start = time.perf_counter()
        try:
            clips = make()
        except ValueError as error:
            self._say(f"**Not possible:** {error}")
            return
        if not clips:
            self._say("**Not possible:** none of the chosen models can do this")
            return
        with self.lock:
            self.shown = clips
            self.stage.show(clips, [self._title(clip) for clip in clips])
            self.frame.max = max(1, self.stage.frames - 1)
            self.frame.value = 0
        self._say(f"{len(clips)} clip(s) in {time.perf_counter() - start:.1f} s")

    def _title(self, clip: Motion) -> str:
        classes = self.session.spec.classes
        if clip.label is None or clip.label >= len(classes):
            return clip.id
        return f"{clip.id} · {classes[clip.label]}"

    def draw(self) -> None:
        """Shows the frame of the slider."""
        with self.lock:
            self.stage.draw(int(self.frame.value))

    def run(self) -> None:
        """Plays until `close` is called, or the process ends."""
        while not self.closed.wait(1 / (self.session.spec.fps * float(self.speed.value))):
            if self.play.value:
                # setting the value calls `draw`
                self.frame.value = (int(self.frame.value) + 1) % self.stage.frames

    def close(self) -> None:
        """Ends `run`."""
        self.closed.set()

    def _look(self, client: Any) -> None:
        client.camera.position = (
            1.6 * self.stage.reach,
            0.6 * self.stage.reach,
            3.4 * self.stage.reach,
        )
        client.camera.look_at = (0.0, 0.0, 0.0)

    def _models(self, ability: type | None = None) -> list[str]:
        able = list(self.session.models) if ability is None else self.session.able(ability)
        return [name for name in able if not self.chosen or self.chosen[name].value]

    def _names(self) -> tuple[str, ...]:
        return tuple(self.kept) or ("keep a clip first",)

    def _clip(self, choice: Any) -> Callable[[], Motion]:
        def find() -> Motion:
            if choice.value not in self.kept:
                raise ValueError("keep a clip first: sample one, then press “Keep what is shown”")
            return self.kept[choice.value]

        return find

    def _say(self, text: str) -> None:
        self.note.content = text
