// Drawing an area on the map of cameras: corners go into the field of the form, where they can be typed as well.
"use strict";

(() => {
  const map = document.querySelector("[data-draws]");
  const field = map && document.getElementById(map.dataset.draws);
  const tools = document.getElementById("area-tools");
  if (!field || !tools) return;
  tools.hidden = false;
  map.classList.add("wg-cameras--drawn");
  const frame = JSON.parse(map.dataset.frame);
  const outline = map.querySelector("[data-outline]");
  const corner = /^\s*(-?\d+(?:\.\d+)?)\s*[,;]\s*(-?\d+(?:\.\d+)?)\s*$/;

  // Nothing where the field holds something else than corners, as a pasted polygon: that is not touched.
  function corners() {
    const found = [];
    for (const line of field.value.split("\n")) {
      if (!line.trim()) continue;
      const read = corner.exec(line);
      if (!read) return null;
      found.push([Number(read[1]), Number(read[2])]);
    }
    return found;
  }

  function draw() {
    const places = (corners() || []).map(([latitude, longitude]) => {
      const x = (longitude - frame.longitude) / frame.per_x;
      return `${x.toFixed(1)} ${((frame.latitude - latitude) / frame.per_y).toFixed(1)}`;
    });
    outline.setAttribute("d", places.length ? `M${places.join("L")}${places.length > 2 ? "Z" : ""}` : "");
    outline.setAttribute("class", `wg-area${places.length > 2 ? "" : " wg-area--open"}`);
    for (const written of map.querySelectorAll("[data-written]")) written.remove();
  }

  function write(places) {
    field.value = places.map(([latitude, longitude]) => `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`).join("\n");
    draw();
  }

  map.addEventListener("click", (event) => {
    const places = corners();
    if (places === null) return;
    const here = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
    write([...places, [frame.latitude - here.y * frame.per_y, frame.longitude + here.x * frame.per_x]]);
  });
  document.getElementById("area-back").addEventListener("click", () => write((corners() || []).slice(0, -1)));
  document.getElementById("area-anew").addEventListener("click", () => write([]));
  field.addEventListener("input", draw);
  draw();
})();
