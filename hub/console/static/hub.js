/* What the hub's pages do beyond shell.js: J and K walk a queue; a scanned slip is looked up wherever one is. */
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

  document.addEventListener("scan", (event) => {
    if (document.querySelector("form[data-scan-form], .door form")) return;
    location.assign(`/orders?${new URLSearchParams({ q: event.detail.code })}`);
  });
})();
