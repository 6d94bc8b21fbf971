"""A heartbeat that beats in the browser: it tells the kernel that somebody is looking, and how often.

A clock in the kernel would keep a forgotten kernel busy for ever; this one stops with its tab. A page with more to
do than it wants to be waited for asks for a beat as soon as the browser has drawn what there is.
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
    let timer = 0, heard = 0;
    const wind = () => {
      clearInterval(timer);
      timer = model.get("every") > 0 ? setInterval(beat, 1000 * model.get("every")) : 0;
    };
    const drawn = () => {
      if (model.get("soon") === heard) return;
      heard = model.get("soon");
      requestAnimationFrame(() => setTimeout(beat));
    };
    wind();
    drawn();
    model.on("change:every", wind);
    model.on("change:soon", drawn);
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
        every: Seconds between two beats, 0 for none; may be set anew. Another number in `soon` asks for one at once.
    """
    import anywidget
    import traitlets

    class Heartbeat(anywidget.AnyWidget):
        _esm = SCRIPT
        beat = traitlets.Int(0).tag(sync=True)
        every = traitlets.Int(30).tag(sync=True)
        soon = traitlets.Int(0).tag(sync=True)

    return Heartbeat(every=every)
