// Steps per second, collected by this page while it is open, and drawn as a small SVG.

import { element, setText, svg } from "./dom.js";
import { number } from "./format.js";

const shown = 120_000; // milliseconds on the time axis
const smoothing = 10_000; // a rate is taken over this long, so that slow runs do not flicker between 0 and 1
const width = 600;
const height = 120;

/** Collects (time, step) samples; times are in milliseconds of any steady clock. */
export class Rate {
  #samples = [];

  add(time, step) {
    const last = this.#samples.at(-1);
    if (last && step < last.step) this.#samples = []; // a restore went back: rates across it mean nothing
    this.#samples.push({ time, step });
    while (this.#samples[0].time < time - shown - smoothing) this.#samples.shift();
  }

  /** `[{time, rate}]`, oldest first; the rate is that of the ten seconds before. */
  points() {
    const points = [];
    let first = 0;
    this.#samples.forEach((sample, index) => {
      while (sample.time - this.#samples[first].time > smoothing) first += 1;
      const before = this.#samples[first];
      if (index > first) points.push({ time: sample.time, rate: ((sample.step - before.step) * 1000) / (sample.time - before.time) });
    });
    return points;
  }
}

/** The plot and the same in words. `update(rate, now)` redraws both. */
export function ratePlot() {
  const line = svg("path", { class: "line", "vector-effect": "non-scaling-stroke" });
  const area = svg("path", { class: "area" });
  const grid = [0, 0.5, 1].map((part) => svg("line", {
    class: "grid", x1: 0, x2: width, y1: height * part, y2: height * part, "vector-effect": "non-scaling-stroke",
  }));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" }, ...grid, area, line);
  const now = element("strong", { class: "rate-now" }, "–");
  const words = element("span", { class: "muted" }, "collecting: the first rate is here in a second");
  const top = element("span", { class: "axis" });
  const whole = element("div", { class: "rate" },
    element("p", { class: "rate-words" }, now, " steps per second ", words),
    element("div", { class: "plot" }, top, picture),
    element("p", { class: "axis rate-times" }, element("span", {}, "2 minutes ago"), element("span", {}, "now")));

  function update(rate, time) {
    const points = rate.points().filter((point) => point.time >= time - shown);
    if (points.length === 0) {
      picture.setAttribute("aria-label", "Steps per second: nothing collected yet");
      return;
    }
    const rates = points.map((point) => point.rate);
    const highest = Math.max(...rates);
    const ceiling = roundUp(highest);
    const place = (point) => `${(width * (1 - (time - point.time) / shown)).toFixed(1)},${(height * (1 - point.rate / ceiling)).toFixed(1)}`;
    const joined = points.map(place).join("L");
    line.setAttribute("d", `M${joined}`);
    const [start, end] = [place(points[0]), place(points.at(-1))].map((pair) => pair.split(",")[0]);
    area.setAttribute("d", `M${start},${height}L${joined}L${end},${height}Z`);
    setText(now, number(points.at(-1).rate));
    const text = `lowest ${number(Math.min(...rates))}, highest ${number(highest)} while this page was open`;
    setText(words, text);
    setText(top, number(ceiling));
    picture.setAttribute("aria-label", `Steps per second over the last two minutes: now ${number(points.at(-1).rate)}, ${text}`);
  }

  return { whole, update };
}

/** The next 1, 2 or 5 times a power of ten. */
function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((step) => step * power >= value);
}
