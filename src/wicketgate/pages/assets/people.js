// Passkeys: the one thing here that no browser does without a script. It speaks with this gateway alone.
"use strict";

(() => {
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;
  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.hidden = false;
    button.addEventListener("click", () => use(button));
  }

  async function use(button) {
    const place = button.closest("[data-people]");
    const fault = place.querySelector("[data-passkey-fault]");
    const code = button.dataset.code && document.getElementById(button.dataset.code).value;
    fault.hidden = true;
    button.disabled = true;
    try {
      const asked = await send(`${button.dataset.passkey}/begin`, code === undefined ? {} : { code });
      const credential = asked.user
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked) });
      const answer = { credential: credential.toJSON(), next: place.dataset.next };
      const told = await send(button.dataset.passkey, code === undefined ? answer : { ...answer, code });
      location.assign(told.next);
    } catch (error) {
      fault.textContent = error.name === "NotAllowedError" ? "Your device did not confirm that it is you." : error.message;
      fault.hidden = false;
      button.disabled = false;
    }
  }

  async function send(where, what) {
    const answer = await fetch(where, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(what),
    });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.detail || said.title || "It did not work: try again.");
    return said;
  }
})();
