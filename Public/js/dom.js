// Elements are made here and nowhere else. Strings become text nodes, never markup, so that a name is harmless
// whatever it holds.

/** `element("a", {href: "#/", class: "x"}, "text", child)`; a property that is null or false is left out. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The same for SVG. */
export function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Sets the text only when it differs: a selection in unchanged text stays, and nothing is announced twice. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** A command to copy, with its button. */
export function command(text) {
  const code = element("code", {}, text);
  const said = element("span", { class: "said", role: "status" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "Copied";
    } catch {
      // Pages that are not from a secure origin have no clipboard: select the text for the user to copy.
      getSelection().selectAllChildren(code);
      said.textContent = "Selected: copy it now";
    }
    setTimeout(() => (said.textContent = ""), 3000);
  };
  return element("div", { class: "command" },
    element("pre", { tabindex: "0", role: "group", "aria-label": "Command" }, code),
    element("div", { class: "copy" }, element("button", { type: "button", onclick: copy }, "Copy"), said));
}

/** A section with a heading that names it. */
export function section(title, ...children) {
  const id = `section-${title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
  return element("section", { "aria-labelledby": id }, element("h2", { id }, title), ...children);
}

/** Names and values. `update([[name, value], …])` keeps the elements while the names stay the same. */
export function pairs(kind) {
  const whole = element("dl", { class: kind });
  let names = null;
  function update(entries) {
    const joined = JSON.stringify(entries.map(([name]) => name));
    if (joined !== names) {
      names = joined;
      whole.replaceChildren(...entries.map(([name]) => element("div", {}, element("dt", {}, name), element("dd"))));
    }
    entries.forEach(([, value], index) => setText(whole.children[index].lastElementChild, value));
  }
  return { whole, update };
}
