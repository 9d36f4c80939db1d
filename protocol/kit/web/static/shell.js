/* What every page does by itself: shortcuts, the connectivity strip, toasts, sound and flash, times that stay
   true, keypads, dialogs. Nothing here is written into a page: elements say what they want in data attributes.

     data-key="F9"             this key clicks (or focuses) the element; single letters wait to see if a scan follows
     data-strip="/shell/strip" asked every few seconds; no answer shows data-unreachable of <body>
     data-toast [data-stay]    goes away after a while, unless it stays; data-close closes it
     data-tone="ok|error|over" sounds, vibrates and flashes once when it appears
     data-ago="12"             seconds ago; kept true      data-clock="Europe/London"  kept true
     data-keypad="id"          its [data-digit] buttons type into that field
     data-dialog               opens by itself when it appears
     data-hide="name"          hides what is around it, for this browser    data-back   goes one page back */
(() => {
  "use strict";
  const body = document.body;
  const quietly = (promise) => promise.catch(() => undefined);

  /* ---- Keys ---- */
  const LETTER_WAIT_MS = 120; // longer than a slow scanner's pause between characters
  let letter = 0;

  const typing = (element) =>
    element instanceof HTMLElement &&
    (element.isContentEditable || /^(TEXTAREA|SELECT)$/.test(element.tagName) ||
      (element.tagName === "INPUT" && !/^(checkbox|radio|button|submit)$/.test(element.type)));

  function keyed(key) {
    const open = document.querySelector("dialog[open]");
    const wanted = key.length === 1 ? key.toLowerCase() : key;
    return [...(open || document).querySelectorAll("[data-key]")].find((element) => {
      const own = element.dataset.key;
      return (own.length === 1 ? own.toLowerCase() : own) === wanted && element.offsetParent !== null &&
        element.getAttribute("aria-disabled") !== "true" && !element.disabled;
    });
  }

  function act(element) {
    if (element.matches("input:not([type=radio]):not([type=checkbox]), textarea, select")) element.focus();
    else element.click();
  }

  document.addEventListener("keydown", (event) => {
    clearTimeout(letter);
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const single = event.key.length === 1;
    if (single && typing(event.target)) return;
    if (event.key === "Enter" && event.target instanceof HTMLElement && event.target.matches("a[href], button, textarea, summary, [role=button]")) return;
    const element = keyed(event.key);
    if (!element) return;
    if (single) {
      letter = setTimeout(() => { if (!window.orderspine?.scanning?.()) act(element); }, LETTER_WAIT_MS);
      return;
    }
    event.preventDefault();
    act(element);
  });

  document.addEventListener("scan", () => clearTimeout(letter));

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (!target) return;
    if (target.closest("[aria-disabled=true]")) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    const close = target.closest("[data-close]");
    if (close) (close.closest("dialog") ? close.closest("dialog").close() : close.closest("[data-toast]")?.remove());
    if (target.closest("[data-back]")) history.back();
    const digit = target.closest("[data-digit]");
    if (digit) press(digit);
    const hide = target.closest("[data-hide]");
    if (hide) { store(`hidden-${hide.dataset.hide}`, "yes"); hideSeen(); }
  }, true);

  /* ---- Keypads ---- */
  // A key on the screen is no place to stand: the focus stays in the field, so Enter takes what was typed.
  document.addEventListener("mousedown", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-digit], [data-amount]")) event.preventDefault();
  });
  function press(button) {
    const field = document.getElementById(button.closest("[data-keypad]").dataset.keypad);
    const digit = button.dataset.digit;
    if (digit === "back") field.value = field.value.slice(0, -1);
    else if (digit === "clear") field.value = "";
    else if (field.maxLength < 0 || field.value.length + digit.length <= field.maxLength) field.value += digit;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /* ---- What this browser remembers ---- */
  function store(name, value) { try { localStorage.setItem(`orderspine-${name}`, value); } catch { /* private window */ } }
  function stored(name) { try { return localStorage.getItem(`orderspine-${name}`); } catch { return null; } }
  function hideSeen() {
    for (const button of document.querySelectorAll("[data-hide]")) {
      if (stored(`hidden-${button.dataset.hide}`) !== "yes") continue;
      button.hidden = true;
      button.parentElement.querySelectorAll(".tour").forEach((element) => { element.hidden = true; });
    }
  }

  /* ---- Tabs that do not all fit: the page one is on is in sight ---- */
  for (const here of document.querySelectorAll(".tabs [aria-current]")) {
    const tabs = here.closest(".tabs");
    tabs.scrollLeft = here.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - here.offsetWidth) / 2;
  }

  /* ---- The strip: the server's word when it answers, ours when it does not ---- */
  const STRIP_EVERY_MS = 5000;
  const STRIP_PATIENCE_MS = 4000;
  let misses = 0;
  let stripTimer = 0;
  let asking = false;

  function showStrip(html) {
    const strip = document.getElementById("strip");
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("strip");
    if (!strip || !fresh) return;
    const same = strip.className === fresh.className && words(strip) === words(fresh);
    if (same) {
      const old = strip.querySelector("[data-ago]"), now = fresh.querySelector("[data-ago]");
      if (old && now) old.replaceWith(now);
      return;
    }
    strip.className = fresh.className;
    strip.replaceChildren(...fresh.childNodes);
  }

  function words(strip) {
    const copy = strip.cloneNode(true);
    copy.querySelectorAll("[data-ago]").forEach((element) => element.remove());
    return copy.innerHTML;
  }

  function cannotReach() {
    const strip = document.getElementById("strip");
    if (!strip || strip.dataset.lost) return;
    strip.dataset.lost = "yes";
    strip.className = "strip is-act";
    const shape = Object.assign(document.createElement("span"), { className: "shape is-act" });
    const word = Object.assign(document.createElement("strong"), { textContent: body.dataset.unreachable });
    const says = Object.assign(document.createElement("span"), { textContent: body.dataset.unreachableSays });
    strip.replaceChildren(shape, word, says);
    body.dispatchEvent(new CustomEvent("unreachable"));
  }

  async function askStrip() {
    clearTimeout(stripTimer);
    const strip = document.getElementById("strip");
    if (!strip || asking) return;
    asking = true;
    try {
      const answer = await fetch(strip.dataset.strip, { signal: AbortSignal.timeout(STRIP_PATIENCE_MS), headers: { "HX-Request": "true" } });
      if (answer.ok) {
        const was = strip.dataset.lost;
        delete strip.dataset.lost;
        misses = 0;
        showStrip(await answer.text());
        if (was) body.dispatchEvent(new CustomEvent("reachable"));
      }
    } catch {
      misses += 1;
      if (misses > 1) cannotReach();
    } finally {
      asking = false;
    }
    stripTimer = setTimeout(askStrip, misses ? 1000 : STRIP_EVERY_MS);
  }
  body.addEventListener("strip", askStrip);
  document.addEventListener("htmx:sse:error", askStrip);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) askStrip(); });

  /* ---- A click that got no answer: say so, keep the page ---- */
  document.addEventListener("htmx:error", (event) => {
    if (event.target instanceof Element && event.target.closest("#live, #demo")) return;
    askStrip();
    toast(`${body.dataset.unreachable}. ${body.dataset.unreachableSays}`, "error");
  });

  /* ---- Toasts ---- */
  const TOAST_MS = 8000;
  const seen = new WeakSet();

  function toast(says, tone = "") {
    const list = document.getElementById("toasts");
    const element = Object.assign(document.createElement("div"), { className: "toast" });
    element.dataset.toast = "";
    if (tone) element.dataset.tone = tone;
    const shape = Object.assign(document.createElement("span"), { className: tone === "error" ? "shape is-act" : "shape is-done" });
    element.append(shape, Object.assign(document.createElement("span"), { textContent: says }));
    list.replaceChildren(...[...list.children].slice(-2), element);
  }

  function expire(element) {
    if ("stay" in element.dataset || !element.closest("#toasts")) return;
    setTimeout(() => {
      if (element.matches(":hover, :focus-within")) expire(element);
      else element.remove();
    }, TOAST_MS);
  }

  /* ---- Sound, vibration, flash ---- */
  const TONES = { ok: [[1320, 0, .07]], error: [[220, 0, .16], [196, .2, .22]], over: [[440, 0, .08], [330, .1, .08], [440, .2, .12]] };
  const SHAKES = { ok: 30, error: [80, 60, 160], over: [40, 40, 40, 40, 40] };
  let sound = null;

  function wakeSound() {
    sound ??= window.AudioContext ? new AudioContext() : null;
    if (sound?.state === "suspended") quietly(sound.resume());
  }
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, wakeSound, { capture: true, once: true });

  function feel(tone) {
    if (!(tone in TONES)) return;
    body.removeAttribute("data-flash");
    void body.offsetWidth; // a second flash in a row starts anew
    body.dataset.flash = tone;
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(SHAKES[tone]);
    if (sound?.state !== "running") return;
    for (const [hertz, start, length] of TONES[tone]) {
      const wave = sound.createOscillator(), volume = sound.createGain(), at = sound.currentTime + start;
      wave.type = tone === "ok" ? "sine" : "square";
      wave.frequency.value = hertz;
      volume.gain.setValueAtTime(.12, at);
      volume.gain.exponentialRampToValueAtTime(.001, at + length);
      wave.connect(volume).connect(sound.destination);
      wave.start(at);
      wave.stop(at + length);
    }
  }

  /* ---- Times that stay true ---- */
  const started = performance.now();
  const wall = Date.now();
  const language = document.documentElement.lang;

  function span(seconds) {
    if (seconds < 60) return [Math.floor(seconds), "second"];
    if (seconds < 3600) return [Math.floor(seconds / 60), "minute"];
    if (seconds < 86400) return [Math.floor(seconds / 3600), "hour"];
    return [Math.floor(seconds / 86400), "day"];
  }

  function tick() {
    for (const element of document.querySelectorAll("time[data-ago]")) {
      element.born ??= performance.now() - Number(element.dataset.ago) * 1000;
      const [count, unit] = span((performance.now() - element.born) / 1000);
      const text = language.startsWith("en")
        ? `${count} ${{ second: "s", minute: "min", hour: "h", day: count === 1 ? "day" : "days" }[unit]} ago`
        : new Intl.RelativeTimeFormat(language, { style: "short" }).format(-count, unit);
      if (element.textContent !== text) element.textContent = text;
    }
    for (const element of document.querySelectorAll("[data-clock]")) {
      const shown = element.querySelector("time");
      if (!shown) continue;
      shown.at ??= Date.parse(shown.dateTime) - (performance.now());
      const parts = Object.fromEntries(new Intl.DateTimeFormat(language, {
        timeZone: element.dataset.clock, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
      }).formatToParts(new Date(shown.at + performance.now())).map(({ type, value }) => [type, value]));
      const text = language.startsWith("en")
        ? `${parts.weekday} ${parts.day} ${parts.month}, ${parts.hour}:${parts.minute}`
        : `${parts.weekday} ${parts.day}. ${parts.month}, ${parts.hour}:${parts.minute}`;
      if (shown.textContent !== text) shown.textContent = text;
    }
  }

  /* ---- Whatever appears ---- */
  function greet(root) {
    if (!(root instanceof Element)) return;
    for (const element of [root, ...root.querySelectorAll("[data-tone], [data-toast], [data-dialog], [data-hide]")]) {
      if (seen.has(element)) continue;
      seen.add(element);
      if (element.dataset.tone) feel(element.dataset.tone);
      if ("toast" in element.dataset) expire(element);
      if ("dialog" in element.dataset && !element.open) element.showModal();
      if ("hide" in element.dataset) hideSeen();
    }
  }

  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "attributes") feel(change.target.dataset.tone);
      else change.addedNodes.forEach(greet);
    }
  }).observe(body, { childList: true, subtree: true, attributeFilter: ["data-nth"] });

  /* A badge scanned on the sign-in page goes with the form. */
  document.addEventListener("scan", (event) => {
    const form = document.querySelector("form[data-badge-form]");
    if (!form) return;
    form.elements.badge.value = event.detail.code;
    if (form.elements.pin.value) form.requestSubmit();
    else form.elements.pin.focus();
  });

  for (const element of document.querySelectorAll("[data-toast], [data-dialog], [data-hide]")) greet(element);
  tick();
  setInterval(tick, 1000);
  stripTimer = setTimeout(askStrip, STRIP_EVERY_MS);
  window.orderspine = { ...window.orderspine, toast, feel, askStrip };
  document.addEventListener("DOMContentLoaded", () => { // after htmx, which listens for the same moment
    document.documentElement.dataset.ready = "yes";
  });
})();
