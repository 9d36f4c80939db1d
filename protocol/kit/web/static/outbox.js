/* What was done while the store PC cannot be reached is kept in this browser and sent when it can.

   An act is written down first (IndexedDB) and sent then, always in the order in which it was done and one at
   a time. It carries a key of its own: when an answer was lost on the way, the same act is sent again under the
   same key and the store knows it. Only a definite answer removes it. What the store refuses later, when nobody
   waits for the answer any more, is listed with the store's own words until a person has read it.

     orderspine.outbox.send({ url, body, says, kind, about, from }) -> Promise of
         { state: "done", answer }                what the store answered
         { state: "refused", error }              it said no, and the person who asked is still looking
         { state: "waiting" }                     kept; it goes out by itself
     orderspine.outbox.ask({ url, body }, form)   the same for what is not kept: it is answered now or not done
     orderspine.outbox.withdraw(key)              take back what waits
     orderspine.outbox.waiting()                  what is kept, oldest first
     orderspine.outbox.lost()                     whether the last try found no store PC

   `from: { field, of, path }` fills a field of the body with what an earlier act was answered, such as the id of
   a scan that had not been sent yet when it was undone. `sure: false` marks a scan that this page believes to be
   wrong; it shows no effect before the store has answered. An act is sent in the name of whoever did it: it waits
   while somebody else is signed in. Texts, the token and the person come from the element #outbox.

   No service worker and no `crypto.randomUUID`: both want https, and a handheld opens http://store.lan. Two
   tabs of one browser may send the same act twice; its key makes that harmless. */
