"""The looks of the pages: one style sheet, everything local, nothing loaded; `palette` has its colours."""

from __future__ import annotations

STYLE = """
.wb-page {
  font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif;
  font-size:15px; line-height:1.5; color:var(--ink); max-width:1180px; margin:0 auto; padding:4px 8px 48px;
  box-sizing:border-box; width:100%; font-variant-numeric:tabular-nums;
  --jp-widgets-color:var(--ink); --jp-widgets-label-color:var(--ink); --jp-widgets-readout-color:var(--ink);
  --jp-widgets-input-color:var(--ink); --jp-widgets-input-background-color:var(--card);
  --jp-ui-font-color1:var(--ink); --jp-content-font-color1:var(--ink);
}
.wb-page .widget-box, .wb-page.widget-box { overflow:visible; margin:0; }
.wb-page .widget-vbox, .wb-page .widget-hbox { width:auto; min-width:0; }
.wb-page .widget-html { margin:0; width:auto; min-width:0; height:auto; }
.wb-page .widget-html-content {
  font-size:15px; line-height:1.5; color:inherit; overflow-wrap:anywhere; width:100%; min-width:0;
}
.wb-page p, .wb-page ul, .wb-page ol, .wb-page dl, .wb-page blockquote { margin:0; padding:0; }
.wb-page h2 { font-size:19px; line-height:1.3; font-weight:650; margin:0; color:var(--ink); }
.wb-page h3 { font-size:16px; line-height:1.4; font-weight:650; margin:0; color:var(--ink); }
.wb-page b { font-weight:650; }
.wb-quiet, .wb-gloss, .wb-range { color:var(--quiet); font-size:13px; }
.wb-gloss { display:block; font-weight:400; line-height:1.35; }
.wb-empty { color:var(--quiet); padding:12px 0; }
.wb-page code {
  font:13px/1.4 ui-monospace,"SFMono-Regular",Menlo,Consolas,"Liberation Mono",monospace;
  background:var(--soft); border:1px solid var(--line); border-radius:4px; padding:1px 5px; color:var(--ink);
}
.wb-page a, .wb-page summary { color:var(--ours); }

/* what one can press and fill */
.wb-page .jupyter-button {
  width:auto; height:auto; min-height:38px; padding:7px 16px; margin:0; border-radius:7px; font:inherit;
  font-weight:600; font-size:14px; line-height:1.4; border:1px solid var(--edge); background:var(--card);
  color:var(--ink); box-shadow:none; white-space:normal; text-align:center; flex:0 0 auto;
}
.wb-page .jupyter-button:hover:enabled { background:var(--hover); box-shadow:none; }
.wb-page .jupyter-button.wb-first { background:var(--ours); border-color:var(--ours); color:var(--on-ours); }
.wb-page .jupyter-button.wb-first:hover:enabled { background:var(--ours-strong); }
.wb-page .jupyter-button.wb-grave { background:var(--card); border-color:var(--no); color:var(--no); }
.wb-page .jupyter-button.wb-grave:hover:enabled { background:var(--no-soft); }
.wb-page .jupyter-button:disabled {
  opacity:1; background:var(--closed); border-color:var(--line); color:var(--faint); cursor:not-allowed;
}
.wb-page .jupyter-button.wb-plain {
  border-color:transparent; background:transparent; color:var(--ours); padding:7px 10px;
}
.wb-page .jupyter-button.wb-plain:hover:enabled { background:var(--ours-soft); }
.wb-page :focus-visible, .wb-page .jupyter-button:focus-visible:enabled {
  outline:3px solid var(--focus); outline-offset:2px;
}
.wb-page .widget-text, .wb-page .widget-textarea {
  display:flex; flex-direction:column; align-items:stretch; width:auto; height:auto; margin:0; gap:4px;
  min-width:0;
}
.wb-page .widget-text > .widget-label, .wb-page .widget-textarea > .widget-label {
  width:auto; text-align:left; font:inherit; font-weight:600; font-size:14px; color:var(--ink); height:auto;
  line-height:1.4; padding:0; white-space:normal;
}
.wb-page .widget-text input[type="text"], .wb-page .widget-textarea textarea {
  font:inherit; font-size:15px; color:var(--ink); background:var(--card); padding:8px 11px;
  border:1px solid var(--field); border-radius:7px; width:100%; height:auto; min-height:38px;
  box-sizing:border-box; resize:vertical;
}
.wb-page .widget-text input::placeholder, .wb-page .widget-textarea textarea::placeholder {
  color:var(--faint); opacity:1;
}
.wb-page .widget-text input:focus, .wb-page .widget-textarea textarea:focus {
  outline:3px solid var(--focus) !important; outline-offset:1px; border-color:var(--focus);
}
.wb-page .wb-card .widget-textarea textarea { scroll-margin-top:65vh; }  /* what the reason is about comes into view */
.wb-page .wb-acts { gap:10px; flex-wrap:wrap; align-items:center; }
.wb-page .wb-form { gap:10px; }
.wb-page .wb-form.wb-apart {
  border:1px solid var(--line); border-radius:10px; background:var(--card); padding:16px 20px;
}
.wb-page .wb-sure {
  gap:10px; border-left:4px solid var(--ours); background:var(--ours-soft); border-radius:0 8px 8px 0;
  padding:12px 16px;
}

/* the frame of a page */
.wb-page { gap:20px; }
.wb-page .wb-bar-top { justify-content:space-between; align-items:center; gap:12px 20px; flex-wrap:wrap; }
.wb-page .wb-bar-top > .widget-html { flex:1 1 520px; }
.wb-lead { font-size:17px; font-weight:600; }
.wb-you { display:inline-block; font-size:14px; color:var(--quiet); }
.wb-you b { color:var(--ink); }
.wb-page .wb-earlier { padding-top:12px; }
.wb-page .wb-section { gap:12px; padding-top:18px; border-top:1px solid var(--line); }
.wb-page .wb-row { justify-content:space-between; align-items:center; gap:10px 20px; flex-wrap:wrap; }
.wb-page .wb-row > .widget-html { flex:1 1 420px; }
.wb-page .wb-head { justify-content:space-between; align-items:flex-start; gap:10px 20px; flex-wrap:wrap; }
.wb-page .wb-head > .widget-html { flex:1 1 420px; }
.wb-page .wb-card {
  border:1px solid var(--line); border-radius:12px; background:var(--card); padding:20px 24px; gap:16px;
  box-shadow:0 1px 2px rgba(23,32,43,.05);
}
.wb-title { display:flex; flex-wrap:wrap; gap:2px 12px; align-items:baseline; }
.wb-told { border-radius:8px; padding:10px 14px; display:flex; gap:10px; align-items:flex-start; }
.wb-told .wb-sign { flex:none; margin-top:4px; }
.wb-told.wb-yes { background:var(--yes-soft); color:var(--yes); }
.wb-told.wb-work { background:var(--ours-soft); color:var(--ours); }
.wb-told.wb-no { background:var(--no-soft); color:var(--no); }
.wb-told .wb-reasons, .wb-told .wb-hint { color:var(--ink); }
.wb-toast {
  position:fixed; z-index:20; left:50%; bottom:24px; transform:translateX(-50%);
  width:max-content; max-width:min(640px,90vw);
  background:var(--toast); color:var(--on-toast); padding:12px 20px; border-radius:9px;
  box-shadow:0 6px 24px rgba(23,32,43,.28); animation:wb-leave .5s 7s forwards;
}
@keyframes wb-leave {
  to { opacity:0; visibility:hidden; }
}
@media (prefers-reduced-motion: reduce) {
  .wb-toast { animation-duration:0s; }
}

/* verdict, figures, findings */
.wb-sign {
  fill:none; stroke:currentColor; stroke-width:2.2; stroke-linecap:round; stroke-linejoin:round;
  vertical-align:-2px;
}
.wb-verdict { border-radius:9px; padding:12px 16px; margin:12px 0 16px; }
.wb-verdict p { margin:0; }
.wb-says { font-weight:650; font-size:16px; display:flex; gap:8px; align-items:center; }
.wb-verdict.wb-yes { background:var(--yes-soft); }
.wb-yes .wb-says { color:var(--yes); }
.wb-verdict.wb-no { background:var(--no-soft); }
.wb-no .wb-says { color:var(--no); }
.wb-verdict.wb-open { background:var(--open-soft); }
.wb-open .wb-says { color:var(--open); }
.wb-page ul.wb-reasons { margin:4px 0 0 2px; padding-left:20px; list-style:disc; }
.wb-reasons li { margin:4px 0; }
.wb-reasons li::marker { color:var(--no); }
.wb-flip { display:block; color:var(--quiet); font-size:14px; }
.wb-page table {
  border-collapse:collapse; width:100%; margin:0; font-size:inherit; table-layout:auto; border:0;
}
.wb-page table :is(th,td) {
  text-align:left; padding:7px 14px 7px 0; border:0; border-bottom:1px solid var(--line);
  vertical-align:middle; font-weight:400; background:transparent; white-space:normal; max-width:none;
  color:var(--ink);
}
.wb-page table :is(th,td):last-child { padding-right:0; }
.wb-page table tbody tr:last-child :is(th,td) { border-bottom:0; }
.wb-page table tr { background:transparent; }
.wb-page table thead th { color:var(--quiet); font-size:13px; font-weight:600; vertical-align:bottom; }
.wb-page .wb-figures tbody th { font-weight:600; width:25%; }
.wb-page .wb-figures .wb-plot { width:34%; min-width:150px; padding-right:22px; }
.wb-number { white-space:normal; }
.wb-range { white-space:nowrap; }
.wb-interval { display:block; width:100%; overflow:visible; }
.wb-axis { display:flex; justify-content:space-between; color:var(--quiet); font-size:11.5px; line-height:1.1; }
.wb-rail { stroke:var(--line); stroke-width:1; }
.wb-limit { stroke:var(--limit); stroke-width:2; stroke-dasharray:4 3; }
line.wb-ours { stroke:var(--ours); stroke-width:4; stroke-linecap:round; }
circle.wb-ours { fill:var(--ours); stroke:var(--card); stroke-width:1.5; }
line.wb-theirs { stroke:var(--theirs); stroke-width:1.5; }
rect.wb-theirs { fill:var(--card); stroke:var(--theirs); stroke-width:1.5; }
.wb-mark { overflow:visible; }
.wb-legend { display:flex; flex-wrap:wrap; gap:2px 16px; font-weight:400; }
.wb-key { display:inline-flex; align-items:center; gap:6px; }
.wb-key::before { content:""; display:inline-block; flex:none; }
.wb-key-ours::before { width:10px; height:10px; border-radius:50%; background:var(--ours); }
.wb-key-theirs::before {
  width:6px; height:6px; border:1.5px solid var(--theirs); background:var(--card); transform:rotate(45deg);
  margin:0 2px;
}
.wb-key-bar::before { width:14px; height:8px; border-radius:2px; background:var(--bar); }
.wb-key-floor::before { height:13px; border-left:1.5px dashed var(--ink); }
.wb-key-limit::before { height:13px; border-left:2px dashed var(--limit); }
.wb-page ul.wb-findings { list-style:none; margin:14px 0 0; padding:0; }
.wb-findings li { margin:8px 0; }
.wb-badge {
  display:inline-flex; gap:5px; align-items:center; border-radius:5px; padding:1px 9px 1px 7px; font-size:13px;
  font-weight:600; margin-right:4px; white-space:nowrap;
}
.wb-badge .wb-sign { width:12px; height:12px; }
.wb-badge.wb-yes { background:var(--yes-soft); color:var(--yes); }
.wb-badge.wb-no { background:var(--no-soft); color:var(--no); }
.wb-badge.wb-open { background:var(--open-soft); color:var(--open); }
.wb-more { margin:8px 0 0; }
.wb-more > summary {
  cursor:pointer; font-size:14px; padding:4px 0; width:fit-content; font-weight:600; border-radius:4px;
}
.wb-page dl.wb-particulars {
  display:grid; grid-template-columns:minmax(110px,max-content) 1fr; gap:4px 18px; font-size:13.5px;
  margin:6px 0 0;
}
.wb-particulars dt { color:var(--quiet); font-weight:400; }
.wb-particulars dd { margin:0; overflow-wrap:anywhere; }

/* where versions stand, and what waits for people */
.wb-stages { display:grid; grid-template-columns:repeat(6,minmax(0,1fr)); gap:10px; }
.wb-stage { background:var(--soft); border:1px solid var(--line); border-radius:9px; padding:10px 12px; min-width:0; }
.wb-stage h3 { font-size:14px; }
.wb-page .wb-stage ul { list-style:none; margin:6px 0 0; }
.wb-stage li { margin:6px 0 0; line-height:1.3; }
.wb-policy .wb-sign { width:13px; height:13px; }
.wb-policy.wb-yes { color:var(--yes); }
.wb-policy.wb-no { color:var(--no); }
.wb-policy.wb-open { color:var(--open); }
.wb-page .wb-wrong { margin:0; }
.wb-page .wb-wrong ul { list-style:none; margin:4px 0 0; }
.wb-wrong li { margin:6px 0 0; }
.wb-wrong li .wb-sign { color:var(--no); width:13px; height:13px; }
.wb-page ul.wb-asks { margin:6px 0 0; padding-left:20px; list-style:disc; }
.wb-page ul.wb-approvals { list-style:none; margin:8px 0; }
.wb-approvals li { margin:4px 0; }
.wb-approvals .wb-sign { width:14px; height:14px; color:var(--open); }
.wb-asked { border-left:4px solid var(--limit); padding:2px 0 2px 14px; margin:0 0 16px; }
.wb-page .wb-papers { gap:2px; margin:-8px 0 6px -10px; }
.wb-page .wb-share { max-width:340px; }
.wb-page .wb-share input[type="text"] { max-width:120px; }
.wb-download { font-weight:600; }
.wb-report {
  width:100%; height:min(720px,80vh); border:1px solid var(--line); border-radius:10px; background:var(--paper);
  display:block; box-sizing:border-box;
}

/* what may be wider than its place: an edge is shaded where more is to be seen; names stay in view */
.wb-wide {
  overflow-x:auto; margin:8px 0 6px;
  background:
    linear-gradient(to right,var(--card) 50%,transparent) left / 44px 100% no-repeat local,
    linear-gradient(to left,var(--card) 50%,transparent) right / 44px 100% no-repeat local,
    linear-gradient(to right,var(--edge),transparent) left / 18px 100% no-repeat scroll,
    linear-gradient(to left,var(--edge),transparent) right / 18px 100% no-repeat scroll;
}
.wb-page .wb-wide table :is(th[scope="row"],thead th:first-child) { position:sticky; left:0; background:var(--card); }

/* the trail */
.wb-page ol.wb-trail { list-style:none; margin:4px 0 0; padding:0; }
.wb-step {
  position:relative; margin:0; padding:0 0 18px 28px; border-left:2px solid var(--line); margin-left:7px;
}
.wb-step:last-child { border-left-color:transparent; padding-bottom:4px; }
.wb-step::before {
  content:""; position:absolute; left:-8px; top:4px; width:10px; height:10px; border-radius:50%;
  background:var(--card); border:2px solid var(--theirs); box-sizing:content-box;
}
.wb-step-yes::before { background:var(--yes); border-color:var(--yes); }
.wb-step-back::before { background:var(--ours); border-color:var(--ours); border-radius:2px; }
.wb-step-no::before { border-color:var(--no); border-radius:2px; transform:rotate(45deg); }
.wb-what { font-weight:600; }
.wb-page .wb-step blockquote { margin:2px 0; color:var(--ink); border:0; background:none; font-size:inherit; }
.wb-step blockquote::before { content:"“"; }
.wb-step blockquote::after { content:"”"; }

/* what is served */
.wb-page .wb-served { border:1px solid var(--line); border-radius:12px; background:var(--card); gap:0; }
.wb-page .wb-served > .widget-hbox { align-items:center; padding:12px 12px 12px 20px; gap:12px; }
.wb-page .wb-served > .widget-hbox > .widget-html { flex:1 1 auto; }
.wb-line {
  display:grid; grid-template-columns:minmax(0,1fr) 120px 76px 76px 84px; gap:4px 18px; align-items:center;
}
.wb-line .wb-name { font-weight:650; font-size:16px; }
.wb-line .wb-health { grid-column:1; }
.wb-measure { text-align:right; line-height:1.25; }
.wb-measure b { display:block; }
.wb-measure span { color:var(--quiet); font-size:12px; white-space:nowrap; }
.wb-spark { width:120px; height:28px; display:block; }
.wb-spark polyline {
  fill:none; stroke:var(--ours); stroke-width:1.6; vector-effect:non-scaling-stroke; stroke-linejoin:round;
}
.wb-spark polygon { fill:var(--area); }
.wb-page .wb-served .wb-plain { min-width:84px; }
.wb-page .wb-close { padding:16px 20px 20px; border-top:1px solid var(--line); }
.wb-page .wb-models { gap:10px; }
.wb-page .wb-close h3 { margin:20px 0 4px; }
.wb-page .wb-drift { max-width:860px; }
.wb-page .wb-drift tbody th { font-weight:600; width:26%; }
.wb-page .wb-drift .wb-plot { width:36%; padding-right:22px; }
.wb-parts { display:grid; grid-template-columns:repeat(7,1fr); gap:12px 20px; margin-top:10px; }
.wb-features { columns:15rem auto; column-gap:32px; margin:10px 0 8px; }
.wb-features div { display:flex; justify-content:space-between; gap:16px; padding:4px 0; break-inside:avoid; }
.wb-features div { border-bottom:1px solid var(--line); }
.wb-features dt { margin:0; color:var(--quiet); font-weight:400; overflow-wrap:anywhere; }
.wb-features dd { margin:0; font-variant-numeric:tabular-nums; overflow-wrap:anywhere; text-align:right; }
.wb-part b { display:block; font-size:19px; font-weight:600; line-height:1.3; }
.wb-part span { display:block; color:var(--quiet); font-size:13px; line-height:1.35; }
.wb-bar { display:block; width:100%; }
.wb-trough { fill:var(--trough); }
.wb-bar-low { fill:var(--bar); }
.wb-bar-high { fill:var(--limit); }
.wb-floor { stroke:var(--ink); stroke-width:1.5; stroke-dasharray:3 2; }
.wb-page .wb-hidden { display:none !important; }
@media (max-width:900px) {
  .wb-page { padding:4px 0 40px; }
  .wb-page .wb-card { padding:16px; }
  .wb-page .wb-figures .wb-plot { width:28%; min-width:120px; padding-right:16px; }
  .wb-parts { grid-template-columns:repeat(4,1fr); }
  .wb-stages { grid-template-columns:repeat(3,minmax(0,1fr)); }
  .wb-line { grid-template-columns:minmax(0,1fr) 84px 62px 52px 74px; gap:4px 12px; }
  .wb-line .wb-spark { width:84px; }
}
@media (max-width:620px) {
  .wb-page :is(.wb-figures,.wb-impacts) :is(thead,.wb-plot) { display:none; }
  .wb-page :is(.wb-figures,.wb-impacts) tr {
    display:grid; grid-template-columns:repeat(2,minmax(0,1fr)); column-gap:14px; padding:8px 0;
    border-bottom:1px solid var(--line);
  }
  .wb-page :is(.wb-figures,.wb-impacts) :is(tbody th,td) { border:0; padding:0; width:auto; }
  .wb-page :is(.wb-figures,.wb-impacts) tbody th { grid-column:1 / -1; width:auto; }
  .wb-page .widget-html-content { overflow-x:auto; overflow-y:hidden; }
  .wb-page table :is(td,thead th) { overflow-wrap:break-word; padding-right:10px; }
  .wb-page table tbody th { min-width:92px; }
  .wb-page .wb-drift .wb-plot { width:26%; padding-right:10px; }
  .wb-page .wb-drift .wb-legend { display:none; }
  .wb-parts { grid-template-columns:repeat(2,1fr); }
  .wb-stages { grid-template-columns:repeat(2,minmax(0,1fr)); }
  .wb-features { columns:8rem auto; column-gap:18px; font-size:14px; }
  .wb-line { grid-template-columns:repeat(3,1fr); }
  .wb-line > div:first-child { grid-column:1 / -1; }
  .wb-line .wb-spark { display:none; }
  .wb-measure { text-align:left; }
  .wb-page .wb-served > .widget-hbox { flex-wrap:wrap; padding:12px 16px; gap:4px; }
  .wb-page .wb-served > .widget-hbox > .widget-html { flex:1 1 100%; }
  .wb-page .wb-served .wb-plain { min-width:0; margin-left:-10px; }
}
"""
