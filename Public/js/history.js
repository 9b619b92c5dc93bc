// What the run's steps came to, from the server's history: three small plots over the step, each also in words, and a table.

import { element, setText, svg } from "./dom.js";
import { duration, integer, number, unknown } from "./format.js";
import { table } from "./table.js";

const width = 600;
const height = 120;
const rows = 12; // of the table

const figures = [
  { title: "Gradient RMS", of: (point) => point.gradient_rms, text: number },
  { title: "Update RMS", of: (point) => point.update_rms, text: number },
  { title: "Time a step", of: stepTime, text: duration },
];

/** How many points to ask for: as many as a plot this wide can show. */
export const historyPoints = 200;

export function historyView() {
  const plots = figures.map(plot);
  const list = table("Newest points of the history", [
    { title: "Steps", text: steps },
    ...figures.map(({ title, of, text }) => ({ title, number: true, text: (point) => text(of(point)?.mean) })),
    { title: "Learning rate", number: true, text: (point) => number(point.learning_rate?.mean) },
    { title: "Refreshes", number: true, text: (point) => integer(point.refreshes) },
    { title: "Skipped", number: true, text: (point) => integer(point.skipped) },
  ], (point) => `${point.epoch} ${point.first_step}`);
  const details = element("details", { class: "points" }, element("summary", {}, "As a table"), list.whole);
  const empty = element("p", { class: "muted", hidden: true }, "No steps yet.");
  const panels = element("div", { class: "panels", hidden: true }, ...plots.map(({ whole }) => whole));
  details.hidden = true;
  return {
    content: [panels, details, empty],
    update(points) {
      for (const { update } of plots) update(points);
      list.update(points.slice(-rows).reverse());
      empty.hidden = points.length > 0;
      panels.hidden = details.hidden = points.length === 0;
    },
  };
}

function steps(point) {
  return point.steps === 1 ? integer(point.step) : `${integer(point.first_step)} to ${integer(point.step)}`;
}

/** Receiving, computing and committing together, of several steps bounds of their extremes; null where times are not known. */
function stepTime(point) {
  const parts = [point.receive_seconds, point.compute_seconds, point.commit_seconds].filter((part) => part !== null);
  if (point.compute_seconds === null) return null;
  const sum = (name) => parts.reduce((total, part) => total + part[name], 0);
  return { min: sum("min"), mean: sum("mean"), max: sum("max") };
}

/** The mean as a line, and between least and greatest a band, so that a spike among many steps is seen. */
function plot({ title, of, text }) {
  const line = svg("path", { class: "line", "vector-effect": "non-scaling-stroke" });
  const band = svg("path", { class: "band" });
  const grid = [0, 0.5, 1].map((part) => svg("line", {
    class: "grid", x1: 0, x2: width, y1: height * part, y2: height * part, "vector-effect": "non-scaling-stroke",
  }));
  const description = svg("desc", {});
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" },
    svg("title", {}, `${title} by step`), description, ...grid, band, line);
  const now = element("strong", { class: "rate-now" }, unknown);
  const words = element("span", { class: "muted" });
  const [top, bottom] = [element("span", { class: "axis top" }), element("span", { class: "axis bottom" })];
  const [first, last] = [element("span"), element("span")];
  const whole = element("div", { class: "rate" },
    element("p", { class: "rate-words" }, element("span", { class: "panel-title" }, title), " ", now, " ", words),
    element("div", { class: "plot" }, picture, top, bottom),
    element("p", { class: "axis rate-times" }, first, last));

  function update(points) {
    const known = points.filter((point) => of(point) !== null);
    const lowest = Math.min(...known.map((point) => of(point).min));
    const highest = Math.max(...known.map((point) => of(point).max));
    const scale = lowest > 0 ? logarithmic(lowest, highest) : linear(highest);
    const [start, end] = [points[0]?.first_step ?? 0, points.at(-1)?.step ?? 1];
    const x = (step) => (width * (step - start)) / Math.max(1, end - start);
    const y = (value) => height * (1 - scale.part(value));
    const at = (point) => x((point.first_step + point.step) / 2);
    const path = (name) => known.map((point) => `${at(point).toFixed(1)},${y(of(point)[name]).toFixed(1)}`);
    line.setAttribute("d", known.length > 0 ? `M${path("mean").join("L")}` : "");
    band.setAttribute("d", known.length > 0 ? `M${[...path("max"), ...path("min").reverse()].join("L")}Z` : "");
    const newest = known.length > 0 ? text(of(known.at(-1)).mean) : unknown;
    const range = known.length > 0 ? `lowest ${text(lowest)}, highest ${text(highest)}` : "not known";
    setText(now, newest);
    setText(words, range);
    setText(top, known.length > 0 ? text(scale.top) : "");
    setText(bottom, known.length > 0 && scale.bottom > 0 ? text(scale.bottom) : "");
    setText(first, `step ${integer(start)}`);
    setText(last, integer(end));
    setText(description, `Steps ${integer(start)} to ${integer(end)}: now ${newest}, ${range}.${scale.words}`);
  }

  return { whole, update };
}

/** From a power of ten to a power of ten. */
function logarithmic(lowest, highest) {
  const bottom = Math.floor(Math.log10(lowest));
  const top = Math.max(bottom + 1, Math.ceil(Math.log10(highest)));
  return {
    bottom: 10 ** bottom,
    top: 10 ** top,
    words: " The scale is logarithmic.",
    part: (value) => (Math.log10(value) - bottom) / (top - bottom),
  };
}

/** From 0 up, for what has been 0. */
function linear(highest) {
  const top = highest > 0 ? highest : 1;
  return { bottom: 0, top, words: "", part: (value) => value / top };
}
