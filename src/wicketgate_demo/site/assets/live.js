// The first page of a demonstration, moving: counts once a second, and a map where each read is a short pulse.
//
// The page tells the same without this script. Nothing is fetched from elsewhere; the map is MapLibre where the
// browser has WebGL, and otherwise a plain drawing. Who asked for less motion gets no pulses.
"use strict";

(() => {
  const section = document.getElementById("live");
  if (!section || !section.dataset.feed || !window.EventSource) return;

  const MINUTE_MS = 60_000;
  const COLOURS = ["#5ec8e5", "#f2b450", "#c79bf2", "#8fd18a", "#f08fa8"]; // by source, in their order
  const HIT = "#ffdd00";
  const BOUNDARY = "ccz-boundary";
  const INK = { land: "#0f2029", river: "#1d4f70", park: "#173a30", road: "#23404d", zone: "#e8f4f8" };
  const PULSE_MS = 900;
  const HIT_MS = 4000;
  const MOST_PULSES = 600;
  const MARGIN = 26;
  const ROOM_FOR_WORDS = 480;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const one = (what) => section.querySelector(what);
  const all = (what) => [...section.querySelectorAll(what)];
  const words = (number) => number.toLocaleString("en-GB");
  const statuses = JSON.parse(section.dataset.statuses);

  // --- counts ----------------------------------------------------------------------------------------------------

  const samples = []; // of the last minute: {at, sample}

  function count(sample, key) {
    const [what, name] = key.split(/:(.*)/s);
    if (what === "nobody") return sample.stayed;
    if (what === "stayed") return stayed(sample);
    if (what === "bulk") return others(sample.bulk);
    if (what === "hits" && name === undefined) return hits(sample);
    return name === undefined ? sample[what] : (sample[what][name] ?? 0);
  }

  function span(ms) {
    const seconds = Math.round(ms / 1000);
    return seconds >= 59 ? "in the last minute" : `in the last ${seconds} second${seconds === 1 ? "" : "s"}`;
  }

  function show(sample) {
    for (const each of all("[data-total]")) each.textContent = words(count(sample, each.dataset.total));
    for (const out of all("[data-out]")) {
      const status = sample.standing[out.dataset.out] ?? out.dataset.status;
      if (status === out.dataset.status) continue;
      out.dataset.status = status;
      const label = statuses[status] ?? status;
      one(`[data-out="${CSS.escape(out.dataset.out)}"] [data-status-words]`).textContent =
        status === "in-force"
          ? ""
          : `${label}: nothing ${status === "expired" || status === "superseded" ? "new " : ""}leaves`;
    }
    const [first, last] = [samples[0], samples.at(-1)];
    if (first === last) return; // one sample says nothing of a time yet: the counts of the page stand
    const since = (key) => Math.max(0, count(last.sample, key) - count(first.sample, key));
    const taken = since("taken");
    for (const each of all("[data-minute]")) each.textContent = words(since(each.dataset.minute));
    for (const unit of all("[data-unit]")) {
      const hits = since(`released:${unit.closest("[data-out]").dataset.out}`);
      unit.textContent = hits === 1 ? "hit" : "hits";
    }
    for (const bar of all("[data-bar]")) {
      const share = taken ? Math.min(100, (100 * since(bar.dataset.bar)) / taken) : 0;
      // What is there at all is seen: half a per cent at least.
      bar.firstElementChild.setAttribute("width", `${share ? Math.max(share, 0.5) : 0}%`);
    }
    one("[data-when]").textContent = span(last.at - first.at);
  }

  function hits(sample) {
    return Object.values(sample.hits).reduce((sum, each) => sum + each.exact + each.possible, 0);
  }

  // Of a count by authority what is no owner's own use, also of authorities that have ended.
  function others(counts) {
    const own = new Set(all("[data-own]").map((each) => each.dataset.out));
    return Object.entries(counts).reduce((sum, [name, rows]) => sum + (own.has(name) ? 0 : rows), 0);
  }

  // Of what stayed the counts say only the least: one read can go to several others.
  function stayed(sample) {
    return Math.max(sample.stayed, sample.taken - others(sample.released));
  }

  function take(sample) {
    const at = performance.now();
    samples.push({ at, sample });
    while (samples.length > 1 && at - samples[0].at > MINUTE_MS + 500) samples.shift();
    show(sample);
    pulse(sample);
  }

  // --- the feed, and the button that stops it --------------------------------------------------------------------

  const state = one("[data-state]");
  const button = one("[data-pause]");
  let source = null;
  let again = 0;

  function say(text) {
    if (state.textContent !== text) state.textContent = text;
    section.dataset.is = text.toLowerCase();
  }

  function open() {
    clearTimeout(again);
    source = new EventSource(section.dataset.feed);
    source.onmessage = (event) => {
      say("Live");
      take(JSON.parse(event.data));
    };
    source.onerror = () => {
      say("The connection is lost. Trying again");
      samples.length = 0;
      if (source.readyState === EventSource.CLOSED) again = setTimeout(open, 10_000);
    };
  }

  function close() {
    clearTimeout(again);
    source.close();
    source = null;
    samples.length = 0; // what is not watched is not counted
    pulses.length = 0;
  }

  button.hidden = false;
  button.addEventListener("click", () => {
    if (source) {
      close();
      say("Paused");
      button.textContent = "Go on";
    } else {
      open();
      say("Live");
      button.textContent = "Pause";
    }
  });
  // A page that nobody looks at asks for nothing.
  document.addEventListener("visibilitychange", () => {
    if (button.textContent !== "Pause") return;
    if (document.hidden && source) close();
    else if (!document.hidden && !source) open();
  });

  // --- pulses: drawn over whichever map there is -----------------------------------------------------------------

  const box = one("[data-map]");
  const view = one("[data-map-view]");
  const base = one("[data-map-base]");
  const over = one("[data-map-over]");
  const pen = over.getContext("2d");
  const pulses = []; // {number, begins, hit}
  let cameras = [];
  let sources = [];
  let project = null; // [longitude, latitude] to [x, y] in CSS pixels
  let places = []; // of each camera, projected
  let labels = [];
  let frame = 0;

  const colour = (camera) => COLOURS[sources.indexOf(camera.source) % COLOURS.length];

  function place() {
    const scale = window.devicePixelRatio || 1;
    over.width = Math.round(view.clientWidth * scale);
    over.height = Math.round(view.clientHeight * scale);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    places = cameras.map((camera) => camera && project([camera.longitude, camera.latitude]));
    draw();
  }

  function pulse(sample) {
    if (!project) return;
    const now = performance.now();
    for (const [number, reads] of still.matches ? [] : sample.cameras) {
      if (!places[number]) continue;
      // Spread over the second that the sample is of: cameras do not read in step.
      for (let each = 0; each < Math.min(reads, 4); each++) {
        if (pulses.length < MOST_PULSES) pulses.push({ number, begins: now + 1000 * Math.random(), hit: "" });
      }
    }
    for (const [number, quality] of sample.struck) {
      if (places[number]) pulses.push({ number, begins: now, hit: quality });
    }
    if (!frame) frame = requestAnimationFrame(draw);
  }

  function ring(x, y, radius, ink, alpha, width) {
    pen.globalAlpha = alpha;
    pen.strokeStyle = ink;
    pen.lineWidth = width;
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.stroke();
  }

  function dot(x, y, radius, ink, alpha) {
    pen.globalAlpha = alpha;
    pen.fillStyle = ink;
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.fill();
  }

  function draw() {
    frame = 0;
    pen.clearRect(0, 0, over.width, over.height);
    pen.font = "600 12px system-ui, sans-serif";
    pen.textAlign = "center";
    for (const { text, at, ink } of view.clientWidth < ROOM_FOR_WORDS ? [] : labels) {
      const [x, y] = project(at);
      pen.globalAlpha = 0.9;
      pen.fillStyle = ink;
      pen.fillText(text, x, y);
    }
    const now = performance.now();
    for (let index = pulses.length - 1; index >= 0; index--) {
      const { number, begins, hit } = pulses[index];
      const age = (now - begins) / (hit ? HIT_MS : PULSE_MS);
      if (age >= 1) pulses.splice(index, 1);
      if (age < 0 || age >= 1) continue;
      const [x, y] = places[number];
      if (hit) {
        const wave = still.matches ? 0.5 : (age * 3) % 1;
        ring(x, y, 6 + 22 * wave, HIT, 1 - wave, 2.5);
        dot(x, y, 5, HIT, 1);
        pen.fillText(hit === "exact" ? "hit" : "possible hit", x, y - 12);
      } else {
        dot(x, y, 3.2, "#ffffff", 1 - age);
        ring(x, y, 3 + 9 * age, colour(cameras[number]), (1 - age) * 0.9, 1.6);
      }
    }
    pen.globalAlpha = 1;
    if (pulses.length) frame = requestAnimationFrame(draw);
  }

  // --- the two maps ----------------------------------------------------------------------------------------------

  function bounds() {
    const known = cameras.filter(Boolean);
    const [longitudes, latitudes] = [known.map((each) => each.longitude), known.map((each) => each.latitude)];
    return [
      [Math.min(...longitudes), Math.min(...latitudes)],
      [Math.max(...longitudes), Math.max(...latitudes)],
    ];
  }

  function hasWebGL() {
    try {
      return Boolean(document.createElement("canvas").getContext("webgl2"));
    } catch {
      return false;
    }
  }

  // The zone is what the cameras on its boundary enclose (their convex hull); without such cameras, as it is sketched.
  function zone(sketch) {
    const points = cameras
      .filter((each) => each && each.groups.includes(BOUNDARY))
      .map((each) => [each.longitude, each.latitude])
      .sort(([x, y], [u, v]) => x - u || y - v);
    if (points.length < 8) return of(sketch, "zone");
    const turn = ([a, b], [c, d], [e, f]) => (c - a) * (f - b) - (d - b) * (e - a);
    const half = (along) => {
      const chain = [];
      for (const point of along) {
        while (chain.length > 1 && turn(chain.at(-2), chain.at(-1), point) <= 0) chain.pop();
        chain.push(point);
      }
      return chain.slice(0, -1);
    };
    const ring_ = [...half(points), ...half([...points].reverse())];
    const geometry = { type: "Polygon", coordinates: [[...ring_, ring_[0]]] };
    return { type: "FeatureCollection", features: [{ type: "Feature", properties: { kind: "zone" }, geometry }] };
  }

  const of = (sketch, kind) => ({
    type: "FeatureCollection",
    features: sketch.features.filter((each) => each.properties.kind === kind),
  });

  function drawPlainly(sketch) {
    const name = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(name, "svg");
    svg.setAttribute("aria-hidden", "true");
    base.replaceChildren(svg);
    const styles = {
      park: { fill: INK.park },
      road: { stroke: INK.road, "stroke-width": 2, fill: "none" },
      river: { stroke: INK.river, "stroke-width": 11, fill: "none", "stroke-linejoin": "round" },
      zone: { stroke: INK.zone, "stroke-width": 1.5, "stroke-dasharray": "5 4", fill: INK.zone, "fill-opacity": 0.06 },
    };
    const again_ = () => {
      const [width, height] = [view.clientWidth, view.clientHeight];
      const [[west, south], [east, north]] = bounds();
      const narrow = Math.cos((((south + north) / 2) * Math.PI) / 180);
      const scale = Math.min(
        (width - 2 * MARGIN) / Math.max((east - west) * narrow, 1e-4),
        (height - 2 * MARGIN) / Math.max(north - south, 1e-4),
      );
      project = ([longitude, latitude]) => [
        width / 2 + (longitude - (west + east) / 2) * narrow * scale,
        height / 2 - (latitude - (south + north) / 2) * scale,
      ];
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.replaceChildren();
      for (const kind of ["park", "road", "river", "zone"]) {
        for (const { geometry } of (kind === "zone" ? zone(sketch) : of(sketch, kind)).features) {
          const path = document.createElementNS(name, "path");
          const line = geometry.type === "Polygon" ? geometry.coordinates[0] : geometry.coordinates;
          const points = line.map((at) => project(at).map((value) => value.toFixed(1)).join(" "));
          path.setAttribute("d", `M${points.join("L")}${geometry.type === "Polygon" ? "Z" : ""}`);
          for (const [key, value] of Object.entries(styles[kind])) path.setAttribute(key, value);
          svg.append(path);
        }
      }
      for (const camera of cameras.filter(Boolean)) {
        const circle = document.createElementNS(name, "circle");
        const [x, y] = project([camera.longitude, camera.latitude]);
        for (const [key, value] of Object.entries({ cx: x, cy: y, r: 1.8, fill: colour(camera), opacity: 0.7 }))
          circle.setAttribute(key, value);
        svg.append(circle);
      }
      place();
    };
    new ResizeObserver(again_).observe(view);
    again_();
    box.dataset.drawn = "plainly";
  }

  function load(address) {
    return new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    });
  }

  async function drawWithMapLibre(sketch) {
    await load(section.dataset.maplibre);
    const { maplibregl } = window;
    maplibregl.setWorkerUrl(section.dataset.worker);
    const layer = (id, type, paint, more = {}) => ({ id, type, source: id, paint, ...more });
    const points = {
      type: "FeatureCollection",
      features: cameras.flatMap((camera) =>
        camera
          ? [
              {
                type: "Feature",
                properties: { colour: colour(camera) },
                geometry: { type: "Point", coordinates: [camera.longitude, camera.latitude] },
              },
            ]
          : [],
      ),
    };
    const data = { park: of(sketch, "park"), road: of(sketch, "road"), river: of(sketch, "river") };
    const sketched = { ...data, zone: zone(sketch), cameras: points };
    const edge = { id: "zone-edge", type: "line", source: "zone" };
    const map = new maplibregl.Map({
      container: base,
      interactive: false, // a picture that moves by itself: it never catches a finger that scrolls the page
      attributionControl: false,
      center: [(bounds()[0][0] + bounds()[1][0]) / 2, (bounds()[0][1] + bounds()[1][1]) / 2],
      zoom: 11,
      style: {
        version: 8,
        sources: Object.fromEntries(
          Object.entries(sketched).map(([id, drawn]) => [id, { type: "geojson", data: drawn }]),
        ),
        layers: [
          { id: "land", type: "background", paint: { "background-color": INK.land } },
          layer("park", "fill", { "fill-color": INK.park }),
          layer("road", "line", {
            "line-color": INK.road,
            "line-width": ["interpolate", ["exponential", 2], ["zoom"], 10, 1, 14, 5],
          }),
          layer(
            "river",
            "line",
            { "line-color": INK.river, "line-width": ["interpolate", ["exponential", 2], ["zoom"], 10, 4, 14, 34] },
            { layout: { "line-join": "round", "line-cap": "round" } },
          ),
          layer("zone", "fill", { "fill-color": INK.zone, "fill-opacity": 0.06 }),
          { ...edge, paint: { "line-color": INK.zone, "line-width": 1.5, "line-dasharray": [3, 2.5], "line-opacity": 0.8 } },
          layer("cameras", "circle", {
            "circle-radius": ["interpolate", ["linear"], ["zoom"], 10, 1.3, 14, 3],
            "circle-color": ["get", "colour"],
            "circle-opacity": 0.75,
          }),
        ],
      },
    });
    await new Promise((done, failed) => {
      map.once("load", done);
      map.once("error", failed);
    });
    project = (at) => {
      const { x, y } = map.project(at);
      return [x, y];
    };
    const fit = () => {
      map.resize();
      if (Math.min(view.clientWidth, view.clientHeight) <= 2 * MARGIN) return;
      map.fitBounds(bounds(), { padding: MARGIN, animate: false });
      place();
    };
    map.getCanvas().tabIndex = -1;
    map.getCanvas().setAttribute("aria-hidden", "true"); // the table tells it in words
    map.getCanvas().removeAttribute("role");
    new ResizeObserver(fit).observe(view);
    fit();
    box.dataset.drawn = "maplibre";
  }

  function key(names) {
    const swatch = (ink, text) => {
      const item = document.createElement("span");
      const mark = document.createElement("span");
      mark.className = "wg-map__mark";
      mark.style.backgroundColor = ink;
      item.append(mark, text);
      return item;
    };
    const counts = sources.map((source_) => cameras.filter((each) => each && each.source === source_).length);
    one("[data-map-key]").replaceChildren(
      ...sources.map((source_, index) =>
        swatch(COLOURS[index % COLOURS.length], `${words(counts[index])} cameras of ${names[source_]}`),
      ),
      swatch(HIT, "a hit"),
      "Each pulse is a read. The map is a sketch.",
    );
  }

  async function drawMap() {
    const [told, sketch] = await Promise.all(
      [section.dataset.cameras, section.dataset.sketch].map(async (address) => (await fetch(address)).json()),
    );
    cameras = told.cameras;
    sources = Object.keys(told.sources);
    if (!cameras.some(Boolean)) return;
    box.hidden = false;
    section.classList.add("wg-live--map");
    labels = [
      { text: "Thames", at: [-0.1045, 51.5068], ink: "#8cc4e4" },
      { text: "Congestion charging zone", at: [-0.117, 51.5165], ink: "#c9dde4" },
    ];
    key(told.sources);
    try {
      if (!hasWebGL()) throw new Error("no WebGL");
      await drawWithMapLibre(sketch);
    } catch {
      drawPlainly(sketch);
    }
  }

  open();
  drawMap().catch(() => {
    box.hidden = true; // the counts go on without it
    section.classList.remove("wg-live--map");
  });
})();
