"""A heartbeat that beats in the browser: it tells the kernel that somebody is looking, and how often.

A clock in the kernel would keep a forgotten kernel busy for ever; this one stops with its tab.
"""

from __future__ import annotations

from typing import Any

SCRIPT = """
export default {
  render({ model, el }) {
    el.hidden = true;
    const beat = () => {
      if (document.hidden) return;
      model.set("beat", model.get("beat") + 1);
      model.save_changes();
    };
    let timer = setInterval(beat, 1000 * model.get("every"));
    model.on("change:every", () => {
      clearInterval(timer);
      timer = setInterval(beat, 1000 * model.get("every"));
    });
    document.addEventListener("visibilitychange", beat);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", beat);
    };
  },
};
"""


def heartbeat(every: int) -> Any:
    """A widget without looks whose `beat` grows while its page is looked at.

    Args:
        every: Seconds between two beats; may be set anew.
    """
    import anywidget
    import traitlets

    class Heartbeat(anywidget.AnyWidget):
        _esm = SCRIPT
        beat = traitlets.Int(0).tag(sync=True)
        every = traitlets.Int(30).tag(sync=True)

    return Heartbeat(every=every)
