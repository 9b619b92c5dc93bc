// Addresses inside the dashboard: #/, #/runs/NAME, #/runs/NAME/parameters/NAME.

import { encode } from "./api.js";

export const home = "#/";

export function toRun(run) {
  return `#/runs/${encode(run)}`;
}

/** Null for "." and "..": a browser takes these for steps in a path, even when they are encoded. */
export function toParameter(run, parameter) {
  return parameter === "." || parameter === ".." ? null : `${toRun(run)}/parameters/${encode(parameter)}`;
}

/** What a hash asks for: the names of a run and a parameter, or null when there is no such page. */
export function parse(hash) {
  let segments;
  try {
    segments = hash.replace(/^#?\/?/, "").split("/").filter((segment) => segment !== "").map(decodeURIComponent);
  } catch {
    return null; // a stray percent sign
  }
  if (segments.length === 0) return {};
  const [runs, run, parameters, parameter] = segments;
  if (runs !== "runs" || run === undefined) return null;
  if (segments.length === 2) return { run };
  return parameters === "parameters" && segments.length === 4 ? { run, parameter } : null;
}
