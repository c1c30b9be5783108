// The stock: a field that scanners and people type into, the lines it makes, and sheets that keep what is counted.
"use strict";

(() => {
  const GS = "\u001d";
  const one = (selector, root = document) => root.querySelector(selector);
  const tell = (html) => {
    one("main > .words").innerHTML = html;
  };

  // Keeps what was counted of a line; what could not be sent is tried again with the next one, and when the network is back.
  function keepSheet(sheet) {
    const waiting = new Map();
    const keyOf = (row) => [row.dataset.part, row.dataset.batch, row.dataset.serial].join("\n");
    const rowOf = (key, root = sheet) => [...root.querySelectorAll("[data-counted]")].find((row) => keyOf(row) === key);

    function show(html, key) {
      const fresh = document.createElement("div");
      fresh.innerHTML = html;
      const [old, now] = [rowOf(key), rowOf(key, fresh)];
      if (!old) {
        sheet.replaceChildren(...fresh.children);
        return;
      }
      one("[data-sums]", sheet).replaceWith(one("[data-sums]", fresh));
      const difference = one("[data-difference]", old);
      if (difference && now) difference.replaceWith(one("[data-difference]", now));
    }

    async function send(key, counted) {
      waiting.set(key, counted);
      const [part, batch, serial] = key.split("\n");
      const body = new URLSearchParams({ part, batch, serial, counted });
      const row = rowOf(key);
      let answer = null;
      try {
        answer = await fetch(sheet.dataset.sheet, { method: "POST", body, headers: { "HX-Request": "true" } });
      } catch {
        if (row) row.classList.add("unsaved");
        const word = document.createElement("div");
        word.classList.add("word", "warning");
        word.append(document.createElement("p"));
        word.firstChild.textContent = sheet.dataset.unsaved;
        tell(word.outerHTML);
        return;
      }
      const html = await answer.text();
      if (waiting.get(key) === counted) waiting.delete(key);
      if (!answer.ok) {
        if (row) row.classList.add("unsaved");
        tell(html);
        return;
      }
      tell("");
      if (row) row.classList.remove("unsaved");
      show(html, key);
    }

    const sendAgain = () => [...waiting].forEach(([key, counted]) => send(key, counted));
    addEventListener("online", sendAgain);
    sheet.addEventListener("change", (event) => {
      if (!event.target.matches("[data-count]")) return;
      const key = keyOf(event.target.closest("[data-counted]"));
      waiting.delete(key);
      sendAgain();
      send(key, event.target.value.trim());
    });
    sheet.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.target.matches("[data-count]")) return;
      event.preventDefault();
      const all = [...sheet.querySelectorAll("[data-count]")];
      (all[all.indexOf(event.target) + 1] || event.target).focus();
    });
    return async (choice) => {
      const key = [choice.part, choice.batch, choice.serial].join("\n");
      const row = rowOf(key);
      const input = row && one("[data-count]", row);
      if (input && !choice.serial) {
        input.focus();
        input.select();
        return false;
      }
      if (input) input.value = "1";
      await send(key, "1");
      return true;
    };
  }

  function addLine(choice) {
    const lines = one("[data-lines]");
    const same = [...lines.querySelectorAll("[data-line]")].find(
      (line) =>
        line.dataset.part === choice.part &&
        one("[name=line_batch]", line).value === choice.batch &&
        one("[name=line_serial]", line).value === choice.serial,
    );
    if (same) {
      const quantity = one("[name=line_quantity]", same);
      if (!choice.serial) quantity.value = String(Number(quantity.value || 0) + 1);
      same.scrollIntoView({ block: "nearest" });
      return true;
    }
    lines.append(one("[data-fresh]").content.cloneNode(true));
    const line = lines.lastElementChild;
    line.dataset.part = choice.part;
    one("[name=line_part]", line).value = choice.part;
    one("[data-title]", line).textContent = choice.title;
    one("[data-note]", line).textContent = choice.note;
    one("[name=line_batch]", line).value = choice.batch;
    one("[name=line_serial]", line).value = choice.serial;
    return true;
  }

  function fill(form, choice, names) {
    const part = one("[name=part]", form);
    part.value = choice.number;
    part.dataset.title = choice.number;
    part.dataset.chosen = choice.part;
    const values = { batch: choice.batch, expires_on: choice.expires, produced_on: choice.produced, serial: choice.serial };
    for (const [name, value] of Object.entries(values)) {
      const field = one(`[name=${names[name] || name}]`, form);
      if (field && value) field.value = value;
    }
    const serials = one("[name=serials]", form);
    if (serials && choice.serial && !serials.value.split("\n").includes(choice.serial)) {
      serials.value = [serials.value.trim(), choice.serial].filter(Boolean).join("\n");
    }
    return true;
  }

  const sheet = one("[data-sheet]");
  const count = sheet && keepSheet(sheet);

  for (const reader of document.querySelectorAll("[data-reader]")) {
    const [code, choices] = [one("[data-code]", reader), one("[data-choices]", reader)];
    const form = reader.closest("form");
    const acts = {
      lines: addLine,
      delivery: (choice) => fill(form, choice, {}),
      refurbished: (choice) => fill(form, choice, { batch: "origin" }),
      sheet: count,
    };

    // Who has gone on to another field meanwhile is not called back: the next key would be typed into this one.
    const isHere = () => reader.contains(document.activeElement) || document.activeElement === document.body;

    async function pick(button) {
      const isDone = await acts[reader.dataset.reader]({ ...button.dataset });
      const goesOn = isHere();
      choices.replaceChildren();
      code.value = "";
      if (isDone && goesOn) code.focus();
    }
    async function read() {
      const from = form && one("select[name=from]", form);
      const asked = new URLSearchParams({ code: code.value, place: from ? from.value : "" });
      const answer = await fetch(`/desk/stock/reading?${asked}`, { headers: { "HX-Request": "true" } });
      choices.innerHTML = await answer.text();
      const found = choices.querySelectorAll(".choice");
      if (found.length === 1) await pick(found[0]);
      else if (!isHere()) return;
      else if (found.length) found[0].focus();
      else code.select();
    }
    code.addEventListener("keydown", (event) => {
      if (event.key === "]" && event.ctrlKey) {
        // How a scanner that types sends the separator FNC1 stands for.
        event.preventDefault();
        code.setRangeText(GS, code.selectionStart, code.selectionEnd, "end");
      } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        if (code.value.trim()) read();
      }
    });
    choices.addEventListener("click", (event) => {
      const button = event.target.closest(".choice");
      if (button) pick(button);
    });
    choices.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const all = [...choices.querySelectorAll(".choice")];
      const next = step && all[all.indexOf(document.activeElement) + step];
      if (!step) return;
      event.preventDefault();
      (next || code).focus();
    });
  }

  document.addEventListener("click", (event) => {
    const drop = event.target.closest("[data-drop]");
    if (drop) {
      drop.closest("[data-line]").remove();
      one("[data-code]").focus();
    }
    if (event.target.closest("[data-print]")) print();
  });
})();
