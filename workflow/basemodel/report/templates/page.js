"use strict";
// Makes the headings of sortable tables into buttons. Without this script the tables keep the
// order of the ranking. A cell's data-v is what it sorts by; cells without a value stay last.
(function () {
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

  for (const table of document.querySelectorAll("table.sortable")) {
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
