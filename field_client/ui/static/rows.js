// Adds a row to a list that is filled in: a copy of the last one, emptied and numbered.
"use strict";

(() => {
  const rows = document.querySelector("[data-rows]");
  document.querySelector("[data-add]")?.addEventListener("click", () => {
    const last = rows.lastElementChild;
    const next = last.cloneNode(true);
    next.querySelector("legend").textContent = rows.children.length + 1;
    for (const input of next.querySelectorAll("input")) input.value = input.name === "quantity" ? "1" : "";
    last.after(next);
    next.querySelector("input").focus();
  });
})();
