"use strict";
// Plays the motions of the page. Everything comes from the #data block; nothing is loaded.
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const player = byId("player");
  const rows = [...player.querySelectorAll(".row")];
  const tabs = [...player.querySelectorAll("[role=tab]")];
  const HOME = { turn: -0.6, pitch: 0.2, zoom: 1 };
  const view = { ...HOME };
  const state = { row: 0, time: 0, playing: true, last: 0, dirty: true };

  // ---- decoding ---------------------------------------------------------------------------

  function bytes(base64) {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  }

  /** One clip with positions as floats; the last "joint" of each frame is where to look. */
  function decode(raw) {
    const skeleton = data.skeletons[raw.skeleton];
    const space = data.spaces[raw.space];
    const joints = skeleton.parents.length;
    const axes = space.channels;
    const whole = new DataView(bytes(raw.positions).buffer);
    const points = new Float32Array(raw.frames * (joints + 1) * 3);
    for (let i = 0; i < raw.frames * (joints + 1); i++) {
      for (let c = 0; c < axes; c++) {
        points[3 * i + c] = raw.centre[c] + raw.step * whole.getInt16(2 * (axes * i + c), true);
      }
      faceViewer(points, 3 * i, raw.yaw);
    }
    const confidence = raw.confidence && bytes(raw.confidence);
    const seconds = (raw.frames - 1) / raw.fps;
    const clip = { ...raw, skeleton, space, joints, points, confidence, seconds };
    clip.weights = boneWeights(clip);
    return clip;
  }

  /** Clips may head anywhere on the floor; turned to one facing they can be compared. */
  function faceViewer(points, at, yaw) {
    const x = points[at], z = points[at + 2];
    points[at] = Math.cos(yaw) * x - Math.sin(yaw) * z;
    points[at + 2] = Math.sin(yaw) * x + Math.cos(yaw) * z;
  }

  const sure = (clip, frame, joint) =>
    clip.confidence ? clip.confidence[frame * clip.joints + joint] / 255 : 1;

  /** Short bones (fingers, face) are drawn thinner. */
  function boneWeights(clip) {
    return clip.skeleton.parents.map((parent, joint) => {
      if (parent < 0) return 1;
      const lengths = [];
      for (let t = 0; t < clip.frames; t += Math.max(1, clip.frames >> 3)) {
        if (!sure(clip, t, joint) || !sure(clip, t, parent)) continue;
        const a = 3 * (t * (clip.joints + 1) + joint);
        const b = 3 * (t * (clip.joints + 1) + parent);
        lengths.push(Math.hypot(...[0, 1, 2].map((c) => clip.points[a + c] - clip.points[b + c])));
      }
      if (!lengths.length) return 1;
      const median = lengths.sort((p, q) => p - q)[lengths.length >> 1];
      return Math.min(1, Math.max(0.35, Math.sqrt(median / (0.14 * clip.space.reach))));
    });
  }

  // ---- one moment of one clip -------------------------------------------------------------

  /** Positions and confidence at a time; between frames only while playing. */
  function pose(clip, time) {
    const exact = Math.min(clip.frames - 1, Math.max(0, time * clip.fps));
    const at = state.playing ? exact : Math.round(exact);
    const before = Math.floor(at);
    const after = Math.min(clip.frames - 1, before + 1);
    const part = at - before;
    const points = [];
    for (let j = 0; j <= clip.joints; j++) {
      const isFocus = j === clip.joints;
      const first = isFocus ? 1 : sure(clip, before, j);
      const second = isFocus ? 1 : sure(clip, after, j);
      // A joint seen in one of two frames stays where it was seen; it does not fly in from zero.
      const mix = first && second ? part : part < 0.5 ? 0 : 1;
      const a = 3 * (before * (clip.joints + 1) + j);
      const b = 3 * (after * (clip.joints + 1) + j);
      const point = [0, 1, 2].map((c) => clip.points[a + c] * (1 - mix) + clip.points[b + c] * mix);
      point.sure = first * (1 - mix) + second * mix;
      points.push(point);
    }
    return points;
  }

  // ---- camera -----------------------------------------------------------------------------

  function camera(clip, focus, width, height) {
    const { space } = clip;
    const flat = space.channels === 2;
    const yaw = flat ? 0 : view.turn;
    const pitch = flat ? 0 : view.pitch;
    const cos = Math.cos(yaw), sin = Math.sin(yaw), up = Math.cos(pitch), tilt = Math.sin(pitch);
    const room = Math.min(height / (flat ? 2.2 : 2.45), width / 1.6);
    const scale = (room / space.reach) * view.zoom;
    const distance = 5.5 * space.reach;
    const target = [focus[0], clip.floor + space.middle, focus[2]];
    const project = (x, y, z) => {
      const dx = x - target[0], dy = y - target[1], dz = z - target[2];
      const across = cos * dx + sin * dz;
      const back = cos * dz - sin * dx;
      const depth = up * back + tilt * dy;
      const near = flat ? 1 : distance / Math.max(0.2 * distance, distance - depth);
      const rise = up * dy - tilt * back;
      return [width / 2 + across * scale * near, height / 2 - rise * scale * near, depth, near];
    };
    return { project, scale, target, flat };
  }

  // ---- drawing ----------------------------------------------------------------------------

  const colours = {};
  function readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["left", "right", "middle", "grid", "shadow", "stage", "soft"]) {
      colours[name] = style.getPropertyValue(`--${name}`).trim();
    }
    colours.l = colours.left;
    colours.r = colours.right;
    colours.m = colours.middle;
    state.dirty = true;
  }

  function drawFloor(ctx, clip, cam, width, height) {
    const { grid, reach } = clip.space;
    const [x0, , z0] = cam.target;
    const far = 3.2 * reach;
    const [cx, cy] = cam.project(x0, clip.floor, z0);
    const fade = ctx.createRadialGradient(cx, cy, 0, cx, cy, 2.1 * reach * cam.scale);
    fade.addColorStop(0, colours.grid);
    fade.addColorStop(1, "transparent");
    ctx.strokeStyle = fade;
    ctx.lineWidth = 1;
    ctx.globalAlpha = 0.4;
    ctx.beginPath();
    const line = (x1, z1, x2, z2) => {
      ctx.moveTo(...cam.project(x1, clip.floor, z1).slice(0, 2));
      ctx.lineTo(...cam.project(x2, clip.floor, z2).slice(0, 2));
    };
    for (let i = Math.ceil((x0 - far) / grid); i <= (x0 + far) / grid; i++) {
      line(i * grid, z0 - far, i * grid, z0 + far);
    }
    for (let i = Math.ceil((z0 - far) / grid); i <= (z0 + far) / grid; i++) {
      line(x0 - far, i * grid, x0 + far, i * grid);
    }
    ctx.stroke();
    drawPath(ctx, clip, cam);
    ctx.globalAlpha = 1;
  }

  /** Where the body goes, on the floor; nothing for a body that stays in place. */
  function drawPath(ctx, clip, cam) {
    const stride = 3 * (clip.joints + 1);
    const at = (t) => [clip.points[t * stride + stride - 3], clip.points[t * stride + stride - 1]];
    const [x0, z0] = at(0), [x1, z1] = at(clip.frames - 1);
    if (Math.hypot(x1 - x0, z1 - z0) < 0.3 * clip.space.reach) return;
    ctx.globalAlpha = 0.5;
    ctx.strokeStyle = colours.soft;
    ctx.lineWidth = 1.5;
    ctx.setLineDash([1, 4]);
    ctx.lineCap = "round";
    ctx.beginPath();
    for (let t = 0; t < clip.frames; t++) {
      const [x, z] = at(t);
      ctx.lineTo(...cam.project(x, clip.floor, z).slice(0, 2));
    }
    ctx.stroke();
    ctx.setLineDash([]);
  }

  function drawShadow(ctx, clip, cam, points, thick) {
    ctx.globalAlpha = 0.1;
    ctx.strokeStyle = colours.shadow;
    ctx.lineWidth = thick * 1.5;
    ctx.lineCap = ctx.lineJoin = "round";
    ctx.beginPath();
    clip.skeleton.parents.forEach((parent, joint) => {
      if (parent < 0 || !points[joint].sure || !points[parent].sure) return;
      for (const [end, move] of [[parent, "moveTo"], [joint, "lineTo"]]) {
        ctx[move](...cam.project(points[end][0], clip.floor, points[end][2]).slice(0, 2));
      }
    });
    ctx.stroke();
    ctx.globalAlpha = 1;
  }

  /** Bones between seen joints; where joints between are missing, one bridge to the next seen. */
  function bonesOf(clip, points) {
    const { parents, sides } = clip.skeleton;
    const bones = [];
    for (let joint = 0; joint < clip.joints; joint++) {
      if (!points[joint].sure || parents[joint] < 0) continue;
      let above = parents[joint];
      while (above >= 0 && !points[above].sure) above = parents[above];
      if (above < 0) continue;
      const bridge = above !== parents[joint];
      bones.push({ joint, above, bridge, side: sides[joint] });
    }
    return bones;
  }

  function drawBody(ctx, clip, cam, points, thick) {
    const screen = points.map(([x, y, z]) => cam.project(x, y, z));
    const { reach } = clip.space;
    const shade = (depth) => (cam.flat ? 1 : Math.min(1, Math.max(0.62, 0.9 + (0.5 * depth) / reach)));
    const parts = bonesOf(clip, points).map((bone) => ({
      ...bone,
      depth: (screen[bone.joint][2] + screen[bone.above][2]) / 2,
    }));
    parts.sort((p, q) => p.depth - q.depth);
    ctx.lineCap = "round";
    for (const part of parts) {
      const [ax, ay, , near] = screen[part.above];
      const [bx, by] = screen[part.joint];
      const size = Math.max(1.2, thick * near * clip.weights[part.joint]);
      const trust = Math.min(points[part.joint].sure, points[part.above].sure);
      ctx.beginPath();
      ctx.moveTo(ax, ay);
      ctx.lineTo(bx, by);
      if (!part.bridge) {
        // A rim in the colour of the stage keeps crossing limbs apart.
        ctx.globalAlpha = 0.85;
        ctx.strokeStyle = colours.stage;
        ctx.lineWidth = size + 2.5;
        ctx.stroke();
      }
      ctx.globalAlpha = part.bridge ? 0.5 : (0.22 + 0.78 * trust) * shade(part.depth);
      ctx.strokeStyle = colours[part.side];
      ctx.lineWidth = part.bridge ? Math.max(1.2, size * 0.35) : size;
      ctx.setLineDash(part.bridge ? [2, 5] : []);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    drawJoints(ctx, clip, screen, points, thick, shade);
    ctx.globalAlpha = 1;
  }

  /** Where hands and feet were in the last moments; broken where they were not seen. */
  function drawTrails(ctx, clip, cam, time, thick) {
    const now = Math.min(clip.frames - 1, Math.max(0, Math.round(time * clip.fps)));
    const span = Math.max(2, Math.round(TRAIL_SECONDS * clip.fps));
    ctx.lineCap = "round";
    for (const joint of clip.skeleton.ends) {
      ctx.strokeStyle = colours[clip.skeleton.sides[joint]];
      for (let t = Math.max(1, now - span + 1); t <= now; t++) {
        if (!sure(clip, t - 1, joint) || !sure(clip, t, joint)) continue;
        const [from, to] = [t - 1, t].map((frame) => {
          const at = 3 * (frame * (clip.joints + 1) + joint);
          return cam.project(clip.points[at], clip.points[at + 1], clip.points[at + 2]);
        });
        const age = (now - t) / span;
        ctx.globalAlpha = 0.6 * (1 - age) ** 1.5;
        ctx.lineWidth = Math.max(1, thick * 0.5 * (1 - 0.6 * age));
        ctx.beginPath();
        ctx.moveTo(from[0], from[1]);
        ctx.lineTo(to[0], to[1]);
        ctx.stroke();
      }
    }
    ctx.globalAlpha = 1;
  }

  function drawJoints(ctx, clip, screen, points, thick, shade) {
    const { sides, head } = clip.skeleton;
    const order = [...sides.keys()].filter((joint) => points[joint].sure);
    order.sort((p, q) => screen[p][2] - screen[q][2]);
    for (const joint of order) {
      const [x, y, depth, near] = screen[joint];
      const size = thick * near * (joint === head ? 1.38 : 0.66 * clip.weights[joint]);
      ctx.globalAlpha = (0.22 + 0.78 * points[joint].sure) * shade(depth);
      ctx.fillStyle = colours[sides[joint]];
      ctx.beginPath();
      ctx.arc(x, y, Math.max(1.4, size), 0, 2 * Math.PI);
      ctx.fill();
    }
  }

  function drawStage(stage) {
    const { canvas, clip } = stage;
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const ctx = canvas.getContext("2d");
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    const points = pose(clip, state.time);
    const focus = follow.checked ? points[clip.joints] : stage.centre;
    const cam = camera(clip, focus, width, height);
    const thick = Math.min(9, Math.max(2.2, 0.052 * clip.space.reach * cam.scale));
    if (!cam.flat) {
      drawFloor(ctx, clip, cam, width, height);
      drawShadow(ctx, clip, cam, points, thick);
    }
    if (trails.checked) drawTrails(ctx, clip, cam, state.time, thick);
    drawBody(ctx, clip, cam, points, thick);
    const over = state.time > clip.seconds + 0.5 / clip.fps;
    if (over !== stage.over) canvas.parentElement.classList.toggle("over", (stage.over = over));
  }

  // ---- playback ---------------------------------------------------------------------------

  const play = byId("play"), scrub = byId("scrub"), clock = byId("clock");
  const speed = byId("speed"), follow = byId("follow"), trails = byId("trails");
  const TRAIL_SECONDS = 0.8;
  const clips = new Map();
  const stages = rows.map((row) =>
    [...row.querySelectorAll("canvas")].map((canvas) => ({ canvas, clip: null, over: false })));

  /** Clips are decoded when their row is first shown, so that long pages open at once. */
  function openRow(index) {
    for (const stage of stages[index]) {
      const key = stage.canvas.dataset.motion;
      if (!clips.has(key)) clips.set(key, decode(data.motions[key]));
      stage.clip = clips.get(key);
      stage.centre = middleOfPath(stage.clip);
    }
    state.seconds = Math.max(...stages[index].map((stage) => stage.clip.seconds), 1e-3);
    state.fps = Math.max(...stages[index].map((stage) => stage.clip.fps));
    const solid = stages[index].find((stage) => stage.clip.space.channels === 3);
    const note = byId("grid-note");
    note.hidden = !solid;
    if (solid) note.textContent = `floor grid ${solid.clip.space.grid} ${solid.clip.space.unit}`;
  }

  function middleOfPath(clip) {
    const stride = 3 * (clip.joints + 1);
    return [0, 1, 2].map((c) => {
      let low = Infinity, high = -Infinity;
      for (let t = 0; t < clip.frames; t++) {
        const value = clip.points[t * stride + stride - 3 + c];
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      return (low + high) / 2;
    });
  }

  function select(index, focusTab = false) {
    state.row = (index + rows.length) % rows.length;
    rows.forEach((row, i) => (row.hidden = i !== state.row));
    tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === state.row));
      tab.tabIndex = i === state.row ? 0 : -1;
    });
    if (focusTab && tabs.length) tabs[state.row].focus();
    openRow(state.row);
    state.time = Math.min(state.time, state.seconds);
    state.dirty = true;
  }

  /** Shows or hides one kind of panels in all rows; the last one stays. */
  function toggleTitle(chip) {
    const pressed = chip.getAttribute("aria-pressed") !== "true";
    const others = chips.filter((c) => c !== chip && c.getAttribute("aria-pressed") === "true");
    if (!pressed && !others.length) return;
    chip.setAttribute("aria-pressed", String(pressed));
    for (const panel of player.querySelectorAll(".panel")) {
      if (panel.dataset.title === chip.dataset.title) panel.hidden = !pressed;
    }
    state.dirty = true;
  }

  /** Keeps the tabs whose names hold the text, and goes to the first of them. */
  function filterRows() {
    const wanted = find.value.trim().toLowerCase();
    tabs.forEach((tab) => (tab.hidden = !tab.textContent.toLowerCase().includes(wanted)));
    const first = tabs.findIndex((tab) => !tab.hidden);
    if (first >= 0 && tabs[state.row].hidden) select(first);
  }

  function setPlaying(playing) {
    state.playing = playing;
    player.classList.toggle("playing", playing);
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    state.dirty = true;
  }

  function stepFrames(count) {
    setPlaying(false);
    const frame = Math.round(state.time * state.fps) + count;
    state.time = Math.min(state.seconds, Math.max(0, frame / state.fps));
    state.dirty = true;
  }

  function showTime() {
    const time = Math.min(state.time, state.seconds);
    const part = time / state.seconds;
    scrub.value = String(part);
    scrub.style.setProperty("--done", `${(100 * part).toFixed(2)}%`);
    const now = `${time.toFixed(2)} / ${state.seconds.toFixed(2)} s`;
    clock.textContent = now;
    scrub.setAttribute("aria-valuetext", `${time.toFixed(1)} seconds`);
  }

  function tick(now) {
    const passed = Math.min(0.1, (now - state.last) / 1000);
    state.last = now;
    if (state.playing) {
      state.time += passed * Number(speed.value);
      // The last pose stays for a moment, so that the jump back is not taken for motion.
      if (state.time > state.seconds + 0.35) state.time = 0;
      state.dirty = true;
    }
    if (state.dirty) {
      state.dirty = false;
      stages[state.row].forEach(drawStage);
      showTime();
    }
    requestAnimationFrame(tick);
  }

  // ---- input ------------------------------------------------------------------------------

  function zoomBy(factor) {
    view.zoom = Math.min(6, Math.max(0.3, view.zoom * factor));
    state.dirty = true;
  }

  function reset() {
    Object.assign(view, HOME);
    state.dirty = true;
  }

  function listen(canvas) {
    const fingers = new Map();
    const spread = () => {
      const [a, b] = [...fingers.values()];
      return Math.hypot(a.x - b.x, a.y - b.y);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    canvas.addEventListener("pointermove", (event) => {
      const was = fingers.get(event.pointerId);
      if (!was) return;
      const wide = fingers.size === 2 ? spread() : 0;
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (wide) return zoomBy(spread() / wide);
      view.turn += (event.clientX - was.x) * 0.01;
      view.pitch = Math.min(1.5, Math.max(-0.3, view.pitch + (event.clientY - was.y) * 0.008));
      state.dirty = true;
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => fingers.delete(event.pointerId));
    }
    canvas.addEventListener("dblclick", reset);
    // The plain wheel scrolls the page; with Ctrl (or a pinch on a touchpad) it zooms.
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoomBy(Math.exp(-0.004 * event.deltaY));
    }, { passive: false });
  }

  const keys = {
    " ": () => setPlaying(!state.playing),
    ArrowLeft: () => stepFrames(-1),
    ArrowRight: () => stepFrames(1),
    n: () => select(state.row + 1),
    p: () => select(state.row - 1),
    "+": () => zoomBy(1.2),
    "=": () => zoomBy(1.2),
    "-": () => zoomBy(1 / 1.2),
    r: reset,
    t: () => {
      trails.checked = !trails.checked;
      state.dirty = true;
    },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { tagName, type } = event.target;
    const arrow = event.key.startsWith("Arrow");
    if (tagName === "SELECT" || tagName === "SUMMARY" || type === "search") return;
    if (event.key === " " && (tagName === "BUTTON" || type === "checkbox")) return;
    if (tabs.includes(event.target) && arrow) {
      const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      select(state.row + move, true);
      event.preventDefault();
      return;
    }
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    action();
    event.preventDefault();
  });
  tabs.forEach((tab, i) => tab.addEventListener("click", () => select(i)));
  const chips = [...player.querySelectorAll(".chip")], find = byId("find");
  chips.forEach((chip) => chip.addEventListener("click", () => toggleTitle(chip)));
  if (find) find.addEventListener("input", filterRows);
  play.addEventListener("click", () => setPlaying(!state.playing));
  scrub.addEventListener("input", () => {
    setPlaying(false);
    state.time = Number(scrub.value) * state.seconds;
    state.dirty = true;
  });
  for (const box of [follow, trails]) box.addEventListener("change", () => (state.dirty = true));
  byId("closer").addEventListener("click", () => zoomBy(1.2));
  byId("further").addEventListener("click", () => zoomBy(1 / 1.2));
  byId("reset").addEventListener("click", reset);
  stages.flat().forEach((stage) => listen(stage.canvas));
  new ResizeObserver(() => (state.dirty = true)).observe(player);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", readColours);

  readColours();
  select(0);
  // The first picture is the middle of the motion, also where nothing may move by itself.
  state.time = 0.45 * state.seconds;
  setPlaying(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  state.last = performance.now();
  requestAnimationFrame(tick);
})();
