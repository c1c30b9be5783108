// How long an enrolment code is still good for, counted down each second; at its end the page asks what became of it.
"use strict";

(() => {
  function count() {
    const place = document.querySelector("[data-until]");
    if (!place) return;
    const left = Math.max(0, Math.ceil((Date.parse(place.dataset.until) - Date.now()) / 1000));
    const parts = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
    place.textContent = place.dataset.left.replace("{}", parts.map((part) => String(part).padStart(2, "0")).join(":"));
    const code = document.getElementById("code");
    if (!left) code.dispatchEvent(new CustomEvent("gongdan:ended"));
  }
  setInterval(count, 1000);
  document.addEventListener("htmx:afterSettle", count);
  count();
})();