(() => {
  "use strict";
  const NAME = "orderspine-outbox";
  const PATIENCE_MS = 4000; // a person with a scanner waits no longer for an answer
  const AGAIN_MS = 1500;
  const FAULTS = 5; // tries of something that only ever fails inside the store PC
  const UNANSWERED = [401, 408, 429, 502, 503, 504];

  const place = () => document.getElementById("outbox");
  const word = (name) => place()?.dataset[name] ?? "";

  function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return `dev:${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  }

  /* ---- The store of acts; in memory where a browser keeps nothing ---- */
  const asked = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const finished = (transaction) => new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });

  function inMemory() {
    const acts = new Map();
    let n = 0;
    return {
      lasting: false,
      all: async () => [...acts.values()],
      add: async (act) => { n += 1; acts.set(n, { ...act, n }); return n; },
      put: async (act) => { acts.set(act.n, act); },
      remove: async (at) => { acts.delete(at); },
    };
  }

  async function open() {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("acts", { keyPath: "n", autoIncrement: true });
    const database = await asked(request);
    const acts = (mode) => database.transaction("acts", mode, mode === "readwrite" ? { durability: "strict" } : {});
    const change = async (what) => {
      const transaction = acts("readwrite");
      const result = what(transaction.objectStore("acts"));
      await finished(transaction);
      return result.result;
    };
    return {
      lasting: true,
      all: () => asked(acts("readonly").objectStore("acts").getAll()),
      add: (act) => change((store) => store.add(act)),
      put: (act) => change((store) => store.put(act)),
      remove: (at) => change((store) => store.delete(at)),
    };
  }

  const opened = open().catch(inMemory);
  let acts = []; // the same as in the store, so that a page can be painted without waiting
  const waiters = new Map();
  let lost = false;
  let running = null;
  let stopped = ""; // why nothing is sent although the store PC answers
  let timer = 0;

  async function load() {
    acts = await (await opened).all();
    show();
  }

  const waiting = () => acts.filter((act) => act.state === "waiting");
  const refused = () => acts.filter((act) => act.state === "refused");

  async function change(act, values) {
    Object.assign(act, values);
    await (await opened).put(act);
  }

  async function drop(act) {
    acts = acts.filter((each) => each !== act);
    await (await opened).remove(act.n);
  }

  /* ---- Sending ---- */
  async function send({ url, body, key = newKey(), says = "", kind = "step", about = "", from = null, sure = true }) {
    const act = {
      key, url, body: { ...body, key }, says, kind, about, from, sure,
      person: place()?.dataset.person ?? "", name: place()?.dataset.name ?? "",
      state: "waiting", faults: 0, at: Date.now(),
    };
    const store = await opened;
    act.n = await store.add(act);
    acts.push(act);
    const answer = new Promise((resolve) => waiters.set(act.key, resolve));
    show();
    if (lost) settle(act, { state: "waiting" });
    pump().then(() => { if (waiters.has(key)) pump(); }); // it may have come just after the last look of a run
    return { key, ...(await answer) };
  }

  /* What must be answered now and is not kept. The form keeps the key until the answer is certain, so that a
     second press after a lost answer does nothing twice. */
  async function ask({ url, body }, form) {
    form.dataset.key ||= newKey();
    let status, said;
    try {
      ({ status, said } = await post({ url, body: { ...body, key: form.dataset.key } }));
    } catch {
      unreachable();
      return { state: "waiting" };
    }
    reachable();
    if (UNANSWERED.includes(status) && status !== 429) return { state: "waiting", signIn: status === 401 };
    delete form.dataset.key;
    return status < 400 ? { state: "done", answer: said } : { state: "refused", error: said.error ?? { what: word("failed"), remedy: "" } };
  }

  /* Take an act back that waits and changes nothing, such as a scan that this page has judged wrong meanwhile. */
  async function withdraw(key) {
    const act = waiting().find((each) => each.key === key);
    if (act) await drop(act);
    show();
  }

  function settle(act, result) {
    const waiter = waiters.get(act.key);
    waiters.delete(act.key);
    waiter?.(result);
    return Boolean(waiter);
  }

  async function post(act) {
    const answer = await fetch(act.url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": place()?.dataset.csrf ?? "" },
      body: JSON.stringify(act.body),
      signal: AbortSignal.timeout(PATIENCE_MS),
      redirect: "manual",
    });
    if (answer.type === "opaqueredirect") return { status: 401, said: {} };
    return { status: answer.status, said: await answer.json().catch(() => ({})) };
  }

  /* Send what waits, oldest first; whoever calls while it runs waits for the same run. */
  function pump() {
    running ??= run().finally(() => { running = null; });
    return running;
  }

  async function run() {
    clearTimeout(timer);
    try {
      for (let act = waiting()[0]; act; act = waiting()[0]) {
        if (!(await one(act))) break;
      }
    } finally {
      show();
      if (waiting().length) timer = setTimeout(pump, AGAIN_MS);
    }
  }

  /* Send one act; false when the rest has to wait. */
  async function one(act) {
    if (act.person && act.person !== place()?.dataset.person) return pause("other");
    let status, said;
    try {
      ({ status, said } = await post(act));
    } catch { // no answer: nothing is known of it, so it stays
      unreachable();
      return false;
    }
    const error = said.error;
    if (UNANSWERED.includes(status) || error?.code === "stale_page") return pause(status === 401 || error?.code === "stale_page" ? "signIn" : "");
    if (status >= 500 && act.faults + 1 < FAULTS) {
      await change(act, { faults: act.faults + 1 });
      return pause("");
    }
    reachable();
    if (status >= 400) await refuse(act, error ?? { what: word("failed"), remedy: "" });
    else if (said.ok === false && !waiters.has(act.key)) await refuse(act, said);
    else {
      await handOn(act, said);
      await drop(act);
      settle(act, { state: "done", answer: said });
      document.dispatchEvent(new CustomEvent("outbox", { detail: { act, answer: said } }));
    }
    return true;
  }

  async function refuse(act, error) {
    if (settle(act, { state: "refused", error })) { await drop(act); return; }
    await change(act, { state: "refused", error: { what: error.what, remedy: error.remedy, code: error.code } });
    for (const follower of waiting().filter((each) => each.from?.of === act.key)) {
      await change(follower, { state: "refused", error: { what: word("before"), remedy: error.what } });
    }
    document.dispatchEvent(new CustomEvent("outbox", { detail: { act, refused: true } }));
  }

  /* Acts that were done before this one was answered get what they need of the answer. */
  async function handOn(act, said) {
    for (const follower of waiting().filter((each) => each.from?.of === act.key)) {
      await change(follower, { body: { ...follower.body, [follower.from.field]: said[follower.from.path] ?? "" }, from: null });
    }
  }

  function pause(why) {
    stopped = why;
    for (const act of waiting()) settle(act, { state: "waiting" });
    return false;
  }

  function unreachable() {
    pause("");
    if (lost) return;
    lost = true;
    window.orderspine.askStrip?.();
    setTimeout(probe, AGAIN_MS);
    document.dispatchEvent(new CustomEvent("outbox", { detail: { lost } }));
  }

  /* Nothing may be waiting that would find out by itself that the store PC is there again. */
  async function probe() {
    if (!lost) return;
    if (!waiting().length) {
      try {
        const answer = await fetch("/healthz", { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
        if (answer.ok) { reachable(); return; }
      } catch { /* still away */ }
    }
    setTimeout(probe, AGAIN_MS);
  }

  function reachable() {
    stopped = "";
    if (!lost) return;
    lost = false;
    document.dispatchEvent(new CustomEvent("outbox", { detail: { lost } }));
  }

  /* ---- What the person sees: how much waits, and what was refused ---- */
  function sentence(count, kinds) {
    const scans = kinds.every((kind) => kind === "scan");
    const name = `${scans ? "scan" : "step"}${count === 1 ? "One" : "Many"}`;
    return word(name).replace("{n}", count);
  }

  function show() {
    const section = place();
    if (!section) return;
    const held = waiting(), no = refused();
    const line = section.querySelector("[data-waiting]"), list = section.querySelector("[data-refused]");
    const quiet = !lost && !stopped && held.every((act) => waiters.has(act.key));
    line.hidden = quiet || !held.length;
    if (!line.hidden) {
      const why = { signIn: word("signIn"), other: word("other").replaceAll("{name}", held[0].name) }[stopped] ?? "";
      line.querySelector("strong").textContent = sentence(held.length, held.map((act) => act.kind));
      line.querySelector("small").textContent = why || (memory ? word("memory") : word("kept"));
      const link = line.querySelector("a");
      link.hidden = stopped !== "signIn";
      link.href = `/sign-in?next=${encodeURIComponent(location.pathname)}`;
    }
    list.replaceChildren(...no.map(row));
    section.hidden = line.hidden && !no.length;
    document.dispatchEvent(new CustomEvent("outbox-shown"));
  }

  function row(act) {
    const item = emptyRow();
    item.dataset.n = act.n;
    item.querySelector("[data-says]").textContent = act.says;
    item.querySelector("[data-what]").textContent = `${act.error?.what ?? ""} ${act.error?.remedy ?? ""}`.trim();
    return item;
  }

  const emptyRow = () => place().querySelector("template").content.firstElementChild.cloneNode(true);
  let memory = false;
  opened.then((store) => { memory = !store.lasting; });

  document.addEventListener("click", async (event) => {
    const read = event.target instanceof Element ? event.target.closest("[data-read]") : null;
    const act = read && acts.find((each) => String(each.n) === read.closest("[data-n]").dataset.n);
    if (!act) return;
    await drop(act);
    show();
  });
  /* Whoever leaves now would leave behind what only they can send. */
  document.addEventListener("submit", (event) => {
    const reason = event.target instanceof HTMLFormElement ? event.target.dataset.waits : "";
    if (!reason || !waiting().length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    window.orderspine.toast(reason, "error");
  }, true);
  window.addEventListener("online", pump);
  document.body.addEventListener("reachable", pump);
  document.body.addEventListener("unreachable", () => { if (!waiting().length) unreachable(); });
  document.body.addEventListener("reachable", reachable);
  document.addEventListener("htmx:after:swap", show);

  window.orderspine = {
    ...window.orderspine,
    outbox: { send, ask, withdraw, pump, waiting, refused, lost: () => lost, newKey, ready: load().then(pump) },
  };
})();
