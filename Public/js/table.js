// A table that is brought up to date in place: rows keep their elements, so focus, selection and scroll position stay.
// On a narrow screen the style sheet turns each row into a card; the roles keep it a table for assistive technology.

import { element, setText } from "./dom.js";

/**
 * `columns`: `{title, text: (row) => string, link?: (row) => address or null, flag?: (row) => word or null,
 * number?: bool}`. The first column names the row. `key(row)` tells rows apart.
 */
export function table(caption, columns, key) {
  const body = element("tbody", { role: "rowgroup" });
  const kept = new Map();
  const head = element("tr", { role: "row" }, ...columns.map((column) =>
    element("th", { role: "columnheader", scope: "col", class: column.number && "number" }, column.title)));
  const whole = element("div", { class: "scroll", role: "group", tabindex: "0", "aria-label": caption },
    element("table", { role: "table", "aria-label": caption },
      element("thead", { role: "rowgroup" }, head), body));

  function makeRow() {
    const cells = columns.map((column, index) => {
      const value = column.link ? element("a") : element("span");
      const flag = column.flag ? element("span", { class: "flag", hidden: true }) : null;
      const properties = { "data-title": column.title, class: column.number && "number" };
      const cell = index === 0
        ? element("th", { ...properties, role: "rowheader", scope: "row" }, value)
        : element("td", { ...properties, role: "cell" }, value, flag);
      return { cell, value, flag };
    });
    return { cells, row: element("tr", { role: "row" }, ...cells.map(({ cell }) => cell)) };
  }

  function fill(made, row) {
    made.cells.forEach(({ value, flag }, index) => {
      const column = columns[index];
      setText(value, column.text(row));
      if (column.link) {
        const target = column.link(row);
        if (target === null) value.removeAttribute("href");
        else if (value.getAttribute("href") !== target) value.setAttribute("href", target);
      }
      if (flag) {
        const word = column.flag(row);
        flag.hidden = !word;
        setText(flag, word ?? "");
      }
    });
  }

  function update(rows) {
    const present = new Set(rows.map(key));
    for (const [name, made] of kept) {
      if (present.has(name)) continue;
      made.row.remove();
      kept.delete(name);
    }
    const focused = document.activeElement;
    let place = body.firstElementChild;
    for (const row of rows) {
      let made = kept.get(key(row));
      if (!made) kept.set(key(row), (made = makeRow()));
      fill(made, row);
      if (made.row === place) place = place.nextElementSibling;
      else body.insertBefore(made.row, place);
    }
    // A row that moved took the focus from what is in it.
    if (focused !== document.activeElement && body.contains(focused)) focused.focus({ preventScroll: true });
  }

  return { whole, update };
}
