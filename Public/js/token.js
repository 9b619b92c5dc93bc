// The form that asks for a token when the server answers 401.

import { token } from "./api.js";
import { element } from "./dom.js";

/** `done` is called when a token has been entered. */
export function tokenView(done) {
  const rejected = token.get() !== null;
  token.forget();
  const field = element("input", {
    id: "token", type: "password", required: true, autocomplete: "off", spellcheck: "false",
    "aria-describedby": "token-help", "aria-invalid": rejected && "true",
  });
  const submit = (event) => {
    event.preventDefault();
    token.set(field.value.trim());
    done();
  };
  return {
    title: "Token",
    focus: "input",
    content: [
      element("h1", { tabindex: "-1" }, "This server asks for a token"),
      rejected ? element("p", { class: "notice", role: "alert" }, "The server did not take that token.") : null,
      element("form", { class: "token", onsubmit: submit },
        element("label", { for: "token" }, "Bearer token"), field, element("button", { type: "submit" }, "Use token"),
        element("p", { id: "token-help", class: "muted" },
          "It is in the file that lather serve was given with --token-file. This tab keeps it until it is closed, and no longer.")),
    ].filter((child) => child !== null),
  };
}
