// Draws arrows, circles and words over a photo. What is drawn stands in a field of the form as JSON, in pixels of the
// upright original, so that it is kept as a draft like anything typed. The photo itself is not touched.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const TAP_PX = 12; // a finger that lands and lifts within this many pixels of the screen has tapped, not dragged

  const editor = document.querySelector("[data-marks-editor]");
  if (!editor) return;
  const form = editor.closest("form");
  const field = form.elements.marks;
  const svg = editor.querySelector("svg.marks");
  const told = editor.querySelector("[data-told]");
  const words = editor.querySelector("[data-words]");
  const undo = editor.querySelector("[data-undo-mark]");
  const most = Number(editor.dataset.most);
  const size = svg.viewBox.baseVal;

  let marks = JSON.parse(field.value || "[]");
  let shape = null;
  let colour = "red";
  let draft = null; // the mark under the finger
  let isWaiting = false; // the first of two taps was made: whoever cannot drag taps both ends
  let down = null;

  function make(name, attributes, content = "") {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = content;
    return element;
  }

  function draw(mark) {
    const own = { class: `mark-${mark.colour}` };
    if (mark.shape === "arrow") {
      const ends = { x1: mark.x, y1: mark.y, x2: mark.to_x, y2: mark.to_y };
      return make("line", { ...own, ...ends, "marker-end": `url(#head-${mark.colour})` });
    }
    if (mark.shape === "circle") {
      const centre = { cx: (mark.x + mark.to_x) / 2, cy: (mark.y + mark.to_y) / 2 };
      const radii = { rx: Math.abs(mark.to_x - mark.x) / 2, ry: Math.abs(mark.to_y - mark.y) / 2 };
      return make("ellipse", { ...own, ...centre, ...radii });
    }
    return make("text", { ...own, x: mark.x, y: mark.y }, mark.words || "…");
  }

  function show() {
    svg.querySelector("g").replaceChildren(...[...marks, ...(draft ? [draft] : [])].map(draw));
    undo.disabled = marks.length === 0 && !draft;
    svg.classList.toggle("drawing", shape !== null);
  }

  function keep() {
    field.value = JSON.stringify(marks);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    show();
  }

  function locate(event) {
    const box = svg.getBoundingClientRect();
    const within = (value, limit) => Math.round(Math.min(Math.max(value, 0), limit));
    return {
      x: within(((event.clientX - box.left) / box.width) * size.width, size.width),
      y: within(((event.clientY - box.top) / box.height) * size.height, size.height),
    };
  }

  function choose(name) {
    shape = shape === name ? null : name;
    leaveDraft();
    for (const button of editor.querySelectorAll("[data-shape]")) {
      button.setAttribute("aria-pressed", String(button.dataset.shape === shape));
    }
    show();
  }

  // Words that were begun are kept, an arrow without an end is not.
  function leaveDraft() {
    if (draft?.shape === "text" && draft.words) {
      marks.push(draft);
      draft = null;
      keep();
    }
    draft = null;
    isWaiting = false;
    words.hidden = true;
    told.textContent = "";
  }

  function beginWords(point) {
    leaveDraft();
    draft = { shape: "text", colour, ...point, words: "" };
    words.hidden = false;
    const input = words.querySelector("input");
    input.value = "";
    input.focus();
    show();
  }

  function end(point) {
    Object.assign(draft, { to_x: point.x, to_y: point.y });
    marks.push(draft);
    draft = null;
    isWaiting = false;
    told.textContent = "";
    keep();
  }

  svg.addEventListener("pointerdown", (event) => {
    if (!shape || !event.isPrimary) return;
    event.preventDefault();
    const point = locate(event);
    if (isWaiting) return end(point);
    if (marks.length >= most) {
      told.textContent = editor.dataset.full;
      return;
    }
    if (shape === "text") return beginWords(point);
    svg.setPointerCapture(event.pointerId);
    down = event;
    draft = { shape, colour, ...point, to_x: point.x, to_y: point.y };
  });

  svg.addEventListener("pointermove", (event) => {
    if (!down || !draft) return;
    const point = locate(event);
    Object.assign(draft, { to_x: point.x, to_y: point.y });
    show();
  });

  svg.addEventListener("pointerup", (event) => {
    if (!down || !draft) return;
    const isTap = Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < TAP_PX;
    down = null;
    if (!isTap) return end(locate(event));
    isWaiting = true;
    told.textContent = editor.dataset.second;
  });

  svg.addEventListener("pointercancel", () => {
    down = null;
    draft = null;
    show();
  });

  words.querySelector("input").addEventListener("input", (event) => {
    event.stopPropagation(); // the words go into the drawing, and with it into the draft
    if (!draft) return;
    draft.words = event.target.value;
    field.value = JSON.stringify(draft.words ? [...marks, draft] : marks);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    show();
  });
  words.querySelector("input").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    leaveDraft();
    show();
  });

  undo.addEventListener("click", () => {
    if (draft) {
      draft = null;
      leaveDraft();
    } else {
      marks.pop();
    }
    keep();
  });

  for (const button of editor.querySelectorAll("[data-shape]")) button.onclick = () => choose(button.dataset.shape);
  for (const button of editor.querySelectorAll("[data-colour]")) {
    button.onclick = () => {
      colour = button.dataset.colour;
      if (draft) draft.colour = colour;
      for (const other of editor.querySelectorAll("[data-colour]")) {
        other.setAttribute("aria-pressed", String(other === button));
      }
      show();
    };
  }
  form.addEventListener("submit", leaveDraft, { capture: true });
  for (const button of editor.querySelectorAll("[data-shape], [data-colour]")) button.disabled = false;
  show();
})();
