// Numbers as people read them. What the server does not know yet is a dash.

export const unknown = "–";

const known = (value) => typeof value === "number" && Number.isFinite(value);

export function integer(value) {
  return known(value) ? value.toLocaleString("en") : unknown;
}

/** Three significant digits: 0.0123, 1.23, 123, 1.2e-7. */
export function number(value) {
  if (!known(value)) return unknown;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

export function bytes(value) {
  if (!known(value)) return unknown;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let power = 0;
  while (value >= 1024 && power < units.length - 1) {
    value /= 1024;
    power += 1;
  }
  return `${Number(value.toPrecision(value < 1000 ? 3 : 4))} ${units[power]}`;
}

export function duration(seconds) {
  if (!known(seconds)) return unknown;
  return seconds < 1 ? `${number(seconds * 1000)} ms` : `${number(seconds)} s`;
}

export function shape(sizes) {
  if (!Array.isArray(sizes)) return unknown;
  return sizes.length === 0 ? "scalar" : sizes.join(" × ");
}

/** A point in time in the reader's own zone. */
export function time(text) {
  const date = new Date(text);
  if (!text || Number.isNaN(date.valueOf())) return unknown;
  return date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** An option's value, as the manifest would hold it. */
export function option(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
