"""A stopwatch that runs in the browser: it shows how long something has taken, and asks nothing of the kernel.

The moment it began is the browser's own and is kept with the widget, so that a page that is loaded again
goes on counting. Where a form stands in a notebook, its keys are its own: without this, a letter typed on
a button or a slider would be a command of JupyterLab.
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
    const own = () => {
      const page = el.closest(".wb-page");
      if (page) page.dataset.lmSuppressShortcuts = "true";
    };
    requestAnimationFrame(own);
    return () => clearInterval(timer);
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
