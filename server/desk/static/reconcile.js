// The reconciliation inbox: news join the list without touching what is being typed, and others see who looks at what.
"use strict";

(() => {
  const root = document.getElementById("reconcile");
  const PLACE = "reconcile-place";
  const LOOK_EVERY_MS = 10000;

  const entries = () => [...root.querySelectorAll(".entry")];
  const atWork = (entry) => entry.contains(document.activeElement) && document.activeElement !== entry;
  const typedIn = (entry) =>
    [...entry.querySelectorAll("input, textarea, select")].some((field) => {
      if (field.type === "hidden") return false;
      if (field.type === "radio") return field.checked !== field.defaultChecked;
      if (field.matches("select")) return [...field.options].some((option) => option.selected !== option.defaultSelected) && field.selectedIndex > 0;
      return field.value !== field.defaultValue;
    });

  // After an act the page is shown anew: the work goes on at the same place.
  root.addEventListener("submit", (event) => {
    const entry = event.target.closest(".entry");
    if (entry) sessionStorage.setItem(PLACE, String(entries().indexOf(entry)));
  });
  const place = sessionStorage.getItem(PLACE);
  if (place !== null) {
    sessionStorage.removeItem(PLACE);
    const list = entries();
    const next = list[Math.min(Number(place), list.length - 1)];
    if (next) next.focus();
  }

  // Enter in the note takes what was last tried; a refusal for want of a note leads to it.
  const tried = new WeakMap();
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=choice]");
    if (button && button.value) tried.set(button.form, button);
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches(".settling [data-note]")) return;
    event.preventDefault();
    const button = tried.get(event.target.form);
    if (button) button.click();
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { xhr, elt } = event.detail;
    if (xhr.getResponseHeader("X-Gongdan-Refusal") !== "note_missing") return;
    const note = elt.closest("form") && elt.closest("form").querySelector("[data-note]");
    if (note) note.focus();
  });
  root.addEventListener(
    "toggle",
    (event) => {
      if (!event.target.open) return;
      const field = event.target.querySelector("select, input:not([type=hidden]), textarea");
      if (field) field.focus();
    },
    true,
  );

  function stale(entry, words) {
    if (entry.querySelector(".stale")) return;
    const note = document.createElement("p");
    note.className = "stale";
    note.setAttribute("role", "status");
    note.textContent = words;
    const again = document.createElement("button");
    again.type = "button";
    again.className = "quiet";
    again.textContent = root.dataset.again;
    again.onclick = () => location.reload();
    note.append(again);
    entry.prepend(note);
  }

  function put(fresh, parent, before) {
    const added = document.importNode(fresh, true);
    parent.insertBefore(added, before);
    window.htmx.process(added);
    return added;
  }

  function joinEntries(shown, fresh) {
    const known = new Map([...shown.querySelectorAll(".entry")].map((entry) => [entry.id, entry]));
    let last = shown.querySelector(".case-head");
    for (const entry of fresh.querySelectorAll(".entry")) {
      const here = known.get(entry.id);
      known.delete(entry.id);
      if (!here) last = put(entry, shown, last.nextSibling);
      else if (here.dataset.mark === entry.dataset.mark) last = here;
      else if (typedIn(here) || atWork(here)) {
        stale(here, root.dataset.moved);
        last = here;
      } else {
        const focused = here === document.activeElement;
        last = put(entry, shown, here);
        here.remove();
        if (focused) last.focus();
      }
    }
    for (const gone of known.values()) drop(gone);
  }

  function drop(entry) {
    if (typedIn(entry) || entry.contains(document.activeElement)) {
      entry.classList.add("gone");
      stale(entry, root.dataset.gone);
    } else entry.remove();
  }

  function join(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const [head, cases] = [root.querySelector("[data-head]"), root.querySelector(".cases")];
    const freshHead = fresh.querySelector("[data-head]");
    if (!freshHead) return;
    if (!head.contains(document.activeElement)) {
      put(freshHead, root, head);
      head.remove();
    }
    const known = new Map([...cases.querySelectorAll(".case")].map((found) => [found.dataset.case, found]));
    let last = null;
    for (const section of fresh.querySelectorAll(".case")) {
      const here = known.get(section.dataset.case);
      known.delete(section.dataset.case);
      if (here) joinEntries(here, section);
      last = here || put(section, cases, last ? last.nextSibling : cases.firstChild);
    }
    for (const section of known.values()) {
      for (const entry of section.querySelectorAll(".entry")) drop(entry);
      if (!section.querySelector(".entry")) section.remove();
    }
    for (const empty of cases.querySelectorAll(":scope > .empty")) empty.remove();
    const nothing = fresh.querySelector(".cases > .empty");
    if (nothing && !cases.querySelector(".case")) put(nothing, cases, null);
  }

  let asking = false;
  let again = false;
  async function refresh() {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const answer = await fetch(root.dataset.from, { headers: { "HX-Request": "true" } });
      if (answer.ok) join(await answer.text());
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      // The server is away for the moment; the next news asks again.
    } finally {
      asking = false;
      if (again) {
        again = false;
        refresh();
      }
    }
  }
  document.body.addEventListener("gongdan:changed", refresh);

  // Who looks at what.
  let looked = "";
  async function look(at) {
    looked = at;
    let told;
    try {
      const answer = await fetch(root.dataset.looking, { method: "POST", body: new URLSearchParams({ case: at }) });
      if (!answer.ok) return;
      told = await answer.json();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return;
    }
    for (const section of root.querySelectorAll(".case")) {
      section.querySelector("[data-lookers]").textContent = told[section.dataset.case] || "";
    }
  }
  if (root.dataset.looking) {
    root.addEventListener("focusin", (event) => {
      const section = event.target.closest(".case");
      if (section && section.dataset.case !== looked) look(section.dataset.case);
    });
    const section = document.activeElement && document.activeElement.closest(".case");
    look(section ? section.dataset.case : "");
    setInterval(() => document.hidden || look(looked), LOOK_EVERY_MS);
    addEventListener("pagehide", () => navigator.sendBeacon(root.dataset.looking, new URLSearchParams({ case: "" })));
  }
})();
