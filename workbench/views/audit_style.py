"""The looks of the pages of fairness and drift; they go with the style sheet of the pages."""

from __future__ import annotations

AUDIT_STYLE = """
.wb-served .wb-name { font-weight:650; font-size:16px; }
.wb-page .wb-served > .widget-hbox { align-items:flex-start; }
.wb-page .wb-close { gap:14px; }
.wb-page .wb-close .wb-axis { margin:2px 0 0; }
.wb-page .wb-impacts { max-width:940px; margin-top:8px; }
.wb-page .wb-impacts :is(th,td) { padding-top:4px; padding-bottom:4px; }
.wb-page .wb-impacts tbody th { width:22%; }
.wb-page .wb-impacts .wb-plot { width:32%; min-width:120px; padding-right:22px; }
.wb-page :is(.wb-impacts,.wb-groups,.wb-thresholds) thead th { overflow-wrap:normal; }
.wb-page .wb-groups tbody th { font-weight:600; width:22%; }
.wb-page .wb-groups .wb-plot { width:24%; min-width:100px; padding-right:22px; }
.wb-left-out :is(line,circle).wb-ours { stroke:var(--dim); }
.wb-left-out circle.wb-ours { fill:var(--dim); }
.wb-trends { display:flex; flex-wrap:wrap; gap:12px 32px; margin-top:6px; }
.wb-trend { flex:0 1 240px; min-width:180px; font-size:14px; }
.wb-trend svg { display:block; width:100%; height:auto; overflow:visible; margin-top:4px; }
.wb-other { fill:var(--card); stroke:var(--ours); stroke-width:2; }
.wb-page .wb-numbers { display:flex; border-top:1px solid var(--edge); padding-top:3px; line-height:1.3; }
.wb-numbers > span { flex:1 1 0; text-align:center; }
.wb-looked { display:grid; grid-template-columns:minmax(0,1fr) 120px 84px; gap:4px 18px; align-items:center; }

.wb-page :is(.wb-groups,.wb-thresholds) .wb-number { white-space:nowrap; }
.wb-page .wb-thresholds thead span { display:block; font-weight:400; font-size:13px; }

/* the explorer of thresholds */
.wb-explorer { display:block; width:100%; min-width:0; }
.wb-explorer .wb-sentence { font-size:17px; line-height:1.5; min-height:3em; }
.wb-slide {
  display:flex; flex-wrap:wrap; align-items:center; gap:8px 16px; background:var(--soft); border-radius:10px;
  padding:12px 18px; margin:10px 0 14px;
}
.wb-slide label { flex:1 1 320px; font-weight:600; font-size:14px; min-width:0; }
.wb-slide input { display:block; width:100%; margin:8px 0 0; accent-color:var(--ours); height:22px; }
.wb-slide .wb-at { min-width:5.5em; color:var(--ours); font-size:17px; }
.wb-explorer .wb-curves { display:block; width:100%; height:190px; border-bottom:1px solid var(--edge); }
.wb-of { fill:none; stroke-width:2.4; vector-effect:non-scaling-stroke; stroke-linejoin:round; }
.wb-of-0 { stroke:var(--ours); }
.wb-of-1 { stroke:var(--limit); stroke-dasharray:9 4; }
.wb-of-2 { stroke:var(--yes); stroke-dasharray:3 3; }
.wb-of-3 { stroke:var(--fourth); stroke-dasharray:12 3 3 3; }
.wb-of-4 { stroke:var(--open); stroke-dasharray:2 5; }
.wb-of-5 { stroke:var(--theirs); stroke-dasharray:14 6; }
.wb-stands { stroke:var(--ink); stroke-width:1.6; vector-effect:non-scaling-stroke; }
.wb-swatch { width:26px; height:8px; margin-right:8px; vertical-align:2px; }
.wb-page .wb-thresholds tbody th { font-weight:600; width:22%; }
.wb-page .wb-thresholds .wb-plot { width:20%; min-width:80px; padding-right:22px; }
.wb-explorer h4 { font-size:15px; margin:16px 0 0; font-weight:650; color:var(--ink); }
@media (max-width:900px) {
  .wb-looked { grid-template-columns:minmax(0,1fr) 84px 74px; gap:4px 12px; }
  .wb-looked .wb-spark { width:84px; }
  .wb-page .wb-impacts .wb-plot, .wb-page .wb-groups .wb-plot { width:20%; min-width:80px; padding-right:12px; }
}
@media (max-width:620px) {
  .wb-looked { grid-template-columns:1fr; }
  .wb-page :is(.wb-impacts,.wb-groups,.wb-thresholds) .wb-plot { display:none; }
}
"""
