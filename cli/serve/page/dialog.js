// Asks before something is changed, and shows what became of it.
import { el } from "./dom.js";

/**
 * Asks a person.
 * @param words what will happen, as children of the dialog
 * @param act does it; the dialog stays open, with the error, when it fails
 * @returns whether it was done
 */
export function ask({ title, words, verb, doing, act }) {
  const error = el("div", { class: "dialog-error", role: "alert" });
  const cancel = el("button", { type: "button", click: () => dialog.close("no") }, "Cancel");
  const confirm = el("button", { type: "submit", class: "primary" }, verb);
  let isBusy = false;
  const setBusy = (is) => {
    isBusy = is;
    confirm.disabled = is;
    cancel.disabled = is;
  };
  const submit = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    confirm.textContent = doing;
    error.replaceChildren();
    try {
      await act();
      dialog.close("yes");
    } catch (failed) {
      const hint = failed.hint ? el("p", {}, failed.hint) : null;
      error.replaceChildren(...[el("p", { class: "strong" }, failed.message), hint].filter(Boolean));
      confirm.textContent = "Try again";
      setBusy(false);
      confirm.focus();
    }
  };
  const form = el("form", { submit }, el("div", { class: "dialog-buttons" }, cancel, confirm));
  const heading = el("h2", { id: "dialog-title" }, title);
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, heading, words, error, form);
  // While it is being done, Escape would hide what becomes of it.
  dialog.addEventListener("cancel", (event) => isBusy && event.preventDefault());
  document.body.append(dialog);
  const opener = document.activeElement;
  dialog.showModal();
  cancel.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (opener?.isConnected) opener.focus();
      resolve(dialog.returnValue === "yes");
    });
  });
}
