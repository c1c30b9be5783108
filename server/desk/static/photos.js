// Photos: one large, the marks that were drawn over it, the next and the one before, and closer.
"use strict";

(() => {
  const SPACE = "http://www.w3.org/2000/svg";
  const box = document.getElementById("gallery");
  if (!box) return;
  const stage = box.querySelector("[data-stage]");
  const caption = box.querySelector("[data-caption]");
  let at = 0;

  const photos = () => [...document.querySelectorAll("[data-photo]")];

  function draw(photo) {
    for (const old of box.querySelectorAll("svg")) old.remove();
    const marks = JSON.parse(photo.dataset.marks || "[]");
    const [width, height] = photo.dataset.size.split("x").map(Number);
    if (!marks.length || !width) return;
    const sheet = document.createElementNS(SPACE, "svg");
    sheet.setAttribute("viewBox", `0 0 ${width} ${height}`);
    sheet.setAttribute("aria-hidden", "true");
    const add = (name, values, parent = sheet) => {
      const shape = document.createElementNS(SPACE, name);
      for (const [key, value] of Object.entries(values)) shape.setAttribute(key, value);
      parent.append(shape);
      return shape;
    };
    const thick = Math.max(width, height) / 160;
    for (const mark of marks) {
      const line = { stroke: mark.colour, "stroke-width": thick, fill: "none", "stroke-linecap": "round" };
      if (mark.shape === "circle") {
        const [cx, cy] = [(mark.x + mark.to_x) / 2, (mark.y + mark.to_y) / 2];
        add("ellipse", { cx, cy, rx: Math.abs(mark.to_x - mark.x) / 2, ry: Math.abs(mark.to_y - mark.y) / 2, ...line });
      } else if (mark.shape === "arrow") {
        const turn = Math.atan2(mark.to_y - mark.y, mark.to_x - mark.x);
        const wing = (side) => [mark.to_x - Math.cos(turn + side) * thick * 5, mark.to_y - Math.sin(turn + side) * thick * 5];
        const [left, right] = [wing(0.5), wing(-0.5)];
        add("path", { d: `M${mark.x} ${mark.y}L${mark.to_x} ${mark.to_y}M${left}L${mark.to_x} ${mark.to_y}L${right}`, ...line });
      } else {
        const words = add("text", { x: mark.x, y: mark.y, fill: mark.colour, "font-size": thick * 7, "font-weight": 700 });
        words.textContent = mark.words || "";
      }
    }
    stage.after(sheet);
  }

  function show(number) {
    const all = photos();
    at = (number + all.length) % all.length;
    const photo = all[at];
    stage.src = photo.dataset.photo;
    stage.alt = photo.querySelector("img").alt;
    caption.textContent = `${at + 1} / ${all.length}  ${stage.alt}`;
    box.classList.remove("close-up");
    draw(photo);
    if (!box.open) box.showModal();
  }

  document.addEventListener("click", (event) => {
    const photo = event.target.closest("[data-photo]");
    if (photo) show(photos().indexOf(photo));
  });
  for (const button of box.querySelectorAll("[data-step]")) button.onclick = () => show(at + Number(button.dataset.step));
  box.querySelector("[data-zoom]").onclick = () => box.classList.toggle("close-up");
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(at - 1);
    if (event.key === "ArrowRight") show(at + 1);
  });
})();
