// How the server is doing, said once in the header and, when it is away, above the content.

import { element, setText } from "./dom.js";

const badge = document.getElementById("connection");

/** `retry` is called by the button. Returns the notice's element and what sets it. */
export function connection(retry) {
  const text = element("p");
  const notice = element("div", { class: "notice", hidden: true }, text,
    element("button", { type: "button", onclick: retry }, "Try now"));
  let heard = null;

  function set(state, label, message) {
    badge.dataset.state = state;
    setText(badge, label);
    notice.hidden = message === null;
    if (message !== null) setText(text, message);
  }

  return {
    notice,
    live() {
      heard = new Date();
      set("live", "Live", null);
    },
    asking: () => set("asking", "Token needed", null),
    away(pause) {
      const since = heard ? ` What you see is from ${heard.toLocaleTimeString()}.` : "";
      set("away", "Server away", `The server does not answer.${since} This page keeps trying, now every ${Math.round(pause / 1000)} seconds.`);
    },
    refused: (problem) => set("refused", "Refused", problem),
  };
}
