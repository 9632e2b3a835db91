"use strict";
// Lists are filtered by words and by kind, tables sorted by the heads of their columns. Without this script a page shows
// all rows in the order of their keys.

for (const list of document.querySelectorAll("[data-list]")) {
  const tools = list.querySelector(".tools");
  if (!tools) continue;
  const items = [...list.querySelectorAll("[data-item]")].map((element) => ({
    element,
    text: element.textContent.toLowerCase(),
    kinds: (element.dataset.kinds || "").split("|"),
  }));
  const search = tools.querySelector("input");
  const select = tools.querySelector("select");
  const output = tools.querySelector("output");
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = select ? select.value : "";
    let shown = 0;
    for (const item of items) {
      const fits = words.every((word) => item.text.includes(word)) && (!kind || item.kinds.includes(kind));
      item.element.hidden = !fits;
      shown += fits;
    }
    output.textContent = `${shown.toLocaleString("en")} of ${items.length.toLocaleString("en")} ${output.dataset.noun}`;
  };
  search.addEventListener("input", show);
  if (select) select.addEventListener("change", show);
  tools.hidden = false;
  show();
}

const valueOf = (row, column) => {
  const cell = row.cells[column];
  if (!("value" in cell.dataset)) return cell.textContent;
  return cell.dataset.value === "-inf" ? -Infinity : Number(cell.dataset.value);
};
const collator = new Intl.Collator("en", { numeric: true });
const compare = (a, b) => (typeof a === "number" ? (a < b ? -1 : Number(a > b)) : collator.compare(a, b));

for (const table of document.querySelectorAll("[data-sortable]")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row, column), row]);
      rows.sort(([a], [b]) => sign * compare(a, b));
      table.tBodies[0].append(...rows.map(([, row]) => row));
    });
  });
}

for (const audio of document.querySelectorAll("audio")) {
  audio.addEventListener("error", () => {
    audio.parentElement.querySelector("[data-fault]").hidden = false;
  });
}
