// The signature: strokes with their times, kept with the rest of the form; what is cleared can be brought back.
"use strict";

(() => {
  const place = document.querySelector("[data-pad]");
  if (!place) return;
  const form = place.closest("form");
  const canvas = place.querySelector("canvas");
  const field = form.querySelector("[data-strokes]");
  const emptyWord = form.querySelector("[data-empty-word]");
  const clear = form.querySelector("[data-clear]");
  const clearWord = clear.textContent;
  const TENTHS = 10; // Of a pixel of the page: finer than a finger, and whole numbers.
  let cleared = null;
  let isDrawing = false;

  // The paper is white and the ink is dark in the dark mode too: it is what will be printed.
  const pad = new SignaturePad(canvas, { penColor: "#12306b", backgroundColor: "#ffffff", minWidth: 0.8, maxWidth: 2.6 });

  function read() {
    let begun = null;
    return pad.toData().map((group) =>
      group.points.map((point) => {
        begun ??= point.time;
        return [Math.round(point.x * TENTHS), Math.round(point.y * TENTHS), Math.max(0, Math.round(point.time - begun))];
      }),
    );
  }

  function write(strokes) {
    const now = Date.now();
    pad.fromData(
      strokes.map((stroke) => ({
        penColor: "#12306b", minWidth: 0.8, maxWidth: 2.6, dotSize: 0, velocityFilterWeight: 0.7, compositeOperation: "source-over",
        points: stroke.map(([x, y, t]) => ({ x: x / TENTHS, y: y / TENTHS, time: now + t, pressure: 0.5 })),
      })),
    );
  }

  function keep() {
    const strokes = read();
    field.value = strokes.length ? JSON.stringify(strokes) : "";
    if (strokes.length) emptyWord.hidden = true;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // The canvas follows its place; never under a stroke, which would be wiped away.
  function fit() {
    const ratio = Math.max(window.devicePixelRatio || 1, 1);
    const [width, height] = [canvas.offsetWidth * ratio, canvas.offsetHeight * ratio].map(Math.floor);
    if (isDrawing || (canvas.width === width && canvas.height === height)) return;
    const strokes = field.value ? JSON.parse(field.value) : [];
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d").scale(ratio, ratio);
    write(strokes);
  }

  function offer(strokes) {
    cleared = strokes;
    clear.textContent = strokes ? clear.dataset.bringBack : clearWord;
  }

  pad.addEventListener("beginStroke", () => {
    isDrawing = true;
    offer(null);
  });
  pad.addEventListener("endStroke", () => {
    isDrawing = false;
    keep();
    fit();
  });
  form.querySelector("[data-undo-stroke]").addEventListener("click", () => {
    write(read().slice(0, -1));
    keep();
  });
  clear.addEventListener("click", () => {
    const before = read();
    write(cleared ?? []);
    offer(cleared ? null : before.length ? before : null);
    keep();
  });
  form.addEventListener("submit", (event) => {
    if (pad.isEmpty()) {
      event.preventDefault();
      event.stopImmediatePropagation();
      emptyWord.hidden = false;
      place.scrollIntoView({ block: "center" });
    }
  }, { capture: true });
  fit();
  new ResizeObserver(fit).observe(canvas);
  place.dataset.ready = "";
})();
