// A field whose content was erased shows that, and not what stands in for it. Left empty it stays as it is; what is
// typed takes its place. Without scripts the stand-in is shown, and works as well.
"use strict";

(() => {
  const STAND_IN = /^erased-[0-9a-f]{16}$/;
  const words = document.documentElement.lang.startsWith("zh") ? "（已删除）" : "(erased)";

  function show(root) {
    for (const field of root.querySelectorAll("input:not([type=hidden]), textarea")) {
      if (!STAND_IN.test(field.value)) continue;
      field.dataset.erased = field.value;
      field.placeholder = words;
      field.required = false;
      field.value = "";
    }
  }

  document.addEventListener("formdata", (event) => {
    for (const field of event.target.querySelectorAll("[data-erased]")) {
      const { name } = field;
      if (field.value === "" && name && event.formData.getAll(name).length === 1) event.formData.set(name, field.dataset.erased);
    }
  });
  document.addEventListener("htmx:load", (event) => show(event.detail.elt));
  show(document);
})();
