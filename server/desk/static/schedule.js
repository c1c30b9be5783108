// The schedule by hand: visits are dragged, or moved by arrows; a tray says what would be done, Enter does it.
"use strict";

(() => {
  const tray = document.querySelector(".tray");
  const board = () => document.getElementById("board");
  const track = (person) => [...document.querySelectorAll(".board .track[data-person]")].filter((row) => !person || row.dataset.person === person);
  const isWeek = () => board().dataset.span === "week";
  const STEP = 15;
  const FIRST_VISIT = "09:00";
  let held = null;
  let stale = false;

  // Local time as text, reckoned as if it were UTC: the server knows the zone, and no clock changes here.
  const add = (start, minutes) => new Date(Date.parse(`${start}Z`) + minutes * 60000).toISOString().slice(0, 16);
  const minutesOf = (start) => (Date.parse(`${start}Z`) - Date.parse(`${board().dataset.first}T00:00Z`)) / 60000;

  function hold(block) {
    if (held && held.block === block) return held;
    if (held) release();
    const row = block.closest(".track");
    held = {
      block,
      home: { parent: block.parentNode, next: block.nextSibling },
      person: row ? row.dataset.person : null,
      start: block.dataset.start || "",
      minutes: Number(block.dataset.minutes),
    };
    block.classList.add("held");
    return held;
  }

  function release() {
    if (!held) return;
    const { block, home } = held;
    block.classList.remove("held", "dragging");
    // Whole: htmx copies what attributes there are to the block's successor, which the policy of content forbids.
    block.removeAttribute("style");
    if (block.parentNode !== home.parent || block.nextSibling !== home.next) home.parent.insertBefore(block, home.next);
    held = null;
    tray.classList.remove("open");
    tray.querySelector(".refusal").replaceChildren();
    tray.elements.despite.checked = false;
    clearMarks();
    if (stale) refresh();
  }

  function clearMarks() {
    for (const row of document.querySelectorAll(".drop-here")) row.classList.remove("drop-here");
  }

  function refresh() {
    stale = false;
    window.htmx.trigger(document.body, "gongdan:changed");
  }

  // Show the held visit where it would be, and say so in the tray.
  function place() {
    const { block, person, start, minutes } = held;
    if (!person || !start) return;
    const focused = document.activeElement === block;
    const rows = track(person);
    const row = isWeek() ? rows.find((cell) => cell.dataset.day === start.slice(0, 10)) : rows[0];
    if (row && block.parentNode !== row) row.append(block);
    if (row && !isWeek()) {
      const slots = Number(board().dataset.slots);
      const from = Math.round((minutesOf(start) - Number(board().dataset.hour) * 60) / STEP);
      const first = Math.max(0, Math.min(from, slots - 1));
      block.style.gridColumn = `${first + 1} / span ${Math.max(1, Math.min(Math.ceil(minutes / STEP), slots - first))}`;
      block.style.gridRow = "1 / -1";
    }
    clearMarks();
    if (row) row.classList.add("drop-here");
    const until = add(start, minutes);
    tray.querySelector(".tray-text").textContent = `${block.dataset.number} → ${rows[0] ? rows[0].dataset.name : ""} ${start.slice(5, 10)} ${start.slice(11)}–${until.slice(11)}`;
    tray.classList.add("open");
    if (focused) block.focus({ preventScroll: true });
  }

  function send() {
    const { block, person, start, minutes } = held;
    const fields = { order: block.dataset.order, engineer: person, start, minutes, seen: block.dataset.seen };
    for (const [name, value] of Object.entries(fields)) tray.elements[name].value = value;
    tray.requestSubmit();
  }

  // Keys on a visit: arrows move it, Enter assigns, Escape leaves it where it was.
  function step(key, isWide) {
    const people = [...new Set(track().map((row) => row.dataset.person))];
    if (key === "ArrowUp" || key === "ArrowDown") {
      const at = people.indexOf(held.person) + (key === "ArrowDown" ? 1 : -1);
      held.person = people[Math.max(0, Math.min(people.length - 1, at))];
    } else {
      const by = isWeek() ? (isWide ? 30 : 24 * 60) : isWide ? 2 * STEP : STEP;
      held.start = add(held.start, key === "ArrowRight" ? by : -by);
    }
    held.start ||= `${board().dataset.first}T${FIRST_VISIT}`;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const block = event.target.closest(".board .visit[data-order]");
    if (event.key === "Escape" && held) {
      event.preventDefault();
      const back = held.block;
      release();
      back.focus();
    } else if (block && event.key.startsWith("Arrow")) {
      event.preventDefault();
      hold(block);
      step(event.key, event.shiftKey);
      place();
    } else if (event.key === "Enter" && held && event.target === held.block) {
      event.preventDefault();
      send();
    }
  });

  // Dragging: begins after a few pixels, so that a visit can still be opened by a click.
  const EDGE_TOP = 130;
  const EDGE_BOTTOM = 40;
  const PULL = 9;
  let grip = null;
  let at = { x: 0, y: 0 };
  let pull = 0;
  let dropped = false;
  document.addEventListener("pointerdown", (event) => {
    const block = event.target.closest(".visit[data-order]");
    if (!block || event.button !== 0) return;
    const box = block.getBoundingClientRect();
    grip = { block, x: event.clientX, y: event.clientY, into: event.clientX - box.left, pointer: event.pointerId };
  });
  document.addEventListener("pointermove", (event) => {
    if (!grip || event.pointerId !== grip.pointer) return;
    const isDragging = grip.block.classList.contains("dragging");
    if (!isDragging && Math.hypot(event.clientX - grip.x, event.clientY - grip.y) < 6) return;
    if (!isDragging) {
      hold(grip.block);
      if (!grip.block.closest(".track")) grip.into = 0;
      grip.block.classList.add("dragging");
    }
    event.preventDefault();
    at = { x: event.clientX, y: event.clientY };
    aim();
    const wasPulling = pull !== 0;
    pull = at.y < EDGE_TOP ? -PULL : at.y > innerHeight - EDGE_BOTTOM ? PULL : 0;
    if (pull && !wasPulling) requestAnimationFrame(scrollOn);
  });
  // Lines that are not on the screen come to whoever holds a visit at its edge.
  function scrollOn() {
    if (!grip || !pull) return;
    window.scrollBy(0, pull);
    aim();
    requestAnimationFrame(scrollOn);
  }
  function aim() {
    const under = document.elementFromPoint(at.x, at.y);
    const row = under && under.closest(".board .track[data-person]");
    if (!row) return;
    held.person = row.dataset.person;
    if (isWeek()) held.start = `${row.dataset.day}T${(grip.block.dataset.start || `T${FIRST_VISIT}`).split("T")[1]}`;
    else {
      const box = row.getBoundingClientRect();
      const slots = Number(board().dataset.slots);
      const slot = Math.round(((at.x - grip.into - box.left) / box.width) * slots);
      const minutes = Number(board().dataset.hour) * 60 + Math.max(0, Math.min(slots - 1, slot)) * STEP;
      held.start = add(`${board().dataset.first}T00:00`, minutes);
    }
    place();
  }
  const letGo = (event) => {
    if (!grip || event.pointerId !== grip.pointer) return;
    const wasDragged = grip.block.classList.contains("dragging");
    grip.block.classList.remove("dragging");
    grip = null;
    pull = 0;
    if (!wasDragged) return;
    dropped = true;
    setTimeout(() => (dropped = false), 0);
    if (event.type === "pointerup" && held && held.person && held.start) send();
    else release();
  };
  document.addEventListener("pointerup", letGo);
  document.addEventListener("pointercancel", letGo);
  document.addEventListener("dragstart", (event) => event.target.closest(".visit") && event.preventDefault());
  document.addEventListener(
    "click",
    (event) => {
      if (dropped && event.target.closest(".visit")) event.preventDefault();
    },
    true,
  );
  tray.querySelector("[data-drop]").onclick = release;

  // News do not take the board away from under somebody's hand; afterwards they are fetched.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id === "board" && held) {
      stale = true;
      event.preventDefault();
    }
  });
  let focused = "";
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id !== "board") return;
    if (held) {
      stale = true;
      event.detail.shouldSwap = false;
    }
    focused = document.activeElement.closest("#board") ? document.activeElement.id : "";
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    focused = "";
  });

  const wanted = board().dataset.focus;
  const first = document.querySelector("[data-begin]") || (wanted && document.getElementById(`o-${wanted}`));
  if (first) first.focus();
})();
