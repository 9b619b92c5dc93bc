// The parameters of a run: filtered, sorted, and no more at once than a browser draws easily.

import { example } from "./api.js";
import { command, element, setText } from "./dom.js";
import { bytes, integer, number, shape, unknown } from "./format.js";
import { eigenvalueRange, largeUpdate, orthogonalityError, orthogonalityFlag, updateFlag } from "./health.js";
import { toParameter } from "./links.js";
import { table } from "./table.js";

const most = 300;

const descending = (value) => (a, b) => (value(b) ?? -Infinity) - (value(a) ?? -Infinity);

const orders = {
  "the run’s own order": null,
  "update RMS over lr": descending((parameter) => parameter.update_rms_over_lr),
  "orthogonality error": descending(orthogonalityError),
  "state size": descending((parameter) => parameter.state_bytes),
  "name": (a, b) => a.name.localeCompare(b.name),
};

export function parameterList(run) {
  const list = table("Parameters", [
    { title: "Parameter", text: (parameter) => parameter.name, link: (parameter) => toParameter(run, parameter.name) },
    { title: "Shape", text: (parameter) => shape(parameter.shape) },
    { title: "Group", text: (parameter) => parameter.group ?? unknown },
    { title: "Step", number: true, text: (parameter) => integer(parameter.step) },
    { title: "Update RMS / lr", number: true, text: (parameter) => number(parameter.update_rms_over_lr), flag: updateFlag },
    { title: "Eigenvalues", number: true, text: (parameter) => eigenvalueRange(parameter)?.map(number).join(" to ") ?? unknown },
    {
      title: "Orthogonality error",
      number: true,
      text: (parameter) => number(orthogonalityError(parameter)),
      flag: (parameter) => orthogonalityFlag(orthogonalityError(parameter)),
    },
    { title: "Last refresh", number: true, text: (parameter) => integer(parameter.last_refresh_step) },
    { title: "State", number: true, text: (parameter) => bytes(parameter.state_bytes) },
  ], (parameter) => parameter.name);

  let all = [];
  const filter = element("input", { type: "search", autocomplete: "off", spellcheck: "false", oninput: show });
  const order = element("select", { onchange: show }, ...Object.keys(orders).map((name) => element("option", {}, name)));
  const count = element("span", { class: "muted", role: "status" });
  const controls = element("div", { class: "controls", hidden: true },
    element("label", {}, "Filter ", filter), element("label", {}, "Sort by ", order), count);
  const note = element("p", { class: "muted", hidden: true },
    `Marked large: an update whose RMS is more than ${largeUpdate} times the learning rate. `
    + "That is usual for a step or two; if it stays, try max_update_rms 1 or a higher precondition_frequency.");
  const empty = element("div", { class: "empty", hidden: true },
    element("p", {}, "No parameters yet: the first step registers each tensor that it names. A whole trainer to start from:"),
    command(example()));
  list.whole.hidden = true;

  function show() {
    const wanted = filter.value.toLowerCase();
    const found = all.filter((parameter) => parameter.name.toLowerCase().includes(wanted));
    const compare = orders[order.value];
    if (compare) found.sort(compare);
    list.update(found.slice(0, most));
    list.whole.hidden = found.length === 0;
    setText(count, summary(found.length));
  }

  function summary(found) {
    if (found > most) return `the first ${most} of ${integer(found)}; filter to see others`;
    return found === all.length ? "" : `${integer(found)} of ${integer(all.length)}`;
  }

  function update(parameters) {
    all = parameters;
    empty.hidden = all.length > 0;
    controls.hidden = all.length < 2;
    note.hidden = !all.some(updateFlag);
    show();
  }

  return { content: [controls, list.whole, note, empty], update };
}
