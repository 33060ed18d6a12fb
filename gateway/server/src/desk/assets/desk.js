// What the desk adds where scripts run: single keys, a list that follows, a claim that is kept while the
// page is open. Everything can be done without it; it decides nothing.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const form = $("#review");
  // Sentences in the reader's language, from the page.
  const words = document.body.dataset;
  let leaving = false;

  // Times in the reader's own zone.
  const localise = (root) => {
    for (const time of all("time[datetime]", root)) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const words = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
      if (time.title) time.title = words;
      else time.textContent = words;
    }
  };
  localise(document);

  // The list follows what others do, and keeps what is picked and where the reader is.
  const live = $("#live");
  if (live && "EventSource" in window) {
    let shown = live.dataset.version;
    let waits = false;
    const refresh = async () => {
      if (document.hidden || waits) return;
      waits = true;
      try {
        const answer = await fetch(location.href, { headers: { accept: "text/html" } });
        if (!answer.ok || answer.redirected) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = $("#live", page);
        if (!fresh) return;
        const picked = new Set(all("input[name=pick]:checked", live).map((box) => box.value));
        const known = new Set(all("#list tr[id]", live).map((row) => row.id));
        const here = $("tr.here", live)?.id;
        const focus = document.activeElement?.closest("tr[id]")?.id;
        const kind = document.activeElement?.tagName;
        const inside = live.contains(document.activeElement);
        const list = $("#main");
        if (inside && !focus) return;
        live.replaceChildren(...fresh.childNodes);
        shown = fresh.dataset.version;
        $("#count").textContent = $("#count", page).textContent;
        for (const box of all("input[name=pick]", live)) box.checked = picked.has(box.value);
        if (here) document.getElementById(here)?.classList.add("here");
        // The same thing in the same row; if the row went, the list itself, never nothing.
        if (focus) ($(kind.toLowerCase(), document.getElementById(focus) ?? list) ?? list).focus({ preventScroll: true });
        localise(live);
        const came = all("#list tr[id]", live).filter((row) => !known.has(row.id)).length;
        if (came > 0) $("#news").textContent = came === 1 ? words.one : words.many.replace("{count}", came);
      } catch { /* The next change tries again. */ } finally { waits = false; }
    };
    const feed = new EventSource(live.dataset.live);
    feed.addEventListener("board", (event) => { if (event.data !== shown) refresh(); });
    document.addEventListener("visibilitychange", refresh);
    addEventListener("pagehide", () => feed.close());
    setInterval(refresh, 60000);
  }

  // A claim: taken when the page is opened and looked at, renewed while it is, given back when left.
  if (form) {
    const token = $("[name=token]", form).value;
    const lease = $("#lease");
    const line = $("#lease-line");
    const initial = new FormData(form);
    const send = (what, more = {}) =>
      fetch(form.action, {
        method: "POST",
        headers: { accept: "application/json" },
        body: new URLSearchParams({ token, do: what, lease: lease.value, ...more }),
      });
    const button = $("#lease-act");
    // The words change, the button beside them stays: whoever stands on it stays there.
    const say = (text, does) => {
      if (line && line.textContent !== text) line.textContent = text;
      if (button && button.value !== does) {
        button.value = does;
        button.textContent = button.dataset[does];
      }
    };
    const held = (until) =>
      say(words.yours.replace("{time}", new Date(until).toLocaleTimeString(undefined, { timeStyle: "short" })), "release");
    const claim = async () => {
      const answer = await send("claim").catch(() => null);
      if (answer?.ok) {
        const got = await answer.json();
        lease.value = got.lease;
        held(got.until);
        form.dataset.claim = "no";
      } else if (answer?.status === 409) {
        say(words.taken, "claim");
      }
    };
    const renew = async () => {
      if (!lease.value || document.hidden) return;
      const answer = await send("renew").catch(() => null);
      if (answer?.ok) held((await answer.json()).until);
      else if (answer?.status === 409) {
        lease.value = "";
        say(words.ended, "claim");
        keep();
      }
    };
    const dirty = () => {
      const now = new FormData(form);
      return [...now].some(([name, value]) => name !== "lease" && initial.get(name) !== value);
    };
    const keep = () => {
      const fields = new URLSearchParams(new FormData(form));
      fields.set("do", "keep");
      return fetch(form.action, {
        method: "POST", keepalive: true, headers: { accept: "application/json" }, body: fields,
      }).catch(() => null);
    };
    const begin = () => {
      if (!document.hidden && form.dataset.claim === "yes" && !lease.value) claim();
      else renew();
    };
    begin();
    document.addEventListener("visibilitychange", begin);
    const pause = Number(form.dataset.leaseMs) / 3;
    setInterval(renew, Math.max(1000, Math.min(pause, 120000)));
    // One decision for a double click; the server would give the second the first one's outcome.
    form.addEventListener("submit", (event) => {
      if (leaving) return event.preventDefault();
      leaving = true;
      setTimeout(() => { leaving = false; }, 4000);
    });
    addEventListener("pagehide", () => {
      if (leaving) return;
      if (dirty()) keep();
      if (lease.value) {
        fetch(form.action, {
          method: "POST", keepalive: true, headers: { accept: "application/json" },
          body: new URLSearchParams({ token, do: "release", lease: lease.value }),
        }).catch(() => null);
      }
    });
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }

  // Single keys, unless they are switched off or something is being typed.
  if (document.body.dataset.keys !== "on") return;
  const rows = () => all("#list tr[id]");
  const move = (by) => {
    const list = rows();
    const at = list.findIndex((row) => row.classList.contains("here"));
    const next = list[Math.max(0, Math.min(list.length - 1, at < 0 ? 0 : at + by))];
    if (!next) return;
    list.forEach((row) => row.classList.toggle("here", row === next));
    next.scrollIntoView({ block: "nearest" });
    $(".what a", next).focus({ preventScroll: true });
  };
  const open = (box, field) => {
    const details = $(box);
    if (!details) return;
    details.open = true;
    $(field, details)?.focus();
  };
  const keys = {
    j: () => (rows().length ? move(1) : $("#next")?.click()),
    k: () => (rows().length ? move(-1) : $("#before")?.click()),
    x: () => $("tr.here input[name=pick]")?.click(),
    a: () => $("#approve:not(:disabled)")?.click(),
    e: () => ($("#answer :is(input:not([type=hidden]), select, textarea)") ?? $(".tool :is(input:not([type=hidden]), select, textarea)"))?.focus(),
    r: () => open("#reject-box", "select, textarea"),
    c: () => open("#changes-box", "textarea"),
    u: () => $("#undo")?.click(),
    "?": () => $("#help").showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, dialog[open]")) return;
    const act = keys[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
})();
