// Asks for the token of the server.
import { ApiError, call, setToken } from "./api.js";
import { el } from "./dom.js";

/** Shows the form in `main`. @param done called once the server has taken the token */
export function login(main, done, failed) {
  document.title = "Log in – wa-vault";
  const said = el("p", { class: "form-error", role: "alert", id: "login-error" });
  const say = (error) => {
    said.textContent = error ? error.message : "";
    if (error?.status === 401) said.textContent = "This is not the token of this server.";
    input.setAttribute("aria-invalid", String(error !== undefined));
  };
  const input = el("input", {
    type: "password",
    id: "token",
    name: "token",
    autocomplete: "current-password",
    required: true,
    "aria-describedby": "login-error login-help",
  });
  const button = el("button", { type: "submit", class: "primary" }, "Log in");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    setToken(input.value.trim());
    try {
      await call("/api/qr");
      done();
    } catch (error) {
      setToken(null);
      say(error instanceof ApiError ? error : new ApiError(0, { message: "A token has no such letters." }));
      button.disabled = false;
      input.select();
    }
  };
  const help = el(
    "p",
    { class: "help", id: "login-help" },
    "It is the value of ",
    el("code", {}, "WA_VAULT_SERVE_TOKEN"),
    " where this server runs. This tab remembers it until you close it.",
  );
  const form = el("form", { class: "login", submit }, [
    el("h1", { tabindex: "-1" }, "Log in"),
    el("label", { for: "token" }, "Token"),
    input,
    said,
    button,
    help,
  ]);
  main.replaceChildren(form);
  if (failed) say(failed);
  input.focus();
}
