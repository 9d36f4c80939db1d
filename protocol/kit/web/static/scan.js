/* Catches a barcode scanner that types, wherever the focus is.

   A scan is recognised by the prefix key when the device sends one, otherwise by its pace: at least six
   characters, typically less than `gap` ms apart, ended by the suffix key. The pace is the median, not the mean:
   a busy machine may hold one key back, and half a code is worse than none. A field that had the focus gets its
   value back, and the suffix key does nothing there. The page hears one event on `document`:

       scan   detail: { code, gapMs, field }     field: the element that had the focus, or null

   The same code again within 300 ms is the same scan. A form with `data-scan-form` is sent for every scan,
   one after the other, in the order scanned. Settings come from data-scan-prefix, -suffix and -gap on <body>. */
(() => {
  "use strict";
  const MIN_CHARACTERS = 6;
  const SAME_CODE_MS = 300;
  const PREFIX_PATIENCE_MS = 500;
  const PAUSE_MS = 300; // longer than this between two keys: a new burst
  const settings = () => {
    const { scanPrefix = "", scanSuffix = "Enter", scanGap = "35" } = document.body.dataset;
    return { prefix: scanPrefix, suffix: scanSuffix || "Enter", gap: Number(scanGap) || 35 };
  };

  let burst = null; // { text, gaps, last, field, before, framed }
  let last = { code: "", at: -Infinity };
  let patience = 0;

  const textField = (element) =>
    element instanceof HTMLTextAreaElement ||
    (element instanceof HTMLInputElement && !["checkbox", "radio", "button", "submit", "range"].includes(element.type));

  function remember(element) {
    if (textField(element)) {
      let range = null;
      try { range = [element.selectionStart, element.selectionEnd]; } catch { /* number fields have none */ }
      return { value: element.value, range };
    }
    return element instanceof HTMLSelectElement ? { index: element.selectedIndex } : null;
  }

  function restore(element, before) {
    if (!element || !before || !element.isConnected || element.dataset.scan === "keep") return;
    if ("index" in before) { element.selectedIndex = before.index; return; }
    if (element.value !== before.value) {
      element.value = before.value;
      element.dispatchEvent(new Event("input", { bubbles: true }));
    }
    try { if (before.range && before.range[0] !== null) element.setSelectionRange(...before.range); } catch { /* as above */ }
  }

  function begin(event, framed) {
    const field = document.activeElement === document.body ? null : document.activeElement;
    burst = { text: "", gaps: [], last: event.timeStamp, field, before: remember(field), framed };
  }

  function finish(event) {
    const { text, gaps, field, before } = burst;
    burst = null;
    event.preventDefault();
    event.stopImmediatePropagation();
    restore(field, before);
    announce(text, median(gaps), field, event.timeStamp);
  }

  function median(gaps) {
    return gaps.length ? [...gaps].sort((one, other) => one - other)[Math.floor(gaps.length / 2)] : 0;
  }

  function take(event, typed) {
    if (burst.text) burst.gaps.push(event.timeStamp - burst.last);
    burst.text += typed;
    burst.last = event.timeStamp;
  }

  function announce(code, gapMs, field, at) {
    if (code === last.code && at - last.at < SAME_CODE_MS) { last.at = at; return; }
    last = { code, at };
    document.dispatchEvent(new CustomEvent("scan", { detail: { code, gapMs, field } }));
  }

  function character(event) {
    if (event.key === "]" && event.ctrlKey) return "\x1d"; // how many scanners type the GS1 separator
    if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return null;
    return event.key;
  }

  function giveBack() { // the prefix key was typed by a person: what was held back goes into the field after all
    const held = burst;
    burst = null;
    if (!held || !textField(held.field) || !held.field.isConnected) return;
    const text = (held.framed.length === 1 ? held.framed : "") + held.text;
    held.field.setRangeText(text, held.field.selectionStart ?? held.field.value.length, held.field.selectionEnd ?? held.field.value.length, "end");
    held.field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function framed(event, { prefix, suffix }) {
    if (!burst) {
      if (event.key !== prefix) return;
      begin(event, prefix);
      event.preventDefault();
      event.stopImmediatePropagation();
    } else if (event.key === suffix) {
      clearTimeout(patience);
      finish(event);
      return;
    } else {
      const typed = character(event);
      if (typed === null) return;
      take(event, typed);
      event.preventDefault();
      event.stopImmediatePropagation();
    }
    clearTimeout(patience);
    patience = setTimeout(giveBack, PREFIX_PATIENCE_MS);
  }

  function timed(event, { suffix, gap }) {
    if (event.key === suffix && burst) {
      const fast = burst.text.length >= MIN_CHARACTERS && median(burst.gaps) <= gap;
      if (fast && event.timeStamp - burst.last <= PAUSE_MS) finish(event);
      else burst = null;
      return;
    }
    const typed = character(event);
    if (typed === null) {
      if (event.key.length > 1 && !["Shift", "CapsLock", "Control", "Alt"].includes(event.key)) burst = null;
      return;
    }
    if (!burst || event.timeStamp - burst.last > PAUSE_MS) begin(event, "");
    else if (event.timeStamp - burst.last <= (typed === " " ? 4 * gap : gap) && !textField(event.target)) {
      event.preventDefault(); // a space of the code presses no button, a letter chooses nothing in a list
    }
    take(event, typed);
  }

  window.addEventListener("keydown", (event) => {
    if (event.isComposing || !event.key) return;
    const now = settings();
    if (now.prefix) framed(event, now);
    else timed(event, now);
  }, true);

  /* Scans wait their turn: a second one while the first is on its way must not overwrite or overtake it. */
  const waiting = [];
  let busy = false;

  function pump() {
    const form = document.querySelector("form[data-scan-form]");
    if (busy || !form || !waiting.length) return;
    busy = true;
    form.elements.code.value = waiting.shift();
    form.requestSubmit();
  }

  document.addEventListener("scan", (event) => {
    if (event.defaultPrevented || !document.querySelector("form[data-scan-form]")) return;
    waiting.push(event.detail.code);
    pump();
  });
  document.addEventListener("htmx:finally:request", (event) => {
    if (!event.target.matches?.("form[data-scan-form]") && event.target !== document) return;
    busy = false;
    pump();
  });

  window.orderspine = { ...window.orderspine, scanning: () => Boolean(burst && burst.gaps.at(-1) <= settings().gap) };
})();
