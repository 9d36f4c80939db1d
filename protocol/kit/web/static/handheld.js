/* What the pages of fulfilment do on a handheld: one line at a time, scans that are judged at once, steps that
   wait for the Wi-Fi. Needs outbox.js. The server draws the page; this only moves it on where the answer is
   late or missing, and every answer of the server draws it again.

     form[data-act="/address"]    sent as JSON through the outbox; the answer may hold html, feedback, go, toast
       data-queue="always|held"   may wait for the Wi-Fi: always, or only while this device has taken the order
       data-says, data-about      what the act is called in a list of refused acts, and which line it is about
       data-then="#id"            a queued step shows that part of the page next
       data-list="name"           what the list of `field@n` groups is called; `parcels` when not said
       data-scan-act              every scan is sent by itself under the name `code`, in the order scanned
     [data-due]                   seconds until a promise; kept true
     [data-show="#id"]            a click shows that view and hides the others of its group
     [data-counter]               a stepper over a number, without a form of its own
     #pick[data-pick]             the pick list as it stands, for judging scans without the server            */
(() => {
  "use strict";
  const { outbox } = window.orderspine;
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name] ?? "");

  /* ---- Clocks of promises ---- */
  function spanOf(minutes, words) {
    if (minutes < 60) return filled(words.min, { n: minutes });
    if (minutes < 1440) return filled(words.hours, { h: Math.floor(minutes / 60), m: minutes % 60 });
    return filled(words.days, { n: Math.floor(minutes / 1440) });
  }

  function tick() {
    const words = $("#outbox")?.dataset;
    if (!words) return;
    for (const pill of all(".pill[data-due]")) {
      pill.born ??= performance.now();
      const seconds = Number(pill.dataset.due) - (performance.now() - pill.born) / 1000;
      const late = seconds < 0, minutes = Math.floor(Math.abs(seconds) / 60);
      const shape = late ? "is-act" : seconds <= Number(pill.dataset.soon) ? "is-wait" : "is-calm";
      const span = spanOf(minutes, words);
      const text = filled(late ? words.wordLate : pill.dataset.word || words.wordDue, { span });
      const place = $("[data-text]", pill);
      if (place.textContent !== text) place.textContent = text;
      if (!pill.classList.contains(shape)) { pill.classList.remove("is-act", "is-wait", "is-calm"); pill.classList.add(shape); }
    }
    for (const left of all("[data-undo-left]")) {
      left.born ??= performance.now();
      const seconds = Math.floor(Number(left.dataset.undoLeft) - (performance.now() - left.born) / 1000);
      const button = left.closest("button");
      if (seconds <= 0) { button.setAttribute("aria-disabled", "true"); left.textContent = left.dataset.over; continue; }
      left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    }
  }

  /* ---- The page follows an answer ---- */
  /* What the person has opened meanwhile stays open, unless it is what they have just finished (`from`). */
  function opened(from = null) {
    return all("[data-view]").find((view) => !view.hidden && view.id !== "walk-view" && !view.contains(from))?.id;
  }

  function reopen(id) {
    if (id && $(`#${id}`)) only($(`#${id}`));
  }

  async function draw(html, from = null) {
    const open = opened(from);
    await window.htmx.swap({ text: html, sourceElement: document.body, target: "#body", swap: "innerMorph" });
    reopen(open);
    paint();
  }

  function feedback(html) {
    const place = $("#feedback");
    if (place) place.innerHTML = html; // made by the server, escaped there
    paint();
  }

  async function follow(answer, from = null) {
    if (answer.go) { window.location.assign(answer.go); return; }
    if (answer.html) await draw(answer.html, from);
    if (answer.feedback) feedback(answer.feedback);
    if (answer.toast) window.orderspine.toast(answer.toast);
  }

  Object.assign(window.orderspine, { feedback, follow }); // for scripts of pages that judge scans in another way

  const held = () => $("[data-held]")?.dataset.held === "yes";
  const lost = () => outbox.lost();

  function say(form, text) {
    let place = $("[data-error]", form);
    if (!place) {
      place = Object.assign(document.createElement("p"), { className: "notice is-act", role: "alert" });
      place.dataset.error = "";
      place.append(Object.assign(document.createElement("span"), { className: "shape is-act" }), document.createElement("span"));
      form.append(place);
    }
    place.lastChild.textContent = text;
    place.hidden = !text;
  }

  /* ---- Forms ---- */
  function bodyOf(form) {
    const body = {};
    for (const field of form.elements) {
      if (!field.name || field.disabled || (/^(radio|checkbox)$/.test(field.type) && !field.checked)) continue;
      const kind = field.dataset.as || "text";
      const value = kind === "whole" ? Math.round(Number(field.value) || 0) : kind === "yes" ? true : kind === "json" ? JSON.parse(field.value || "null") : field.value.trim();
      if (kind === "whole" && field.dataset.times) body[field.name] = Math.round(Number(field.value.replace(",", ".")) * Number(field.dataset.times)) || 0;
      else if (field.type === "checkbox" && kind === "text") (body[field.name] ??= []).push(value);
      else body[field.name] = value;
    }
    return grouped(body, form.dataset.list || "parcels");
  }

  /* `weight@2` and `tracking@2` belong to one entry of a list. */
  function grouped(body, name) {
    const parcels = new Map();
    for (const [key, value] of Object.entries(body)) {
      const [field, at] = key.split("@");
      if (at === undefined) continue;
      delete body[key];
      if (!parcels.has(at)) parcels.set(at, {});
      if (value !== "") parcels.get(at)[field] = value;
    }
    if (parcels.size) body[name] = [...parcels.values()];
    return body;
  }

  async function act(form) {
    if (form.dataset.busy) return;
    const queue = form.dataset.queue;
    const queues = queue === "always" || (queue === "held" && held());
    say(form, "");
    if (!queues && !lost()) await outbox.pump(); // what is still on its way comes first
    if (!queues && (lost() || outbox.waiting().length)) {
      say(form, form.dataset.needs || $("#outbox").dataset.needs);
      return;
    }
    form.dataset.busy = "yes";
    try {
      const wanted = { url: form.dataset.act, body: bodyOf(form), says: form.dataset.says || "", kind: form.dataset.kind || "step", about: form.dataset.about || "" };
      const done = queues ? await outbox.send(wanted) : await outbox.ask(wanted, form);
      if (form.dataset.scanAct !== undefined) form.reset();
      if (done.state === "done") await follow(done.answer, form);
      else if (done.state === "refused") say(form, `${done.error.what} ${done.error.remedy}`);
      else if (queues) waits(form);
      else say(form, form.dataset.needs || $("#outbox").dataset.needs);
    } finally {
      delete form.dataset.busy;
    }
  }

  /* A handover on a handheld: who collects is recognised under a key that names it, so that the handover may be
     said before the answer is there. */
  async function hand(form) {
    if (form.dataset.busy) return;
    form.dataset.busy = "yes";
    say(form, "");
    try {
      const key = outbox.newKey(), says = form.dataset.says;
      const known = await outbox.send({ url: form.dataset.verify, key, says, body: { how: "code", said: form.elements.said.value.trim() } });
      if (known.state === "refused") { say(form, `${known.error.what} ${known.error.remedy}`); return; }
      const done = await outbox.send({ url: form.dataset.handAt, says, body: { verification: key } });
      if (done.state === "done") await follow(done.answer, form);
      else if (done.state === "refused") say(form, `${done.error.what} ${done.error.remedy}`);
      else waits(form);
    } finally {
      delete form.dataset.busy;
    }
  }

  /* A step that waits: the page goes on to what comes next, as far as it was drawn in advance. */
  function waits(form) {
    const next = form.dataset.then && $(form.dataset.then);
    if (next) show(form.dataset.then);
    else say(form, $("#outbox").dataset.kept);
    paint();
  }

  document.addEventListener("submit", (event) => {
    const form = event.target instanceof Element ? event.target : null;
    if (!form?.matches("[data-act], [data-verify], [data-type-code]")) return;
    event.preventDefault();
    if (form.matches("[data-act]")) act(form);
    else if (form.matches("[data-verify]")) hand(form);
    else { picked(form.elements.code.value.trim()); form.reset(); }
  });
  const tried = {}; // the last code at each address: who presses Enter after its last digit has tried once, not twice
  document.addEventListener("submit", (event) => {
    const form = event.target instanceof Element ? event.target : null;
    const code = form?.querySelector("[data-submit-at]")?.value;
    const only = form?.querySelector("[type=hidden][name=how]")?.value === "code"; // nothing else is asked
    if (code === undefined || (!code && !only)) return;
    const at = form.dataset.verify || form.getAttribute("hx-post");
    if (!code || (tried[at]?.code === code && Date.now() - tried[at].at < 5000)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else tried[at] = { code, at: Date.now() };
  }, true);
  document.addEventListener("input", (event) => { // a code that is complete needs no further press
    const field = event.target;
    if (field.dataset?.submitAt && /^\d+$/.test(field.value) && field.value.length === Number(field.dataset.submitAt)) field.form.requestSubmit();
  });

  /* ---- Views that share one page ---- */
  function only(view) {
    for (const other of all("[data-view]")) if (other.dataset.view === view.dataset.view) other.hidden = other !== view;
  }

  function show(name) {
    const view = $(name);
    if (!view) return;
    only(view);
    view.querySelector("[data-first]")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
    paint();
  }

  document.addEventListener("click", (event) => {
    const at = event.target instanceof Element ? event.target : null;
    const shows = at?.closest("[data-show]");
    if (shows) { event.preventDefault(); show(shows.dataset.show); return; }
    const own = at?.closest("[data-show-for]");
    if (own) {
      const pick = model(), line = current(pick);
      if (line) show(`#${own.dataset.showFor}-${pick.lines.indexOf(line) + 1}`);
      return;
    }
    const line = at?.closest("[data-go]");
    if (line) { chosen = line.dataset.go; paint(); return; }
    const step = at?.closest("[data-by]");
    if (step) bump(step);
  });

  function bump(button) {
    const field = document.getElementById(button.dataset.for);
    const next = Math.min(Number(field.max), Math.max(Number(field.min), Number(field.value) + Number(button.dataset.by)));
    field.value = next;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /* ---- A number that words depend on: shorts, bags, parcels, what is handed over ---- */
  function counted(field) {
    const value = Number(field.value);
    for (const place of all(`[data-counts="${field.id}"]`)) {
      const n = place.dataset.minus === undefined ? value : Number(place.dataset.minus) - value;
      if (place.dataset.words) {
        const words = JSON.parse(place.dataset.words);
        place.textContent = words[n] ?? filled(words.many ?? "", { n });
      } else if ("value" in place && place.tagName !== "LI") place.value = n;
      else place.textContent = n;
      if (place.dataset.none !== undefined) place.closest("button")?.setAttribute("aria-disabled", String(n <= 0));
    }
    for (const row of all(`[data-nth-of="${field.id}"]`)) {
      row.hidden = Number(row.dataset.nth) > value;
      all("input", row).forEach((input) => { input.disabled = row.hidden; });
    }
  }
  document.addEventListener("change", (event) => { if (event.target.matches?.("[data-counter]")) counted(event.target); });
  document.addEventListener("input", (event) => { if (event.target.matches?.("[data-counter]")) counted(event.target); });

  function toHand() {
    const form = $("[data-lines]");
    if (!form) return;
    const lines = all("[data-units]").filter((row) => $("input[type=checkbox]", row).checked)
      .map((row) => ({ line_no: Number(row.dataset.line), units: Number($("[data-of-line]", row)?.value || row.dataset.units) })).filter((line) => line.units > 0);
    const units = lines.reduce((sum, line) => sum + line.units, 0);
    form.elements.lines.value = JSON.stringify(lines);
    const button = $("[data-hand]", form);
    const words = JSON.parse(button.dataset.words);
    $("[data-hand-word]", button).textContent = filled(units === 1 ? words.one : words.many, { n: units });
    if (!button.dataset.blocked) button.setAttribute("aria-disabled", String(units === 0));
  }
  document.addEventListener("change", (event) => { if (event.target.closest?.("[data-lines], [data-units]")) toHand(); });

  function chosenWork() {
    const form = $("form[data-batch]"), word = form && $("[data-batch-word]", form);
    if (!word) return;
    const count = all("input[name=assignments]:checked").length;
    const words = JSON.parse(form.dataset.batch);
    word.textContent = count > 1 ? filled(words.many, { n: count }) : count ? words.one : words.none;
    all("[data-when-chosen]").forEach((each) => { each.hidden = !count; });
  }
  document.addEventListener("change", (event) => { if (event.target.name === "assignments") chosenWork(); });

  /* ---- The pick list ---- */
  let chosen = ""; // the line a person tapped; otherwise the first that is not done

  const digits = (code) => /^\d{8,14}$/.test(code) ? code.replace(/^0+/, "") : code.toUpperCase();

  /* What may stand in a scan: the code itself, or the trade number inside a GS1 element string or link. */
  function meanings(code) {
    const plain = code.replace(/^\][A-Za-z]\d/, "").replace(/^\x1d/, "");
    const inside = plain.match(/^01(\d{14})/) || plain.match(/\/01\/(\d{8,14})/);
    return [digits(code.trim()), digits(plain.trim()), ...(inside ? [digits(inside[1])] : [])];
  }

  function model() {
    const place = $("#pick");
    if (!place) return null;
    const pick = JSON.parse(place.dataset.pick);
    for (const act of outbox.waiting()) {
      const line = act.about && pick.lines.find((each) => `${pick.list}/${each.id}` === act.about);
      if (act.kind === "finish" && act.about === pick.list) pick.over = true;
      if (!line) continue;
      if (act.kind === "scan" && act.sure) line.found += 1;
      if (act.kind === "undo") line.found = Math.max(0, line.found - (act.units ?? 1));
      if (act.kind === "found") line.found = act.body.units;
      if (act.kind === "short") line.short = act.body.units;
    }
    for (const line of pick.lines) line.left = Math.max(0, line.wanted - line.found - line.short);
    return pick;
  }

  function current(pick) {
    const wanted = pick.lines.find((line) => line.id === chosen && line.left > 0);
    if (!wanted) chosen = "";
    return wanted || pick.lines.find((line) => line.left > 0) || null;
  }

  function paint() {
    tick();
    const pick = model();
    if (!pick) return;
    const now = current(pick), at = now ? pick.lines.indexOf(now) : pick.lines.length;
    const words = $("#pick").dataset;
    pick.lines.forEach((line, n) => {
      const item = $(`[data-line="${line.id}"]`);
      if (!item) return;
      item.className = n === at ? "now" : n < at || !line.left ? "past" : "next";
      item.toggleAttribute("data-near", n === at - 1 || n === at + 1);
      item.toggleAttribute("data-nearish", n === at + 2);
      if (n === at) item.setAttribute("aria-current", "step"); else item.removeAttribute("aria-current");
      all("[data-found]", item).forEach((each) => { each.textContent = filled(words.of, { found: line.found, wanted: line.wanted }); });
      const missing = $("[data-missing]", item);
      if (missing) { missing.hidden = !line.short; missing.textContent = filled(words.missing, { n: line.short }); }
    });
    const unseen = pick.lines.filter((line) => line.left && $(`[data-line="${line.id}"]`)?.offsetParent === null).length;
    all("[data-rest]").forEach((each) => { each.hidden = !unseen; each.textContent = filled(each.dataset.rest, { n: unseen }); });
    const walking = $("#walk-now"), over = $("#walk-over"), after = $("#walk-after");
    if (walking) walking.hidden = !now || Boolean(pick.over);
    if (over) {
      over.hidden = Boolean(now) || Boolean(pick.over);
      const found = pick.lines.reduce((sum, line) => sum + line.found, 0), short = pick.lines.reduce((sum, line) => sum + line.short, 0);
      all("[data-all-found]", over).forEach((each) => { each.textContent = found; });
      all("[data-all-short]", over).forEach((each) => { each.hidden = !short; each.textContent = filled(each.dataset.allShort, { n: short }); });
    }
    if (after) after.hidden = !pick.over;
  }

  function heard(kind, line, name) {
    const template = $(`template[data-heard="${kind}"]`);
    if (!template) return;
    const part = template.content.firstElementChild.cloneNode(true);
    nth += 1;
    part.dataset.nth = `local-${nth}`;
    const values = { name, found: line ? line.found : "", wanted: line ? line.wanted : "", tote: line?.tote ?? "" };
    for (const place of all("[data-fill]", part)) place.textContent = filled(place.dataset.fill, values);
    $("#feedback").replaceChildren(part);
  }
  let nth = 0;

  async function picked(code) {
    const pick = model(), wanted = current(pick);
    const codes = meanings(code);
    const fits = (line) => line.codes.some((each) => codes.includes(digits(each)));
    const meant = wanted && fits(wanted) ? wanted : pick.lines.find((line) => fits(line) && line.left === 0) || pick.lines.find(fits);
    const aim = meant && meant.left === 0 ? meant : wanted;
    if (!aim) { heard("unknown", null, code); return; }
    show("#walk-view");
    if (lost()) {
      if (!meant) { heard("unknown", null, code); return; }
      if (meant !== wanted) { heard(meant.left ? "wrong" : "over", meant, meant.name); return; }
    }
    const sending = outbox.send({
      url: $("#pick").dataset.scan, kind: "scan", about: `${pick.list}/${aim.id}`,
      says: filled($("#pick").dataset.scanSays, { name: meant?.name ?? code }), sure: meant === wanted,
      body: { code, assignment_id: aim.a, line_no: aim.l },
    });
    const done = await sending;
    if (done.state === "done") { await follow(done.answer); return; }
    if (done.state === "refused") { feedback(""); window.orderspine.toast(`${done.error.what} ${done.error.remedy}`, "error"); return; }
    await judged(done.key, meant, wanted, code);
  }

  /* No answer came: what this page knows decides, and a scan that would count nothing is not kept. */
  async function judged(key, meant, wanted, code) {
    if (meant && meant === wanted) {
      const line = model().lines.find((each) => each.id === meant.id);
      heard("picked", line, meant.name);
      const undo = $("#feedback [data-undo]");
      if (undo) { undo.dataset.undo = key; undo.dataset.line = meant.id; }
    } else {
      await outbox.withdraw(key);
      heard(!meant ? "unknown" : meant.left ? "wrong" : "over", meant, meant?.name ?? code);
    }
    paint();
  }

  document.addEventListener("click", async (event) => {
    const undo = event.target instanceof Element ? event.target.closest("[data-undo]") : null;
    if (!undo) return;
    const pick = model(), about = undo.dataset.line ? `${pick.list}/${undo.dataset.line}` : "";
    const key = undo.dataset.undo, known = undo.dataset.scanId;
    undo.setAttribute("aria-disabled", "true");
    const still = outbox.waiting().some((act) => act.key === key);
    const done = await outbox.send({
      url: $("#pick").dataset.undoAt, kind: "undo", about, says: $("#pick").dataset.undoSays,
      body: known ? { scan_id: known } : {}, from: !known && still ? { field: "scan_id", of: key, path: "scan_id" } : null,
    });
    if (done.state === "done") { feedback(""); await follow(done.answer); }
    else if (done.state === "refused") window.orderspine.toast(`${done.error.what} ${done.error.remedy}`, "error");
    else feedback("");
  });

  /* ---- Packing and staging by scanning ---- */
  function checked(code) {
    const place = $("[data-check]:not([hidden] *)");
    if (!place) return false;
    const bag = code.match(/^OS1:bg:([^:]+):/);
    const codes = meanings(code);
    const rows = all("[data-codes]", place);
    const row = bag ? null : rows.find((each) => JSON.parse(each.dataset.codes).some((one) => codes.includes(digits(one))));
    if (!row) { heard("unknown", null, code); return true; }
    const done = Number(row.dataset.done || 0), wanted = Number(row.dataset.wanted), name = row.dataset.name;
    if (done >= wanted) { heard("over", { found: done, wanted }, name); return true; }
    row.dataset.done = done + 1;
    $("[data-done-of]", row).textContent = filled(place.dataset.of, { found: done + 1, wanted });
    row.classList.toggle("is-complete", done + 1 === wanted);
    const field = $("[name=scanned]", place);
    field.value = JSON.stringify([...JSON.parse(field.value || "[]"), code]);
    heard("packed", { found: done + 1, wanted }, name);
    return true;
  }

  function staged(code) {
    const form = $("form[data-stage]");
    if (!form || form.closest("[hidden]")) return false;
    const bag = code.match(/^OS1:bg:([^:]+):/);
    if (bag) {
      const row = $(`[data-bag="${CSS.escape(bag[1])}"]`, form);
      if (!row) { heard("unknown", null, bag[1]); return true; }
      row.classList.add("is-complete");
      $("[data-bag-word]", row).textContent = form.dataset.bagWord;
      const field = form.elements.scanned;
      field.value = JSON.stringify([...new Set([...JSON.parse(field.value || "[]"), code])]);
      heard("packed", { found: JSON.parse(field.value).length, wanted: all("[data-bag]", form).length }, bag[1]);
      return true;
    }
    form.elements.shelf.value = code;
    form.requestSubmit();
    return true;
  }

  /* A page that has every scan judged by the store PC: each is an act of its own, so none is lost without it. */
  function sent(code) {
    const form = $("form[data-scan-act]:not([hidden] *)");
    if (!form) return false;
    say(form, "");
    outbox.send({ url: form.dataset.act, kind: "scan", says: filled(form.dataset.says, { name: code }), body: { code } }).then(async (done) => {
      if (done.state === "done") await follow(done.answer, form);
      else if (done.state === "refused") say(form, `${done.error.what} ${done.error.remedy}`);
      else say(form, form.dataset.kept);
    });
    return true;
  }

  window.addEventListener("scan", (event) => {
    if (event.defaultPrevented || $("dialog[open]")) return;
    const { code } = event.detail;
    const own = code.match(/^OS1:(\w+):/);
    const takes = own && own[1] === "bg" && $("form[data-stage]");
    if (own && !takes) return; // our own slips lead elsewhere
    const field = document.activeElement;
    if (field?.dataset?.scanHere !== undefined) { field.value = code; field.dispatchEvent(new Event("input", { bubbles: true })); }
    else if ($("#pick") && $("#walk-now") && current(model()) && !model().over) picked(code);
    else if (!staged(code) && !checked(code) && !sent(code)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  /* ---- What comes back ---- */
  window.addEventListener("htmx:error", (event) => { // the page asked by itself; the strip says it, no toast covers a button
    if (event.target instanceof Element && event.target.matches("[data-fresh]")) event.stopImmediatePropagation();
  }, true);
  let fresh = 0;
  document.addEventListener("outbox", (event) => {
    paint();
    if (event.detail?.lost === false || (event.detail?.act && !outbox.waiting().length)) {
      clearTimeout(fresh);
      fresh = setTimeout(refresh, 150);
    }
  });
  document.addEventListener("outbox-shown", paint);

  async function refresh() {
    const live = $("[data-fresh]");
    if (!live || lost() || outbox.waiting().length) return;
    try {
      const answer = await fetch(live.dataset.fresh, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(4000) });
      if (answer.ok && !answer.redirected) await draw(await answer.text());
    } catch { /* the strip says it */ }
  }

  let kept; // the view that was open when news of the store began the page anew
  document.addEventListener("htmx:before:swap", () => { kept = opened(); });
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.target instanceof Element && event.target.closest("[id^=live-]")) reopen(kept);
  });
  document.addEventListener("htmx:after:swap", () => { all("[data-counter]").forEach(counted); toHand(); chosenWork(); paint(); });
  all("[data-counter]").forEach(counted);
  toHand();
  chosenWork();
  outbox.ready.then(paint);
  paint();
  setInterval(tick, 1000);
})();
