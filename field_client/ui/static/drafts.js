// Keeps what is typed while it is typed: a burst of keys, and it is in the device's encrypted database.
"use strict";

(() => {
  const BURST_MS = 250;
  const OWN = new Set(["draft", "back"]);

  for (const form of document.querySelectorAll("form[data-draft]")) {
    let timer = 0;
    let kept = Promise.resolve();
    let isSent = false;

    const read = () => {
      const typed = {};
      for (const [name, value] of new FormData(form)) {
        if (!OWN.has(name) && typeof value === "string") (typed[name] ??= []).push(value);
      }
      return JSON.stringify({ key: form.dataset.draft, typed });
    };

    const keep = (keepalive) => {
      clearTimeout(timer);
      timer = 0;
      const options = { method: "PUT", body: read(), keepalive, headers: { "Content-Type": "application/json" } };
      kept = kept.then(() => window.gongdan.send("/drafts", options)).then(
        () => form.dispatchEvent(new CustomEvent("draft:kept")),
        () => later(), // the device's program was stopped: what stands here is tried again until it is back
      );
      return kept;
    };

    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(keep, BURST_MS, false);
    };

    form.addEventListener("input", later);
    form.addEventListener("change", later);
    form.addEventListener("submit", async (event) => {
      if (isSent) return;
      // Nothing is sent before it is kept, so that no answer can take it away.
      event.preventDefault();
      await keep(false);
      isSent = true;
      form.requestSubmit(event.submitter);
    });
    document.addEventListener("visibilitychange", () => {
      if (timer && document.visibilityState === "hidden") keep(true);
    });
    window.addEventListener("pagehide", () => timer && keep(true));
    window.addEventListener("pageshow", () => (isSent = false));
  }
})();
