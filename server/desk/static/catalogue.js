// Master data: fields that name records are searched as one types, items of lists are moved, forms are saved by keys.
"use strict";

(() => {
  const WAIT_MS = 120;

  function search(combo) {
    const input = combo.querySelector("input");
    const list = document.createElement("ul");
    let [waiting, at, asked] = [null, -1, 0];
    list.id = `l-${input.name}`;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", combo.closest("label").firstChild.textContent.trim());
    list.hidden = true;
    combo.append(list);
    input.setAttribute("aria-controls", list.id);

    const options = () => [...list.querySelectorAll("li[data-title]")];
    const close = () => {
      list.hidden = true;
      at = -1;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    };
    const mark = (to) => {
      const all = options();
      if (!all.length) return;
      at = (to + all.length) % all.length;
      all.forEach((option, number) => option.setAttribute("aria-selected", String(number === at)));
      input.setAttribute("aria-activedescendant", all[at].id);
      all[at].scrollIntoView({ block: "nearest" });
    };
    const take = (option) => {
      input.value = option.dataset.title;
      input.dataset.chosen = option.dataset.id;
      input.dataset.title = option.dataset.title;
      close();
    };
    const ask = async () => {
      const number = ++asked;
      const answer = await fetch(`${combo.dataset.suggest}?q=${encodeURIComponent(input.value)}`);
      if (!answer.ok || number !== asked || document.activeElement !== input) return;
      list.innerHTML = await answer.text();
      list.hidden = false;
      at = -1;
      input.setAttribute("aria-expanded", "true");
    };
    input.dataset.title = input.value;
    input.addEventListener("input", () => {
      delete input.dataset.chosen;
      clearTimeout(waiting);
      waiting = setTimeout(ask, WAIT_MS);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" && list.hidden) ask();
      else if (event.key === "ArrowDown") mark(at + 1);
      else if (event.key === "ArrowUp" && !list.hidden) mark(at - 1);
      else if (event.key === "Enter" && !event.ctrlKey && !list.hidden && at >= 0) take(options()[at]);
      else if (event.key === "Escape" && !list.hidden) close();
      else return;
      if (!event.altKey) {
        event.preventDefault();
        event.stopPropagation();
      }
    });
    list.addEventListener("mousedown", (event) => {
      const option = event.target.closest("li[data-title]");
      if (option) take(option);
      event.preventDefault();
    });
    input.addEventListener("blur", close);
  }
  document.querySelectorAll("[data-suggest]").forEach(search);

  // What was chosen from a list is sent by its id: two may be called alike.
  document.addEventListener("formdata", (event) => {
    for (const input of event.target.querySelectorAll("input[data-chosen]")) {
      if (input.dataset.chosen && input.value === input.dataset.title) event.formData.set(input.name, input.dataset.chosen);
    }
  });

  for (const form of document.querySelectorAll("form[data-saves]")) {
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
  }
  for (const select of document.querySelectorAll("select[data-submits]")) {
    select.addEventListener("change", () => select.form.requestSubmit());
  }
  for (const all of document.querySelectorAll("input[data-all]")) {
    all.addEventListener("change", () => {
      for (const box of all.form.querySelectorAll(`input[name="${all.dataset.all}"]`)) box.checked = all.checked;
    });
  }

  // Items: the order in which they stand is the order in which they are sent.
  function number(list) {
    [...list.children].forEach((item, at) => {
      item.dataset.numbered = at + 1;
    });
  }
  function moveItem(item, step) {
    const other = step < 0 ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    const held = document.activeElement;
    if (step < 0) other.before(item);
    else other.after(item);
    held.focus();
    number(item.parentElement);
  }
  for (const list of document.querySelectorAll(".items > .list > [data-sortable]")) {
    let dragged = null;
    number(list);
    list.addEventListener("keydown", (event) => {
      const item = event.target.closest(".item");
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!event.altKey || !step || !item || item.parentElement !== list) return;
      event.preventDefault();
      moveItem(item, step);
    });
    // Only its number takes an item along: text in its fields can still be marked with the mouse.
    list.addEventListener("mousedown", (event) => {
      const item = event.target.closest(".item");
      if (item && item.parentElement === list) item.draggable = event.target === item;
    });
    list.addEventListener("dragstart", (event) => {
      dragged = event.target.closest(".item");
      dragged.classList.add("dragged");
      event.dataTransfer.effectAllowed = "move";
    });
    list.addEventListener("dragover", (event) => {
      const over = event.target.closest(".item");
      if (!dragged || !over || over === dragged || over.parentElement !== list) return;
      event.preventDefault();
      const box = over.getBoundingClientRect();
      if (event.clientY < box.top + box.height / 2) over.before(dragged);
      else over.after(dragged);
      number(list);
    });
    list.addEventListener("dragend", () => {
      dragged.classList.remove("dragged");
      dragged.draggable = false;
      dragged = null;
    });
    list.addEventListener("change", (event) => {
      if (event.target.name.endsWith(".type")) event.target.closest(".parts").dataset.typeOf = event.target.value;
    });
  }
})();
