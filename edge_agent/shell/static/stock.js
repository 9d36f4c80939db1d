/* Counting and unpacking by scan, also while the store PC cannot be reached. Needs outbox.js and handheld.js.

     #tally[data-scan][data-undo-at]   every scan is sent to the one address, an undo to the other, in their order
       data-as-of      the last event this page knew; it travels with each scan, so that one that arrives late is
                       compared with the books of the moment when it was made
       data-kept       what is said of a scan that waits
     form[data-tally-code]             a code that was typed instead of scanned
     [data-tally-damaged]              a switch: what is scanned while it is on is damaged
     [data-untally="scan id"]          take that scan back                                                       */
(() => {
  "use strict";
  const { outbox, feedback } = window.orderspine;
  const $ = (selector) => document.querySelector(selector);

  /* The page is drawn anew with each answer; the switch stays as the person left it. */
  async function follow(answer) {
    const damaged = $("[data-tally-damaged]")?.checked;
    await window.orderspine.follow(answer);
    if (damaged && $("[data-tally-damaged]")) $("[data-tally-damaged]").checked = true;
  }

  function kept(code) {
    const template = $("template[data-kept-scan]");
    if (!template) return;
    const part = template.content.firstElementChild.cloneNode(true);
    part.querySelector("[data-code]").textContent = code;
    $("#feedback")?.replaceChildren(part);
  }

  async function settle(done, code) {
    if (done.state === "done") await follow(done.answer);
    else if (done.state === "refused") { feedback(""); window.orderspine.toast(`${done.error.what} ${done.error.remedy}`, "error"); }
    else kept(code);
  }

  async function took(code) {
    const place = $("#tally");
    const body = { code };
    if (place.dataset.asOf) body.as_of = Number(place.dataset.asOf);
    if ($("[data-tally-damaged]")?.checked) body.damaged = true;
    const says = place.dataset.says.replace("{code}", code);
    await settle(await outbox.send({ url: place.dataset.scan, kind: "scan", about: place.dataset.about, says, body }), code);
  }

  document.addEventListener("scan", (event) => {
    if (event.defaultPrevented || !$("#tally") || $("dialog[open]")) return;
    event.preventDefault();
    took(event.detail.code);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target instanceof Element ? event.target : null;
    if (!form?.matches("[data-tally-code]")) return;
    event.preventDefault();
    const code = form.elements.code.value.trim();
    form.reset();
    if (code) took(code);
  });

  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-untally]") : null;
    if (!button) return;
    const place = $("#tally");
    button.setAttribute("aria-disabled", "true");
    await settle(await outbox.send({ url: place.dataset.undoAt, kind: "undo", about: place.dataset.about, says: place.dataset.undoSays, body: { scan_id: button.dataset.untally } }), "");
  });
})();
