// The audit desk: a slider for each of the two days, beside the date that can be typed.
"use strict";

(() => {
  const DAY_MS = 86400000;
  const form = document.querySelector("[data-as-of]");
  if (form && form.dataset.since && form.dataset.today) {
    const [first, last] = [form.dataset.since, form.dataset.today].map((day) => Date.parse(day));
    const days = Math.max(1, Math.round((last - first) / DAY_MS));
    const spell = (number) => new Date(first + number * DAY_MS).toISOString().slice(0, 10);
    for (const slider of form.querySelectorAll("[data-slides]")) {
      const typed = document.getElementById(slider.dataset.slides);
      // One step beyond the last day stands for no day at all.
      slider.max = days + 1;
      const place = () => {
        const number = typed.value ? Math.round((Date.parse(typed.value) - first) / DAY_MS) : days + 1;
        slider.value = number;
        slider.setAttribute("aria-valuetext", typed.value || "—");
      };
      place();
      slider.hidden = false;
      slider.addEventListener("input", () => {
        typed.value = Number(slider.value) > days ? "" : spell(Number(slider.value));
        slider.setAttribute("aria-valuetext", typed.value || "—");
      });
      typed.addEventListener("change", place);
      // Arrow keys move day by day: the answer is asked for when the slider is left, or Enter pressed.
      slider.addEventListener("keydown", (event) => {
        if (event.key === "Enter") form.requestSubmit();
      });
      slider.addEventListener("pointerup", () => form.requestSubmit());
    }
  }
})();
