// The duty officer's pages, moving: the queue brings itself up to date, single keys, times that count down, a map.
//
// Everything that must be done can be done without this script. It fetches from this gateway alone.
"use strict";

(() => {
  const MINUTE_MS = 60_000;
  const POLL_MS = 15_000;
  // A press within this time of a change of the page was meant for what stood there before.
  const SETTLE_MS = 700;

  // The gateway's clock, whatever this machine's says.
  let ahead = 0;
  function setClock(element) {
    if (element?.dataset.now) ahead = Number(element.dataset.now) - Date.now();
  }
  const nowMs = () => Date.now() + ahead;
  setClock(document.querySelector("[data-now]"));

  // --- times -------------------------------------------------------------------------------------------------------

  // As `duty_words.how_long` has it.
  function howLong(ms) {
    const counted = (n, unit) => `${n} ${unit}${n === 1 ? "" : "s"}`;
    for (const [large, largeName, small, smallName] of [
      [86_400_000, "day", 3_600_000, "hour"],
      [3_600_000, "hour", MINUTE_MS, "minute"],
    ]) {
      if (ms >= large) {
        const rest = Math.floor((ms % large) / small);
        return counted(Math.floor(ms / large), largeName) + (rest ? ` ${counted(rest, smallName)}` : "");
      }
    }
    return ms >= MINUTE_MS ? counted(Math.floor(ms / MINUTE_MS), "minute") : "less than a minute";
  }

  function showTimes() {
    for (const left of document.querySelectorAll("[data-due]")) {
      const away = Number(left.dataset.due) - nowMs();
      const words = away > 0 ? `${howLong(away)} left` : `overdue by ${howLong(-away)}`;
      const text = words[0].toUpperCase() + words.slice(1);
      const time = left.querySelector("time");
      if (time.textContent !== text) time.textContent = text;
      left.closest(".wg-hit").classList.toggle("wg-hit--overdue", away <= 0);
    }
  }

  showTimes();
  setInterval(showTimes, 5_000);

  // --- the queue ---------------------------------------------------------------------------------------------------

  const duty = document.getElementById("duty");
  if (duty) live(duty);

  function live(duty) {
    const announcement = document.getElementById("announcement");
    const connection = document.getElementById("connection");
    let changedAt = -Infinity;
    let fetching = false;
    let wanted = false;

    const queue = () => document.getElementById("queue");
    const hits = () => [...queue().querySelectorAll("[data-hit]")];
    const nameOf = (hit) => hit.querySelector("h2").textContent.trim();
    const focused = () => document.activeElement?.closest?.("[data-hit]") ?? null;

    function say(text) {
      // The same words twice are read out once: an empty text lies between.
      announcement.textContent = "";
      setTimeout(() => (announcement.textContent = text), 50);
    }

    function connected(is) {
      const at = new Date(nowMs()).toISOString().slice(11, 19);
      connection.hidden = false;
      connection.classList.toggle("wg-lost", !is);
      connection.textContent = is
        ? `Live. Brought up to date at ${at} UTC.`
        : `Not connected since ${at} UTC: what stands here may be old. Trying again.`;
    }

    async function update() {
      if (fetching) {
        wanted = true;
        return;
      }
      fetching = true;
      try {
        const answer = await fetch(duty.dataset.part, { headers: { Accept: "text/x-part" }, cache: "no-store" });
        if (answer.status === 401) {
          location.assign(`/sign-in?ended=1&next=${encodeURIComponent(location.pathname)}`);
          return;
        }
        if (!answer.ok) throw new Error(String(answer.status));
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("queue");
        if (!fresh) throw new Error("no queue");
        setClock(fresh);
        put(fresh);
        connected(true);
        lost = false;
      } catch {
        if (!lost) connected(false);
        lost = true;
      } finally {
        fetching = false;
        if (wanted) {
          wanted = false;
          update();
        }
      }
    }
    let lost = false;

    // Puts a new queue in place of the old one, hit by hit: whoever is at a hit, or writes in it, stays there.
    function put(fresh) {
      const now = queue();
      if (fresh.dataset.digest === now.dataset.digest) return;
      const before = new Map(hits().map((hit) => [hit.dataset.hit, hit]));
      const order = hits();
      const at = focused();
      const list = now.querySelector(".wg-hits");
      const next = [...fresh.querySelectorAll("[data-hit]")].map((hit) => document.adoptNode(hit));
      const news = next.filter((hit) => !before.has(hit.dataset.hit));
      const gone = order.filter((hit) => !next.some((other) => other.dataset.hit === hit.dataset.hit));

      const placed = next.map((hit) => {
        const old = before.get(hit.dataset.hit);
        if (!old) return hit;
        if (old.dataset.digest !== hit.dataset.digest) renew(old, hit);
        return old;
      });
      const lostFocus = at && gone.includes(at);
      const heir = lostFocus && order.slice(order.indexOf(at) + 1).concat(order.slice(0, order.indexOf(at)).reverse())
        .find((hit) => placed.includes(hit));
      for (const hit of gone) hit.remove();
      arrange(list, placed, lostFocus ? null : at);
      // What stands around the hits.
      for (const old of [...now.children]) if (old !== list) old.remove();
      let behind = false;
      for (const part of [...fresh.children]) {
        if (part.classList.contains("wg-hits")) behind = true;
        else if (behind) now.append(document.adoptNode(part));
        else list.before(document.adoptNode(part));
      }
      now.dataset.digest = fresh.dataset.digest;
      changedAt = performance.now();
      showTimes();

      const parts = [];
      if (news.length) {
        const first = news[0];
        const tags = [...first.querySelectorAll(".wg-tags li")].map((tag) => tag.textContent.trim()).join(", ");
        parts.push(`${news.length} new: ${nameOf(first)}, ${tags}${news.length > 1 ? ", and others" : ""}.`);
        document.title = document.title.replace(/^\(new\) |^/, "(new) ");
        alertOf(news.length);
      }
      if (lostFocus) {
        (heir ?? document.querySelector("h1")).focus();
        parts.push(`The hit that you were at, ${nameOf(at)}, has ended.`);
      }
      parts.push(fresh.dataset.summary);
      say(parts.join(" "));
    }

    // Brings the hits into an order without moving the one that has the focus, which would take the focus from it.
    function arrange(list, placed, fixed) {
      const at = fixed ? placed.indexOf(fixed) : -1;
      if (at < 0) {
        list.append(...placed);
        return;
      }
      for (const hit of placed.slice(0, at)) list.insertBefore(hit, fixed);
      list.append(...placed.slice(at + 1));
    }

    // Makes an old hit say what the new one says; the focus and what was written stay.
    function renew(old, hit) {
      const active = document.activeElement;
      const inside = old.contains(active) && active !== old;
      const key = inside ? keyOf(active) : null;
      const written = [...old.querySelectorAll("input:not([type=hidden])")].map((input) => input.value).find(Boolean);
      const opened = old.querySelector("details")?.open;
      old.className = hit.className;
      old.dataset.digest = hit.dataset.digest;
      old.replaceChildren(...hit.childNodes);
      if (opened && old.querySelector("details")) old.querySelector("details").open = true;
      if (written) for (const input of old.querySelectorAll("input:not([type=hidden])")) input.value = written;
      if (inside) {
        const same = [...old.querySelectorAll("a, button, input, summary")].find((each) => keyOf(each) === key);
        (same && !same.disabled ? same : old).focus();
      }
    }

    function keyOf(element) {
      return [element.tagName, element.name ?? "", element.value && element.tagName === "BUTTON" ? element.value : ""].join();
    }

    // --- outcomes --------------------------------------------------------------------------------------------------

    async function record(form, button) {
      const body = new URLSearchParams(new FormData(form));
      body.set(button.name, button.value);
      const hit = form.closest("[data-hit]");
      const name = nameOf(hit);
      hit.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
        if (answer.status === 401) {
          location.assign(`/sign-in?ended=1&next=${encodeURIComponent(location.pathname)}`);
          return;
        }
        const said = await answer.json();
        if (said.code === "presence-needed") {
          location.assign(`/presence?next=${encodeURIComponent(new URL(form.action).pathname.replace(/\/outcome$/, ""))}`);
          return;
        }
        if (!answer.ok) {
          fault(form, said);
        } else {
          // Those who look see it in the list; those who listen hear it with the next change of the queue.
          say(`${name}: ${said.outcomes.at(-1).outcome.replace("-", " ")}. Recorded.`);
        }
      } catch {
        fault(form, { detail: "the gateway did not answer. Perhaps it was recorded: wait until the page is live again" });
      } finally {
        hit.removeAttribute("aria-busy");
        update();
      }
    }

    function fault(form, said) {
      form.querySelector(".govuk-error-message")?.remove();
      const text = document.createElement("p");
      text.className = "govuk-error-message";
      text.setAttribute("role", "alert");
      text.textContent = `Nothing was recorded: ${said.detail}.`;
      form.prepend(text);
    }

    function settled() {
      return performance.now() - changedAt > SETTLE_MS;
    }

    duty.addEventListener("submit", (event) => {
      const form = event.target;
      if (!form.closest("[data-hit]")) return;
      event.preventDefault();
      if (event.submitter) record(form, event.submitter);
    });
    // A pointer acts on what lies under it, which may have moved; a key acts on what has the focus, which has not.
    duty.addEventListener(
      "click",
      (event) => {
        const button = event.target.closest?.(".wg-actions button");
        if (!button || event.detail === 0 || settled()) return;
        event.preventDefault();
        event.stopPropagation();
        say("The list changed just then, so nothing was recorded. Look again, and press again.");
        fault(button.form, { detail: "the list changed just as you pressed. Look again, and press again" });
      },
      true,
    );

    // --- a sound and a notification, if asked for --------------------------------------------------------------------

    const sound = document.getElementById("sound-on");
    const notice = document.getElementById("notice-on");
    let audio = null;
    document.getElementById("alerts").hidden = false;
    document.getElementById("notice").hidden = !("Notification" in window);
    // A browser lets a page sound once somebody pressed something on it: so each page is asked anew.
    sound.addEventListener("change", () => {
      if (!sound.checked) return;
      audio ??= new AudioContext();
      audio.resume();
      ring();
    });
    notice.addEventListener("change", async () => {
      if (!notice.checked) return;
      if ((await Notification.requestPermission()) !== "granted") {
        notice.checked = false;
        say("The browser does not let this page notify you.");
      }
    });

    function ring() {
      for (const [after, pitch] of [[0, 880], [0.2, 660]]) {
        const tone = audio.createOscillator();
        const volume = audio.createGain();
        const at = audio.currentTime + after;
        tone.frequency.value = pitch;
        volume.gain.setValueAtTime(0.2, at);
        volume.gain.exponentialRampToValueAtTime(0.001, at + 0.18);
        tone.connect(volume).connect(audio.destination);
        tone.start(at);
        tone.stop(at + 0.2);
      }
    }

    // It stands on a locked screen too: how many, and nothing of any.
    function alertOf(count) {
      if (sound.checked && audio) ring();
      if (notice.checked) {
        const shown = new Notification(`${count} new ${count === 1 ? "hit" : "hits"}`, { tag: "wicketgate-hits" });
        shown.onclick = () => window.focus();
      }
    }

    // --- single keys -----------------------------------------------------------------------------------------------

    const box = document.getElementById("keys-on");
    const remember = "wicketgate-single-keys";
    box.checked = read() !== "off";
    document.getElementById("keys").hidden = false;
    box.addEventListener("change", () => {
      try {
        localStorage.setItem(remember, box.checked ? "on" : "off");
      } catch {
        // Then it holds until the page is left.
      }
    });

    function read() {
      try {
        return localStorage.getItem(remember);
      } catch {
        return null;
      }
    }

    function move(by) {
      const all = hits();
      if (!all.length) return;
      const at = all.indexOf(focused());
      const to = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by));
      all[to].focus();
      all[to].scrollIntoView({ block: "nearest" });
    }

    document.addEventListener("keydown", (event) => {
      if (!box.checked || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.repeat) return;
      if (event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
      if (event.key === "j" || event.key === "k") {
        event.preventDefault();
        move(event.key === "j" ? 1 : -1);
      } else if (event.key === "c" || event.key === "m") {
        const hit = focused();
        if (!hit) {
          say("Go to a hit first: press j.");
          return;
        }
        const button = hit.querySelector(`[data-key="${event.key}"]`);
        event.preventDefault();
        if (!button || hit.getAttribute("aria-busy")) return;
        if (button.tagName === "A") {
          button.click(); // a possible match is compared on a page of its own
          return;
        }
        if (button.disabled) {
          say(document.getElementById(button.getAttribute("aria-describedby"))?.textContent ?? "Not possible now.");
          return;
        }
        record(button.form, button);
      }
    });

    // --- news ------------------------------------------------------------------------------------------------------

    let source = null;
    function listen() {
      source = new EventSource(duty.dataset.events);
      source.addEventListener("changed", update);
      source.addEventListener("end", () => {
        source.close();
        update();
      });
      source.onerror = () => {
        if (!lost) connected(false);
        lost = true;
        update();
      };
    }
    listen();
    // Where events do not come through, asking does; and a page that slept looks at once when it wakes.
    setInterval(() => {
      if (source.readyState === EventSource.CLOSED) listen();
      update();
    }, POLL_MS);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      document.title = document.title.replace(/^\(new\) /, "");
      update();
    });
    connected(true);
  }

  // --- the map of one hit ------------------------------------------------------------------------------------------

  const map = document.getElementById("map");
  if (map && window.maplibregl) draw(map);

  // What lies below the points, where the gateway has it. Fetched here, as the map's worker may fetch nothing.
  async function sketchAt(address) {
    try {
      return address ? await (await fetch(address)).json() : null;
    } catch {
      return null;
    }
  }

  async function draw(element) {
    const points = JSON.parse(element.dataset.points);
    const places = points.map((point) => [point.longitude, point.latitude]);
    // One vehicle's reads, or the lines that the page says where there are several.
    const lines = element.dataset.lines ? JSON.parse(element.dataset.lines) : [places];
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    maplibregl.setWorkerUrl(element.dataset.worker);
    element.hidden = false;
    const sketch = await sketchAt(element.dataset.sketch);
    const layers = [{ id: "land", type: "background", paint: { "background-color": "#f3f2f1" } }];
    const sources = {
      journey: {
        type: "geojson",
        data: { type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates: lines } },
      },
    };
    if (sketch) {
      sources.sketch = { type: "geojson", data: sketch };
      const kind = (name) => ["==", ["get", "kind"], name];
      layers.push(
        { id: "park", type: "fill", source: "sketch", filter: kind("park"), paint: { "fill-color": "#dcebdc" } },
        {
          id: "river", type: "line", source: "sketch", filter: kind("river"),
          layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": "#bcd6e6", "line-width": 8 },
        },
        { id: "road", type: "line", source: "sketch", filter: kind("road"), paint: { "line-color": "#d8d6d3", "line-width": 2 } },
      );
    }
    if (lines.some((line) => line.length > 1)) {
      layers.push({
        id: "journey", type: "line", source: "journey",
        paint: { "line-color": "#0b0c0c", "line-width": 2, "line-dasharray": [2, 2] },
      });
    }
    const bounds = places.reduce((all, place) => all.extend(place), new maplibregl.LngLatBounds(places[0], places[0]));
    let view;
    try {
      view = new maplibregl.Map({
        container: element,
        style: { version: 8, sources, layers },
        bounds,
        fitBoundsOptions: { padding: 50, maxZoom: 13 },
        attributionControl: false,
        dragRotate: false,
        pitchWithRotate: false,
        touchPitch: false,
        cooperativeGestures: true,
        fadeDuration: still ? 0 : 300,
        locale: { "Map.Title": "Map of the reads; the table below has the same" },
      });
    } catch {
      // No WebGL: the table has the same.
      element.hidden = true;
      return;
    }
    document.getElementById("map-note").hidden = false;
    const instead = document.getElementById(element.dataset.instead);
    if (instead) instead.hidden = true;
    view.touchZoomRotate.disableRotation();
    view.addControl(new maplibregl.NavigationControl({ showCompass: false }));
    view.addControl(new maplibregl.ScaleControl({ unit: "metric" }));
    // Reads of one camera share one mark.
    const marks = new Map();
    for (const point of points) {
      const key = `${point.latitude},${point.longitude}`;
      const known = marks.get(key) ?? { place: [point.longitude, point.latitude], numbers: [], here: false };
      known.numbers.push(point.number);
      known.here ||= point.this;
      marks.set(key, known);
    }
    for (const { place, numbers, here } of marks.values()) {
      const mark = document.createElement("div");
      mark.className = here ? "wg-mark wg-mark--this" : "wg-mark";
      mark.textContent = numbers.join(", ");
      new maplibregl.Marker({ element: mark }).setLngLat(place).addTo(view);
    }
  }
})();
