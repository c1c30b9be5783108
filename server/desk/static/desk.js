// The office's pages: keys, refusals shown in the form they belong to, and news of changes.
"use strict";

(() => {
  const typing = (target) =>
    target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable=true]");
  const shown = (element) => element.getClientRects().length > 0;

  // A refusal is put into its form, where all that was typed still stands.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { xhr, elt } = event.detail;
    if (!xhr.getResponseHeader("X-Gongdan-Refusal") || xhr.getResponseHeader("HX-Redirect")) return;
    const form = elt.closest("form");
    const place = (form && form.querySelector(".refusal")) || document.querySelector("main > .words");
    place.innerHTML = xhr.responseText;
    place.scrollIntoView({ block: "nearest" });
    event.preventDefault();
  });

  // News: a region that names `gongdan:changed from:body` as its trigger loads itself anew.
  const live = document.body.dataset.live;
  if (live) {
    let news = null;
    let waiting = null;
    let missed = false;
    let told = 0;
    const tell = () => {
      if (document.hidden) {
        missed = true;
        return;
      }
      // At most one a second while much happens, and always one behind the last.
      waiting ??= setTimeout(() => {
        waiting = null;
        told = Date.now();
        document.body.dispatchEvent(new CustomEvent("gongdan:changed"));
      }, Math.max(0, told + 1000 - Date.now()));
    };
    const listen = () => {
      news = new EventSource(live);
      news.addEventListener("changed", tell);
      news.addEventListener("open", () => {
        document.body.dataset.heard = "yes";
      });
      news.addEventListener("error", () => {
        document.body.dataset.heard = "no";
        if (news.readyState === EventSource.CLOSED) setTimeout(listen, 30000);
      });
    };
    listen();
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && missed) {
        missed = false;
        tell();
      }
    });
    addEventListener("pagehide", () => news.close());
    addEventListener("pageshow", (event) => event.persisted && listen());
  }

  // Lists: j and k move, Enter opens.
  function move(step) {
    const list = [...document.querySelectorAll("[data-list]")].find(shown);
    if (!list) return false;
    const items = [...list.querySelectorAll("[data-item]")].filter(shown);
    if (!items.length) return false;
    const at = items.findIndex((item) => item.contains(document.activeElement));
    const next = items[Math.max(0, Math.min(items.length - 1, at < 0 ? 0 : at + step))];
    const target = next.matches("a, button, [tabindex]") ? next : next.querySelector("a, button, [tabindex]");
    target.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  const dialog = document.getElementById("keys");

  function listKeys() {
    const list = dialog.querySelector("[data-keys]");
    list.replaceChildren();
    const add = (keys, said) => {
      const row = document.createElement("div");
      const [term, meaning] = [document.createElement("dt"), document.createElement("dd")];
      for (const key of keys) {
        const box = document.createElement("kbd");
        box.textContent = key;
        term.append(box, " ");
      }
      meaning.textContent = said;
      row.append(term, meaning);
      list.append(row);
    };
    const name = (element) => (element.dataset.keyName || element.getAttribute("aria-label") || element.textContent).trim();
    for (const link of document.querySelectorAll("[data-go]")) add(["g", link.dataset.go], name(link));
    const seen = new Set();
    for (const element of document.querySelectorAll("[data-key]")) {
      if (seen.has(element.dataset.key)) continue;
      seen.add(element.dataset.key);
      add([element.dataset.key], name(element));
    }
    dialog.showModal();
  }

  // The nearest element with a key: in the item at work, else anywhere on the page.
  function find(key) {
    const item = document.activeElement && document.activeElement.closest("[data-item]");
    const all = (root) => [...root.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].filter(shown);
    return (item && all(item)[0]) || all(document)[0];
  }

  let going = false;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && typing(event.target)) event.target.blur();
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    const key = event.key;
    if (going) {
      going = false;
      const link = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
      if (link) {
        event.preventDefault();
        link.click();
      }
      return;
    }
    if (key === "g") going = true;
    else if (key === "?") listKeys();
    else if (key === "j" || key === "k") {
      if (move(key === "j" ? 1 : -1)) event.preventDefault();
    } else if (key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    } else {
      const element = find(key);
      if (element) {
        event.preventDefault();
        if (typing(element) === element) element.focus();
        else element.click();
      }
    }
  });
  for (const button of document.querySelectorAll("[data-keys-open]")) button.onclick = listKeys;

  window.gongdanDesk = { move };
})();
