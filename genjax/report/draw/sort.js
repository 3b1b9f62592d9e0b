// A click on a heading sorts its table; a second one turns the order round.
const compare = (left, right) => {
  const [a, b] = [Number(left), Number(right)];
  const numbers = left !== "" && right !== "" && !Number.isNaN(a) && !Number.isNaN(b);
  return numbers ? a - b : left.localeCompare(right, undefined, { numeric: true });
};

for (const heading of document.querySelectorAll("table.sortable th")) {
  heading.addEventListener("click", () => {
    const table = heading.closest("table");
    const column = [...heading.parentNode.children].indexOf(heading);
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.children[column].dataset.value;
    const rows = [...table.tBodies[0].rows].sort((a, b) => compare(key(a), key(b)) * (down ? -1 : 1));
    table.tBodies[0].append(...rows);
  });
}
