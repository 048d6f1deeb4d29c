// Makes elements. Whatever comes from the store is text: nothing here reads HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes and children. A function as an attribute is a listener, `true` an attribute without a value,
 * `false`, `null` and `undefined` none. Children that are no elements are text.
 */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** As `el`, for drawings. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(
    ...children
      .flat(Number.POSITIVE_INFINITY)
      .filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

const FOCUSABLE = "a[href], button, input, select, summary";

/** Replaces the children of an element, unless they would look the same. What has the focus keeps it, or its place has it. */
export function show(element, ...children) {
  const next = el("div", {}, ...children);
  if (element.innerHTML === next.innerHTML) return;
  const place = [...element.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  element.replaceChildren(...next.childNodes);
  if (place >= 0) element.querySelectorAll(FOCUSABLE)[place]?.focus({ preventScroll: true });
}
