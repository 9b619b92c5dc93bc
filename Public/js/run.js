// One run: where it stands, how fast it goes, its options, parameters and checkpoints.

import { address, curl, get, path } from "./api.js";
import { command, element, pairs, section } from "./dom.js";
import { bytes, duration, integer, option, time } from "./format.js";
import { historyPoints, historyView } from "./history.js";
import { home } from "./links.js";
import { parameterList } from "./parameters.js";
import { Rate, ratePlot } from "./rate.js";
import { checkpoints as checkpointPolicy } from "./runs.js";
import { table } from "./table.js";

const detailsEvery = 3_000; // milliseconds; a long list of parameters is more than a second's work for both sides

export function runView(name) {
  const facts = pairs("facts");
  const optimizer = pairs("options");
  const plot = ratePlot();
  const rate = new Rate();
  const history = historyView();
  const parameters = parameterList(name);
  const checkpoints = checkpointList(name);
  const groups = groupList();
  let detailsAt = -Infinity;

  return {
    title: name,
    content: [
      element("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, element("a", { href: home }, "Runs")),
      element("h1", { tabindex: "-1" }, name),
      facts.whole,
      section("Speed", plot.whole),
      section("History", ...history.content),
      section("Parameters", ...parameters.content),
      section("Checkpoints", ...checkpoints.content),
      section("Optimizer", optimizer.whole, groups.whole),
    ],
    async refresh(signal) {
      const run = await get(path("runs", name), signal);
      const now = performance.now();
      facts.update(runFacts(run));
      optimizer.update(Object.entries(run.optimizer ?? {}).map(([key, value]) => [key, option(value)]));
      groups.update(run.groups ?? {});
      rate.add(now, run.step);
      plot.update(rate, now);
      if (now - detailsAt < detailsEvery) return;
      const [past, all, stored] = await Promise.all([
        get(`${path("runs", name, "history")}?points=${historyPoints}`, signal),
        get(path("runs", name, "parameters"), signal),
        get(path("runs", name, "checkpoints"), signal),
      ]);
      detailsAt = now;
      history.update(past.points);
      parameters.update(all.parameters);
      checkpoints.update(stored.checkpoints);
    },
  };
}

function runFacts(run) {
  const behind = run.step - run.durable_step;
  return [
    ["Step", integer(run.step)],
    ["Durable step", integer(run.durable_step) + (behind > 0 ? ` (${integer(behind)} behind)` : "")],
    ["Epoch", integer(run.epoch)],
    ["Parameters", integer(run.parameter_count)],
    ["State", bytes(run.state_bytes)],
    ["Durability", run.policy?.durability ?? "–"],
    ["Checkpoints", checkpointPolicy(run.policy)],
    ["Non-finite gradient", run.policy?.on_nonfinite ?? "–"],
  ];
}

function groupList() {
  const groups = table("Parameter groups", [
    { title: "Group", text: ([name]) => name },
    { title: "Matches", text: ([, group]) => (group.match ?? []).join(", ") || "the parameters that name it" },
    { title: "Its own options", text: ([, group]) => ownOptions(group) },
  ], ([name]) => name);
  groups.whole.hidden = true;
  return {
    whole: groups.whole,
    update(named) {
      const entries = Object.entries(named);
      groups.update(entries);
      groups.whole.hidden = entries.length === 0;
    },
  };
}

function ownOptions(group) {
  const own = Object.entries(group).filter(([key]) => key !== "match");
  return own.map(([key, value]) => `${key} ${option(value)}`).join(", ") || "none";
}

function checkpointList(name) {
  const list = table("Checkpoints", [
    { title: "Step", text: (checkpoint) => integer(checkpoint.step) },
    { title: "Epoch", number: true, text: (checkpoint) => integer(checkpoint.epoch) },
    { title: "Label", text: (checkpoint) => checkpoint.label ?? "" },
    { title: "Size", number: true, text: (checkpoint) => bytes(checkpoint.bytes) },
    { title: "Made", text: (checkpoint) => time(checkpoint.created_at) },
    { title: "Took", number: true, text: (checkpoint) => duration(checkpoint.duration_seconds) },
  ], (checkpoint) => `${checkpoint.epoch} ${checkpoint.step}`);
  list.whole.hidden = true;
  const make = `-X POST '${address("runs", name, "checkpoints")}' -H 'Content-Type: application/json' -d '{"label": "by hand"}'`;
  const empty = element("div", { class: "empty", hidden: true },
    element("p", {}, "No checkpoints yet. The run's policy makes them as it goes; this makes one now:"),
    command(curl(make)));
  return {
    content: [list.whole, empty],
    update(checkpoints) {
      list.update([...checkpoints].reverse());
      list.whole.hidden = checkpoints.length === 0;
      empty.hidden = checkpoints.length > 0;
    },
  };
}
