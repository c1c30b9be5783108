// Photos go to the device's own program as soon as they are taken or chosen, one after another.
"use strict";

(() => {
  const form = document.querySelector("[data-taking]");
  const told = form.querySelector("[data-told]");

  async function keep(input) {
    const files = [...input.files];
    const purpose = form.elements.purpose.value;
    for (const [index, file] of files.entries()) {
      told.textContent = form.dataset.progress.replace("{number}", index + 1).replace("{count}", files.length);
      const body = new FormData();
      body.append("purpose", purpose);
      body.append("back", form.elements.back.value);
      body.append("photos", file);
      const answer = await window.gongdan.send(form.action, { method: "POST", body });
      if (!answer.ok) {
        told.textContent = (await answer.json()).sentence;
        return;
      }
    }
    if (files.length > 0) location.assign(`${form.getAttribute("action")}?purpose=${purpose}`);
  }

  for (const input of form.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => keep(input));
  }
})();
