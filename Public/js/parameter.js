// One parameter: its numbers, its Kronecker factors, and how to fetch its state.

import { address, curl, get, path } from "./api.js";
import { command, element, pairs, section } from "./dom.js";
import { bytes, integer, number, shape, unknown } from "./format.js";
import { orthogonalityFlag, updateFlag } from "./health.js";
import { home, toRun } from "./links.js";
import { table } from "./table.js";

export function parameterView(run, name) {
  const facts = pairs("facts");
  const factors = table("Kronecker factors", [
    { title: "Dimension", text: (factor) => integer(factor.dimension) },
    { title: "Size", number: true, text: (factor) => integer(factor.size) },
    { title: "Largest eigenvalue", number: true, text: (factor) => number(factor.eigenvalue_max) },
    { title: "Smallest eigenvalue", number: true, text: (factor) => number(factor.eigenvalue_min) },
    { title: "Condition", number: true, text: (factor) => number(factor.condition) },
    {
      title: "Orthogonality error",
      number: true,
      text: (factor) => number(factor.orthogonality_error),
      flag: (factor) => orthogonalityFlag(factor.orthogonality_error),
    },
  ], (factor) => factor.dimension);
  factors.whole.hidden = true;
  const none = element("p", { class: "muted", hidden: true },
    "None: before its first basis, and for good when it is a vector or a scalar, a parameter is updated by plain Adam.");
  const sizes = table("State tensors", [
    { title: "Tensor", text: ([tensor]) => tensor },
    { title: "Size", number: true, text: ([, count]) => bytes(count) },
  ], ([tensor]) => tensor);
  const state = `'${address("runs", run, "parameters", name, "state", "exp_avg")}'`;

  return {
    title: name,
    content: [
      element("nav", { class: "crumbs", "aria-label": "Breadcrumb" },
        element("a", { href: home }, "Runs"), " / ", element("a", { href: toRun(run) }, run)),
      element("h1", { tabindex: "-1" }, name),
      facts.whole,
      section("Kronecker factors", factors.whole, none),
      section("State", sizes.whole, element("p", {}, "Every tensor of its state can be fetched; this one is the first moment:"),
        command(curl(`-H 'Accept: application/vnd.safetensors' -o exp_avg.safetensors ${state}`))),
    ],
    async refresh(signal) {
      const parameter = await get(path("runs", run, "parameters", name), signal);
      facts.update(parameterFacts(parameter));
      sizes.update(Object.entries(parameter.bytes));
      const known = parameter.factors ?? [];
      factors.update(known);
      factors.whole.hidden = known.length === 0;
      none.hidden = known.length > 0;
    },
  };
}

function parameterFacts(parameter) {
  return [
    ["Shape", shape(parameter.shape)],
    ["Group", parameter.group ?? unknown],
    ["Step", integer(parameter.step)],
    ["Last basis refresh", integer(parameter.last_refresh_step) + (parameter.kept_old_basis ? " (the newest failed; the old basis stays)" : "")],
    ["Gradient RMS", number(parameter.gradient_rms)],
    ["Update RMS", number(parameter.update_rms)],
    ["Update RMS / lr", number(parameter.update_rms_over_lr) + (updateFlag(parameter) ? " (large)" : "")],
    ["Norm of exp_avg", number(parameter.exp_avg_norm)],
    ["Norm of exp_avg_sq", number(parameter.exp_avg_sq_norm)],
    ["State", bytes(parameter.state_bytes)],
  ];
}
