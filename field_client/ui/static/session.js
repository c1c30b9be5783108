// Speaks with the device's own server. When the device has locked meanwhile, the PIN is asked for over the page, which
// stays as it is beneath, and what was being sent is sent then.
"use strict";

(() => {
  const dialog = () => document.getElementById("locked");
  let unlocked = null;

  function askForPin() {
    unlocked ??= new Promise((resolve) => {
      const box = dialog();
      const form = box.querySelector("[data-unlock]");
      const wrong = form.querySelector("[data-error]");
      box.addEventListener("cancel", (event) => event.preventDefault());
      form.onsubmit = async (event) => {
        event.preventDefault();
        const body = new URLSearchParams({ pin: form.elements.pin.value });
        const headers = { "X-Gongdan-Script": "1" };
        const answer = await fetch("/unlock", { method: "POST", body, headers }).catch(() => null);
        if (answer === null) {
          // The device's program was stopped: the PIN stays, for when it is back.
          wrong.textContent = form.dataset.stopped;
          return;
        }
        form.elements.pin.value = "";
        if (answer.ok) {
          wrong.textContent = "";
          box.close();
          unlocked = null;
          resolve();
        } else {
          wrong.textContent = (await answer.json()).sentence;
        }
      };
      if (!box.open) box.showModal();
    });
    return unlocked;
  }

  // Like fetch, for our own addresses; waits for the PIN where the device is locked.
  async function send(address, options = {}) {
    const headers = { "X-Gongdan-Script": "1", ...options.headers };
    const answer = await fetch(address, { ...options, headers });
    if (answer.status !== 423) return answer;
    await askForPin();
    return send(address, options);
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status === 423) askForPin();
  });

  // A PIN of digits gets the number keys; whoever has letters in it says so.
  for (const button of document.querySelectorAll("[data-letters]")) {
    button.hidden = false;
    button.onclick = () => {
      const pin = button.form.elements.pin;
      pin.inputMode = "text";
      pin.focus();
    };
  }

  // A file that was chosen is named on the button that chose it; the browser's own words would be in its language.
  document.addEventListener("change", (event) => {
    const named = event.target.closest?.("label.file")?.querySelector("[data-named]");
    if (named && event.target.files?.length) named.textContent = [...event.target.files].map((file) => file.name).join("、");
  });

  window.gongdan = { send, askForPin };
})();
