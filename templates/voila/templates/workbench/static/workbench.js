// What Voila's own script calls, and two things it does not do: say that the kernel is gone, and take it
// away when the page is left (Voila's own farewell is refused, since it carries no XSRF token).
"use strict";

const { baseUrl } = JSON.parse(document.getElementById("jupyter-config-data").textContent);
const { kernelId } = document.body.dataset;

window.voila_heartbeat = () => {};
window.voila_process = () => {};
window.update_loading_text = () => {};

window.display_cells = () => {
  if (!window.themeLoaded) {
    window.cellLoaded = true;
    return;
  }
  document.getElementById("rendered_cells").hidden = false;
  document.getElementById("wb-working").hidden = true;
};
window.voila_finish = window.display_cells;

const xsrf = () => document.cookie.match(/(?:^|; )_xsrf=([^;]*)/)?.[1];
if (!xsrf()) fetch(baseUrl).catch(() => {}); // the list of pages brings the cookie

addEventListener("pagehide", (event) => {
  if (event.persisted || !xsrf()) return;
  fetch(`${baseUrl}voila/api/shutdown/${kernelId}`, {
    method: "POST",
    keepalive: true,
    headers: { "X-XSRFToken": decodeURIComponent(xsrf()) },
  }).catch(() => {});
});

// The token was needed once; it has no business in the address bar, nor in what is copied from there.
const address = new URL(location.href);
if (address.searchParams.has("token")) {
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

// A kernel that is gone answers with an error from then on, which says why where that is known (410).
setInterval(async () => {
  if (document.hidden) return;
  const answer = await fetch(`${baseUrl}api/kernels/${kernelId}`).catch(() => null);
  const lost = document.getElementById("wb-lost");
  lost.hidden = answer !== null && answer.ok;
  if (answer?.status !== 410) return;
  const { message } = await answer.json().catch(() => ({}));
  if (message) lost.firstElementChild.textContent = message;
}, 5000);
