(() => {
  "use strict";
  const text = (row, column) => row.cells[column].textContent.trim();
  const key = (row, column) => {
    const held = row.cells[column].dataset.key;
    return held === undefined ? NaN : Number(held);
  };
  const compare = (column) => (a, b) => {
    const x = key(a, column), y = key(b, column);
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return text(a, column).localeCompare(text(b, column), "en", { numeric: true });
  };

  // A heading becomes a button: click, Enter or Space sorts, again turns the order around.
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const body = table.tBodies[0];
    for (const head of table.tHead.querySelectorAll("th")) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].sort(compare(head.cellIndex));
        body.append(...(down ? rows.reverse() : rows));
      });
    }
  }

  for (const input of document.querySelectorAll("input[data-table]")) {
    const rows = [...document.getElementById(input.dataset.table).tBodies[0].rows];
    const told = document.querySelector(`output[for="${input.id}"]`);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const whole = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => whole.includes(word));
        if (!row.hidden) shown += 1;
      }
      told.textContent = words.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
    });
  }

  const save = document.getElementById("save");
  save.hidden = false;
  save.addEventListener("click", () => {
    const plan = new Blob([document.getElementById("plan").textContent], { type: "application/json" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(plan);
    link.download = save.dataset.name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
})();
