"""The looks of the page of experiments; they go with the style sheets of the pages and of forms."""

from __future__ import annotations

CURVE_STYLE = """
.wb-page .wb-filters { gap:12px 24px; align-items:flex-end; flex-wrap:wrap; }
.wb-page .wb-filters > .widget-text { flex:1 1 340px; }
.wb-page .wb-filters .widget-toggle-buttons {
  display:flex; flex-direction:column; align-items:flex-start; gap:4px; width:auto; height:auto; margin:0;
}
.wb-page .wb-filters .widget-toggle-buttons .jupyter-button {
  font-size:14px; min-height:38px; border-radius:7px; margin:0 6px 0 0; padding:6px 13px; font-weight:500;
}
.wb-page .wb-filters .widget-toggle-buttons .jupyter-button.mod-active {
  background:var(--ours); border-color:var(--ours); color:var(--on-ours);
}
.wb-page :is(.wb-filters,.wb-asking) .widget-label {
  width:auto; max-width:none; text-align:left; height:auto; padding:0; font:inherit; font-weight:600; font-size:14px;
  line-height:1.4; color:var(--ink); white-space:normal; margin:0;
}
.wb-page .wb-filters .widget-dropdown {
  display:flex; flex-direction:column; align-items:stretch; gap:4px; width:auto; height:auto; margin:0; min-width:200px;
}
.wb-served .wb-name { font-weight:650; font-size:16px; }
.wb-page .wb-closely { gap:18px; }
.wb-page .wb-closely h3 { margin:6px 0 2px; }
.wb-sentence { font-size:17px; line-height:1.5; }
.wb-page .wb-close .wb-verdict { margin:0; }

/* the two questions below the picture */
.wb-page .wb-asking { gap:16px 40px; flex-wrap:wrap; background:var(--soft); border-radius:10px; padding:14px 20px; }
.wb-page .wb-asking .widget-slider {
  display:flex; flex-direction:row; flex-wrap:wrap; align-items:center; width:auto; height:auto; margin:0;
  flex:1 1 320px;
  min-width:0;
}
.wb-page .wb-asking .widget-slider > .widget-label { flex:1 1 100%; }
.wb-page .wb-asking .widget-slider .slider-container { flex:1 1 180px; margin:10px 12px; height:4px; min-width:0; }
.wb-page .wb-asking .widget-slider .widget-readout {
  flex:0 0 auto; width:auto; min-width:92px; max-width:none; margin:0; font:inherit; font-weight:600; color:var(--ours);
  background:none; border:0; text-align:left; height:auto; line-height:1.4; overflow:visible;
}
.wb-page .wb-asking .noUi-target { background:var(--track); border:0; border-radius:2px; box-shadow:none; }
.wb-page .wb-asking .noUi-handle { background:var(--card); border:1px solid var(--field); box-shadow:none; }
.wb-page .wb-asking .noUi-handle:focus { outline:3px solid var(--focus); outline-offset:1px; }

/* curves */
.wb-plotted { position:relative; margin:8px 0 4px; }
.wb-curves { display:block; width:100%; height:210px; overflow:visible; }
.wb-zone-good { fill:var(--likely); }
.wb-zone-same { fill:var(--grid); }
.wb-zone-harm { fill:url(#wb-hatch); }
.wb-hatch-ground { fill:var(--unlike); }
.wb-hatch-line { stroke:var(--no); stroke-width:2; }
.wb-curve, .wb-before, .wb-bound { fill:none; vector-effect:non-scaling-stroke; stroke-linejoin:round; }
.wb-curve { stroke:var(--ours); stroke-width:2.4; }
.wb-before { stroke:var(--theirs); stroke-width:1.8; stroke-dasharray:6 4; }
.wb-bound { stroke:var(--limit); stroke-width:3; }
.wb-stop { stroke:var(--ink); stroke-width:1.4; stroke-dasharray:3 3; vector-effect:non-scaling-stroke; }
.wb-zero { stroke:var(--theirs); stroke-width:1; vector-effect:non-scaling-stroke; }
.wb-band { fill:var(--area); }
.wb-along { position:relative; height:22px; border-top:1px solid var(--edge); margin:0 0 8px; }
.wb-along span {
  position:absolute; top:2px; transform:translateX(-50%); font-size:12.5px; color:var(--quiet); white-space:nowrap;
}
.wb-along span::before {
  content:""; position:absolute; left:50%; top:-2px; height:5px; border-left:1px solid var(--edge);
}
@media (max-width:620px) { .wb-along span:has(+ .wb-nil), .wb-along .wb-nil + span { display:none; } }
.wb-by-day { padding-left:64px; }
.wb-by-day .wb-curves { height:190px; }
.wb-upright { position:absolute; left:0; top:0; height:190px; width:58px; }
.wb-upright span {
  position:absolute; right:0; transform:translateY(50%); font-size:12.5px; color:var(--quiet); white-space:nowrap;
}
.wb-key-good::before { width:14px; height:10px; border-radius:2px; background:var(--likely); }
.wb-key-same::before { width:14px; height:10px; border-radius:2px; background:var(--grid); }
.wb-key-harm::before {
  width:14px; height:10px; border-radius:2px;
  background:repeating-linear-gradient(135deg,var(--unlike) 0 3px,var(--no) 3px 4.5px);
}
.wb-key-band::before {
  width:14px; height:10px; border-radius:2px; background:var(--area); border-top:2px solid var(--ours);
}
.wb-key-before::before { width:16px; border-top:2px dashed var(--theirs); }
.wb-key-bound::before { width:14px; border-top:3px solid var(--limit); }
.wb-key-stop::before { height:13px; border-left:2px dashed var(--ink); }
.wb-closely .wb-part b { hyphens:none; }
"""
