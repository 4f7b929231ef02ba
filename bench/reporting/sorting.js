// A click on a heading of a report's table sorts it, a second one the other way round.
"use strict";
(() => {
const number = (cell) => {
  const text = cell.textContent.trim(), value = parseFloat(text.replace(/,/g, ""));
  return Number.isNaN(value) ? (text === "-" || text === "" ? Infinity : text) : value;
};

function sort(table, column) {
  const head = table.tHead.rows[0].cells, down = head[column].getAttribute("aria-sort") === "ascending";
  [...head].forEach((cell) => cell.removeAttribute("aria-sort"));
  head[column].setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [number(row.cells[column]), row]);
  const compare = ([a], [b]) => (typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1);
  rows.sort((one, other) => (down ? -1 : 1) * compare(one, other));
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => sort(table, column));
  });
}

document.querySelectorAll("table[data-sortable]").forEach(sortable);
})();
