// Shows the view that the address asks for, and keeps it up to date.

import { Refused, get, path, token } from "./api.js";
import { connection } from "./connection.js";
import { element } from "./dom.js";
import { home, parse } from "./links.js";
import { parameterView } from "./parameter.js";
import { poll } from "./poll.js";
import { runView } from "./run.js";
import { runsView } from "./runs.js";
import { tokenView } from "./token.js";

const main = document.getElementById("main");
const about = document.getElementById("about");
const forget = document.getElementById("forget");
const status = connection(() => polling?.now());
let polling = null;
let described = false;

function show(view, focus) {
  polling?.stop();
  polling = null;
  document.title = `${view.title} · Lather`;
  forget.hidden = token.get() === null;
  main.replaceChildren(status.notice, ...view.content);
  if (focus) main.querySelector(view.focus ?? "h1").focus();
}

function wanted() {
  const place = parse(location.hash);
  if (place === null) return lost();
  if (place.parameter !== undefined) return parameterView(place.run, place.parameter);
  return place.run === undefined ? runsView() : runView(place.run);
}

function lost() {
  const content = [
    element("h1", { tabindex: "-1" }, "There is no such page"),
    element("p", {}, element("a", { href: home }, "All runs")),
  ];
  return { title: "No such page", content, refresh: async (signal) => void (await get(path(), signal)) };
}

function go(focus) {
  const view = wanted();
  show(view, focus);
  polling = poll(async (signal) => {
    await view.refresh(signal);
    status.live();
    if (!described) await describe(signal);
  }, failed);
}

function failed(error, pause) {
  if (error instanceof Refused && error.status === 401) {
    show(tokenView(() => go(true)), true);
    status.asking();
  } else if (error instanceof Refused && error.status < 500) {
    status.refused(error.message);
  } else {
    described = false; // what comes back may be another version
    status.away(pause);
  }
}

async function describe(signal) {
  const server = await get(path(), signal);
  described = true;
  const blas = Object.values(server.blas ?? {}).filter((value) => typeof value !== "object").join(" ");
  const parts = [`Lather ${server.version}`, `SQLite ${server.sqlite_version}`, blas].filter((part) => part !== "");
  about.replaceChildren(
    element("span", {}, parts.join(" · ")),
    // A plain link carries no token: where one is asked for, this would only lead to a 401.
    token.get() ? "" : element("a", { href: "openapi.yaml" }, "API description"));
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash is the address of the view
  main.focus();
});
forget.addEventListener("click", () => {
  token.forget();
  go(true);
});
addEventListener("hashchange", () => go(true));
go(false);
