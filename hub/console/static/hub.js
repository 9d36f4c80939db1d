/* What the hub's pages do beyond shell.js: J and K walk a queue; a choice is picked; a scanned slip is looked up wherever one is;
   a table that is wider than a handheld stands there as one card per row. */
(() => {
  "use strict";
  const typing = (element) => element instanceof HTMLElement && element.matches("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const step = { j: 1, k: -1 }[event.key.toLowerCase()];
    if (!step || document.querySelector("dialog[open]")) return;
    const queue = [...document.querySelectorAll("[data-queued]")];
    const at = queue.findIndex((link) => link.hasAttribute("aria-current"));
    const next = queue[at + step];
    if (next) next.click();
  });

  /* The picked choice of a card is the one whose radio is checked. */
  document.addEventListener("change", (event) => {
    if (!(event.target instanceof HTMLInputElement) || event.target.name !== "choice") return;
    for (const choice of document.querySelectorAll(".choice")) choice.classList.toggle("is-picked", choice.contains(event.target));
  });

  document.addEventListener("scan", (event) => {
    if (document.querySelector("form[data-scan-form], .door form")) return;
    location.assign(`/orders?${new URLSearchParams({ q: event.detail.code })}`);
  });

  /* Tables on a handheld. What is shown as a block is no table to a screen reader any more, so the roles are said. */
  const narrow = window.matchMedia("(max-width: 640px)");
  const ROLES = { TBODY: "rowgroup", TFOOT: "rowgroup", TR: "row" };

  function stack(table) {
    table.removeAttribute("data-stacked");
    if (!narrow.matches || !table.tHead || table.scrollWidth <= table.parentElement.clientWidth) return;
    const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    table.setAttribute("role", "table");
    for (const part of table.querySelectorAll("tbody, tfoot, tbody tr, tfoot tr")) part.setAttribute("role", ROLES[part.tagName]);
    for (const row of table.querySelectorAll("tbody tr, tfoot tr")) {
      let at = 0;
      for (const cell of row.cells) {
        const says = cell.textContent.trim(), head = cell.tagName === "TH";
        cell.setAttribute("role", head ? "rowheader" : "cell");
        if (heads[at] && (!head || /^\d+$/.test(says))) cell.dataset.label = heads[at];
        cell.toggleAttribute("data-none", (!says && !cell.firstElementChild) || says === "–");
        at += cell.colSpan;
      }
    }
    table.setAttribute("data-stacked", "");
  }

  const stackAll = () => document.querySelectorAll("main table").forEach(stack);
  stackAll();
  narrow.addEventListener("change", stackAll);
  document.addEventListener("htmx:after:swap", stackAll);
})();
