"use strict";
// Makes the headings of sortable tables into buttons, and adds a filter to long ones. Without this
// script the tables keep the order of the ranking. A cell's data-v is what it sorts by; cells
// without a value stay last.
(function () {
  const LONG = 12;
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  function compare(a, b) {
    const x = Number(a);
    const y = Number(b);
    return Number.isNaN(x) || Number.isNaN(y) ? words.compare(a, b) : x - y;
  }

  function sort(table, column, descending) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => ({ row, v: row.cells[column].dataset.v }));
    const known = rows.filter((each) => each.v !== undefined);
    const unknown = rows.filter((each) => each.v === undefined);
    known.sort((a, b) => (descending ? compare(b.v, a.v) : compare(a.v, b.v)));
    body.append(...known.concat(unknown).map((each) => each.row));
  }

  function addFilter(table) {
    const filter = document.createElement("input");
    filter.type = "search";
    filter.placeholder = "part of a name";
    filter.ariaLabel = "Show candidates with this in their names";
    filter.addEventListener("input", () => {
      const parts = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      table.classList.toggle("filtered", parts.length > 0);
      for (const row of table.tBodies[0].rows) {
        const name = row.cells[1].dataset.v.toLowerCase();
        row.hidden = !parts.every((part) => name.includes(part));
      }
    });
    table.parentElement.before(filter);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    if (table.tBodies[0].rows.length > LONG) addFilter(table);
    const headings = Array.from(table.tHead.rows[0].cells);
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const before = heading.getAttribute("aria-sort");
        const first = heading.dataset.first === "descending";
        const descending = before ? before === "ascending" : first;
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sort(table, column, descending);
      });
    });
  }
})();
