/* What a store's pages do beyond the shell. Elements say what they want in data attributes:

     data-digits-to="pin"   digits typed anywhere in the window go into that field
     data-cents="GBP"       the digits of this field are an amount in minor units, shown as money while typed
     data-amount="5000"     a click puts this amount into the field named by data-into
     data-due               on a form with a cents field: change, coins and the button follow what is typed
     data-tally             on a form of pieces by value: sums follow what is typed
     data-step="-1"         a click adds this to the number field named by data-of, and says so
     data-layout="page"     a swapped part says how <main> is laid out from now on                            */
(() => {
  "use strict";
  const language = document.documentElement.lang || "en-GB";
  const money = (minor, code) => new Intl.NumberFormat(language, { style: "currency", currency: code }).format(minor / 100);
  const plain = (minor) => new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(minor / 100);
  const minorOf = (text) => Number((text.match(/\d/g) || []).join("").slice(0, 9) || 0);
  const narrow = window.matchMedia("(max-width: 820px)");
  const typing = (element) => element instanceof HTMLElement && element.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");

  /* Digits go to the PIN wherever the focus is. */
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !/^\d$/.test(event.key) || typing(event.target)) return;
    const form = document.querySelector("[data-digits-to]");
    const field = form && document.getElementById(form.dataset.digitsTo);
    if (field) field.focus();
  }, true);
  document.addEventListener("change", (event) => {
    if (!event.target.matches?.(".tile input")) return;
    const pin = document.getElementById("pin");
    const label = document.querySelector("#pin-label[data-of]");
    if (label) label.textContent = label.dataset.of.replace("{name}", event.target.closest(".tile").querySelector("strong").textContent);
    pin?.focus({ preventScroll: true });
    if (narrow.matches) pin?.closest(".side")?.scrollIntoView({ block: "start" }); // the pad lies below the names there
  });

  /* A badge in the approval sheet; no scan goes on to the basket while a dialog is open. */
  window.addEventListener("scan", (event) => {
    const open = document.querySelector("dialog[open]");
    if (!open) return;
    event.stopImmediatePropagation();
    const form = open.querySelector("[data-approval]");
    if (!form) return;
    form.elements.approver_badge.value = event.detail.code;
    form.querySelectorAll("[name=approver]").forEach((radio) => { radio.checked = false; });
    form.querySelector(".badge-seen").hidden = false;
    form.elements.approver_pin.focus();
  }, true);

  /* Amounts typed as digits. */
  function cents(field) {
    const minor = minorOf(field.value);
    field.value = minor || /0/.test(field.value) ? money(minor, field.dataset.cents) : "";
    field.setSelectionRange?.(field.value.length, field.value.length);
    const form = field.closest("form");
    if (form?.hasAttribute("data-due")) settle(form, minor);
  }

  function coins(list, minor, code, values) {
    const pieces = [];
    for (const value of values) {
      const count = Math.floor(minor / value);
      minor -= count * value;
      if (count) pieces.push([value, count]);
    }
    list.replaceChildren(...pieces.map(([value, count]) => {
      const item = document.createElement("li");
      if (value >= Number(list.dataset.note)) item.className = "note";
      const name = value >= 100 ? new Intl.NumberFormat(language, { style: "currency", currency: code, maximumFractionDigits: 0 }).format(value / 100) : `${value}${list.dataset.small}`;
      item.textContent = count > 1 ? `${count} × ${name}` : name;
      return item;
    }));
  }

  function settle(form, got) {
    const due = Number(form.dataset.due), code = form.dataset.currency;
    const enough = got >= due, change = Math.abs(got - due);
    const show = (name, text) => form.querySelectorAll(`[data-shows=${name}]`).forEach((element) => { element.textContent = text; });
    show("change", money(change, code));
    form.querySelectorAll("[data-shows=change]").forEach((element) => { element.style.setProperty("--chars", element.textContent.length); });
    show("word", enough ? form.dataset.wordChange : form.dataset.wordLeft);
    form.querySelectorAll("[data-note]").forEach((list) => coins(list, enough ? change : 0, code, list.dataset.values.split(" ").map(Number)));
    form.querySelectorAll("[data-amount]").forEach((button) => button.setAttribute("aria-pressed", String(Number(button.dataset.amount) === got)));
    const take = form.querySelector("[data-take]");
    if (!take) return;
    take.firstChild.textContent = (enough ? form.dataset.wordTake : form.dataset.wordPart).replace("{amount}", money(got, code));
    take.setAttribute("aria-disabled", String(got <= 0));
  }

  /* Pieces by value. */
  function tally(form) {
    let sum = 0;
    for (const field of form.querySelectorAll("[data-value]")) {
      const worth = Number(field.dataset.value) * minorOf(field.value);
      sum += worth;
      const shown = field.parentElement.querySelector(".money");
      if (shown) shown.textContent = plain(worth);
    }
    form.querySelectorAll("[data-shows=counted]").forEach((element) => { element.textContent = money(sum, form.dataset.currency); });
    const take = form.querySelector("[data-take]");
    if (take) take.firstChild.textContent = form.dataset.wordConfirm.replace("{amount}", money(sum, form.dataset.currency));
  }

  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field.dataset?.cents) cents(field);
    const counting = field.closest?.("[data-tally]");
    if (counting) tally(counting);
  });

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-amount], [data-step]") : null;
    if (!button) return;
    if (button.dataset.amount) {
      const field = document.getElementById(button.dataset.into);
      field.value = button.dataset.amount;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      return;
    }
    const field = document.getElementById(button.dataset.of);
    const next = Math.min(Number(field.max || 1e6), Math.max(Number(field.min || 0), Number(field.value || 0) + Number(button.dataset.step)));
    if (String(next) === field.value) return;
    field.value = next;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });

  /* A fresh digit replaces the amount that was proposed. */
  const fresh = (field) => { field.dataset.fresh = "yes"; };
  document.querySelectorAll("[data-cents][data-propose]").forEach(fresh);
  document.addEventListener("click", (event) => {
    const key = event.target instanceof Element ? event.target.closest("[data-digit]") : null;
    const field = key && document.getElementById(key.closest("[data-keypad]")?.dataset.keypad);
    if (!field || !field.dataset.fresh) return;
    delete field.dataset.fresh;
    if (key.dataset.digit !== "back") { field.value = key.dataset.digit; field.dispatchEvent(new Event("input", { bubbles: true })); }
  });
  document.addEventListener("keydown", (event) => {
    const field = document.querySelector("[data-cents][data-propose]");
    if (!field || !/^(\d|Backspace)$/.test(event.key) || event.ctrlKey || event.metaKey) return;
    if (!typing(event.target)) field.focus();
    if (document.activeElement === field && field.dataset.fresh) { delete field.dataset.fresh; field.value = ""; }
  });

  /* After a part was swapped: the keyboard goes on where it was, or at the part's own first step. */
  document.addEventListener("htmx:after:swap", () => {
    const laid = document.querySelector("#body [data-layout]"); // a step may end in a part that is laid out in its own way
    if (laid) document.getElementById("main").className = laid.dataset.layout;
    for (const form of document.querySelectorAll("#body form[data-due]")) settle(form, minorOf(form.elements.got.value));
    document.querySelectorAll("#body [data-cents][data-propose]").forEach((field) => { if (!field.dataset.seen) { field.dataset.seen = "yes"; fresh(field); } });
    if (document.querySelector("dialog[open]")) return;
    if (document.activeElement && document.activeElement !== document.body) return;
    document.querySelector("#body [data-first]")?.focus({ preventScroll: true });
  });

  /* The list of what was found: arrows walk it, Escape and an empty field close it, choosing empties the field. */
  const shut = (form) => { const list = document.getElementById("found"); if (list) list.replaceChildren(); if (form) form.reset(); };
  document.addEventListener("keydown", (event) => {
    const inside = event.target instanceof Element && event.target.closest(".finder");
    if (!inside) return;
    if (event.key === "Escape") { shut(inside.querySelector("form")); inside.querySelector("input").focus(); event.stopPropagation(); return; }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const stops = [inside.querySelector("input"), ...inside.querySelectorAll("[data-found] button:not([aria-disabled=true])")];
    const at = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    if (stops[at]) { stops[at].focus(); event.preventDefault(); }
  }, true);
  document.addEventListener("htmx:after:swap", () => {
    /* Enter emptied the field for the next scan; a text that means several products comes back to be made longer. */
    const list = document.querySelector("[data-found] [data-kept]");
    const field = list && document.querySelector("[data-empties] input");
    if (field && !field.value) field.value = list.dataset.kept;
    list?.removeAttribute("data-kept");
  });
  document.addEventListener("htmx:before:request", (event) => {
    const method = event.detail?.ctx?.request?.method || "";
    const sender = event.target instanceof Element ? event.target : null;
    if (method.toUpperCase() !== "POST" || !sender) return;
    if (sender.matches("[data-empties]")) setTimeout(() => sender.reset());
    if (sender.closest("[data-found]") || sender.matches("[data-scan-form]")) shut(document.querySelector("[data-empties]"));
  });
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-search]") : null;
    if (!button) return;
    const field = document.querySelector("[data-empties] input");
    field.value = "";
    field.focus();
    field.placeholder = field.placeholder;
  });

  for (const form of document.querySelectorAll("form[data-tally]")) tally(form);
  for (const form of document.querySelectorAll("form[data-due]")) settle(form, minorOf(form.elements.got.value));
})();

/* A slip of fulfilment that is scanned anywhere opens what it stands for; pages that take such codes themselves
   say so with `data-own-slips` on their scan form, or stop the event before it comes here. */
(() => {
  "use strict";
  const SLIPS = /^OS1:(pl|bg|ps|as|vs|ho|po|tr|mf):/;

  async function lead(code) {
    const { "X-CSRF-Token": token } = JSON.parse(document.body.getAttribute("hx-headers:inherited"));
    const answer = await fetch("/fulfil/scan", {
      method: "POST",
      headers: { "HX-Request": "true", "X-CSRF-Token": token, "Content-Type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ code }),
    });
    const address = answer.headers.get("HX-Redirect");
    if (address) { window.location.assign(address); return; }
    const part = document.createElement("template");
    part.innerHTML = await answer.text();
    document.getElementById("toasts").append(part.content);
  }

  document.addEventListener("scan", (event) => {
    if (event.defaultPrevented || !SLIPS.test(event.detail.code) || document.querySelector("form[data-own-slips], form[data-badge-form]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    lead(event.detail.code).catch(() => window.orderspine.toast(`${document.body.dataset.unreachable}.`, "error"));
  }, true);
})();
