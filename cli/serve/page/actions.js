// What a person may do to a session, each after a question.
import { call } from "./api.js";
import { ask } from "./dialog.js";
import { el } from "./dom.js";
import { model } from "./model.js";
import { sizeWords, timeWords } from "./words.js";

/** @returns what makes the button that goes back to a generation, where there is something to go back to */
export function actions(session) {
  return (generation) => {
    if (!model.canChange || generation.isCurrent) return null;
    const label = `Roll back to generation ${generation.generation}`;
    return el(
      "button",
      { type: "button", "aria-label": label, click: () => askRollback(session, generation) },
      "Roll back",
    );
  };
}

/** The button that takes a deletion back. */
export function undeleteButton(session) {
  if (!model.canChange) {
    return el("p", {}, el("code", {}, `wa-vault undelete ${session}`), " brings it back.");
  }
  return el("button", { type: "button", click: () => askUndelete(session) }, "Undelete");
}

function askRollback(session, { generation, at, bytes, rejected, suspect, beforeDeletion }) {
  const { lease, status } = model.sessions.get(session) ?? {};
  const warnings = [
    rejected && "WhatsApp has refused this generation once.",
    suspect && "This generation came in as a zip that was not whole.",
    beforeDeletion && "This generation is of a link that was ended since: the phone may not know it any more.",
    status === "running" && `${lease?.owner} runs the session: stop that bot first, or this will be refused.`,
    status === "interrupted" && "Its last process must be seen to have ended: this may take a minute.",
  ].filter(Boolean);
  return ask({
    title: `Roll back to generation ${generation}?`,
    words: [
      el(
        "p",
        {},
        "The next start of ",
        el("strong", {}, session),
        ` opens what was saved on ${timeWords(at)} (${sizeWords(bytes)}).`,
      ),
      el("p", {}, "Nothing is deleted: the newer generations stay, and you can go forward again."),
      ...warnings.map((warning) => el("p", { class: "warning-words" }, warning)),
    ],
    verb: "Roll back",
    doing: "Rolling back …",
    act: () => call(`/api/sessions/${encodeURIComponent(session)}/rollback`, { method: "POST", body: { generation } }),
  });
}

function askUndelete(session) {
  return ask({
    title: `Undelete ${session}?`,
    words: [
      el("p", {}, "The next start of ", el("strong", {}, session), " opens what it had when it was deleted."),
      el("p", {}, "After a logout the phone has ended the link, and the bot asks for a QR code nevertheless."),
    ],
    verb: "Undelete",
    doing: "Undeleting …",
    act: () => call(`/api/sessions/${encodeURIComponent(session)}/undelete`, { method: "POST", body: {} }),
  });
}
