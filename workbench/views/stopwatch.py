"""A stopwatch that runs in the browser: it shows how long something has taken, and asks nothing of the kernel.

The moment it began is the browser's own and is kept with the widget, so that a page that is loaded again
goes on counting. It also keeps the keys of its form from JupyterLab, where "d" pressed twice on a button
or a tick would delete the cell that shows it.
"""

from __future__ import annotations

from typing import Any

SCRIPT = """
export default {
  render({ model, el }) {
    const shown = document.createElement("span");
    el.append(shown);
    const draw = () => {
      if (!model.get("running") || !model.get("since")) return;
      const seconds = Math.max(0, Math.floor((Date.now() - model.get("since")) / 1000));
      shown.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    };
    const turn = () => {
      if (model.get("running") && !model.get("since")) {
        model.set("since", Date.now());
        model.save_changes();
      }
      draw();
    };
    model.on("change:running", turn);
    const timer = setInterval(draw, 500);
    turn();
    let gone = false;
    const keep = (event) => {  // in a field for text JupyterLab leaves the keys alone by itself
      if (!event.target.matches("input[type=text]")) event.target.dataset.lmSuppressShortcuts = "true";
    };
    const own = () => {
      const page = el.closest(".wb-page");
      if (page) page.addEventListener("focusin", keep);
      else if (!gone) setTimeout(own, 50);  // it is not on the page yet
    };
    own();
    return () => {
      gone = true;
      clearInterval(timer);
    };
  },
};
"""


def stopwatch() -> Any:
    """A widget that counts while its `running` is true; set `since` to 0 before it is to count anew."""
    import anywidget
    import traitlets

    class Stopwatch(anywidget.AnyWidget):
        _esm = SCRIPT
        running = traitlets.Bool(default_value=False).tag(sync=True)
        since = traitlets.Float(0.0).tag(sync=True)

    return Stopwatch()
