// Fills the fields of the fitting form with what was chosen from the van.
"use strict";

for (const choice of document.querySelectorAll("select[data-fills]")) {
  choice.addEventListener("change", () => {
    const { partNumber, batch, serial } = choice.selectedOptions[0].dataset;
    if (partNumber === undefined) return;
    const said = { gtin: "", scanned: "", part_number: partNumber, batch, serial };
    for (const [name, value] of Object.entries(said)) choice.form.elements[name].value = value;
    choice.form.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
