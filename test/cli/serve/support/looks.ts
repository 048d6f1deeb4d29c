import type { Page } from "./browser.ts";

/** Texts of the page whose contrast with what is behind them is less than `least`, by WCAG's formula. */
export async function contrastsBelow(page: Page, least: number): Promise<string[]> {
  return await page.evaluate(`(${findContrasts})(${least})`);
}

/** Controls and pictures of the page that a screen reader could not name. */
export async function namelessControls(page: Page): Promise<string[]> {
  return await page.evaluate(`(${findNameless})()`);
}

// Run in the page, as text: they use nothing of this module.

const findContrasts = `function (least) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return { r, g, b, a: a / 255 };
  };
  const over = (top, under) => ({
    r: top.r * top.a + under.r * (1 - top.a),
    g: top.g * top.a + under.g * (1 - top.a),
    b: top.b * top.a + under.b * (1 - top.a),
    a: 1,
  });
  const behind = (element) => {
    if (element === null) return rgb("Canvas");
    const own = rgb(getComputedStyle(element).backgroundColor);
    return own.a === 1 ? own : over(own, behind(element.parentElement));
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((one) => (one / 255 <= 0.03928 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    if (text === "" || element.closest(".hidden, noscript, script, title") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ground = behind(element);
    const ink = over(rgb(element instanceof SVGElement ? style.fill : style.color), ground);
    const [a, b] = [light(ink), light(ground)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < least) found.push(text.slice(0, 40) + ": " + contrast.toFixed(2));
  }
  return found;
}`;

const findNameless = `function () {
  const nameOf = (element) =>
    element.getAttribute("aria-label") ||
    (element.labels && [...element.labels].map((label) => label.textContent).join(" ")) ||
    element.getAttribute("alt") ||
    element.textContent;
  return [...document.querySelectorAll("a, button, input, select, summary, img, svg[role=img]")]
    .filter((element) => nameOf(element).trim() === "")
    .map((element) => element.outerHTML.slice(0, 100));
}`;
