// The list of runs.

import { address, curl, example, get, path } from "./api.js";
import { command, element } from "./dom.js";
import { bytes, integer } from "./format.js";
import { toRun } from "./links.js";
import { table } from "./table.js";

export function runsView() {
  const runs = table("Runs", [
    { title: "Run", text: (run) => run.name, link: (run) => toRun(run.name) },
    { title: "Step", number: true, text: (run) => integer(run.step) },
    { title: "Durable step", number: true, text: (run) => integer(run.durable_step) },
    { title: "Epoch", number: true, text: (run) => integer(run.epoch) },
    { title: "Parameters", number: true, text: (run) => integer(run.parameter_count) },
    { title: "State", number: true, text: (run) => bytes(run.state_bytes) },
    { title: "Durability", text: (run) => run.policy?.durability ?? "–" },
    { title: "Checkpoints", text: (run) => checkpoints(run.policy) },
  ], (run) => run.name);
  runs.whole.hidden = true;
  const empty = emptyState();
  empty.hidden = true;

  return {
    title: "Runs",
    content: [element("h1", { tabindex: "-1" }, "Runs"), runs.whole, empty],
    async refresh(signal) {
      const answer = await get(path("runs"), signal);
      runs.update(answer.runs);
      runs.whole.hidden = answer.runs.length === 0;
      empty.hidden = answer.runs.length > 0;
    },
  };
}

export function checkpoints(policy) {
  if (!policy) return "–";
  return `every ${integer(policy.checkpoint_every)} steps, ${integer(policy.keep_checkpoints)} kept`;
}

function emptyState() {
  const manifest = '{"optimizer": {"lr": 0.003, "precondition_frequency": 10}}';
  const make = `-X PUT '${address("runs", "first")}' -H 'Content-Type: application/json' -d '${manifest}'`;
  return element("div", { class: "empty" },
    element("h2", {}, "No runs yet"),
    element("p", {}, "A run is one training: its optimizer's options, its parameters and their state. Make one; it shows up here by itself:"),
    command(curl(make)),
    element("p", {}, "Or train a small network on handwritten digits, with the example that comes with the source:"),
    command(example()));
}
